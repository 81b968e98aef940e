"""No file and no output that a run leaves holds a key, whatever the gateway says and however it says it."""

from __future__ import annotations

import base64
import contextlib
import os
import string
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.run.leaking_gateway import LeakingGateway
from tests.run.secret_search import leaks
from tests.sending.gateways import running

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLES = {
    "general:openai": "gpt-5.1",
    "general:anthropic": "claude-sonnet-4-5",
    "general:gemini": "gemini-2.5-pro",
    "image:batch": "gpt-image-2",
    "general:openai+second_key": "gpt-5.1",
    "general:openai+other_tenant": "gpt-5.1",
}
SELECTION = "chat or models or websocket or tasks"
ALPHABETS = (
    string.ascii_letters + string.digits,
    string.ascii_letters + string.digits + "-_",
    string.ascii_letters + string.digits + "+/=._~-",
    "".join(chr(code) for code in range(0x21, 0x7F)),
)
SEED = "2350326047"
"""Its keys look like escapes and like a header line, which found two leaks; REDACTION_SEED draws others."""
DEADLINE = 400.0
"""Seconds for one command on a busy machine."""


def a_secret(chance: Random, number: int) -> str:
    """Visible characters of one of four kinds; none is told from another by its beginning."""
    alphabet = ALPHABETS[number % len(ALPHABETS)]
    ends = string.ascii_letters + string.digits  # quotes around a value belong to no key
    return (
        "".join(chance.choice(ends) for _ in range(4))
        + "".join(chance.choice(alphabet) for _ in range(chance.randint(14, 50)))
        + "".join(chance.choice(ends) for _ in range(4))
    )


def target_of(folder: Path, url: str) -> Path:
    """A target with keys of several roles, and headers of three kinds that are secret."""
    common = (
        f'name = "leaking"\nbase_url = "{url}"\n'
        '[headers]\nX-Edge-Pass = { env = "EDGE" }\nProxy-Authorization = { env = "BASIC" }\nX-Via = { env = "VIA" }\n'
        "[timeouts]\nconnect = 2.0\nfirst_byte = 3.0\nidle = 1.0\ntotal = 5.0\n"
        "[tasks]\nend_seconds = 0.5\nheartbeat_seconds = 0.3\n[limits]\nconcurrency = 16\n"
    )
    parts = [common]
    for number, (role, model) in enumerate(ROLES.items()):
        parts.append(f'[roles."{role}"]\nkey_env = "KEY_{number}"\nmodels = ["{model}"]\n')
        parts.append(f'headers = {{ X-Role-Pass = {{ env = "PASS_{number}" }} }}\n')
    path = folder / "target.toml"
    path.write_text("".join(parts), "utf-8")
    return path


def secrets_by_variable(chance: Random) -> tuple[dict[str, str], dict[str, str]]:
    """What is exported, and what must be found nowhere."""
    names = [f"{kind}_{number}" for kind in ("KEY", "PASS") for number in range(len(ROLES))]
    secrets = {name: a_secret(chance, number) for number, name in enumerate([*names, "EDGE", "WORD", "TOKEN"])}
    basic = base64.b64encode(f"somebody:{secrets['WORD']}".encode()).decode()
    exported = {**secrets, "BASIC": f"Basic {basic}", "VIA": f"Bearer {secrets['TOKEN']}"}
    return exported, secrets


class Tool:
    """Runs commands of the real tool; keeps what they print and what the processes are called meanwhile."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.printed: dict[str, bytes] = {}
        self.command_lines: set[bytes] = set()
        self._environment = {**os.environ, "COLUMNS": "120", **environment}

    def __call__(self, *arguments: str, expect: tuple[int, ...] = (0,)) -> str:
        process = subprocess.Popen(
            [sys.executable, "-m", "llmapi_conformance", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self._environment,
        )
        with ThreadPoolExecutor(1) as pool:
            output = pool.submit(process.communicate, timeout=DEADLINE)
            while not output.done():
                self.command_lines |= set(command_lines_below(process.pid))
                time.sleep(0.05)
        stdout, stderr = output.result()
        self.printed[" ".join(arguments[:2])] = stdout + b"\n" + stderr
        assert process.returncode in expect, (arguments, stdout.decode(), stderr.decode())
        return stdout.decode()


def command_lines_below(pid: int) -> Iterator[bytes]:
    """Of a process and its children, where the machine tells."""
    with contextlib.suppress(OSError):
        yield Path(f"/proc/{pid}/cmdline").read_bytes()
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from command_lines_below(int(child))


@pytest.mark.timeout(600)
def test_nothing_that_a_run_leaves_holds_a_key(tmp_path: Path) -> None:
    seed = int(os.environ.get("REDACTION_SEED", SEED))
    exported, secrets = secrets_by_variable(Random(seed))  # noqa: S311 - made up
    gateway = LeakingGateway(list(secrets.values()))
    tool = Tool(tmp_path, exported)
    with running(gateway.handle) as url:
        target_of(tmp_path, url)
        tool("run", "-t", "target.toml", "-k", SELECTION, "--report-dir", "run", expect=(1, 2))
        answered = gateway.answers
        assert answered > 200
        capsules = tool("evidence", "run", "-o", "capsules", expect=(0, 1)).split()
        assert len(capsules) > 20
        tool("cleanup", "run/recording.jsonl", "-t", "target.toml", expect=(0, 2))
        for capsule in [one for one in capsules if tool_can_send(tmp_path / one)][:2]:
            name = Path(capsule).name
            tool("replay", capsule, "-t", "target.toml", "--report-dir", f"again-{name}", expect=(0, 1, 2))
        assert gateway.answers > answered
    tool("judge", "run/recording.jsonl", "--report-dir", "judged", expect=(1, 2))
    assert (tmp_path / "judged" / "verdicts.json").read_bytes() == (tmp_path / "run" / "verdicts.json").read_bytes()
    assert any(tmp_path.glob("again-*/verdicts.json"))
    reports = (
        ("report", "run", "-o", "report.html"),
        ("har", "run/recording.jsonl", "run.har"),
        ("compare", "run", "judged"),
        ("matrix", "run", "judged", "-o", "matrix"),
        ("badge", "run", "-o", "badge.svg", "-o", "badge.json"),
        ("summary", "run"),
        ("sarif", "run", "-o", "run.sarif"),
        ("allure", "run", "-o", "allure"),
        ("statement", "run", "--target", "target.toml"),
    )
    with ThreadPoolExecutor(3) as pool:
        for said in pool.map(lambda arguments: tool(*arguments, expect=(0, 1)), reports):
            assert said is not None
    tool("verify", "run")
    left = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for name in ("recording.jsonl", "verdicts.json", "report.html", "junit.xml", "summary.md", "events.jsonl"):
        assert f"run/{name}" in left
    assert len(left) > 100
    left |= {f"output of {name}": data for name, data in tool.printed.items()}
    left["command lines"] = b"\n".join(tool.command_lines)
    assert b"llmapi_conformance" in left["command lines"]
    found = leaks(left, secrets)
    assert not found, "\n".join(found[:40])


def tool_can_send(capsule: Path) -> bool:
    return b'"obstacle": ""' in (capsule / "capsule.json").read_bytes()
