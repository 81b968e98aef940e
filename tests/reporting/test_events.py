"""Events of a run: a line each, as they happen, and a closing record only where the run ended."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.errors import ReportError
from llmapi_conformance.evidence.results import ResultStatus
from llmapi_conformance.judging.oracle import Deviation
from llmapi_conformance.judging.verdicts import Terms
from llmapi_conformance.reporting.events import EventLog
from llmapi_conformance.tree import tree
from tests.judging.build import exchange
from tests.reporting.pages import seen
from tests.reporting.runs import HOSTILE, clause, document

if TYPE_CHECKING:
    from pathlib import Path

    from llmapi_conformance.judging.check import Check

TERMS = Terms(offers=frozenset({"chat", "messages"}))


def opened(path: Path) -> EventLog:
    return EventLog(path, target="staging", profile="gate", selection={"keyword": ""}, replay=False)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def judged(log: EventLog, check: Check) -> None:
    contract = load_contract(tree())
    log.check_judged(check, [contract.clauses[name] for name in check.clauses], TERMS)


def test_what_happens_is_there_at_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "events.jsonl"
    log = opened(path)
    assert [one["event"] for one in lines(path)] == ["run_started"]
    log.scenario_done("chat_stream", "general:openai", ResultStatus.DONE, "")
    judged(log, seen("CHAT-S04", [(exchange(), Deviation("one end", HOSTILE + "\ud800"))]))
    assert [one["event"] for one in lines(path)] == ["run_started", "scenario_done", "check_judged", "finding"]
    log.end(document(clause("CHAT-S04", "failed")))
    end = lines(path)[-1]
    assert (end["event"], end["exit_status"], end["verdicts"]) == ("run_ended", 1, {"failed": 1})
    found = lines(path)[3]
    assert (found["clause"], found["verdict"], found["observed"]) == ("CHAT-S04", "failed", HOSTILE + "\\ud800")
    assert path.stat().st_mode & 0o077 == 0


def test_a_run_that_did_not_end_has_no_closing_record(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = opened(path)
    log.close()
    log.scenario_done("late", "", ResultStatus.DONE, "")
    log.end(document())
    assert [one["event"] for one in lines(path)] == ["run_started"]


def test_the_same_deviation_is_told_once_and_what_is_not_offered_never(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = opened(path)
    for check in (seen("CHAT-S04", [(exchange(), Deviation("a", "b"))]) for _ in range(3)):
        judged(log, check)
    judged(log, seen("CHAT-S04", [(exchange(), Deviation("a", "c"))]))
    judged(log, seen("GEM-S01", [(exchange(), Deviation("a", "b"))]))
    log.close()
    findings = [one for one in lines(path) if one["event"] == "finding"]
    assert [(one["clause"], one["observed"]) for one in findings] == [("CHAT-S04", "b"), ("CHAT-S04", "c")]
    assert [one["verdicts"] for one in lines(path) if one["event"] == "check_judged"][-1] == {}


def test_events_of_several_threads_are_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = opened(path)

    def tell() -> None:
        for _ in range(50):
            log.scenario_done("x" * 3_000, "", ResultStatus.DONE, "")

    threads = [threading.Thread(target=tell) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert len(lines(path)) == 401


def test_events_of_an_earlier_run_in_the_folder_are_kept(tmp_path: Path) -> None:
    opened(tmp_path / "events.jsonl").close()
    opened(tmp_path / "events.jsonl").close()
    assert {path.name for path in tmp_path.iterdir()} == {"events.jsonl", "events.previous.jsonl"}
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="can't be written"):
        opened(tmp_path / "file" / "events.jsonl")
