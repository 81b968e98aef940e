"""What is told, and when: a change once, a flapping clause once, one bad night never."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.history.watching import News, Rules, State, look
from tests.history.weeks import first, pace_week, said, week

if TYPE_CHECKING:
    from llmapi_conformance.history.nights import Series

RULES = Rules()


def told_each_night(series: Series, rules: Rules = RULES) -> list[list[News]]:
    """What each night's look brings, when nobody misses one."""
    told: dict[str, State] = {}
    news = []
    for count in range(1, len(series.nights) + 1):
        seen = look(first(series, count), told, rules)
        told = dict(seen.told)
        news.append(list(seen.news))
        again = look(first(series, count), told, rules)
        assert again.news == ()
        assert again.told == told
    return news


def kinds(series: Series, rules: Rules = RULES) -> list[str]:
    return [" ".join(one.kind.value for one in night) for night in told_each_night(series, rules)]


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ("......", ["", "", "", "", "", ""]),
        ("F....", ["broke", "mended", "", "", ""]),
        ("..FFFF", ["", "", "broke", "", "", ""]),
        ("..FF..", ["", "", "broke", "", "mended", ""]),
        ("..WWF", ["", "", "broke", "", "worse"]),
        ("..FWF", ["", "", "broke", "", "worse"]),
        ("nn.n.", ["", "", "", "", ""]),
    ],
)
def test_a_change_is_told_once(marks: str, expected: list[str]) -> None:
    assert kinds(week(marks)) == expected


def test_a_clause_that_flaps_is_told_once_and_again_when_it_has_settled() -> None:
    found = told_each_night(week("..FF.F........"))
    assert [[one.kind.value for one in night] for night in found] == [
        *([[]] * 2),
        ["broke"],
        [],
        ["mended"],
        ["flapping"],
        *([[]] * 7),  # night 7 changed, too: nothing is said until it kept still for seven runs
        ["settled"],
    ]
    assert not found[-1][0].worse


def test_a_flapping_clause_that_stays_broken_is_told_as_worse() -> None:
    found = told_each_night(week(".F.FFFFFFFFF"))
    settled = [one for night in found for one in night if one.kind.value == "settled"]
    assert [one.worse for one in settled] == [True]
    assert [[one.kind.value for one in night] for night in found][3] == ["flapping"]


@pytest.mark.parametrize("mark", ["?", "-"])
def test_a_night_without_a_verdict_is_neither_news_nor_a_flip(mark: str) -> None:
    assert kinds(week(f"..F{mark}F{mark}F{mark}F".replace("-", mark))) == ["", "", "broke", *[""] * 6]
    assert kinds(week(f".{mark}.{mark}.{mark}.")) == [""] * 7


def test_what_cannot_be_judged_is_news_from_the_third_night_in_a_row() -> None:
    assert kinds(week("..??.???..")) == [*[""] * 7, "unjudged", "judged again", ""]
    assert kinds(
        week(
            "..??.",
        ),
        Rules(unjudged=1),
    ) == ["", "", "unjudged", "", "judged again"]


def test_a_clause_that_never_had_a_key_is_no_news() -> None:
    assert kinds(week("------")) == [""] * 6
    assert kinds(week("??????"))[2] == "unjudged"


def test_what_was_waived_on_purpose_is_no_news_but_its_end_is() -> None:
    assert kinds(week("FFwww")) == ["broke", "", "", "", ""]
    assert kinds(week("FFwwF")) == ["broke", "", "", "", "broke"]
    assert kinds(week("Fw/.")) == ["broke", "", "", ""]


def test_untrusted_runs_are_news_from_the_second_in_a_row_and_say_nothing_of_clauses() -> None:
    assert kinds(week(".x..xxx.F")) == ["", "", "", "", "", "untrusted", "", "trusted again", "broke"]
    assert kinds(week("FxxF")) == ["broke", "", "untrusted", "trusted again"]


def test_another_oracle_on_a_broken_clause_is_news_once() -> None:
    series = week("FFFF")
    oracles = [("a",), ("a", "b"), ("a",), ("a", "b")]
    nights = [
        replace(night, clauses={"CHAT-S04": said("F", names)})
        for night, names in zip(series.nights, oracles, strict=True)
    ]
    found = told_each_night(replace(series, nights=tuple(nights)))
    assert [[one.kind.value for one in night] for night in found] == [["broke"], ["worse"], [], []]
    assert found[1][0].observed == "not so, says b"


def test_what_is_only_assumed_is_told_and_never_worse() -> None:
    found = told_each_night(week(".WF", basis="assumed"))
    assert [one.worse for night in found for one in night] == [False, False]


def test_a_clause_that_is_gone_keeps_what_was_told() -> None:
    assert kinds(week("F F.")) == ["broke", "", "", "mended"]


def test_nights_that_nobody_looked_at_are_caught_up_with_at_the_next_look() -> None:
    series = week("...FFF.")
    assert [one.kind.value for one in look(first(series, 6), {}, RULES).news] == ["broke"]
    assert look(series, {}, RULES).news == ()


def test_news_says_from_what_to_what_and_shows_the_finding() -> None:
    (news,) = look(week(".?F"), {}, RULES).news
    assert news.words == "passed -> failed"
    assert (news.subject, news.worse, news.expected, news.exchange) == ("CHAT-S04", True, "it is so", "chat_stream#1")


def test_an_operation_is_slower_after_two_slow_nights_and_faster_after_one_fast_one() -> None:
    found = told_each_night(pace_week([0.2, 0.21, 0.2, 0.9, 0.2, 0.8, 0.9, 0.9, 0.2]))
    assert [[one.kind.value for one in night] for night in found] == [[]] * 6 + [["slower"], [], ["faster"]]
    assert found[6][0].worse
    assert found[6][0].words.startswith("200 ms -> 900 ms")


def test_an_operation_that_stays_slow_becomes_usual_and_is_not_told_again() -> None:
    found = told_each_night(pace_week([0.2] * 4 + [0.9] * 20))
    assert [one.kind.value for night in found for one in night] == ["slower"]
    later = told_each_night(pace_week([0.2] * 4 + [0.9] * 12 + [2.0] * 3))
    assert [one.kind.value for night in later for one in night] == ["slower", "slower"]


@pytest.mark.parametrize(
    "series",
    [
        pace_week([0.2, 0.2, 0.2, 0.29, 0.29, 0.29]),  # less than 100 ms
        pace_week([1.0, 1.0, 1.0, 1.4, 1.4, 1.4]),  # less than half as much again
        pace_week([0.2, 0.2, 0.9, 0.9]),  # too few nights before
        pace_week([0.2, 0.2, 0.2, 0.9, 0.9], count=2),  # too few answers each
    ],
)
def test_times_that_say_too_little_are_no_news(series: Series) -> None:
    assert kinds(series) == [""] * len(series.nights)


def test_runs_with_another_number_of_requests_are_not_compared_by_time() -> None:
    series = pace_week([0.2, 0.2, 0.2, 0.9, 0.9])
    busy = tuple(replace(night, requests=80) for night in series.nights[3:])
    assert kinds(replace(series, nights=(*series.nights[:3], *busy))) == [""] * 5


def test_the_whole_is_not_slower_when_only_its_first_byte_came_later() -> None:
    early = pace_week([0.2, 0.2, 0.2, 0.9, 0.9])
    late = pace_week([0.5, 0.5, 0.5, 1.2, 1.2], what="total")
    nights = [
        replace(one, latencies={**one.latencies, **other.latencies})
        for one, other in zip(early.nights, late.nights, strict=True)
    ]
    found = told_each_night(replace(early, nights=tuple(nights)))
    assert [one.subject for one in found[-1]] == ["createMessage stream, first byte"]
