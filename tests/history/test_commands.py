"""The commands: a run that adds itself, and ``history`` with its exit statuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from llmapi_conformance.cli import app
from tests.history.receiver import receiver
from tests.history.weeks import past
from tests.reporting.runs import written

if TYPE_CHECKING:
    from typer.testing import Result

TOOL = Path(sys.executable).with_name("llmapi-conformance")


def call(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(app, ["history", *words], env=environment)


@pytest.fixture(autouse=True)
def work_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLMAPI_CONFORMANCE_HISTORY", raising=False)
    return tmp_path


def night(folder: Path, mark: str, day: int) -> str:
    return str(written(folder / f"night{day}", dict(past({"CHAT-S04": mark}, day=day).document)))


def test_a_week_from_adding_to_alerts(work_folder: Path) -> None:
    statuses = []
    for day, mark in enumerate("..FF.F."):
        added = call("add", night(work_folder, mark, day))
        assert (added.exit_code, added.output.strip()[-5:]) == (0, "added")
        statuses.append([call("alert").exit_code, call("alert").exit_code])
    assert statuses == [[0, 0], [0, 0], [10, 0], [0, 0], [11, 0], [10, 0], [0, 0]]
    assert "is there already" in call("add", "night3").output
    assert "CHAT-S04  ..FF.F.  4 of 6" in call("show").output
    assert "observed  it is not so" in call("clause", "CHAT-S04").output
    assert "67%" in call("flips").output
    assert json.loads(call("show", "--json").output)["series"][0]["target"] == "staging"
    assert "no times" in call("latency").output
    assert call("prune", "--keep-days", "1").output == "6 runs deleted\n"
    assert call("alert", "--target", "nobody").exit_code == 2


def test_a_webhook_that_takes_nothing_is_exit_status_2_unless_something_is_worse(work_folder: Path) -> None:
    with receiver(404) as received:
        hook = {"HOOK": received.url + "/T0KEN"}
        call("add", night(work_folder, "F", 0))
        first = call("alert", "--webhook-env", "HOOK", **hook)
        second = call("alert", "--webhook-env", "HOOK", **hook)
    with receiver() as received:
        third = call("alert", "--webhook-env", "HOOK", HOOK=received.url)
    assert [one.exit_code for one in (first, second, third)] == [10, 2, 0]
    assert len(received.requests) == 1
    assert "T0KEN" not in first.output + second.output
    assert call("alert", "--webhook-env", "NONE").exit_code == 2
    assert call("alert", "--webhook-secret-env", "NONE").exit_code == 2


def test_simulated_nights_have_the_time_that_they_are_given(work_folder: Path) -> None:
    call("add", night(work_folder, ".", 0), "--at", "2026-12-24T03:00:00")
    assert "12-24 03:00" in call("show").output
    refused = call("add", night(work_folder, ".", 1), night(work_folder, ".", 2), "--at", "2026-12-24T03:00:00")
    assert refused.exit_code == 2


@pytest.mark.parametrize("part", ["1/2", "1,3/3"])
def test_a_part_of_a_run_is_no_night_and_the_sentence_says_to_merge_first(work_folder: Path, part: str) -> None:
    whole = night(work_folder, ".", 1)
    selection = {"keyword": "", "fail_on_warned": False, "shard": part}
    shard = written(work_folder / "shard", dict(past({"CHAT-S04": "F"}, day=2, selection=selection).document))
    done = call("add", whole, str(shard))
    assert done.exit_code == 2
    assert f"is part {part} of a run, and no night of its own: merge all shards" in " ".join(done.stderr.split())
    assert not Path("reports/history.sqlite").exists()  # nor is what stood beside it added
    assert call("add", whole).output.strip().endswith("added")
    assert len(json.loads(call("show", "--json").output)["series"]) == 1


def test_metrics_go_to_a_file_or_to_standard_output(work_folder: Path) -> None:
    call("add", night(work_folder, "F", 0), "--at", "2999-01-01T00:00:00")
    shown = call("metrics")
    assert 'llmapi_conformance_run_exit_status{profile="probe",target="staging"} 1.0' in shown.output
    assert call("metrics", "-o", "x.prom").exit_code == 0
    assert (work_folder / "x.prom").read_text("utf-8") == shown.output


def test_what_is_not_there_is_exit_status_2_in_one_sentence() -> None:
    for words in (("show",), ("alert",), ("add", "nowhere"), ("clause", "CHAT-S04"), ("metrics",)):
        result = call(*words)
        assert result.exit_code == 2
        assert result.output.count("\n") == 1
        assert result.output.startswith("llmapi-conformance: ")


def test_no_command_shows_the_password_of_the_history() -> None:
    url = "postgresql://me:s3cr3t-of-the-history@127.0.0.1:1/none"
    for words in (("show",), ("alert",), ("metrics",), ("prune", "--keep-days", "3")):
        result = call(*words, LLMAPI_CONFORMANCE_HISTORY=url)
        assert result.exit_code == 2
        assert "postgresql://me@127.0.0.1:1/none can't be used" in result.output
        assert "s3cr3t" not in result.output


def run_once(work_folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TOOL, "run", "--generate", "0", "-k", "MSG-S07 and terminal", *words],
        cwd=work_folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def test_a_run_adds_itself_with_its_times_and_keeps_its_exit_status(work_folder: Path) -> None:
    ended = run_once(work_folder, "--history")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (series,) = json.loads(call("show", "--json").output)["series"]
    assert (series["target"], series["profile"], series["runs"][0]["exit_status"]) == ("reference gateway", "gate", 0)
    assert any(one["operation"] == "createMessage" for one in series["latencies"])
    (folder,) = [one for one in (work_folder / "reports").iterdir() if one.is_dir()]
    assert "is there already" in call("add", str(folder)).output


def test_a_history_that_cannot_be_used_is_one_line_and_changes_no_exit_status(work_folder: Path) -> None:
    (work_folder / "text").write_text("no database " * 100)
    for history in ("text", "mysql://me:s3cr3t@h/d"):
        ended = run_once(work_folder, "--history", LLMAPI_CONFORMANCE_HISTORY=history)
        assert ended.returncode == 0
        assert ended.stderr.startswith("llmapi-conformance: the run is not in the history: ")
        assert ended.stderr.count("\n") == 1
        assert "s3cr3t" not in ended.stderr


def test_without_its_extra_the_tool_runs_and_says_what_to_install() -> None:
    code = (
        "import sys\n"
        "for name in ('sqlalchemy', 'alembic', 'opentelemetry', 'prometheus_client'): sys.modules[name] = None\n"
        "sys.argv = ['llmapi-conformance', *sys.argv[1:]]\n"
        "from llmapi_conformance.cli import app\n"
        "app()\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, "history", "show"], capture_output=True, text=True, timeout=400, check=False
    )
    assert said.returncode == 2
    assert said.stderr.strip().endswith("is not installed: pip install 'llmapi-conformance[history]'.")
