"""What a user meets: one clear sentence, the right exit status, in bounded time."""

from __future__ import annotations

import base64
import json
import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WRONG_KEY = "sk-llmapi-" + "0" * 40


def tool(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line tool in a folder of its own."""
    return subprocess.run(
        [sys.executable, "-m", "llmapi_conformance", *arguments],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "80", **environment},
    )


def target_file(folder: Path, base_url: str, roles: tuple[str, ...] = ("general:openai",), more: str = "") -> str:
    """Write a target file whose keys come from KEY_0, KEY_1, ..."""
    parts = [f'name = "mine"\nbase_url = "{base_url}"\n{more}']
    models = {"general:openai": "gpt-5.1", "general:anthropic": "claude-sonnet-4-5"}
    for number, role in enumerate(roles):
        parts.append(f'[roles."{role}"]\nkey_env = "KEY_{number}"\nmodels = ["{models[role]}"]\n')
    path = folder / "target.toml"
    path.write_text("\n".join(parts), "utf-8")
    return str(path)


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Accepts connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    for connection in held:
        connection.close()


def one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    said = done.stderr.strip()
    assert said.startswith("llmapi-conformance: "), said
    assert "\n" not in said
    assert "Traceback" not in done.stdout + done.stderr
    for word in words:
        assert word in said


def test_an_unreachable_host_is_one_sentence(tmp_path: Path) -> None:
    path = target_file(tmp_path, "http://127.0.0.1:1")
    one_sentence(tool("run", "-t", path, cwd=tmp_path, KEY_0=WRONG_KEY), "refused", "base_url")


def test_a_server_that_never_answers_is_one_sentence_in_bounded_time(tmp_path: Path, silent_server: str) -> None:
    started = time.monotonic()
    done = tool("run", "-t", target_file(tmp_path, silent_server), cwd=tmp_path, KEY_0=WRONG_KEY)
    one_sentence(done, "10 s")
    assert time.monotonic() - started < 60


def test_a_wrong_key_is_one_sentence_that_does_not_show_it(tmp_path: Path, reference: dict[str, Any]) -> None:
    path = target_file(tmp_path, reference["base_url"])
    done = tool("run", "-t", path, cwd=tmp_path, KEY_0=WRONG_KEY)
    one_sentence(done, "accepted no key", "general:openai with 401")
    assert WRONG_KEY not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "-t", "absent.toml"), ("Can't read the target file",)),
        (("run", "--profile", "gat"), ("no profile 'gat'", "gate, probe, acceptance")),
        (("run", "--fault", "M99"), ("no fault M99", "M15")),
        (("run", "--variation", "C99"), ("no variation C99",)),
        (("run", "-t", "x.toml", "--fault", "M15"), ("leave out --target",)),
        (("judge", "absent.jsonl"), ("there is no recording",)),
        (("clauses", "show", "MSG-Q99"), ("There is no clause MSG-Q99",)),
        (("plan", "-k", "nothing_like_it"), ("No check matches 'nothing_like_it'",)),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    one_sentence(tool(*arguments, cwd=tmp_path), *words)


def test_one_key_is_enough_and_what_it_can_not_show_is_said(tmp_path: Path, reference: dict[str, Any]) -> None:
    path = target_file(tmp_path, reference["base_url"], more='offers = ["auth", "access", "chat", "models"]\n')
    key = reference["keys"]["general:openai"]
    done = tool("run", "-t", path, "-k", "chat or models", "--report-dir", "out", cwd=tmp_path, KEY_0=key)
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads((tmp_path / "out" / "verdicts.json").read_text("utf-8"))
    verdicts = [(one["verdict"], one["reason"]) for one in document["clauses"] if one["surface"] == "chat"]
    assert sum(verdict == "passed" for verdict, _ in verdicts) > 30
    assert {verdict for verdict, _ in verdicts} == {"passed", "not_observed"}
    assert any("needs our upstream" in reason for _, reason in verdicts)


def test_a_plan_names_costs_and_obstacles_and_needs_no_network(tmp_path: Path) -> None:
    path = target_file(tmp_path, "http://127.0.0.1:1")
    done = tool("plan", "-t", path, "-k", "messages", cwd=tmp_path, KEY_0=WRONG_KEY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no key for role general:anthropic" in done.stdout
    assert "within the limits of the profile gate" in done.stdout
    assert "requests" in done.stdout


def test_no_key_is_in_anything_that_a_run_leaves(tmp_path: Path, reference: dict[str, Any]) -> None:
    roles = ("general:openai", "general:anthropic")
    path = target_file(tmp_path, reference["base_url"], roles)
    environment = {f"KEY_{number}": reference["keys"][role] for number, role in enumerate(roles)}
    command = ("run", "-t", path, "-k", "auth or errors", "--report-dir", "out")
    done = tool(*command, cwd=tmp_path, **environment)
    assert done.returncode in (0, 1)
    recording = str(tmp_path / "out" / "recording.jsonl")
    assert tool("har", recording, "out/run.har", cwd=tmp_path).returncode == 0
    left = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {"recording.jsonl", "verdicts.json", "junit.xml", "summary.md", "events.jsonl", "run.har"}
    left += [done.stdout.encode(), done.stderr.encode()]
    for key in environment.values():
        for form in (key.encode(), base64.b64encode(key.encode())[:-4], key[:-1].encode(), key.swapcase().encode()):
            assert not any(form in part for part in left)
    assert any(b"[[key:general:openai]]" in part for part in left)
    assert (tmp_path / "out" / "recording.jsonl").stat().st_mode & 0o077 == 0


def test_plain_pytest_gives_the_same_exit_status_and_verdicts(tmp_path: Path, reference: dict[str, Any]) -> None:
    from llmapi_conformance.tree import tree  # noqa: PLC0415 - only this test asks where the suites are

    path = target_file(tmp_path, reference["base_url"], ("general:anthropic",))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tree() / "suites")]
    environment = {**os.environ, "KEY_0": reference["keys"]["general:anthropic"]}
    options = ["--target", path, "--report-dir", str(tmp_path / "out"), "-k", "MSG-N02"]
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, timeout=400, check=False, env=environment, cwd=tree()
    )
    assert done.returncode == 0, done.stdout
    document = json.loads((tmp_path / "out" / "verdicts.json").read_text("utf-8"))
    assert next(one["verdict"] for one in document["clauses"] if one["id"] == "MSG-N02") == "passed"


def test_checks_without_a_target_say_how_to_name_one() -> None:
    from llmapi_conformance.tree import tree  # noqa: PLC0415 - see above

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tree() / "suites" / "models")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False, cwd=tree())
    assert done.returncode != 0
    assert "Name a target" in done.stdout + done.stderr


def test_a_red_build_says_in_one_line_what_broke_and_how_to_see_it_again(tmp_path: Path) -> None:
    done = tool("run", "--fault", "M15", "-k", "chat", "--generate", "0", "--report-dir", "out", cwd=tmp_path)
    assert done.returncode == 1
    last = [line for line in done.stdout.splitlines() if "reference gateway: findings" in line]
    assert last
    assert "CHAT-S04" in last[0]
    assert "curl -sS" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    junit = (tmp_path / "out" / "junit.xml").read_text("utf-8")
    assert 'name="CHAT-S04 A stream ends with' in junit
    assert "expected" in junit
    command = next(line for line in done.stdout.splitlines() if line.startswith("again: "))
    program, *words = shlex.split(command.removeprefix("again: "))
    assert (program, words[-1]) == ("llmapi-conformance", "CHAT-S04")
    once_more = tool(*words, "--report-dir", "twice", cwd=tmp_path)
    assert once_more.returncode == 1
    assert "findings: CHAT-S04" in once_more.stdout


def test_a_run_leaves_its_report_folder_and_nothing_else(tmp_path: Path) -> None:
    words = ("run", "-k", "test_generated and getUsage", "--generate", "2", "--report-dir", "out")
    assert tool(*words, cwd=tmp_path, HYPOTHESIS_STORAGE_DIRECTORY="").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_clauses_can_be_listed_searched_and_shown(tmp_path: Path) -> None:
    assert "MSG-S07" in tool("clauses", "list", "--surface", "messages", cwd=tmp_path).stdout
    assert "MSG-S07" in tool("clauses", "search", "message_stop", cwd=tmp_path).stdout
    shown = tool("clauses", "show", "msg-s07", cwd=tmp_path).stdout
    assert "A-S7" in shown
    assert tool("clauses", "search", "no such words anywhere", cwd=tmp_path).returncode == 1
