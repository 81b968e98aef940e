"""Gemini exchanges that keep every rule, for tests that break one at a time."""

from __future__ import annotations

import base64
import copy
import json
from typing import TYPE_CHECKING, Any

import llmapi_conformance.judging.oracles  # noqa: F401 - registers every oracle
from llmapi_conformance.judging.oracle import ORACLES, Deviation, Examined, Oracle
from tests.judging.build import JSON_HEADERS, exchange

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

MODEL = "gemini-2.5-flash"
PATH = f"/v1beta/models/{MODEL}:generateContent"
STREAM_PATH = f"/v1beta/models/{MODEL}:streamGenerateContent"
USAGE: dict[str, Any] = {
    "promptTokenCount": 41,
    "candidatesTokenCount": 15,
    "thoughtsTokenCount": 8,
    "cachedContentTokenCount": 8,
    "totalTokenCount": 64,
}
ARGUMENTS = '{"place": "K\\u00f6ln", "n": 1}'
ENCODED = base64.urlsafe_b64encode(ARGUMENTS.encode()).decode().rstrip("=")
TEXT = "Hallo Welt \U0001f600 zwei"
Piece = dict[str, Any]


def scripted(words: str, payload: str = TEXT) -> str:
    """A prompt with a directive."""
    return f"@upstream {words} nonce=n1\n{payload}"


def question(text: str = "Hello", **extra: Any) -> dict[str, Any]:
    """A request body."""
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **extra}


def candidate(*parts: Piece, reason: str | None = "STOP", **changes: Any) -> Piece:
    """A candidate."""
    ended = {"finishReason": reason} if reason else {}
    return {"content": {"role": "model", "parts": list(parts)}, "index": 0} | ended | changes


def call(args: Any = None, name: str = "get_weather") -> Piece:
    """A part that calls a function."""
    return {"functionCall": {"name": name, "args": json.loads(ARGUMENTS) if args is None else args}}


def answer(*parts: Piece, reason: str | None = "STOP", **changes: Any) -> Piece:
    """A whole answer, or a piece."""
    head = {"modelVersion": MODEL, "responseId": "r1", "usageMetadata": copy.deepcopy(USAGE)}
    return {"candidates": [candidate(*(parts or ({"text": TEXT},)), reason=reason)], **head} | changes


def streamed(*texts: str) -> list[Piece]:
    """The pieces of a streamed text."""
    told = texts or (TEXT[:5], TEXT[5:])
    found = [answer({"text": text}, reason=None) for text in told]
    for number, piece in enumerate(found):
        piece["usageMetadata"] |= {"candidatesTokenCount": number, "totalTokenCount": 41 + 8 + number}
    return [*found, answer({"text": ""})]


def plain(body: Any = None, asked: Any = None, **extra: Any) -> Exchange:
    """A plain exchange."""
    given: dict[str, Any] = {"role": "general:gemini", "operation": "generateGeminiContent", "path": PATH} | extra
    told = answer() if body is None else body
    return exchange(body=told, request_json=question() if asked is None else asked, **given)


def sse(pieces: list[Piece] | None = None, asked: Any = None, **extra: Any) -> Exchange:
    """A stream of events."""
    given: dict[str, Any] = {
        "role": "general:gemini",
        "operation": "streamGeminiContent",
        "path": f"{STREAM_PATH}?alt=sse",
        "mode": "stream",
    } | extra
    events = None
    if "body" not in extra and "chunks" not in extra:
        events = [(None, piece) for piece in (streamed() if pieces is None else pieces)]
    return exchange(events=events, request_json=question() if asked is None else asked, **given)


def listed(pieces: list[Piece] | None = None, asked: Any = None, **extra: Any) -> Exchange:
    """A stream as an array."""
    found: Any = streamed() if pieces is None else pieces
    given: dict[str, Any] = {"path": STREAM_PATH, "mode": "plain", "headers": JSON_HEADERS, "body": found} | extra
    return sse(asked=asked, **given)


def refusal(status: int = 400, body: Any = None, **extra: Any) -> Exchange:
    """An error."""
    names = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
    told = {"error": {"code": status, "message": "no", "status": names.get(status, "INTERNAL")}}
    return plain(told if body is None else body, status=status, **extra)


def log(*bodies: Any, headers: Any = (), **entry: Any) -> Exchange:
    """The upstream's log."""
    requests = [
        {"body": body, "headers": [list(pair) for pair in headers], "protocol": "gemini", **entry} for body in bodies
    ]
    return exchange(operation="upstream:log", method="GET", path="/log", body={"requests": requests}, role="")


def judged(oracle: Oracle, *subjects: object) -> tuple[int, list[str]]:
    """How many subjects an oracle examined, and what it observed."""
    items = list(oracle(*subjects))
    examined = sum(item.count for item in items if isinstance(item, Examined))
    return examined, [item.observed for item in items if isinstance(item, Deviation)]


def broken(one: Exchange, prefix: str = "GEM-") -> set[str]:
    """The clauses of a surface whose oracles find something in an exchange."""
    return {
        oracle.clause
        for oracle in ORACLES.values()
        if oracle.clause.startswith(prefix) and oracle.on and oracle.on.covers(one) and judged(oracle, one)[1]
    }
