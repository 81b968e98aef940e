"""What broke, was mended, or is no longer observed between two runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.errors import ReportError
from llmapi_conformance.reporting.comparing import Kind, Slower, Speeds, compare
from llmapi_conformance.reporting.comparing.words import comparison_json, comparison_markdown, comparison_text
from llmapi_conformance.reporting.past import load_run
from tests.reporting.runs import HOSTILE, clause, document, finding, run, written

if TYPE_CHECKING:
    from pathlib import Path

ALL = ("passed", "failed", "warned", "noted", "inconclusive", "not_observed", "not_offered", "waived", "error")
UNJUDGED = ("inconclusive", "not_observed", "not_offered", "waived", "error")


@pytest.mark.parametrize("verdict", ALL)
def test_a_run_against_itself_shows_no_change(verdict: str) -> None:
    same = compare(run(clause("CHAT-S04", verdict)), run(clause("CHAT-S04", verdict)))
    assert same.changes == ()
    assert same.status == 0
    assert [one.id for one in same.still] == (["CHAT-S04"] if verdict in ("failed", "warned") else [])


@pytest.mark.parametrize("after", ["failed", "warned"])
@pytest.mark.parametrize("before", ["passed", "noted", *UNJUDGED])
def test_a_finding_where_there_was_none_broke(before: str, after: str) -> None:
    found = compare(run(clause("CHAT-S04", before)), run(clause("CHAT-S04", after, level="MUST")))
    assert [one.kind for one in found.changes if one.kind is not Kind.LEVEL] == [Kind.BROKE]
    assert found.status == 1


@pytest.mark.parametrize("before", ["failed", "warned", "waived"])
def test_what_passes_again_was_mended(before: str) -> None:
    found = compare(run(clause("CHAT-S04", before, level="MUST")), run(clause("CHAT-S04")))
    assert [one.kind for one in found.changes] == [Kind.MENDED]
    assert found.status == 0


@pytest.mark.parametrize("after", ["inconclusive", "not_observed", "not_offered", "error"])
@pytest.mark.parametrize("before", ["passed", "failed", "warned", "noted"])
def test_what_was_judged_and_is_not_any_more_is_a_loss(before: str, after: str) -> None:
    found = compare(run(clause("CHAT-S04", before, level="MUST")), run(clause("CHAT-S04", after)))
    assert [one.kind for one in found.changes] == [Kind.LOST]
    assert found.status == 1


def test_what_is_waived_now_is_neither_worse_nor_mended() -> None:
    found = compare(run(clause("CHAT-S04", "failed")), run(clause("CHAT-S04", "waived")))
    assert [one.kind for one in found.changes] == [Kind.CHANGED]
    assert found.status == 0


def test_another_oracle_on_a_broken_clause_is_a_new_finding() -> None:
    old, new = run(clause("CHAT-S04", "failed")), run(clause("CHAT-S04", "failed", oracles=("it_is_so", "and_so")))
    found = compare(old, new)
    assert [(one.kind, one.oracles) for one in found.worse] == [(Kind.BROKE, ("and_so",))]
    assert compare(new, old).status == 0


def test_other_numbers_in_a_known_finding_are_the_same_finding() -> None:
    old, new = (
        run(clause("CHAT-S04", "failed", findings=[finding(observed=text)])) for text in ("event 10 of 10", "event 14")
    )
    assert compare(old, new).status == 0


def test_a_warned_clause_that_is_failed_is_worse_and_the_other_way_it_is_not() -> None:
    warned, failed = run(clause("CHAT-S04", "warned")), run(clause("CHAT-S04", "failed"))
    assert compare(warned, failed).status == 1
    assert compare(failed, warned).status == 0
    assert {one.kind for one in compare(failed, warned).changes} == {Kind.LEVEL, Kind.CHANGED}


def test_our_own_reading_is_told_and_fails_no_build() -> None:
    kept, broken = (run(clause("CHAT-S04", verdict, basis="assumed")) for verdict in ("passed", "warned"))
    found = compare(kept, broken)
    assert [one.kind for one in found.worse] == [Kind.BROKE]
    assert found.status == 0


def test_a_new_clause_counts_when_it_is_broken_and_one_that_is_gone_does_not() -> None:
    one, two = clause("CHAT-S04"), clause("CHAT-S05")
    assert [(c.kind, c.worse) for c in compare(run(one), run(one, two)).changes] == [(Kind.NEW, False)]
    assert compare(run(one), run(one, clause("CHAT-S05", "failed"))).status == 1
    gone = compare(run(one, two), run(one))
    assert [(c.kind, c.worse) for c in gone.changes] == [(Kind.REMOVED, False)]


def test_a_level_that_changed_is_named() -> None:
    found = compare(run(clause("CHAT-S04", level="SHOULD")), run(clause("CHAT-S04", level="MUST")))
    assert [(one.kind, one.words) for one in found.changes] == [(Kind.LEVEL, "SHOULD -> MUST")]
    assert found.status == 0


def test_what_was_not_selected_is_lost_unless_only_the_selected_counts() -> None:
    old = run(clause("CHAT-S04"), clause("MSG-S07"))
    new = run(clause("CHAT-S04", "failed"), clause("MSG-S07", "not_observed", checks=[]))
    assert {one.clause.id for one in compare(old, new).worse} == {"CHAT-S04", "MSG-S07"}
    assert {one.clause.id for one in compare(old, new, only_selected=True).worse} == {"CHAT-S04"}


def test_a_run_that_can_not_be_trusted_can_not_be_compared() -> None:
    bad = run(clause("CHAT-S04"), exit_status=2, headline="untrusted", problems=["the budget is spent"])
    for found in (compare(bad, run(clause("CHAT-S04"))), compare(run(clause("CHAT-S04", "failed")), bad)):
        assert found.status == 2
        assert "the budget is spent" in comparison_text(found)


def test_what_else_is_another_is_said() -> None:
    old = run(clause("CHAT-S04"))
    new = run(clause("CHAT-S04"), name="other", profile="probe", contract="beef", selection={"keyword": "chat"})
    text = comparison_text(compare(old, new))
    for words in ("gate -> probe", "staging -> other", "everything -> chat", "beef"):
        assert words in text


def test_slower_operations_make_a_comparison_worse() -> None:
    slower = Slower("createMessage", "stream", "first byte", 0.1, 0.4, 20, 19)
    found = compare(run(clause("CHAT-S04")), run(clause("CHAT-S04")), Speeds((slower,), 1, ""))
    assert found.status == 1
    assert "createMessage stream, first byte: 100 ms -> 400 ms" in comparison_text(found)
    assert comparison_json(found)["speed"]["slower"][0]["new_ms"] == 400.0


def test_the_text_stays_in_eighty_columns_and_ends_with_the_verdict() -> None:
    old = run(*(clause(f"CHAT-S{number:02}") for number in range(60)))
    broken = [clause(f"CHAT-S{number:02}", "failed", findings=[finding(observed=HOSTILE)]) for number in range(40)]
    lost = [clause(f"CHAT-S{number:02}", "not_observed", reason=HOSTILE * 9) for number in range(40, 60)]
    text = comparison_text(compare(old, run(*broken, *lost)))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert text.splitlines()[-1] == "worse: 40 broke, 20 no longer observed"
    assert "\x1b" not in text
    assert all(f"CHAT-S{number:02}" in text for number in range(60))


def test_markdown_and_json_say_the_same() -> None:
    old, new = run(clause("CHAT-S04"), clause("MSG-S07")), run(clause("CHAT-S04", "failed"), clause("MSG-S07", "error"))
    found = compare(old, new)
    markdown, data = comparison_markdown(found), json.loads(json.dumps(comparison_json(found)))
    assert markdown.startswith("## ❌ worse: 1 broke, 1 no longer observed")
    assert "KEY_GENERAL_OPENAI" in markdown
    assert [(one["kind"], one["clause"], one["worse"]) for one in data["changes"]] == [
        ("broke", "CHAT-S04", True),
        ("lost", "MSG-S07", True),
    ]
    assert data["exit_status"] == 1


def test_a_folder_or_its_verdicts_are_read(tmp_path: Path) -> None:
    folder = written(tmp_path / "one", document(clause("CHAT-S04")))
    assert load_run(folder).clauses.keys() == load_run(folder / "verdicts.json").clauses.keys() == {"CHAT-S04"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "no verdicts.json of this tool"),
        (b"[]", "no verdicts.json of this tool"),
        (b'{"format":"llmapi-conformance/verdicts","version":9}', "has version 9"),
        (b'{"format":"llmapi-conformance/verdicts","version":1}', "is damaged"),
        (b"\xff\xfe", "can't be read"),
        (b"[" * 100_000, "no verdicts.json of this tool"),
    ],
)
def test_what_is_no_run_is_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "verdicts.json").write_bytes(content)
    with pytest.raises(ReportError, match=words):
        load_run(tmp_path)


HELD = {"known": [], "new": [], "lost": [], "mended": [], "unlike": [], "target": "", "started_at": ""}


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("exit_status", 1e999),
        ("exit_status", 7),
        ("exit_status", -1),
        ("started_at", "2026-11-28T00:00:00"),
        ("problems", {"a": 1}),
        ("problems", [1]),
        ("target", {"name": None}),
        ("figures", {"verdicts": 3, "surfaces": {}}),
        ("figures", {"verdicts": [], "surfaces": {}}),
        ("profile", 1),
        ("tool", {"version": None}),
        ("recording", 1),
        ("contract", None),
        ("bad_waivers", None),
        ("bad_waivers", [1]),
        ("target", {"name": "x", "claims": None}),
        ("target", {"name": "x", "offers": [{}]}),
        ("selection", {"generate": "x"}),
        ("selection", {"seed": [1]}),
        ("clauses", [{**clause("CHAT-S04"), "id": None}]),
        ("clauses", [{**clause("CHAT-S04"), "checks": [{"name": 1, "examined": 1}]}]),
        ("clauses", [clause("CHAT-S04", "failed", findings=[{**finding(), "observed": None}])]),
        ("baseline", []),
        ("baseline", {**HELD, "new": [{}]}),
        ("baseline", {**HELD, "known": 1}),
    ],
)
def test_a_run_with_a_part_of_another_kind_is_damaged(tmp_path: Path, part: str, value: object) -> None:
    folder = written(tmp_path / "one", {**document(clause("CHAT-S04")), part: value})
    with pytest.raises(ReportError, match="is damaged"):
        load_run(folder)


def test_a_run_that_died_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "recording.jsonl").write_bytes(b"")
    with pytest.raises(ReportError, match=r"died: 'llmapi-conformance judge .*recording\.jsonl'"):
        load_run(tmp_path)
    with pytest.raises(ReportError, match="There is no"):
        load_run(tmp_path / "absent")
