"""What a run leaves of its image tasks: after Ctrl-C, after a crash, and by the command that cleans up."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import jsonschema_rs
import pytest

import llmapi_conformance.reporting
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.evidence.tasks import submitted_tasks
from llmapi_conformance.sending.embedded import start_reference
from llmapi_conformance.tree import ENVIRONMENT, tree
from tests.run.test_command_line import one_sentence, tool

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLE = "image:batch"
TASKS = "/v1/images/tasks"
SCHEMA = Path(llmapi_conformance.reporting.__path__[0]) / "verdicts.schema.json"


LEAVING = '''
"""Tasks that are left on purpose."""

import asyncio

from llmapi_conformance.sending.scenario import Cost, scenario


@scenario(surface="tasks", role="image:batch", cost=Cost(3), needs_upstream=True)
async def leaves_tasks(session):
    """Three tasks that go on while the scenario does nothing more."""
    for _ in range(3):
        prompt = session.prompt("hold-until=nobody")
        await session.post("/v1/images/tasks", json={"model": "gpt-image-2", "prompt": prompt})
    await asyncio.sleep(3600)
'''
CHECK = '''
from llmapi_conformance.judging.check import clause


@clause("TASK-L01")
def test_leaving(leaves_tasks):
    """Waits for ever."""
'''


@pytest.fixture(scope="module")
def leaving(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the suite has a scenario that leaves its tasks."""
    copy = tmp_path_factory.mktemp("tree")
    for folder in ("specs", "suites", "fixtures"):
        shutil.copytree(tree() / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "fixtures" / "scenarios" / "leaving.py").write_text(LEAVING, "utf-8")
    (copy / "suites" / "tasks" / "test_leaving.py").write_text(CHECK, "utf-8")
    return {ENVIRONMENT: str(copy)}


@pytest.fixture
def gateway() -> Iterator[dict[str, Any]]:
    """A reference gateway whose tasks outlive the runs against it."""
    running = start_reference()
    yield running.announcement
    running.stop()


def target_file(folder: Path, gateway: dict[str, Any], roles: tuple[str, ...] = (ROLE,)) -> str:
    """A target file of this gateway; its keys are in the variables of ``keys``."""
    parts = [
        f'name = "mine"\nbase_url = "{gateway["base_url"]}"',
        "[tasks]\nheartbeat_seconds = 1\nend_seconds = 60\nrunning = 2\nwaiting = 12",
        f'[upstream]\ncontrol_url = "{gateway["upstream_control_url"]}"',
    ]
    for number, role in enumerate(roles):
        models = json.dumps(gateway["models"].get(role, []))
        parts.append(f'[roles."{role}"]\nkey_env = "TASK_KEY_{number}"\nmodels = {models}')
    path = folder / "target.toml"
    path.write_text("\n\n".join(parts) + "\n", "utf-8")
    return str(path)


def keys(gateway: dict[str, Any], roles: tuple[str, ...] = (ROLE,)) -> dict[str, str]:
    return {f"TASK_KEY_{number}": gateway["keys"][role] for number, role in enumerate(roles)}


def active(gateway: dict[str, Any]) -> list[str]:
    """Ids of the tasks that go on at the gateway."""
    return [task["id"] for task in listed(gateway) if task["status"] in ("queued", "running")]


def cancelled(gateway: dict[str, Any]) -> list[str]:
    """Ids of the tasks that were cancelled; on a slow machine others have timed out meanwhile."""
    return [task["id"] for task in listed(gateway) if task["status"] == "canceled"]


def listed(gateway: dict[str, Any]) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {gateway['keys'][ROLE]}"}
    with httpx2.Client(trust_env=False) as client:
        found: list[dict[str, Any]] = client.get(gateway["base_url"] + TASKS, headers=headers).json()["data"]
    return found


@contextlib.contextmanager
def started(folder: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The tool in a session of its own, so that a signal reaches it alone."""
    with subprocess.Popen(
        [sys.executable, "-m", "llmapi_conformance", *arguments, "--report-dir", "out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "COLUMNS": "80", **environment},
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def killed(folder: Path, path: str, gateway: dict[str, Any], leaving: dict[str, str]) -> None:
    """A run that is killed when its tasks go on."""
    with started(folder, "run", "-t", path, "-k", "leaving", **keys(gateway), **leaving) as process:
        when_submitted(folder, process, 3)


def when_submitted(folder: Path, process: subprocess.Popen[str], count: int) -> None:
    """Wait until the recording holds so many tasks that go on."""
    recording = folder / "out" / "recording.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        begun = recording.exists() and b"\n" in recording.read_bytes()
        if begun and len(submitted_tasks(read_recording(recording).exchanges.values()).left) >= count:
            return
        time.sleep(0.02)
    raise AssertionError("the run submitted too little")


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_ends_its_tasks_and_says_so(
    tmp_path: Path, gateway: dict[str, Any], leaving: dict[str, str], sign: signal.Signals
) -> None:
    path = target_file(tmp_path, gateway)
    with started(tmp_path, "run", "-t", path, "-k", "leaving", **keys(gateway), **leaving) as process:
        when_submitted(tmp_path, process, 3)
        assert len(active(gateway)) == 3
        process.send_signal(sign)
        at = time.monotonic()
        said, complaint = process.communicate(timeout=400)
    assert time.monotonic() - at < 90
    assert process.returncode == 2, complaint
    assert "Traceback" not in said + complaint
    assert active(gateway) == []
    assert "3 image tasks submitted, all ended (3 by cancelling at the end)" in said
    assert "the run was interrupted" in said + complaint
    assert all(len(line) <= 80 for line in said.splitlines())
    recording = read_recording(tmp_path / "out" / "recording.jsonl")
    assert recording.damaged == ()
    assert recording.closing is not None
    assert recording.closing.reason == "the run was interrupted"
    document = json.loads((tmp_path / "out" / "verdicts.json").read_text("utf-8"))
    jsonschema_rs.validate(json.loads(SCHEMA.read_text("utf-8")), document)
    assert document["tasks"] == {"submitted": 3, "ended": 3, "cancelled_at_end": 3, "left": [], "unanswered": 0}
    # Judged again, it is no more to be trusted than it was.
    again = tool("judge", "out/recording.jsonl", "--report-dir", "again", cwd=tmp_path, **leaving)
    assert again.returncode == 2
    judged = json.loads((tmp_path / "again" / "verdicts.json").read_text("utf-8"))
    assert (judged["tasks"], judged["problems"]) == (document["tasks"], document["problems"])


def test_the_embedded_gateway_ends_its_tasks_though_ctrl_c_reaches_all(tmp_path: Path) -> None:
    with started(tmp_path, "run", "-k", "tasks or messages or chat or responses") as process:
        when_submitted(tmp_path, process, 2)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        said, complaint = process.communicate(timeout=400)
    assert process.returncode == 2, complaint
    document = json.loads((tmp_path / "out" / "verdicts.json").read_text("utf-8"))
    assert document["tasks"]["submitted"] == document["tasks"]["ended"] >= 2, said + complaint


def test_after_a_crash_the_tasks_are_ended_from_the_recording(
    tmp_path: Path, gateway: dict[str, Any], leaving: dict[str, str]
) -> None:
    path = target_file(tmp_path, gateway)
    killed(tmp_path, path, gateway, leaving)
    recording = tmp_path / "out" / "recording.jsonl"
    before = recording.read_bytes()
    recording.write_bytes(before + b'{"record":"exch')
    assert read_recording(recording).damaged
    assert active(gateway)
    done = tool("cleanup", "out/recording.jsonl", "--target", path, cwd=tmp_path, **keys(gateway))
    assert done.returncode == 0, done.stdout + done.stderr
    assert active(gateway) == []
    assert "3 image tasks submitted, all ended (3 by cancelling at the end)" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    # Asked once more, it finds nothing to do; the recording is as it was.
    again = tool("cleanup", "out/recording.jsonl", "--target", path, cwd=tmp_path, **keys(gateway))
    assert (again.returncode, "all ended" in again.stdout) == (0, True)
    assert recording.read_bytes() == before + b'{"record":"exch'


def test_a_gateway_that_goes_away_makes_no_findings_and_one_sentence(tmp_path: Path) -> None:
    running = start_reference()
    path = target_file(tmp_path, running.announcement)
    with started(tmp_path, "run", "-t", path, "-k", "tasks or http", **keys(running.announcement)) as process:
        when_submitted(tmp_path, process, 2)
        running.process.kill()
        at = time.monotonic()
        said, complaint = process.communicate(timeout=400)
    running.stop()
    assert time.monotonic() - at < 60
    assert process.returncode == 2, said + complaint
    assert "the gateway stopped answering: none of the last" in said.replace("\n", " ")
    assert "cleanup" in said
    document = json.loads((tmp_path / "out" / "verdicts.json").read_text("utf-8"))
    assert len(document["problems"]) == 1
    found = {one["verdict"]: one["id"] for one in document["clauses"]}
    assert "error" not in found, found["error"]
    assert "failed" not in found, found["failed"]
    assert "warned" not in found, found["warned"]
    assert "inconclusive" in found
    assert read_recording(tmp_path / "out" / "recording.jsonl").damaged == ()
    # Judged again, it says the same.
    assert tool("judge", "out/recording.jsonl", "--report-dir", "again", cwd=tmp_path).returncode == 2
    judged = json.loads((tmp_path / "again" / "verdicts.json").read_text("utf-8"))
    assert (judged["clauses"], judged["problems"]) == (document["clauses"], document["problems"])


@pytest.fixture
def left_behind(tmp_path: Path, gateway: dict[str, Any], leaving: dict[str, str]) -> str:
    """The target file of a run that was killed; its recording is in ``out``."""
    path = target_file(tmp_path, gateway)
    killed(tmp_path, path, gateway, leaving)
    return path


def test_what_can_not_be_ended_is_named_in_a_line_each(
    tmp_path: Path, gateway: dict[str, Any], left_behind: str
) -> None:
    wrong = dict.fromkeys(keys(gateway), "sk-llmapi-" + "0" * 40)
    done = tool("cleanup", "out/recording.jsonl", "-t", left_behind, cwd=tmp_path, **wrong)
    assert done.returncode == 2
    left = submitted_tasks(read_recording(tmp_path / "out" / "recording.jsonl").exchanges.values()).left
    lines = [line for line in done.stdout.splitlines() if line.startswith("left: ")]
    assert [task.id in line for task, line in zip(left, lines, strict=True)] == [True] * 3
    assert not any(key in done.stdout + done.stderr for key in wrong.values())
    assert cancelled(gateway) == []


def test_a_clean_up_that_can_not_begin_is_one_sentence(
    tmp_path: Path, gateway: dict[str, Any], left_behind: str
) -> None:
    command = ("cleanup", "out/recording.jsonl", "--target")
    one_sentence(tool("cleanup", "absent", "-t", left_behind, cwd=tmp_path, **keys(gateway)), "there is no recording")
    one_sentence(tool(*command, "absent.toml", cwd=tmp_path), "Can't read the target file")
    one_sentence(tool(*command, left_behind, cwd=tmp_path), "TASK_KEY_0 is not set")
    text = Path(left_behind).read_text("utf-8")
    (tmp_path / "other.toml").write_text(text.replace(gateway["base_url"], "http://127.0.0.1:1"), "utf-8")
    one_sentence(tool(*command, "other.toml", cwd=tmp_path, **keys(gateway)), "names http://127.0.0.1:1")
    (tmp_path / "role.toml").write_text(text.replace('"image:batch"', '"general:openai"'), "utf-8")
    one_sentence(tool(*command, "role.toml", cwd=tmp_path, **keys(gateway)), "belong to image:batch", "add the role")
    assert cancelled(gateway) == []


def test_a_dead_gateway_is_told_quickly(tmp_path: Path, leaving: dict[str, str]) -> None:
    running = start_reference()
    path = target_file(tmp_path, running.announcement)
    killed(tmp_path, path, running.announcement, leaving)
    running.stop()
    at = time.monotonic()
    done = tool("cleanup", "out/recording.jsonl", "-t", path, cwd=tmp_path, **keys(running.announcement))
    assert time.monotonic() - at < 40
    assert done.returncode == 2
    assert "left: " in done.stdout
