"""What the history shows: flips with how sure they are, one line for each changed clause, times."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from llmapi_conformance.history.flips import count_flips, flips_of
from llmapi_conformance.history.latencies import Latency
from llmapi_conformance.history.trend import (
    changed,
    clause_document,
    clause_text,
    flips_text,
    glyphs,
    latency_text,
    show_document,
    show_text,
)
from tests.history.weeks import pace_week, said, week
from tests.reporting.runs import HOSTILE


@pytest.mark.parametrize(
    ("marks", "flips", "pairs", "broken"),
    [
        ("......", 0, 5, 0),
        ("..FFFF", 1, 5, 4),
        ("..FF.F.", 4, 6, 3),
        ("..F?F-F", 1, 4, 3),
        (".?.-.", 0, 2, 0),
        ("WFWF", 0, 3, 4),
        ("nF", 1, 1, 1),
        ("FwF/F", 0, 2, 3),
        ("????", 0, 0, 0),
        (".x.xF", 1, 2, 1),
    ],
)
def test_only_changes_between_judged_runs_are_flips(marks: str, flips: int, pairs: int, broken: int) -> None:
    series = week(marks)
    found = count_flips("CHAT-S04", (one for _, one in series.said_of("CHAT-S04")))
    assert (found.flips, found.pairs, found.broken) == (flips, pairs, broken)


def test_few_nights_make_a_wide_interval_and_many_a_narrow_one() -> None:
    (few,) = flips_of(week(".F"))
    (many,) = flips_of(week(".F" * 30))
    assert few.rate == many.rate == 1.0
    assert few.interval[0] < 0.05
    assert many.interval[0] > 0.9
    none = count_flips("CHAT-S04", [said("?")])
    assert none.interval == (0.0, 1.0)


def test_each_changed_clause_has_a_line_with_a_mark_for_each_run() -> None:
    series = week("..F?Fx.-/wWn")
    assert glyphs(series, "CHAT-S04") == "..F?Fx.-/wWn"
    assert changed(series) == ["CHAT-S04"]
    assert changed(week(".x.x.")) == []
    assert "  CHAT-S04  ..F?Fx.-/wWn  4 of 6" in show_text(series)


def test_every_text_fits_eighty_columns_whatever_a_gateway_says() -> None:
    found = replace(said("F"), findings=tuple(replace(one, observed=HOSTILE * 9) for one in said("F").findings))
    series = week("." * 40 + "F")
    nights = [replace(night, clauses={f"CHAT-S{n:02}": found for n in range(60)}) for night in series.nights[1:]]
    series = replace(series, target=HOSTILE, nights=(series.nights[0], *nights))
    for text in (
        show_text(series),
        show_text(replace(series, nights=pace_week([0.2, 123.456], count=100).nights)),
        clause_text(series, "CHAT-S01", HOSTILE),
        flips_text(series),
        latency_text(pace_week([0.2, 123.456], count=100)),
    ):
        assert max(map(len, text.splitlines())) <= 80
        assert "\x1b" not in text


def test_a_clause_is_told_night_by_night_with_what_was_observed() -> None:
    text = clause_text(week(".F?xF"), "CHAT-S04", "It is so.")
    assert text.splitlines()[:2] == ["CHAT-S04 at staging, probe: 5 runs, 2026-11-01 to 2026-11-05", "  It is so."]
    assert "11-01 03:00  passed\n11-02 03:00  failed\n    observed  not so, says it_is_so (chat_stream#1)" in text
    assert "11-03 03:00  inconclusive: why\n11-04 03:00  the run can't be trusted" in text
    assert "flipped 1 of 2 times (50%; 1% to 99% with 95 % confidence), broken in 2 of 3" in " ".join(text.split("\n"))


def test_percentiles_that_few_answers_cannot_tell_are_left_out() -> None:
    one = Latency("createMessage", "stream", "total", 19, 0.1, 0.2, 0.3)
    assert (one.known("p50"), one.known("p95"), one.known("p99")) == (0.1, None, None)
    assert replace(one, count=20).known("p95") == 0.2
    assert replace(one, count=100).known("p99") == 0.3
    assert "createMessage stream  first byte  5  200    -    -    150     2" in latency_text(pace_week([0.1, 0.2]))


def test_machines_get_the_same() -> None:
    series = week("..FF.F.")
    data = json.loads(json.dumps(show_document([series])))
    (shown,) = data["series"]
    assert (data["format"], data["version"]) == ("llmapi-conformance/history", 1)
    assert shown["changed"] == {"CHAT-S04": "..FF.F."}
    assert shown["flips"][0] | {"interval": []} == {
        "clause": "CHAT-S04",
        "flips": 4,
        "pairs": 6,
        "rate": 0.6667,
        "interval": [],
        "broken": 3,
    }
    assert [run["verdicts"] for run in shown["runs"]][2] == {"failed": 1}
    nights = clause_document([series], "CHAT-S04")["series"][0]["runs"]
    assert [night["verdict"] for night in nights][:3] == ["passed", "passed", "failed"]
