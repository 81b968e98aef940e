"""Exchanges and results as plain JSON values, and back."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

from llmapi_conformance.evidence.exchange import (
    Chunk,
    Ending,
    Exchange,
    Frame,
    FrameKind,
    Headers,
    Request,
    Response,
    Stall,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_REFERENCE = "$exchange"
_PAIRS = "$pairs"
_FRAME_KINDS = frozenset(get_args(FrameKind))


def seal(record: Mapping[str, Any]) -> bytes:
    """A record as one line, its digest as the last member.

    Raises:
        ValueError: A number is not finite.
    """
    rest = {name: value for name, value in record.items() if name != "digest"}
    return written({**rest, "digest": digest_of(rest)})


def written(record: Mapping[str, Any]) -> bytes:
    """A record as the one line that a journal writes for it.

    Raises:
        ValueError: A number is not finite.
    """
    return json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def digest_of(record: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a record without its digest, as JSON with sorted names and without spaces."""
    rest = {name: value for name, value in record.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()).hexdigest()


def encode_exchange(exchange: Exchange) -> dict[str, Any]:
    """An exchange as JSON; times in seconds, to microseconds. Only a WebSocket has ``frames``, few have ``stalls``."""
    request = exchange.request
    record = {
        "id": exchange.id,
        "scenario": exchange.scenario,
        "parameters": exchange.parameters,
        "step": exchange.step,
        "attempt": exchange.attempt,
        "label": exchange.label,
        "disturbed": exchange.disturbed,
        "operation": exchange.operation,
        "mode": exchange.mode,
        "role": exchange.role,
        "started_at": round(exchange.started_at, 6),
        "request": {
            "method": request.method,
            "target": request.target,
            "headers": [list(pair) for pair in request.headers],
            "body": encode_bytes(request.body),
        },
        "response": None if exchange.response is None else _encode_response(exchange.response),
        "failure": exchange.failure,
    }
    if exchange.mode == "websocket":
        record["frames"] = [_encode_frame(frame) for frame in exchange.frames]
    if exchange.stalls:
        record["stalls"] = [[round(stall.begin, 6), round(stall.end, 6)] for stall in exchange.stalls]
    return record


def _encode_frame(frame: Frame) -> dict[str, Any]:
    return {
        "at": round(frame.at, 6),
        "sent": frame.sent,
        "kind": frame.kind,
        "code": frame.code,
        "final": frame.final,
        **encode_bytes(frame.data),
    }


def _encode_response(response: Response) -> dict[str, Any]:
    return {
        "status": response.status,
        "http_version": response.http_version,
        "headers": [list(pair) for pair in response.headers],
        "headers_at": round(response.headers_at, 6),
        "chunks": [{"at": round(chunk.at, 6), **encode_bytes(chunk.data)} for chunk in response.chunks],
        "ending": response.ending.value,
        "detail": response.detail,
        "ended_at": round(response.ended_at, 6),
        "wire_length": response.wire_length,
        "wire_digest": response.wire_digest,
    }


def decode_exchange(record: Mapping[str, Any]) -> Exchange:
    """An exchange from its record.

    Raises:
        KeyError, TypeError, ValueError: The record is not one that ``encode_exchange`` makes.
    """
    request = record["request"]
    response = record["response"]
    return Exchange(
        scenario=_text(record["scenario"]),
        parameters=_text(record["parameters"]),
        step=int(record["step"]),
        operation=_text(record["operation"]),
        mode=record["mode"],
        role=_text(record["role"]),
        request=Request(
            _text(request["method"]),
            _text(request["target"]),
            _headers(request["headers"]),
            decode_bytes(request["body"]),
        ),
        response=None if response is None else _decode_response(response),
        failure=_text(record["failure"]),
        started_at=float(record["started_at"]),
        attempt=int(record["attempt"]),
        label=_text(record["label"]),
        disturbed=record["disturbed"] is True,
        frames=tuple(_decode_frame(frame) for frame in record.get("frames", ())),
        stalls=tuple(Stall(float(begin), float(end)) for begin, end in record.get("stalls", ())),
    )


def _decode_frame(record: Mapping[str, Any]) -> Frame:
    if record["kind"] not in _FRAME_KINDS:
        raise ValueError("no kind of frame")
    return Frame(
        at=float(record["at"]),
        sent=record["sent"] is True,
        kind=record["kind"],
        data=decode_bytes(record),
        code=None if record["code"] is None else int(record["code"]),
        final=record["final"] is True,
    )


def _decode_response(record: Mapping[str, Any]) -> Response:
    return Response(
        status=int(record["status"]),
        headers=_headers(record["headers"]),
        headers_at=float(record["headers_at"]),
        chunks=tuple(Chunk(float(chunk["at"]), decode_bytes(chunk)) for chunk in record["chunks"]),
        ending=Ending(record["ending"]),
        detail=_text(record["detail"]),
        ended_at=float(record["ended_at"]),
        wire_length=int(record["wire_length"]),
        wire_digest=_text(record["wire_digest"]),
        http_version=_text(record["http_version"]),
    )


def encode_bytes(data: bytes) -> dict[str, str]:
    """Bytes as ``{"text": ...}`` when they are UTF-8, else as ``{"base64": ...}``."""
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def decode_bytes(record: Mapping[str, Any]) -> bytes:
    """What ``encode_bytes`` was given.

    Raises:
        ValueError: There is neither text nor valid Base64.
    """
    if "text" in record:
        return _text(record["text"]).encode("utf-8")
    try:
        return base64.b64decode(_text(record["base64"]), validate=True)
    except (KeyError, binascii.Error):
        raise ValueError("no bytes") from None


def encode_result(value: object) -> Any:
    """What a scenario returned as plain JSON: an exchange becomes ``{"$exchange": id}``.

    A mapping with a name that starts with ``$`` is kept as ``{"$pairs": [[name, value], ...]}``.

    Raises:
        TypeError: Something is neither an exchange nor a plain JSON value.
    """
    match value:
        case Exchange():
            return {_REFERENCE: value.id}
        case None | bool() | int() | str():
            return value
        case float() if value - value == 0:
            return value
        case list() | tuple():
            return [encode_result(item) for item in value]
        case Mapping() if all(isinstance(name, str) for name in value):
            if any(name.startswith("$") for name in value):
                return {_PAIRS: [[name, encode_result(item)] for name, item in value.items()]}
            return {name: encode_result(item) for name, item in value.items()}
        case _:
            raise TypeError(
                f"a scenario returned a {type(value).__name__}: only exchanges and plain JSON values can be recorded"
            )


def decode_result(value: Any, exchange: Callable[[str], Exchange]) -> Any:
    """What ``encode_result`` was given, with tuples as lists; ``exchange`` looks an id up.

    Raises:
        KeyError, TypeError, ValueError: The value is not one that ``encode_result`` makes, or an exchange is missing.
    """
    if isinstance(value, list):
        return [decode_result(item, exchange) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {_REFERENCE}:
        return exchange(value[_REFERENCE])
    if value.keys() == {_PAIRS}:
        return {name: decode_result(item, exchange) for name, item in value[_PAIRS]}
    return {name: decode_result(item, exchange) for name, item in value.items()}


def _headers(value: Any) -> Headers:
    return tuple((_text(name), _text(text)) for name, text in value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value
