"""Exchanges made by hand, for judging offline."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from llmapi_conformance.evidence.exchange import Chunk, Ending, Exchange, Headers, Mode, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable

JSON_HEADERS: Headers = (("content-type", "application/json"),)
STREAM_HEADERS: Headers = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache"),
    ("transfer-encoding", "chunked"),
)


def sse(events: Iterable[tuple[str | None, Any]]) -> bytes:
    """Events as bytes: a name or ``None``, and JSON data or a literal string."""
    blocks = []
    for name, data in events:
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        blocks.append((f"event: {name}\n" if name else "") + f"data: {text}\n\n")
    return "".join(blocks).encode()


def exchange(
    *,
    operation: str = "createMessage",
    mode: Mode = "plain",
    method: str = "POST",
    path: str = "/v1/messages",
    status: int = 200,
    headers: Headers | None = None,
    body: bytes | dict[str, Any] | list[Any] = b"",
    events: Iterable[tuple[str | None, Any]] | None = None,
    chunks: Iterable[tuple[float, bytes]] | None = None,
    request_json: Any = None,
    request_headers: Headers = (("content-type", "application/json"),),
    ending: Ending = Ending.COMPLETE,
    role: str = "general:anthropic",
    step: int = 1,
) -> Exchange:
    """An exchange with this answer; a body given as JSON is serialised, events become a stream."""
    if events is not None:
        body = sse(events)
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    if headers is None:
        headers = STREAM_HEADERS if mode == "stream" and status < 400 else JSON_HEADERS
    made = tuple(Chunk(at, data) for at, data in (chunks or [(0.1, body)]))
    whole = b"".join(chunk.data for chunk in made)
    last = made[-1].at if made else 0.1
    response = Response(
        status=status,
        headers=headers,
        headers_at=0.05,
        chunks=made,
        ending=ending,
        detail="",
        ended_at=last,
        wire_length=len(whole),
        wire_digest=hashlib.sha256(whole).hexdigest(),
    )
    sent = b"" if request_json is None else json.dumps(request_json).encode()
    return Exchange(
        "made_by_hand", "", step, operation, mode, role, Request(method, path, request_headers, sent), response
    )
