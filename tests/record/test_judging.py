"""``judge`` reads what a pass-through has recorded: it finds faults in the traffic of clients, and makes none up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import yaml
from websockets.asyncio.client import connect

from llmapi_conformance.sending.embedded import start_reference
from tests.kill.suite import found
from tests.run.secret_search import leaks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEADLINE = 400
TOOL = (sys.executable, "-m", "llmapi_conformance")


@dataclass
class Recorded:
    """A recording that the command made."""

    folder: Path
    keys: dict[str, str]
    printed: str

    def tool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*TOOL, *arguments], capture_output=True, text=True, timeout=DEADLINE, check=False, cwd=self.folder
        )

    def judged(self) -> tuple[int, dict[str, Any], str]:
        done = self.tool("judge", "recording.jsonl", "--report-dir", str(self.folder))
        assert (self.folder / "verdicts.json").exists(), done.stdout + done.stderr
        document: dict[str, Any] = json.loads((self.folder / "verdicts.json").read_text("utf-8"))
        return done.returncode, document, done.stdout + done.stderr


def write_target(folder: Path, announced: dict[str, Any]) -> dict[str, str]:
    """A target file for a running reference; the environment with its keys."""
    lines = [f'name = "reference"\nbase_url = "{announced["base_url"]}"\n']
    environment = dict(os.environ)
    for number, (role, key) in enumerate(announced["keys"].items()):
        environment[f"KEY_{number}"] = key
        models = json.dumps(announced["models"].get(role.partition("+")[0], []))
        lines.append(f'[roles."{role}"]\nkey_env = "KEY_{number}"\nmodels = {models}\n')
    (folder / "target.toml").write_text("".join(lines), "utf-8")
    return environment


@contextlib.contextmanager
def recording(folder: Path, announced: dict[str, Any], *options: str) -> Iterator[tuple[str, list[str]]]:
    """The command while it runs: its base URL, and where its output goes when it has ended."""
    environment = write_target(folder, announced)
    command = [*TOOL, "record", "-t", "target.toml", "-o", str(folder), *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder, env=environment
    )
    printed: list[str] = []
    try:
        assert process.stdout is not None
        printed.append(process.stdout.readline())
        yield printed[0].split()[1], printed
        if process.poll() is None and "--for" not in options and "--max-exchanges" not in options:
            process.send_signal(signal.SIGINT)
        printed += [process.communicate(timeout=DEADLINE)[0], str(process.returncode)]
    finally:
        process.kill()
        process.wait()


def talk(url: str, keys: dict[str, str]) -> None:
    """What some clients say: plain, as a stream, over WebSocket, with a wrong key, and on a path that nobody knows."""
    asked = [{"role": "user", "content": "Say something."}]
    with httpx2.Client(base_url=url, timeout=20) as client:
        for stream in (False, True):
            for path, role, body in (
                ("/v1/messages", "general:anthropic", {"model": "claude-sonnet-4-5", "max_tokens": 64}),
                ("/v1/chat/completions", "general:openai", {"model": "gpt-5.1"}),
            ):
                answer = client.post(
                    path,
                    headers={"Authorization": f"Bearer {keys[role]}"},
                    json={**body, "messages": asked, "stream": stream},
                )
                assert answer.status_code == 200
        assert client.get("/v1/models", headers={"x-api-key": "sk-nobody-knows-this-one-0123"}).status_code == 401
        assert client.get("/nothing/here").status_code == 404
    asyncio.run(turn(url, keys["general:openai"]))


async def turn(url: str, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    async with connect(url.replace("http", "ws") + "/v1/responses", additional_headers=headers) as client:
        await client.send(json.dumps({"type": "response.create", "model": "gpt-5.1", "input": "Say something."}))
        async for message in client:
            if json.loads(message)["type"] in ("response.completed", "error"):
                break


def recorded_with(folder: Path, fault: str = "") -> Recorded:
    running = start_reference(fault=fault)
    try:
        with recording(folder, running.announcement) as (url, printed):
            talk(url, running.announcement["keys"])
    finally:
        running.stop()
    return Recorded(folder, running.announcement["keys"], "".join(printed))


@pytest.fixture(scope="module")
def conforming(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return recorded_with(tmp_path_factory.mktemp("conforming"))


def test_the_traffic_of_a_conforming_gateway_is_judged_and_nothing_is_found(conforming: Recorded) -> None:
    status, document, printed = conforming.judged()
    assert (status, document["headline"], document["problems"]) == (0, "conformant", [])
    assert not found(document)
    verdicts = document["figures"]["verdicts"]
    assert verdicts["passed"] >= 100
    passed = {one["surface"] for one in document["clauses"] if one["verdict"] == "passed"}
    assert passed >= {"messages", "chat", "websocket", "http", "errors"}
    assert set(verdicts) <= {"passed", "noted", "not_observed", "not_offered"}
    reasons = {one["reason"] for one in document["clauses"] if one["verdict"] == "not_observed"}
    assert any("no such scenario was recorded" in reason for reason in reasons)
    assert "recorded client traffic" in printed
    for page in ("summary.md", "report.html"):
        assert "recorded client traffic" in (conforming.folder / page).read_text("utf-8")


def test_a_recording_is_whole_and_all_tools_read_it(conforming: Recorded) -> None:
    assert "7 exchanges, sealed" in conforming.printed
    conforming.judged()
    whole = conforming.tool("verify", str(conforming.folder))
    assert whole.returncode == 0
    assert "chained without a gap" in whole.stdout
    assert conforming.tool("har", "recording.jsonl", "run.har").returncode == 0
    entries = json.loads((conforming.folder / "run.har").read_text("utf-8"))["log"]["entries"]
    assert len(entries) == 7
    facts = yaml.safe_load(conforming.tool("record", "facts", "recording.jsonl").stdout)
    ours = [row for client, rows in facts.items() if client.startswith("python-httpx2") for row in rows]
    (streamed,) = [row for row in ours if row["path"] == "/v1/messages" and row["mode"] == "stream"]
    assert streamed["operation"] == "createMessage"
    assert streamed["key"] == ["authorization"]
    assert streamed["body"] == ["max_tokens", "messages", "model", "stream"]
    sockets = [row for client, rows in facts.items() if "websockets" in client for row in rows]
    assert sockets[0]["body"] == ["response.create: input, model, type"]


def test_no_key_is_in_anything_that_was_left(conforming: Recorded) -> None:
    conforming.judged()
    files = {path.name: path.read_bytes() for path in conforming.folder.iterdir() if path.is_file()}
    files["printed"] = conforming.printed.encode()
    assert {"recording.jsonl", "report.html", "verdicts.json"} <= set(files)
    assert not leaks(files, {**conforming.keys, "made up": "sk-nobody-knows-this-one-0123"})


@pytest.mark.parametrize(("fault", "clause"), [("M15", "CHAT-S04"), ("S02", "MSG-S03"), ("W05", "WS-F02")])
def test_a_fault_is_found_in_the_traffic_of_clients(tmp_path: Path, fault: str, clause: str) -> None:
    recorded = recorded_with(tmp_path, fault)
    status, document, _ = recorded.judged()
    assert status == 1
    assert clause in found(document)


@pytest.mark.parametrize("options", [("--max-exchanges", "2"), ("--for", "1.5")])
def test_a_recording_ends_by_itself_when_it_is_told_to(tmp_path: Path, options: tuple[str, str]) -> None:
    running = start_reference()
    try:
        with recording(tmp_path, running.announcement, *options) as (url, printed):
            for _ in range(2):
                assert httpx2.get(f"{url}/v1/models").status_code == 401
    finally:
        running.stop()
    assert printed[-1] == "0"
    assert "2 exchanges, sealed" in printed[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--target FILE, or --to URL"),
        (("--to", "gateway.example"), "must start with http://"),
        (("--to", "http://127.0.0.1:1", "--as", "general:openai"), "--as needs the keys of a target file"),
        (("--to", "http://127.0.0.1:1", "--listen", "8088"), "is no address"),
        (("--to", "http://127.0.0.1:1", "--listen", "203.0.113.7:1"), "can't be listened on"),
        (("--target", "nowhere.toml"), "Can't read the target file"),
    ],
)
def test_what_cannot_be_recorded_is_said_in_one_sentence(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = subprocess.run(
        [*TOOL, "record", *arguments, "-o", "out"],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
