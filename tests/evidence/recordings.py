"""Recordings to read, to damage and to export."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llmapi_conformance.evidence.encoding import seal
from llmapi_conformance.evidence.exchange import Chunk, Ending, Exchange, Frame, Request, Response
from llmapi_conformance.evidence.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

OPENING: dict[str, Any] = {
    "tool_version": "0.1.0",
    "contract_digest": "ab" * 32,
    "target": {"name": "here", "base_url": "http://127.0.0.1:1/api"},
    "profile": "gate",
    "selection": {"expression": "stream"},
    "started_at": 1_700_000_000.25,
}


def exchange(scenario: str = "hello", step: int = 1, **changes: Any) -> Exchange:
    """A streamed answer with bytes of every kind."""
    values: dict[str, Any] = {
        "scenario": scenario,
        "parameters": "a-b",
        "step": step,
        "operation": "createMessage",
        "mode": "stream",
        "role": "general:anthropic",
        "request": Request(
            "POST",
            "/api/v1/messages?x=1&y=%20",
            (("Host", "127.0.0.1:1"), ("Content-Type", "application/json"), ("X-Key", "[[key:x]]")),
            b'{"stream":true}',
        ),
        "response": Response(
            status=200,
            headers=(("Content-Type", "text/event-stream"), ("x-B", "\u00e9"), ("X-b", "")),
            headers_at=0.123456,
            chunks=(
                Chunk(0.2, "data: \u20ac".encode()),
                Chunk(0.25, b"\xe2\x82"),
                Chunk(0.3, b""),
                Chunk(0.4, b"\xac\n\n"),
            ),
            ending=Ending.CUT,
            detail="the connection was closed before the body was complete",
            ended_at=0.5,
            wire_length=16,
            wire_digest="cd" * 32,
        ),
        "started_at": 1_700_000_001.5,
        "attempt": 1,
        "label": "first",
    }
    return Exchange(**{**values, **changes})


def conversation(scenario: str = "talk", step: int = 1, **changes: Any) -> Exchange:
    """A WebSocket with frames of every kind, a message in fragments among them."""
    answer = Response(101, (("Upgrade", "websocket"),), 0.05, (), Ending.COMPLETE, "", 0.6, 40, "ef" * 32)
    frames = (
        Frame(0.1, sent=True, kind="text", data=b'{"type":"response.create"}'),
        Frame(0.2, sent=False, kind="ping", data=b"p"),
        Frame(0.25, sent=False, kind="text", data=b'{"type":"\xe2\x82', final=False),
        Frame(0.25, sent=True, kind="pong", data=b"p"),
        Frame(0.3, sent=False, kind="text", data=b'\xac"}'),
        Frame(0.4, sent=False, kind="close", data=b"bye", code=1000),
        Frame(0.4, sent=True, kind="close", data=b"", code=None),
    )
    values: dict[str, Any] = {
        "operation": "connectResponses",
        "mode": "websocket",
        "request": Request("GET", "/api/v1/responses", (("Host", "127.0.0.1:1"), ("Upgrade", "websocket"))),
        "response": answer,
        "frames": frames,
    }
    return exchange(scenario, step, **{**values, **changes})


def unanswered(scenario: str = "hello", step: int = 1, **changes: Any) -> Exchange:
    """No response head arrived."""
    return exchange(scenario, step, response=None, failure="the connection was refused", **changes)


def journal(path: Path) -> Journal:
    return Journal(path, **OPENING)


def written(path: Path) -> Path:
    """A recording of three scenarios; the first has an exchange beside its result, the second takes from the first."""
    with journal(path) as writing:
        first, second = exchange(), exchange(step=2)
        writing.write_exchange(first)
        writing.write_exchange(second)
        writing.write_result("hello", "a-b", "done", value=first)
        third = unanswered("later")
        writing.write_exchange(third)
        writing.write_result("later", "a-b", "done", value={"own": [third], "taken": first, "plain": [1, None, "x"]})
        writing.write_result("never", "", "not_observed", reason="no key for role x")
    return path


def chained(records: list[dict[str, Any]]) -> bytes:
    """These records as a whole recording: what somebody makes who alters one and knows how digests are made."""
    lines: list[bytes] = []
    previous = ""
    for number, record in enumerate(records, start=1):
        lines.append(seal({**record, "line": number, "previous": previous}))
        previous = json.loads(lines[-1])["digest"]
    return b"".join(lines)
