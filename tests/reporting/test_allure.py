"""Allure results, as the command line tool of Allure reads them; npm is not needed here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmapi_conformance.reporting.allure import LONGEST, allure_files, write_allure
from tests.judging.build import exchange
from tests.reporting.runs import HOSTILE, clause, document, hostile
from tests.run.test_command_line import one_sentence, tool

STATUSES = {"passed", "failed", "broken", "skipped", "unknown"}
SHOWN = exchange(body=b"<script>alert(1)</script>\x1b[31m" + b"x" * LONGEST)


def results(data: dict[str, Any], **shown: Any) -> dict[str, dict[str, Any]]:
    """Results by the first word of their names; every file that one names is there, and no other."""
    files = allure_files(data, shown)
    read = {name: json.loads(text) for name, text in files.items() if name.endswith("-result.json")}
    named = {part["source"] for one in read.values() for step in one["steps"] for part in step["attachments"]}
    assert set(files) == {*read, *named, "environment.properties"}
    for name, one in read.items():
        assert name == f"{one['uuid']}-result.json"
        assert one["status"] in STATUSES
        assert one["stage"] == "finished"
        assert isinstance(one["start"], int)
        assert one["start"] <= one["stop"]
    return {one["name"].split()[0]: one for one in read.values()}


def labels(result: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for label in result["labels"]:
        found.setdefault(label["name"], []).append(label["value"])
    return found


def test_surface_and_clause_are_epic_feature_and_story() -> None:
    one = results(document(clause("CHAT-S04", "failed")))["CHAT-S04"]
    assert labels(one) == {
        "epic": ["chat"],
        "feature": ["CHAT-S"],
        "story": ["CHAT-S04 The promise of CHAT-S04 [is] kept."],
        "suite": ["chat"],
        "severity": ["critical"],
        "framework": ["llmapi-conformance"],
        "tag": ["MUST", "protocol", "failed"],
    }
    assert one["statusDetails"]["message"] == "it is not so"
    assert "expected   it is so\nobserved   it is not so\n" in one["statusDetails"]["trace"]


@pytest.mark.parametrize(
    ("verdict", "status", "severity"),
    [
        ("passed", "passed", "critical"),
        ("failed", "failed", "critical"),
        ("warned", "passed", "normal"),
        ("noted", "passed", "minor"),
        ("error", "broken", "critical"),
        ("inconclusive", "skipped", "critical"),
        ("not_observed", "skipped", "critical"),
        ("not_offered", "skipped", "critical"),
        ("waived", "skipped", "critical"),
    ],
)
def test_each_verdict_has_its_status_and_each_level_its_severity(verdict: str, status: str, severity: str) -> None:
    one = results(document(clause("CHAT-S04", verdict)))["CHAT-S04"]
    assert one["status"] == status
    assert labels(one)["severity"] == [severity]
    assert (verdict in labels(one)["tag"]) == (verdict != "passed")
    assert (not one["statusDetails"]) == (verdict == "passed")


def test_the_exchange_of_a_finding_is_attached_as_text_that_is_cut() -> None:
    files = allure_files(document(clause("CHAT-S04", "failed")), {"chat_stream#1": SHOWN})
    (step, *_) = results(document(clause("CHAT-S04", "failed")), **{"chat_stream#1": SHOWN})["CHAT-S04"]["steps"]
    parts = {part["name"]: part for part in step["attachments"]}
    assert {"curl.txt", "request.http", "response.http", "chunks.jsonl"} <= set(parts)
    assert {part["type"] for part in parts.values()} == {"text/plain"}
    answer = files[parts["response.http"]["source"]].decode()
    assert answer.startswith("HTTP/1.1 200\n")
    assert "<script>alert(1)</script>\\x1b[31m" in answer
    assert answer.endswith(" bytes in all]\n")
    assert len(answer) < LONGEST + 100
    assert all(part["source"].endswith(".txt") for part in parts.values())


def test_a_clause_keeps_its_history_from_run_to_run_and_has_another_at_another_target() -> None:
    first = results(document(clause("CHAT-S04", "failed"), clause("MSG-S07")))
    night = results(document(clause("MSG-S07"), clause("CHAT-S04"), started_at="2026-11-28T23:26:34.000+00:00"))
    other = results(document(clause("CHAT-S04"), name="production"))
    histories = {name: one["historyId"] for name, one in first.items()}
    assert len(set(histories.values())) == len(first) == 3
    assert histories == {name: one["historyId"] for name, one in night.items()}
    assert not {one["uuid"] for one in first.values()} & {one["uuid"] for one in night.values()}
    assert other["CHAT-S04"]["historyId"] != histories["CHAT-S04"]
    assert other["CHAT-S04"]["testCaseId"] == first["CHAT-S04"]["testCaseId"]
    assert allure_files(document(clause("CHAT-S04")), {}) == allure_files(document(clause("CHAT-S04")), {})


def test_what_was_not_selected_is_not_there_and_a_run_that_is_not_trusted_is_broken() -> None:
    found = results(
        document(clause("CHAT-S04", "not_observed", checks=[]), exit_status=2, problems=["the budget is spent"])
    )
    assert set(found) == {"The"}
    assert (found["The"]["status"], found["The"]["statusDetails"]["message"]) == ("broken", "the budget is spent")


def test_what_a_gateway_says_to_take_over_a_page_stays_text(tmp_path: Any) -> None:
    assert write_allure(tmp_path / "r", hostile(), {}) == 5
    environment = (tmp_path / "r" / "environment.properties").read_text("ascii")
    assert len(environment.splitlines()) == 7
    for path in (tmp_path / "r").iterdir():
        text = path.read_bytes().decode()
        assert not any(character in text for character in "\x1b\x00\u202e\ufffe")
    told = [json.loads(path.read_text("utf-8")) for path in (tmp_path / "r").glob("*-result.json")]
    assert all(one["parameters"][0]["value"].startswith(HOSTILE[:40]) for one in told)


def test_a_run_that_is_none_is_one_sentence(tmp_path: Any) -> None:
    one_sentence(tool("allure", "absent", "-o", "out", cwd=tmp_path), "There is no absent")
