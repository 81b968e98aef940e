"""Commands that make reports of runs, and what a run says while it goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

import llmapi_conformance.reporting
from tests.kill.suite import run_suite
from tests.run.test_command_line import one_sentence, tool

SCHEMA = Path(llmapi_conformance.reporting.__path__[0]) / "verdicts.schema.json"


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a good run ``old`` and a run ``new`` of the same gateway with a fault."""
    folder = tmp_path_factory.mktemp("nights")
    assert run_suite(folder / "old", "-k", "CHAT-S04 or CHAT-S01")[0] == 0
    assert run_suite(folder / "new", "-k", "CHAT-S04 or CHAT-S01", "--fault", "M15")[0] == 1
    return folder


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_comparison_names_what_broke_and_gates(nights: Path) -> None:
    done = tool("compare", "old", "new", "--no-times", cwd=nights)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1] == "worse: 1 broke"
    assert "CHAT-S04  passed -> failed" in done.stdout
    back = tool("compare", "new", "old", "--no-times", "--format", "json", cwd=nights)
    assert back.returncode == 0
    assert [(one["kind"], one["clause"]) for one in json.loads(back.stdout)["changes"]] == [("mended", "CHAT-S04")]
    same = tool("compare", "new/verdicts.json", "new", "--slower-by", "1.0", "--slower-ms", "0", cwd=nights)
    assert same.returncode == 0, same.stdout
    assert "broken as before (1)" in same.stdout


def test_times_are_compared_where_the_recordings_are_there(nights: Path, tmp_path: Path) -> None:
    assert "times: not compared" not in tool("compare", "old", "new", cwd=nights).stdout
    (tmp_path / "verdicts.json").write_bytes((nights / "new" / "verdicts.json").read_bytes())
    done = tool("compare", str(nights / "old"), str(tmp_path), cwd=tmp_path)
    assert done.returncode == 1
    assert "no recording.jsonl lies beside the new verdicts.json" in " ".join(done.stdout.split())


def test_what_is_no_run_is_one_sentence(tmp_path: Path, nights: Path) -> None:
    one_sentence(tool("compare", "absent", "absent", cwd=tmp_path), "There is no absent", "folder of a run")
    one_sentence(tool("matrix", str(nights / "old" / "junit.xml"), "-o", "out", cwd=tmp_path), "no verdicts.json")
    one_sentence(tool("badge", str(nights / "old"), "-o", "badge.png", cwd=tmp_path), "neither .svg nor .json")
    (tmp_path / "file").write_text("")
    one_sentence(tool("summary", str(nights / "old"), "-o", "file/summary.md", cwd=tmp_path), "can't be written")


def test_every_report_of_a_run_can_be_made_from_its_folder(nights: Path, tmp_path: Path) -> None:
    new = str(nights / "new")
    done = tool("matrix", str(nights / "old"), new, "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "CHAT-S04" in (tmp_path / "out" / "matrix.md").read_text("utf-8")
    assert "report.html#CHAT-S04" in (tmp_path / "out" / "matrix.html").read_text("utf-8")
    assert tool("badge", new, "-o", "b.svg", "-o", "b.json", "--label", "mine", cwd=tmp_path).returncode == 0
    assert "mine: 1 of " in (tmp_path / "b.svg").read_text("utf-8")
    assert json.loads((tmp_path / "b.json").read_text("utf-8"))["label"] == "mine"
    assert tool("sarif", new, "-o", "r.sarif", "--place", "target.toml", cwd=tmp_path).returncode == 0
    results = json.loads((tmp_path / "r.sarif").read_text("utf-8"))["runs"][0]["results"]
    assert {one["ruleId"] for one in results} == {"CHAT-S04"}
    told = tool("annotate", new, "--system", "github", "--place", "target.toml", cwd=tmp_path)
    assert told.stdout.startswith("::error file=target.toml,line=1,title=CHAT-S04 failed::")
    assert tool("annotate", new, "--system", "gitlab", cwd=tmp_path).returncode == 0
    entries = json.loads((nights / "new" / "gl-code-quality-report.json").read_text("utf-8"))
    assert {one["check_name"] for one in entries} == {"CHAT-S04"}
    summary = tool("summary", new, cwd=tmp_path)
    assert summary.stdout == (nights / "new" / "summary.md").read_text("utf-8")


def test_a_run_says_what_happens_and_that_it_ended(nights: Path) -> None:
    told = events(nights / "new" / "events.jsonl")
    kinds = [one["event"] for one in told]
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_ended"
    assert set(kinds) == {"run_started", "scenario_done", "check_judged", "finding", "run_ended"}
    assert {one["clause"] for one in told if one["event"] == "finding"} == {"CHAT-S04"}
    assert told[-1]["exit_status"] == 1
    suite = ET.parse(nights / "new" / "junit.xml").getroot()  # noqa: S314 - our own
    assert suite.get("failures") == "1"


def test_judging_again_tells_the_same_findings(nights: Path, tmp_path: Path) -> None:
    recording = str(nights / "new" / "recording.jsonl")
    assert tool("judge", recording, "--report-dir", "again", cwd=tmp_path).returncode == 1
    told = events(tmp_path / "again" / "events.jsonl")
    assert told[0]["replay"] is True
    assert {one["clause"] for one in told if one["event"] == "finding"} == {"CHAT-S04"}
    assert told[-1]["event"] == "run_ended"
    assert (tmp_path / "again" / "junit.xml").read_bytes() == (nights / "new" / "junit.xml").read_bytes()
    assert (tmp_path / "again" / "summary.md").read_bytes() == (nights / "new" / "summary.md").read_bytes()


def test_a_run_that_was_killed_left_events_without_their_end(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "llmapi_conformance", "run", "--delay-ms", "400", "--report-dir", str(tmp_path)]
    path = tmp_path / "events.jsonl"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not (path.exists() and "scenario_done" in path.read_text("utf-8")):
            assert time.monotonic() < deadline, "no scenario came out"
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    kinds = {
        json.loads(line)["event"] for line in path.read_text("utf-8").splitlines(keepends=True) if line[-1] == "\n"
    }
    assert "run_started" in kinds
    assert "run_ended" not in kinds


def test_a_run_that_found_no_gateway_says_so_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "target.toml").write_text(
        'name = "mine"\nbase_url = "http://127.0.0.1:1"\n[roles."general:openai"]\nkey_env = "K"\nmodels = ["m"]\n'
    )
    done = tool("run", "-t", "target.toml", "--report-dir", "out", cwd=tmp_path, K="sk-" + "0" * 40)
    one_sentence(done, "refused")
    end = events(tmp_path / "out" / "events.jsonl")[-1]
    assert (end["event"], end["exit_status"]) == ("run_ended", 2)
    assert tool("compare", "out", "out", cwd=tmp_path).returncode == 2


def test_a_run_and_its_judgement_count_only_what_the_baseline_does_not_know(nights: Path, tmp_path: Path) -> None:
    recording = str(nights / "new" / "recording.jsonl")
    for baseline, status, last in (("new", 0, "no new failures"), ("old/verdicts.json", 1, "1 new (CHAT-S04)")):
        done = tool("judge", recording, "--baseline", str(nights / baseline), "--report-dir", "again", cwd=tmp_path)
        assert done.returncode == status, done.stdout
        assert last in done.stdout
        told = json.loads((tmp_path / "again" / "verdicts.json").read_text("utf-8"))
        assert (told["exit_status"], events(tmp_path / "again" / "events.jsonl")[-1]["exit_status"]) == (status, status)
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
    validator.validate(told)


def test_a_baseline_that_is_none_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    one_sentence(tool("run", "--baseline", "absent", cwd=tmp_path), "There is no absent", "folder of a run")
    assert not (tmp_path / "reports").exists()
