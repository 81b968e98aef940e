"""A client's process: its deadline, its output, its children, and what it sees of us."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from llmapi_conformance.clients import driving
from llmapi_conformance.tree import tree

KEY = "sk-llmapi-of-a-client"


def run(code: str, folder: Path, *, seconds: float = 20.0, given: str = "", **environment: str) -> driving.Ended:
    command = [sys.executable, "-c", code]
    return asyncio.run(
        driving.run_process(command, environment=environment, given=given, seconds=seconds, folder=folder)
    )


def lives(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_client_sees_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", KEY)
    ended = run("import json, os; print(json.dumps(dict(os.environ)))", tmp_path, GATEWAY_KEY="given")
    seen = json.loads(ended.output)
    assert seen["HOME"] == str(tmp_path)
    assert {"SOME_API_KEY"} & set(seen) == set()
    assert seen["GATEWAY_KEY"] == "given"


def test_a_client_whose_time_is_up_is_ended_with_what_it_started(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(300)\n"
    )
    begun = time.monotonic()
    ended = run(code, tmp_path, seconds=2.0)
    assert time.monotonic() - begun < 60
    assert ended.status is None
    assert ended.why == "no end within 2 s"
    deadline = time.monotonic() + 30
    while lives(int(ended.output)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not lives(int(ended.output))


def test_children_of_a_client_that_has_ended_are_ended_too(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        "print(child.pid, flush=True)\n"
    )
    ended = run(code, tmp_path)
    assert ended.status == 0
    deadline = time.monotonic() + 30
    while lives(int(ended.output)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not lives(int(ended.output))


def test_of_a_client_that_talks_without_end_only_the_beginning_is_read(tmp_path: Path) -> None:
    ended = run("print('x' * 3_000_000)", tmp_path)
    assert len(ended.output) == driving.MOST_OUTPUT


def test_a_client_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    ended = run("import sys; print('first', file=sys.stderr); sys.exit('no such model')", tmp_path)
    assert ended.why == "exit status 1: no such model"


def test_a_program_that_is_not_there_is_told_and_not_raised(tmp_path: Path) -> None:
    command = [str(tmp_path / "nobody")]
    ended = asyncio.run(driving.run_process(command, environment={}, given="", seconds=5, folder=tmp_path))
    assert "No such file" in ended.why


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script with cases that behave in every way."""
    shutil.copy(tree() / "fixtures" / "clients" / "told.py", tmp_path)
    path = tmp_path / "some_sdk.py"
    path.write_text(
        "import os, sys, time\n"
        "from told import main\n"
        "def tells(orders): return [orders['key'] in open('/proc/self/cmdline').read(),"
        " orders['key'] in open('/proc/self/environ').read(), orders['key']]\n"
        "def raises(orders): raise LookupError(orders['base_url'])\n"
        "def hangs(orders):\n"
        "    try: time.sleep(300)\n"
        "    except Exception: return 'swallowed'\n"
        "def dies(orders): os._exit(3)\n"
        "main({case.__name__: case for case in (tells, raises, hangs, dies)})\n",
        "utf-8",
    )
    return path


def told(script: Path, *cases: str) -> dict[str, Any]:
    orders = {"key": KEY, "cases": [{"label": one, "do": one, "base_url": f"http://{one}"} for one in cases]}
    return asyncio.run(driving.run_script([sys.executable, str(script)], orders, folder=script.parent, seconds=1.0))


@pytest.mark.skipif(not os.path.exists("/proc/self/cmdline"), reason="looks at /proc")  # noqa: PTH110
def test_a_key_reaches_a_script_by_its_input_alone(script: Path) -> None:
    assert told(script, "tells")["tells"]["value"] == [False, False, KEY]


def test_what_a_case_raises_and_what_comes_behind_it_are_told(script: Path) -> None:
    found = told(script, "raises", "tells")
    assert found["raises"]["raised"]["type"] == "LookupError"
    assert found["raises"]["raised"]["text"] == "http://raises"
    assert found["tells"]["value"][-1] == KEY


def test_a_case_has_its_own_deadline_and_the_next_one_is_run(script: Path) -> None:
    found = told(script, "hangs", "tells")
    assert found["hangs"]["ended"] == "no end within 1 s"
    assert found["tells"]["value"][-1] == KEY


def test_cases_behind_the_end_of_a_script_are_told_as_ended(script: Path) -> None:
    found = told(script, "tells", "dies", "raises")
    assert "value" in found["tells"]
    assert found["dies"]["ended"].startswith("exit status 3: ")
    assert found["raises"] == found["dies"]
