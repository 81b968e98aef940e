"""WebSockets that keep every rule, for tests that break one at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from llmapi_conformance.evidence.exchange import Ending, Exchange, Frame
from llmapi_conformance.judging.oracle import ORACLES
from tests.judging.build import exchange
from tests.judging.response_cases import Json, judged, question, response, scripted, streamed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmapi_conformance.evidence.exchange import FrameKind, Headers

PATH = "/v1/responses"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
ASKED: Headers = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
    ("Authorization", "Bearer [[key:general:openai]]"),
)
ANSWERED: Headers = (("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", ACCEPT))
NOT_FOUND: Json = {
    "type": "error",
    "status": 400,
    "error": {"type": "invalid_request_error", "code": "previous_response_not_found", "message": "Not found"},
}
Part = Frame | list[Frame]


def frame(data: Any, *, sent: bool = False, kind: FrameKind = "text", code: int | None = None) -> Frame:
    """A frame; JSON values are serialised, text and bytes go as they are."""
    raw = data if isinstance(data, bytes) else data.encode() if isinstance(data, str) else json.dumps(data).encode()
    return Frame(0.0, sent, kind, raw, code)


def say(data: Any) -> Frame:
    """A text message of the gateway."""
    return frame(data)


def ask(given: Any = None, **extra: Any) -> Frame:
    """A response.create of the client."""
    text = scripted("echo", "Hello there") if given is None else given
    return frame({"type": "response.create", **question(text, **extra)}, sent=True)


def told(final: Json | None = None, **members: Any) -> list[Frame]:
    """The messages that bring a response, each with these members."""
    return [say(data | members) for _, data in streamed(final)]


def turn(final: Json | None = None, **extra: Any) -> list[Frame]:
    """A question and its response."""
    return [ask(**extra), *told(final)]


def identified(number: int, **changes: Any) -> Json:
    """A response with ids of its own."""
    whole = response(id=f"resp_{number}", **changes)
    whole["output"] = [item | {"id": f"{item['id']}_{number}"} for item in whole["output"]]
    return whole


def socket(
    *parts: Part,
    closed: Literal["client", "gateway", "nobody"] = "client",
    code: int = 1000,
    headers: Headers = ANSWERED,
    asked: Headers = ASKED,
    ending: Ending = Ending.COMPLETE,
    detail: str = "",
    operation: str = "connectResponses",
    path: str = PATH,
    role: str = "general:openai",
) -> Exchange:
    """A WebSocket with these frames, in order, and then a close."""
    frames: list[Frame] = []
    for part in parts or (turn(),):
        frames += [part] if isinstance(part, Frame) else part
    if closed != "nobody":
        first = closed == "client"
        frames += [frame(b"", sent=first, kind="close", code=code), frame(b"", sent=not first, kind="close", code=code)]
    timed = tuple(replace(one, at=0.1 + number / 100) for number, one in enumerate(frames))
    shell = exchange(
        operation=operation,
        mode="websocket",
        method="GET",
        path=path,
        status=101,
        headers=headers,
        chunks=[],
        request_headers=asked,
        ending=ending,
        role=role,
    )
    assert shell.response is not None
    return replace(shell, frames=timed, response=replace(shell.response, chunks=(), detail=detail))


def handshake(status: int = 401, body: Any = None, *, label: str = "no key", **extra: Any) -> Exchange:
    """A handshake that was refused, or accepted with status 101."""
    shell = exchange(
        operation="connectResponses",
        mode="websocket",
        method="GET",
        path=PATH,
        status=status,
        body=b"" if body is None else body,
        request_headers=ASKED,
        role=extra.pop("role", "general:openai"),
        **extra,
    )
    return replace(shell, label=label)


def everywhere() -> list[Any]:
    """The oracles that run on every WebSocket."""
    return [one for one in ORACLES.values() if one.clause.startswith("WS-") and one.on is not None]


def broken(one: Exchange) -> set[str]:
    """The clauses whose oracles find something in every-exchange judging."""
    return {oracle.clause for oracle in everywhere() if oracle.on.covers(one) and judged(oracle, one)[1]}


def seen(one: Exchange) -> set[str]:
    """The clauses whose oracles look at something."""
    return {oracle.clause for oracle in everywhere() if oracle.on.covers(one) and judged(oracle, one)[0]}


def without(frames: Iterable[Frame], *types: str) -> list[Frame]:
    """The messages without those of these types."""
    return [one for one in frames if json.loads(one.data).get("type") not in types]


def changed(frames: Iterable[Frame], kind: str, **members: Any) -> list[Frame]:
    """The messages, those of a type with other members."""
    return [
        say(data | members) if (data := json.loads(one.data)).get("type") == kind and not one.sent else one
        for one in frames
    ]
