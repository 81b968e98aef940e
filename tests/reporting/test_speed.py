"""What got slower, and what is only noise."""

from __future__ import annotations

import dataclasses
import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.reporting.comparing import Speeds, compare_speed
from tests.judging.build import exchange

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


def recorded(times: list[tuple[float, float]], **other: Any) -> dict[str, Exchange]:
    """One request after another; each with seconds until its first byte and its last one."""
    made = [
        exchange(chunks=[(first, b"a"), (last, b"b")], step=step, **other)
        for step, (first, last) in enumerate(times, start=1)
    ]
    return {one.id: one for one in made}


def compared(old: list[tuple[float, float]], new: list[tuple[float, float]], **other: Any) -> Speeds:
    return compare_speed(recorded(old, **other), recorded(new, **other))


def told(speeds: Speeds) -> list[str]:
    return [one.what for one in speeds.slower]


STEADY = [(0.2, 0.5)] * 20


def test_a_later_first_byte_is_told_once() -> None:
    found = compared(STEADY, [(0.6, 0.9)] * 20)
    assert told(found) == ["first byte"]
    assert (found.slower[0].old, found.slower[0].new, found.slower[0].pairs) == (0.2, 0.6, 20)


def test_a_longer_answer_behind_the_same_first_byte_is_told_as_such() -> None:
    assert told(compared(STEADY, [(0.2, 1.2)] * 20)) == ["total"]
    assert told(compared(STEADY, [(0.6, 2.0)] * 20)) == ["total", "first byte"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (STEADY, [(0.2, 0.7)] * 20),  # below the ratio
        ([(0.01, 0.02)] * 20, [(0.05, 0.08)] * 20),  # four times, but milliseconds
        (STEADY[:9], [(2.0, 3.0)] * 9),  # too few
        (STEADY, [(0.2, 0.5)] * 15 + [(5.0, 9.0)] * 5),  # a few outliers
        (STEADY, STEADY),
        ([(0.6, 0.9)] * 20, STEADY),  # faster
    ],
)
def test_what_may_be_noise_is_not_told(old: list[tuple[float, float]], new: list[tuple[float, float]]) -> None:
    assert compared(old, new).slower == ()


def test_a_hundred_nights_of_the_same_gateway_raise_no_alarm() -> None:
    draw = random.Random(1)  # noqa: S311 - times, no secrets

    def night() -> list[tuple[float, float]]:
        return [(first, first + draw.expovariate(1)) for first in (draw.lognormvariate(-1, 0.8) for _ in range(12))]

    nights = [night() for _ in range(100)]
    assert sum(len(compared(a, b).slower) for a, b in pairwise(nights)) == 0


def test_only_the_same_request_answered_whole_and_well_is_compared() -> None:
    slow = [(2.0, 2.3)] * 20
    assert told(compared(STEADY, slow)) == ["first byte"]
    assert compare_speed(recorded(STEADY), recorded(slow, status=503)).slower == ()
    assert compare_speed(recorded(STEADY), recorded(slow, ending=Ending.CUT)).slower == ()
    assert compare_speed(recorded(STEADY), recorded(slow, operation="other")).slower == ()
    disturbed = {name: dataclasses.replace(one, disturbed=True) for name, one in recorded(slow).items()}
    assert compare_speed(recorded(STEADY), disturbed).slower == ()
    burst = {name: dataclasses.replace(one, scenario="generated") for name, one in recorded(slow).items()}
    assert compare_speed(burst, burst).compared == 0
    other = {f"{name}x": one for name, one in recorded(slow).items()}
    assert compare_speed(recorded(STEADY), other).compared == 0


def many(factors: list[float], *, also: float = 0.0) -> dict[str, Exchange]:
    """Operations that take half a second each, by these factors and these seconds."""
    found: dict[str, Exchange] = {}
    for number, factor in enumerate(factors):
        made = recorded([(0.2 * factor + also, 0.5 * factor + also)] * 20, operation=f"operation{number}")
        found |= {f"{number} {name}": one for name, one in made.items()}
    return found


def test_what_slows_everything_is_told_once() -> None:
    found = compare_speed(many([1.0, 1.0, 1.1, 1.2, 1.3]), many([1.0, 1.0, 1.1, 1.2, 1.3], also=0.6))
    assert [(one.operation, one.what, one.pairs) for one in found.slower] == [("every operation", "first byte", 100)]


def test_a_busier_machine_is_no_slower_operation_but_one_that_stands_out_is() -> None:
    steady = many([1.0] * 5)
    assert compare_speed(steady, many([1.3, 1.4, 1.4, 1.5, 1.7])).slower == ()
    found = compare_speed(steady, many([1.3, 1.4, 1.4, 1.4, 3.0]))
    assert {one.operation for one in found.slower} == {"operation4"}


def test_runs_with_other_numbers_of_requests_are_not_compared() -> None:
    found = compared([(0.2, 0.5)] * 20, [(2.0, 2.3)] * 26)
    assert found.slower == ()
    assert found.unknown == "the runs are not alike, 20 requests and 26"
    assert told(compared([(0.2, 0.5)] * 20, [(2.0, 2.3)] * 24)) == ["first byte"]


def test_thresholds_can_be_named() -> None:
    old, new = recorded(STEADY), recorded([(0.26, 0.56)] * 20)
    assert compare_speed(old, new).slower == ()
    assert told(compare_speed(old, new, ratio=1.2, seconds=0.05)) == ["first byte"]
