"""A run that is held against the last release's: what is known does not count."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from llmapi_conformance.errors import ReportError
from llmapi_conformance.reporting.comparing.baseline import (
    EVERYTHING,
    GENERATED,
    baseline_sentence,
    held_against,
    load_baseline,
    why,
)
from llmapi_conformance.reporting.html import report_page
from llmapi_conformance.reporting.junit import junit_xml
from llmapi_conformance.reporting.summary import summary_markdown
from tests.reporting.runs import clause, document, run, written


def held(old: dict[str, Any], new: dict[str, Any], **other: Any) -> dict[str, Any]:
    return held_against(document(new, **other), run(old))


@pytest.mark.parametrize("verdict", ["failed", "warned"])
def test_a_finding_of_the_baseline_does_not_count(verdict: str) -> None:
    found = held(clause("CHAT-S04", verdict), clause("CHAT-S04", verdict))
    assert (found["exit_status"], found["headline"]) == (0, "known")
    assert found["baseline"]["known"] == ["CHAT-S04"]
    assert baseline_sentence(found) == "against staging of 2026-11-27: 1 known finding, 0 new"


@pytest.mark.parametrize("before", ["passed", "warned", "noted", "not_observed", "inconclusive", "waived"])
def test_a_failure_that_is_new_counts(before: str) -> None:
    found = held(clause("CHAT-S04", before, level="MUST"), clause("CHAT-S04", "failed"))
    assert (found["exit_status"], found["headline"]) == (1, "findings")
    assert [one["clause"] for one in found["baseline"]["new"]] == ["CHAT-S04"]
    assert baseline_sentence(found).endswith("0 known findings, 1 new (CHAT-S04)")


def test_a_known_failure_that_another_oracle_finds_too_is_new() -> None:
    old = clause("CHAT-S04", "failed")
    found = held(old, clause("CHAT-S04", "failed", oracles=("it_is_so", "it_ends")))
    assert found["exit_status"] == 1
    assert found["baseline"]["new"][0]["oracles"] == ["it_ends"]
    assert found["baseline"]["known"] == []


def test_a_clause_that_is_only_warned_is_told_and_fails_nothing() -> None:
    found = held(clause("CHAT-S04", level="SHOULD"), clause("CHAT-S04", "warned", basis="assumed"))
    assert found["exit_status"] == 0
    assert [(one["clause"], one["fails"]) for one in found["baseline"]["new"]] == [("CHAT-S04", False)]


@pytest.mark.parametrize(("level", "status"), [("MUST", 1), ("SHOULD", 0)])
def test_a_must_that_is_not_looked_at_any_more_counts(level: str, status: int) -> None:
    found = held(clause("CHAT-S04", level=level), clause("CHAT-S04", "not_observed", level=level))
    assert found["exit_status"] == status
    assert "1 no longer observed (CHAT-S04)" in baseline_sentence(found)


def test_what_was_not_selected_is_no_loss() -> None:
    found = held(clause("CHAT-S04"), clause("CHAT-S04", "not_observed", checks=[]))
    assert found["exit_status"] == 0
    assert found["baseline"]["lost"] == []


def shown_by(file: str, name: str, verdict: str = "passed") -> dict[str, Any]:
    check = {"name": f"{file}.py::test_it", "verdict": verdict, "examined": 1, "reason": ""}
    return clause(name, verdict, checks=[check])


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        ({"generate": 20, "seed": 1}, {"generate": 0, "seed": 1}, "generated cases of each operation .* 20 -> 0"),
        ({"generate": 20, "seed": 1}, {"generate": 2, "seed": 1}, "generated cases of each operation .* 20 -> 2"),
    ],
)
def test_what_is_missing_because_less_was_asked_for_fails_nothing_and_is_told(
    then: dict[str, Any], now: dict[str, Any], words: str
) -> None:
    old = run(shown_by("schema/test_generated", "CHAT-S04"), selection=then)
    lost = shown_by("schema/test_generated", "CHAT-S04", "not_observed")
    found = held_against(document(lost, selection=now), old)
    assert found["exit_status"] == 0
    assert [(one["clause"], one["fails"]) for one in found["baseline"]["lost"]] == [("CHAT-S04", False)]
    assert re.search(words, found["baseline"]["unlike"][0])
    assert found["baseline"]["unlike"][-1].startswith("less was asked for than in the baseline")
    for more in (then, {**then, "keyword": "", "generate": 50}):
        assert held_against(document(lost, selection=more), old)["exit_status"] == 1
    broken = shown_by("schema/test_generated", "CHAT-S04", "failed")
    assert held_against(document(broken, selection=now), old)["exit_status"] == 1
    mended = held_against(
        document(shown_by("schema/test_generated", "CHAT-S04"), selection=now), run(broken, selection=then)
    )
    assert mended["baseline"]["unlike"][-1].endswith("what is mended may only not have been looked for")


def checked(*names: str, verdict: str = "passed") -> dict[str, Any]:
    examined = int(verdict != "not_observed")
    checks = [{"name": name, "verdict": verdict, "examined": examined, "reason": ""} for name in names]
    return clause("CHAT-S04", verdict, checks=checks)


STREAM, TOOLS, EVERY = (
    f"{file}.py::test_it" for file in ("chat/test_stream", "chat/test_tools", "test_every_exchange")
)


@pytest.mark.parametrize("keywords", [("", "chat"), ("chat or messages", "chat")])
@pytest.mark.parametrize(
    ("then", "now", "status"),
    [
        ((STREAM, TOOLS), (STREAM,), 0),  # what showed it is not selected
        ((STREAM, EVERY), (STREAM, EVERY), 0),  # something else may have been sent that showed it
        ((STREAM, TOOLS), (STREAM, TOOLS), 1),  # it was looked for in the same way
        ((STREAM,), (STREAM, TOOLS), 1),
    ],
)
def test_a_narrower_selection_excuses_only_what_is_looked_for_in_fewer_ways(
    keywords: tuple[str, str], then: tuple[str, ...], now: tuple[str, ...], status: int
) -> None:
    before, after = ({"keyword": keyword} for keyword in keywords)
    lost = document(checked(*now, verdict="not_observed"), selection=after)
    found = held_against(lost, run(checked(*then), selection=before))
    assert found["exit_status"] == status
    assert [one["fails"] for one in found["baseline"]["lost"]] == [bool(status)]
    assert any(one.startswith("less was asked for") for one in found["baseline"]["unlike"]) is not bool(status)
    assert held_against({**lost, "selection": before}, run(checked(*then), selection=before))["exit_status"] == 1


@pytest.mark.parametrize(
    ("names", "reason", "status"),
    [
        ((STREAM,), "sent by shard 2 of 3", 0),
        ((STREAM, EVERY), "no answer held what the clause speaks about", 0),
        ((STREAM,), "no answer held what the clause speaks about", 1),
    ],
)
def test_what_another_shard_sends_is_no_loss(names: tuple[str, ...], reason: str, status: int) -> None:
    lost = checked(*names, verdict="not_observed")
    lost["checks"][0]["reason"] = reason
    found = held_against(document(lost, selection={"shard": "1,3/3"}), run(checked(*names)))
    assert found["exit_status"] == status
    assert [one["fails"] for one in found["baseline"]["lost"]] == [bool(status)]


def test_a_check_that_saw_nothing_before_is_not_missed() -> None:
    old = checked(STREAM, TOOLS)
    old["checks"][1] |= {"verdict": "not_observed", "examined": 0}
    lost = document(checked(STREAM, verdict="not_observed"), selection={"keyword": "chat"})
    assert held_against(lost, run(old))["exit_status"] == 1


def test_the_files_are_there_that_look_at_generated_requests_only_or_at_everything() -> None:
    suites = Path(__file__).parents[2] / "suites"
    assert all((suites / name).is_file() for name in GENERATED)
    everything = {
        file.relative_to(suites).as_posix()
        for file in suites.rglob("test_*.py")
        if re.search(r"^def test_(?:(?!^def ).)*\bevery_exchange: ", file.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    }
    assert everything == set(EVERYTHING)


def test_fewer_generated_cases_excuse_nothing_that_needs_none() -> None:
    old = run(
        shown_by("schema/test_description", "CHAT-S04"),
        shown_by("schema/test_generated", "CHAT-S05"),
        selection={"generate": 20},
    )
    lost = (
        shown_by("schema/test_description", "CHAT-S04", "not_observed"),
        shown_by("schema/test_generated", "CHAT-S05", "not_observed"),
    )
    found = held_against(document(*lost, selection={"generate": 0}), old)
    assert found["exit_status"] == 1
    assert [one["fails"] for one in found["baseline"]["lost"]] == [True, False]
    assert why(found) == "CHAT-S04 is no longer observed"


def test_another_seed_is_told_where_cases_are_generated() -> None:
    same = clause("CHAT-S04")
    old = run(same, selection={"generate": 2, "seed": 1})
    found = held_against(document(same, selection={"generate": 2, "seed": 7}), old)
    assert found["baseline"]["unlike"] == ["generated cases are drawn from another seed: 1 -> 7"]
    assert held_against(document(same, selection={"generate": 0, "seed": 7}), old)["baseline"]["unlike"] == [
        "the number of generated cases of each operation is another one: 2 -> 0"
    ]


def test_a_red_run_without_a_new_failure_says_why() -> None:
    names = [f"CHAT-S{number:02}" for number in (4, 5, 6)]
    old = run(*map(clause, names))
    lost = held_against(document(*(clause(name, "not_observed") for name in names)), old)
    assert why(lost) == "CHAT-S04 is no longer observed (and 2 more)"
    same = document(*map(clause, names))
    assert why(held_against({**same, "bad_waivers": ["waiver of X expired", "another"]}, old)) == (
        "waiver of X expired (and 1 more)"
    )
    assert why(held_against(same, old)) == ""


@pytest.mark.parametrize(("before", "status"), [("passed", 3), ("failed", 3), ("inconclusive", 0)])
def test_an_inconclusive_must_makes_no_finding_and_counts_when_it_is_new(before: str, status: int) -> None:
    found = held(clause("CHAT-S04", before), clause("CHAT-S04", "inconclusive"))
    assert found["exit_status"] == status
    assert found["baseline"]["new"] == []


def test_what_is_mended_is_told() -> None:
    found = held(clause("CHAT-S04", "failed"), clause("CHAT-S04"))
    assert (found["exit_status"], found["headline"]) == (0, "conformant")
    assert baseline_sentence(found).endswith("0 known findings, 0 new, 1 mended")


def test_a_bad_waiver_and_a_run_without_trust_stay_what_they_are() -> None:
    same = clause("CHAT-S04", "failed")
    assert held(same, same, bad_waivers=["CHAT-S04: expired"])["exit_status"] == 1
    assert held(same, same, exit_status=2, problems=["nothing answered"])["exit_status"] == 2


def test_a_run_that_could_not_be_trusted_is_no_baseline(tmp_path: Path) -> None:
    written(tmp_path / "bad", document(clause("CHAT-S04"), exit_status=2, problems=["nothing answered"]))
    with pytest.raises(ReportError, match=r"no baseline.*nothing answered.*name one"):
        load_baseline(tmp_path / "bad")
    written(tmp_path / "good", document(clause("CHAT-S04", "failed")))
    assert load_baseline(tmp_path / "good").status == 1


@pytest.mark.parametrize("part", ["2/3", "1,3/3"])
def test_a_part_of_a_run_is_no_baseline(tmp_path: Path, part: str) -> None:
    written(tmp_path, document(clause("CHAT-S04"), selection={"keyword": "", "shard": part}))
    with pytest.raises(ReportError, match=f"no baseline, it is part {part} of a run.*merge all shards"):
        load_baseline(tmp_path)


def test_reports_put_what_is_new_first_and_let_the_known_be() -> None:
    old = document(clause("CHAT-S04", "failed"), clause("MSG-S07"))
    new = document(clause("CHAT-S04", "failed"), clause("MSG-S07", "failed"))
    found = held_against(new, run(*old["clauses"]))
    markdown = summary_markdown(found)
    assert markdown.index("### MSG-S07 failed") < markdown.index("**CHAT-S04** failed, as in the baseline")
    assert "1 known finding, 1 new (MSG-S07)" in markdown
    cases = ET.fromstring(junit_xml(found)).iter("testcase")  # noqa: S314 - our own
    outcomes = {case.get("name", "")[:8].strip(): [child.tag for child in case] for case in cases}
    assert outcomes["CHAT-S04"] == ["properties", "skipped"]
    assert outcomes["MSG-S07"] == ["properties", "failure"]
    target = {**found["target"], "not_offered": {}, "overrides": {}}
    page = report_page({**found, "target": target, "recording": {"seal": None}}, [])
    assert "1 known finding, 1 new (MSG-S07)" in page
    assert page.index('<a href="#MSG-S07">') < page.index('<a href="#CHAT-S04">')
