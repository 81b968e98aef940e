"""Intervals against published values, and their coverage by the binomial distribution itself."""

from __future__ import annotations

import math
import random

import pytest

from llmapi_conformance.measuring.intervals import (
    at_least,
    at_most,
    decides,
    fewest_for,
    quantile,
    ranks,
    samples_to_decide,
    share,
)


@pytest.mark.parametrize(
    ("successes", "samples", "low", "high"),
    [
        # Of the tables of exact binomial limits, 95 % two-sided (Documenta Geigy, 6th edition, and others since).
        (0, 10, 0.0, 0.3085),
        (5, 10, 0.1871, 0.8129),
        (1, 20, 0.0013, 0.2487),
        (10, 100, 0.0490, 0.1762),
        (30, 30, 0.8843, 1.0),
    ],
)
def test_a_share_has_the_published_limits(successes: int, samples: int, low: float, high: float) -> None:
    found = share(successes, samples)
    assert found.value == successes / samples
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_a_share_that_failed_never_follows_the_closed_form() -> None:
    for samples in (1, 30, 600, 5_000):
        assert share(0, samples).high == pytest.approx(1 - 0.025 ** (1 / samples), rel=1e-9)


@pytest.mark.parametrize(
    ("samples", "lower", "upper"),
    [(6, 1, 6), (10, 2, 9), (20, 6, 15), (25, 8, 18), (30, 10, 21), (50, 18, 33), (100, 40, 61)],
)
def test_a_median_lies_between_the_published_ranks(samples: int, lower: int, upper: int) -> None:
    assert ranks(samples, 0.5) == (lower, upper)


@pytest.mark.parametrize("samples", [6, 17, 30, 72, 100, 368])
@pytest.mark.parametrize("part", [0.5, 0.95, 0.99])
def test_ranks_cover_as_often_as_they_say_and_narrower_ones_would_not(samples: int, part: float) -> None:
    lower, upper = ranks(samples, part)
    chances = [
        math.comb(samples, count) * part**count * (1 - part) ** (samples - count) for count in range(samples + 1)
    ]
    below = sum(chances[:lower])
    assert below <= 0.025 < below + chances[lower]
    if upper:
        above = sum(chances[upper:])
        assert above <= 0.025 < above + chances[upper - 1]
    else:
        assert chances[samples] > 0.025


def test_a_quantile_has_two_limits_from_so_many_samples_on() -> None:
    assert {part: fewest_for(part) for part in (0.5, 0.95, 0.99)} == {0.5: 6, 0.95: 72, 0.99: 368}
    for part, fewest in ((0.5, 6), (0.95, 72), (0.99, 368)):
        assert all(ranks(fewest, part))
        assert not all(ranks(fewest - 1, part))


def test_a_quantile_is_one_of_the_samples() -> None:
    values = list(range(1, 101))
    random.Random(7).shuffle(values)  # noqa: S311 - nothing secret
    found = quantile(values, 0.95)
    assert (found.value, found.low, found.high) == (95, *ranks(100, 0.95))
    assert quantile([3.0], 0.5).value == 3.0
    assert quantile([3.0], 0.5).low is None


@pytest.mark.parametrize("chance", [0.0, 0.01, 0.5, 0.93, 1.0])
@pytest.mark.parametrize("samples", [1, 7, 40])
def test_the_two_tails_add_up(samples: int, chance: float) -> None:
    for count in range(samples + 1):
        whole = sum(
            math.comb(samples, one) * chance**one * (1 - chance) ** (samples - one) for one in range(count, samples + 1)
        )
        assert at_least(count, samples, chance) == pytest.approx(whole, abs=1e-12)
        assert at_least(count, samples, chance) + at_most(count - 1, samples, chance) == pytest.approx(1, abs=1e-12)


def test_the_proposed_number_of_samples_decides_and_one_less_does_not() -> None:
    assert samples_to_decide(0, 120, 0.001) == 3_688
    assert not decides(0, 3_687, 0.001)
    wanted = samples_to_decide(20, 30, 0.5)
    assert decides(round(20 / 30 * wanted), wanted, 0.5)
    assert not decides(round(20 / 30 * (wanted - 1)), wanted - 1, 0.5)


def test_no_number_of_samples_is_proposed_for_what_lies_on_its_bound() -> None:
    assert samples_to_decide(15, 30, 0.5) == 0
