"""The GitHub action, run step by step as GitHub would, with a gateway of somebody else's as the candidate."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from shutil import copy, copytree, ignore_patterns, which
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.gate.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS = ACTION["runs"]["steps"]
BASH = which("bash") or "bash"
NEED_GITHUB = ["actions/setup-python", "actions/upload-artifact"]
KEYWORD = "chat and stream"
"""Few checks, among them those of a stream's end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job shows of the action."""

    status: int
    log: str
    summary: str
    outputs: dict[str, str]

    @property
    def annotations(self) -> list[str]:
        return [line for line in self.log.splitlines() if line.startswith(("::error", "::warning", "::notice"))]


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the steps of a job share: $RUNNER_TEMP, with the suite installed by the action's own step."""
    folder = tmp_path_factory.mktemp("runner")
    step(folder, folder, STEPS[1], {"PYTHON": sys.executable, "SUITE": str(checkout(folder))})
    return folder


def checkout(folder: Path) -> Path:
    """The repository as GitHub fetches it at a ref: what an installation needs of it."""
    kept = folder / "action"
    names = [
        "action.yml",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "requirements",
        "src",
        "specs",
        "suites",
        "fixtures",
    ]
    kept.mkdir()
    for name in names:
        if (ROOT / name).is_dir():
            copytree(ROOT / name, kept / name, ignore=ignore_patterns("__pycache__"))
        else:
            copy(ROOT / name, kept)
    return kept


def step(runner: Path, workspace: Path, one: dict[str, Any], env: dict[str, str]) -> Outcome:
    """Run one step as the runner does: its script in a file, by bash with -e and -o pipefail."""
    script, summary, output = (runner / name for name in ("step.sh", "summary.md", "output.txt"))
    script.write_text(one["run"], "utf-8")
    for file in (summary, output):
        file.write_text("", "utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "LLMAPI_", "CI"))}
    told = {
        "RUNNER_TEMP": str(runner),
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(workspace),
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_OUTPUT": str(output),
    }
    done = subprocess.run(
        [BASH, "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
        cwd=workspace,
        env={**kept, **told, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    outputs = dict(line.split("=", 1) for line in output.read_text("utf-8").splitlines())
    return Outcome(done.returncode, done.stdout + done.stderr, summary.read_text("utf-8"), outputs)


def action(runner: Path, workspace: Path, **inputs: str) -> Outcome:
    """Run the step that does the work, with inputs in the place of the expressions that name them."""
    given = {name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()}
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    gate = next(one for one in STEPS if one.get("id") == "gate")
    env = {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: given[found[1]], value)
        for name, value in gate["env"].items()
    }
    return step(runner, workspace, gate, env)


def test_only_the_steps_that_need_github_are_not_run_here() -> None:
    used = [one["uses"].partition("@")[0] for one in STEPS if "uses" in one]
    assert used == NEED_GITHUB
    assert [bool("run" in one) for one in STEPS] == [False, True, True, False]


def test_no_input_becomes_part_of_a_script() -> None:
    assert not [one["name"] for one in STEPS if "${{" in one.get("run", "")]


@pytest.mark.timeout(300)
def test_a_release_is_let_through_when_nothing_new_fails_and_stopped_when_something_does(
    runner: Path, project: Path, keyway: Path
) -> None:
    healthy = f"exec '{keyway}' candidate.py"
    broken = f"exec '{keyway}' '{ROOT / 'tests' / 'gate' / 'broken_candidate.py'}' candidate.py"
    common = {"target": "target.toml", "ready": "/health", "keyword": KEYWORD, "generate": "0"}

    first = action(runner, project, candidate=healthy, **common)
    assert first.status == 1, first.log
    assert first.outputs["headline"] == "findings"
    (project / "llmapi-conformance-report" / "verdicts.json").rename(project / "baseline.json")
    before = json.loads((project / "baseline.json").read_text("utf-8"))
    failing = {one["id"] for one in before["clauses"] if one["verdict"] == "failed"}
    assert "CHAT-S04" not in failing
    assert failing

    again = action(runner, project, candidate=healthy, baseline="baseline.json", **common)
    assert again.status == 0, again.log
    assert again.outputs == {"exit-status": "0", "headline": "known", "report": "llmapi-conformance-report"}
    assert [line for line in again.annotations if line.startswith("::error")] == []
    assert re.search(r"Keyway 0\.2\.0 of [\d-]+: \d+ known findings, 0 new", again.summary)

    worse = action(runner, project, candidate=broken, baseline="baseline.json", **common)
    assert worse.status == 1, worse.log
    assert worse.outputs["exit-status"] == "1"
    errors = [line for line in worse.annotations if line.startswith("::error")]
    named = {found[1] for line in errors if (found := re.search(r"title=(\S+) failed::", line))}
    assert "CHAT-S04" in named
    assert not named & failing
    assert all(line.startswith("::error file=target.toml,line=1,") for line in errors)
    assert "CHAT-S04 failed" in worse.summary
    assert all(" | Again: llmapi-conformance gate --target target.toml --candidate " in line for line in errors)
    command = next(line for line in worse.log.splitlines() if line.startswith("again: "))
    program, *words = shlex.split(command.removeprefix("again: "))
    tool = str(runner / "llmapi-conformance" / "bin" / program)
    once_more = subprocess.run([tool, *words], cwd=project, capture_output=True, text=True, check=False, timeout=400)
    assert once_more.returncode == 1, once_more.stdout + once_more.stderr
    assert "Keyway 0.2.0: findings: CHAT-S04" in once_more.stdout
    assert nobody_listens(project)


@pytest.mark.timeout(120)
def test_a_candidate_that_does_not_start_is_told_and_leaves_nothing_running(runner: Path, project: Path) -> None:
    done = action(runner, project, target="target.toml", candidate="echo '::error::no such model list'; exit 3")
    assert done.status == 2
    start = "::error title=The gate could not be run::The candidate ended with status 3 before it served"
    assert [line[: len(start)] for line in done.annotations] == [start]
    assert "  | ::error::no such model list" in done.log
    assert nobody_listens(project)


@pytest.mark.timeout(120)
def test_gitlab_gets_the_same_gate_and_its_own_report(runner: Path, project: Path, keyway: Path) -> None:
    job = yaml.safe_load((ROOT / "ci" / "gitlab.yml").read_text("utf-8"))[".llmapi-conformance"]
    (project / ".llmapi-conformance").symlink_to(runner / "llmapi-conformance")
    variables = {
        **job["variables"],
        "LLMAPI_GATE_TARGET": "target.toml",
        "LLMAPI_GATE_CANDIDATE": f"exec '{keyway}' candidate.py",
        "LLMAPI_GATE_READY": "/health",
        "LLMAPI_GATE_KEYWORD": KEYWORD,
        "LLMAPI_GATE_GENERATE": "0",
        "GITHUB_ACTIONS": "",
        "GITLAB_CI": "true",
    }
    done = step(runner, project, {"run": job["script"][-1]}, variables)
    assert done.status == 1, done.log
    assert done.annotations == []
    reports = job["artifacts"]["reports"]
    assert all((project / path).is_file() for path in reports.values())
    entries = json.loads((project / reports["codequality"]).read_text("utf-8"))
    assert {one["location"]["path"] for one in entries} == {"target.toml"}


def test_gitlab_installs_nothing_that_was_not_named(runner: Path, project: Path) -> None:
    job = yaml.safe_load((ROOT / "ci" / "gitlab.yml").read_text("utf-8"))[".llmapi-conformance"]
    script = "\n".join(job["script"])
    done = step(runner, project, {"run": script}, {**job["variables"], "GITHUB_ACTIONS": ""})
    assert done.status != 0
    assert "LLMAPI_CONFORMANCE: set it to what pip shall install" in done.log
    assert not (project / ".llmapi-conformance").exists()


def test_a_job_that_is_cancelled_leaves_nothing_running(runner: Path, project: Path) -> None:
    port = ports_of(project)[0]
    mute = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(90)"
    candidate = f"exec '{sys.executable}' -c \"{mute}\""
    tool = str(runner / "llmapi-conformance" / "bin" / "llmapi-conformance")
    command = [tool, "gate", "-t", "target.toml", "--candidate", candidate]
    with subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True) as gate:
        deadline = time.monotonic() + 30
        while nobody_listens(project, any_of=True):
            assert time.monotonic() < deadline
            assert gate.poll() is None
            time.sleep(0.1)
        gate.send_signal(signal.SIGTERM)
        _, said = gate.communicate(timeout=30)
    assert gate.returncode == 2
    assert said == "llmapi-conformance: interrupted; upstream and candidate are stopped\n"
    assert nobody_listens(project)


def ports_of(project: Path) -> list[int]:
    """Of the candidate, and of the upstream's control surface."""
    candidate, control = re.findall(r"127\.0\.0\.1:(\d+)", (project / "target.toml").read_text("utf-8"))
    return [int(candidate), int(control)]


def nobody_listens(project: Path, *, any_of: bool = False) -> bool:
    """Whether candidate and upstream are gone, or one of them is not there."""
    gone = []
    for port in ports_of(project):
        with socket.socket() as probe:
            gone.append(bool(probe.connect_ex(("127.0.0.1", port))))
    return any(gone) if any_of else all(gone)
