"""JUnit, read back by another tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from junitparser import JUnitXml, Properties

from llmapi_conformance.reporting.junit import junit_xml
from tests.reporting.runs import HOSTILE, clause, document, finding, hostile

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def reading(data: dict[str, Any]) -> dict[str, Any]:
        """Test cases by the first word of their names."""
        path = tmp_path / "junit.xml"
        path.write_text(junit_xml(data), "utf-8")
        xml = JUnitXml.fromfile(str(path))
        counted = {name: getattr(xml, name) for name in ("tests", "failures", "errors", "skipped")}
        xml.update_statistics()  # type: ignore[no-untyped-call]
        assert counted == {name: getattr(xml, name) for name in counted}
        return {case.name.split()[0]: case for suite in xml for case in suite}

    return reading


def test_each_clause_is_a_test_case_of_its_surface(read: Any) -> None:
    cases = read(document(clause("CHAT-S04", "failed"), clause("MSG-S07")))
    assert set(cases) == {"CHAT-S04", "MSG-S07", "The"}
    case = cases["CHAT-S04"]
    assert case.classname == "llmapi-conformance.chat"
    assert case.name == "CHAT-S04 The promise of CHAT-S04 [is] kept."
    assert {one.name: one.value for one in case.child(Properties)} == {
        "level": "MUST",
        "basis": "protocol",
        "source": "CHAT F5.17; RFC 9110 15.5.2",
    }
    assert cases["MSG-S07"].is_passed


def test_a_failure_says_in_one_line_what_broke_and_below_how_to_see_it_again(read: Any) -> None:
    (failure,) = read(document(clause("CHAT-S04", "failed")))["CHAT-S04"].result
    assert failure.message == "CHAT-S04 The promise of CHAT-S04 [is] kept. - observed: it is not so"
    assert failure.type == "MUST protocol"
    assert "\nexpected   it is so\nobserved   it is not so\nexchange   chat_stream#1 and 1 more\n" in failure.text
    assert "\nreproduce  curl -sS http://127.0.0.1:4000/v1/models" in failure.text


@pytest.mark.parametrize("verdict", ["inconclusive", "not_observed", "not_offered", "waived"])
def test_what_was_not_judged_is_skipped_with_its_reason(read: Any, verdict: str) -> None:
    (skipped,) = read(document(clause("CHAT-S04", verdict)))["CHAT-S04"].result
    assert type(skipped).__name__ == "Skipped"
    assert skipped.message == f"{verdict.replace('_', ' ')}: why {verdict}"


@pytest.mark.parametrize("verdict", ["warned", "noted"])
def test_what_is_only_warned_passes_and_says_so(read: Any, verdict: str) -> None:
    case = read(document(clause("CHAT-S04", verdict)))["CHAT-S04"]
    assert case.is_passed
    assert case.system_out.startswith(f"{verdict}\nCHAT-S04")


def test_an_error_of_the_suite_accuses_the_suite(read: Any) -> None:
    cases = read(document(clause("CHAT-S04", "error"), exit_status=2, problems=["the budget is spent"]))
    (error,) = cases["CHAT-S04"].result
    assert error.message == "the suite failed, not the gateway: why error"
    (error,) = cases["The"].result
    assert error.message == "the budget is spent"


def test_what_was_not_selected_is_not_there(read: Any) -> None:
    cases = read(document(clause("CHAT-S04"), clause("MSG-S07", "not_observed", checks=[])))
    assert set(cases) == {"CHAT-S04", "The"}


def test_hostile_text_is_well_formed_and_shown(read: Any) -> None:
    cases = read(hostile())
    (failure,) = cases["CHAT-S04"].result
    assert "<script>alert(1)</script>" in failure.text
    assert r"\x1b[31m\x00\ufffe\u202e ]]> &lt;" in failure.text
    assert "\n" not in failure.message
    assert len(failure.message) < 400


def test_a_long_story_is_cut(read: Any) -> None:
    long = [finding(observed="o" * 90_000, curl="c" * 90_000)] * 30
    (failure,) = read(document(clause("CHAT-S04", "failed", findings=long)))["CHAT-S04"].result
    assert len(failure.text) < 50_000
    assert "and 25 other findings" in failure.text


def test_a_name_does_not_change_with_what_was_observed(read: Any) -> None:
    names = [
        read(document(clause("CHAT-S04", "failed", findings=[finding(observed=text)])))["CHAT-S04"].name
        for text in ("one", HOSTILE)
    ]
    assert names[0] == names[1]


def test_waivers_that_are_no_longer_good_are_a_failure_of_their_own(tmp_path: Path) -> None:
    line = "waiver of CHAT-S05 (team, GW-1) expired on 2026-01-31: mend the gateway, or decide anew"
    path = tmp_path / "junit.xml"
    path.write_text(junit_xml({**document(clause("MSG-S07")), "bad_waivers": [line]}), "utf-8")
    cases = {case.name: case for suite in JUnitXml.fromfile(str(path)) for case in suite}
    (failure,) = cases["The waivers are good"].result
    assert failure.message == line
    path.write_text(junit_xml(document(clause("MSG-S07"))), "utf-8")
    assert "The waivers are good" not in path.read_text("utf-8")
