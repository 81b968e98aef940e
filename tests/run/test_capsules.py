"""A finding leaves the run: its capsule stands alone, is judged alike, and is sent again with the fault or without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.reference.faults import FAULTS
from llmapi_conformance.sending.embedded import start_reference
from tests.kill.suite import run_suite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)  # each runs the suite several times

CAN_BE_SENT = {
    "M15": "a stream: one exchange suffices",
    "E01": "a check that takes several exchanges",
    "W05": "a WebSocket whose second turn goes on with the first",
    "A03": "a key in the query",
}
CANNOT = {
    "M02": "a key of a known look that nobody told us about",
    "TK01": "a stream of events that is left, of a task that an answer named",
}


of_any = pytest.mark.parametrize("found", [*CAN_BE_SENT, *CANNOT], indirect=True, scope="module")
of_sendable = pytest.mark.parametrize("found", [*CAN_BE_SENT], indirect=True, scope="module")
of_others = pytest.mark.parametrize("found", [*CANNOT], indirect=True, scope="module")


@dataclass(frozen=True)
class Found:
    """Capsules of a fault."""

    fault: str
    folders: tuple[Path, ...]


def tool(*arguments: object, env: dict[str, str] | None = None, cwd: Path | None = None) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "llmapi_conformance", *map(str, arguments)]
    environment = {**os.environ, **(env or {})}
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False, env=environment, cwd=cwd)
    return done.returncode, done.stdout, done.stderr


def target_file(folder: Path, announcement: dict[str, Any], *only: str) -> tuple[Path, dict[str, str]]:
    """A target file of a running reference gateway, and the environment that holds its keys."""
    keys = {role: key for role, key in announcement["keys"].items() if not only or role in only}
    parts = [f'name = "again"\nbase_url = "{announcement["base_url"]}"\n']
    parts += [f'[roles."{role}"]\nkey_env = "KEY_{number}"\n' for number, role in enumerate(keys)]
    path = folder / "target.toml"
    path.write_text("\n".join(parts), "utf-8")
    return path, {f"KEY_{number}": key for number, key in enumerate(keys.values())}


@pytest.fixture(scope="module")
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Capsules of every finding of the fault's clauses."""
    folder = tmp_path_factory.mktemp(request.param)
    run_suite(folder / "run", "--fault", request.param, "-k", " or ".join(FAULTS[request.param].clauses))
    status, out, err = tool("evidence", folder / "run", "-o", folder / "capsules")
    assert (status, err) == (0, "")
    folders = tuple(folder / "capsules" / line.rpartition("/")[2] for line in out.splitlines())
    assert folders
    assert all(one.is_dir() for one in folders)
    return Found(request.param, folders)


@pytest.fixture(scope="module")
def faulty(found: Found) -> Iterator[dict[str, Any]]:
    running = start_reference(fault=found.fault)
    yield running.announcement
    running.stop()


@pytest.fixture(scope="module")
def conforming() -> Iterator[dict[str, Any]]:
    running = start_reference()
    yield running.announcement
    running.stop()


def told(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "capsule.json").read_bytes())
    return document


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@of_any
def test_a_capsule_holds_what_it_says(found: Found) -> None:
    for folder in found.folders:
        document = told(folder)
        shown = read_recording(folder / "recording.jsonl").exchanges[document["exchange"]]
        assert shown.response is not None
        head, _, body = (folder / "response.http").read_bytes().partition(b"\r\n\r\n")
        assert head.startswith(f"{shown.response.http_version} {shown.status}\r\n".encode())
        chunks = b"".join(chunk.data for chunk in shown.response.chunks)
        assert body == chunks
        request = (folder / "request.http").read_bytes()
        assert request.startswith(f"{shown.request.method} {shown.request.target} HTTP/1.1\r\nHost: ".encode())
        assert request.endswith(b"\r\n\r\n" + shown.request.body)
        if shown.mode == "websocket":
            assert [frame["at"] for frame in lines(folder / "frames.jsonl")] == [one.at for one in shown.frames]
        if chunks:
            assert [chunk["at"] for chunk in lines(folder / "chunks.jsonl")] == [
                one.at for one in shown.response.chunks
            ]
        (entry,) = json.loads((folder / "exchange.har").read_bytes())["log"]["entries"]
        assert entry["_exchange"] == shown.id
        page = (folder / "README.txt").read_text("utf-8")
        words = " ".join(page.split())
        for text in (document["clause"]["statement"], document["finding"]["expected"], document["exchange"]):
            assert " ".join(text.split()) in words
        assert all(f"  {path.name} " in page for path in folder.iterdir() if path.name != "README.txt")


@of_any
def test_a_capsule_is_whole_and_judged_like_the_run(found: Found, tmp_path: Path) -> None:
    folder = found.folders[0]
    assert tool("verify", folder)[0] == 0
    document = told(folder)
    tool("judge", folder / "recording.jsonl", "--report-dir", tmp_path)
    judged = json.loads((tmp_path / "verdicts.json").read_bytes())
    assert judged["problems"] == []
    clause = next(one for one in judged["clauses"] if one["id"] == document["clause"]["id"])
    assert clause["verdict"] == document["clause"]["verdict"]
    same = ("verdict", "oracle", "expected", "observed", "exchange", "span", "curl")
    assert {name: document["finding"][name] for name in same} in [
        {name: one[name] for name in same} for one in clause["findings"]
    ]


@of_sendable
def test_a_capsule_that_can_be_sent_again_deviates_where_the_fault_is_and_nowhere_else(
    found: Found, faulty: dict[str, Any], conforming: dict[str, Any], tmp_path: Path
) -> None:
    for name, announcement, expected in (("faulty", faulty, 1), ("conforming", conforming, 0)):
        target, env = target_file(tmp_path, announcement)
        status, out, err = tool(
            "replay", found.folders[0], "-t", target, "--report-dir", tmp_path / name, env=env, cwd=tmp_path
        )
        assert (status, err) == (expected, ""), out
        clause = told(found.folders[0])["clause"]["id"]
        assert out.startswith(f"{clause} still deviates: " if expected else f"{clause} no longer deviates: ")
        left = [path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()]
        assert not any(key.encode() in data for key in env.values() for data in [*left, out.encode()])
        assert tool("verify", tmp_path / name)[0] == 0


@of_others
def test_a_capsule_that_can_not_be_sent_again_says_why_and_what_to_do(
    found: Found, conforming: dict[str, Any], tmp_path: Path
) -> None:
    target, env = target_file(tmp_path, conforming)
    status, out, err = tool("replay", found.folders[0], "-t", target, "--report-dir", tmp_path / "new", env=env)
    assert (status, err) == (2, "")
    clause = told(found.folders[0])["clause"]["id"]
    assert f"{clause} can't be tried: " in out
    assert f"llmapi-conformance run -k {clause} --target {target}" in out
    assert "can't be done with this folder alone" in (found.folders[0] / "README.txt").read_text("utf-8")
    assert not (tmp_path / "new").exists()


@of_sendable
def test_a_key_that_is_missing_is_one_sentence(found: Found, conforming: dict[str, Any], tmp_path: Path) -> None:
    target, env = target_file(tmp_path, conforming, "image:batch")
    status, out, err = tool("replay", found.folders[0], "-t", target, "--report-dir", tmp_path / "new", env=env)
    assert (status, out) == (2, "")
    assert "The target file has nothing for key:general:" in err
    assert err.count("\n") == 1


class _Seen(BaseHTTPRequestHandler):
    """Keeps what curl sends."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen = (self.path, dict(self.headers), body)  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_the_curl_script_sends_the_request_with_the_key_of_the_environment(tmp_path: Path) -> None:
    run_suite(tmp_path / "run", "--fault", "M15", "-k", "CHAT-S04")
    assert tool("evidence", tmp_path / "run", "chat-s04", "-o", tmp_path / "capsules")[0] == 0
    folder = tmp_path / "capsules" / "CHAT-S04-1"
    script = (folder / "curl.sh").read_text("utf-8")
    with HTTPServer(("127.0.0.1", 0), _Seen) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        base = told(folder)["of"]["target"]["base_url"]
        (folder / "curl.sh").write_text(script.replace(base, f"http://127.0.0.1:{server.server_port}"), "utf-8")
        names = [part.partition(":?")[0] for part in script.split("${")[1:]]
        env = {**os.environ, **dict.fromkeys(names, "sk-of-mine")}
        done = subprocess.run([folder / "curl.sh"], env=env, capture_output=True, check=False, timeout=30)
        thread.join()
    assert (done.returncode, done.stderr) == (0, b"")
    path, headers, body = server.seen  # type: ignore[attr-defined]
    shown = read_recording(folder / "recording.jsonl").exchanges[told(folder)["exchange"]]
    assert (path, body) == (shown.request.target, shown.request.body)
    assert headers["Authorization"] == "Bearer sk-of-mine"
    without = subprocess.run([folder / "curl.sh"], env={"PATH": os.environ["PATH"]}, capture_output=True, check=False)
    assert without.returncode != 0
    assert b"export the key that [[key:general:" in without.stderr


def test_what_has_no_capsule_is_told(tmp_path: Path) -> None:
    run_suite(tmp_path / "run", "-k", "CHAT-S04")
    status, _, err = tool("evidence", tmp_path / "run", "-o", tmp_path / "capsules")
    assert (status, "has no finding" in err) == (2, True)
    run_suite(tmp_path / "faulty", "--fault", "M15", "-k", "CHAT-S04")
    status, _, err = tool("evidence", tmp_path / "faulty", "MSG-S07", "-o", tmp_path / "capsules")
    assert (status, "no finding of MSG-S07" in err) == (2, True)
    assert tool("evidence", tmp_path / "faulty", "-o", tmp_path / "capsules")[0] == 0
    status, _, err = tool("evidence", tmp_path / "faulty", "-o", tmp_path / "capsules")
    assert (status, "is never overwritten" in err) == (2, True)
    (tmp_path / "faulty" / "verdicts.json").write_bytes((tmp_path / "run" / "verdicts.json").read_bytes())
    status, _, err = tool("evidence", tmp_path / "faulty", "-o", tmp_path / "other")
    assert (status, "not judged from the recording" in err) == (2, True)


def test_an_altered_capsule_is_not_sent_again(tmp_path: Path) -> None:
    run_suite(tmp_path / "run", "--fault", "M15", "-k", "CHAT-S04")
    tool("evidence", tmp_path / "run", "-o", tmp_path / "capsules")
    folder = tmp_path / "capsules" / "CHAT-S04-1"
    path = folder / "recording.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"stream', b'"strewn', 1))
    status, out, err = tool("replay", folder, "-t", tmp_path / "absent.toml")
    assert (status, out) == (2, "")
    assert "is damaged: line " in err
    (folder / "capsule.json").write_text("{}", "utf-8")
    assert "is no capsule" in tool("replay", folder, "-t", tmp_path / "absent.toml")[2]
