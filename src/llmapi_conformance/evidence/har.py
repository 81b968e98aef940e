"""A recording as an HTTP Archive (HAR 1.2), for the tools that read one."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from llmapi_conformance.evidence.encoding import encode_bytes

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange, Headers, Message, Request, Response
    from llmapi_conformance.evidence.recording import Recording


def to_har(recording: Recording) -> dict[str, Any]:
    """Export every undamaged exchange, redacted as it is.

    What HAR has no place for stands in fields that start with an underscore, as HAR 1.2 asks: ``_chunks`` holds the
    body's chunks with their arrival in milliseconds after the request, ``_ending`` how the body ended,
    ``_webSocketMessages`` the whole messages of a WebSocket as browsers write them (type, time in seconds since 1970,
    opcode, text or Base64) and ``_webSocketClose`` the first close frame. Sizes of heads were not measured and are -1;
    a body's ``bodySize`` is that before content decoding.
    """
    opening = recording.opening
    parts = urlsplit(str(opening.target.get("base_url", "")))
    base = f"{parts.scheme}://{parts.netloc}"  # a request's target holds the path of the base too
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "llmapi-conformance", "version": opening.tool_version},
            "entries": [_entry(exchange, base) for exchange in recording.exchanges.values()],
            "comment": "Redacted: keys are replaced by markers in double square brackets.",
        }
    }


def _entry(exchange: Exchange, base: str) -> dict[str, Any]:
    response = exchange.response
    wait = response.headers_at * 1000 if response else 0.0
    receive = max((response.ended_at - response.headers_at) * 1000, 0.0) if response else 0.0
    entry: dict[str, Any] = {
        "startedDateTime": datetime.fromtimestamp(exchange.started_at, UTC).isoformat(timespec="milliseconds"),
        "time": round(wait + receive, 3),
        "request": _request(exchange.request, base),
        "response": _response(response) if response else _no_response(exchange.failure),
        "cache": {},
        "timings": {"send": 0, "wait": round(wait, 3), "receive": round(receive, 3)},
        "comment": exchange.failure,
        "_exchange": exchange.id,
        "_operation": exchange.operation,
        "_role": exchange.role,
    }
    if exchange.mode == "websocket":
        entry["request"]["url"] = "ws" + entry["request"]["url"].removeprefix("http")
        entry["_resourceType"] = "websocket"
        entry["_webSocketMessages"] = [_message(exchange, message) for message in exchange.conversation]
        entry["_webSocketClose"] = exchange.close._asdict() if exchange.close else None
    return entry


def _message(exchange: Exchange, message: Message) -> dict[str, Any]:
    text = message.kind == "text"
    return {
        "type": "send" if message.sent else "receive",
        "time": round(exchange.started_at + message.at, 6),
        "opcode": 1 if text else 2,
        "data": message.data.decode("utf-8", "replace") if text else base64.b64encode(message.data).decode(),
    }


def _request(request: Request, base: str) -> dict[str, Any]:
    absolute = request.target.startswith(("http://", "https://"))
    har: dict[str, Any] = {
        "method": request.method,
        "url": request.target if absolute else base + request.target,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(request.headers),
        "queryString": _pairs(parse_qsl(request.target.partition("?")[2], keep_blank_values=True)),
        "headersSize": -1,
        "bodySize": len(request.body),
    }
    if request.body:
        encoded = encode_bytes(request.body)
        har["postData"] = {
            "mimeType": _value(request.headers, "content-type"),
            "text": encoded.get("text", encoded.get("base64", "")),
            "params": [],
        }
        if "base64" in encoded:
            har["postData"]["_encoding"] = "base64"
    return har


def _response(response: Response) -> dict[str, Any]:
    body = b"".join(chunk.data for chunk in response.chunks)
    encoded = encode_bytes(body)
    content: dict[str, Any] = {
        "size": len(body),
        "mimeType": _value(response.headers, "content-type"),
        "text": encoded.get("text", encoded.get("base64", "")),
    }
    if "base64" in encoded:
        content["encoding"] = "base64"
    return {
        "status": response.status,
        "statusText": "",
        "httpVersion": response.http_version,
        "cookies": [],
        "headers": _pairs(response.headers),
        "content": content,
        "redirectURL": _value(response.headers, "location"),
        "headersSize": -1,
        "bodySize": response.wire_length,
        "comment": response.detail,
        "_ending": response.ending.value,
        "_chunks": [{"at": round(chunk.at * 1000, 3), **encode_bytes(chunk.data)} for chunk in response.chunks],
    }


def _no_response(failure: str) -> dict[str, Any]:
    """HAR has no entry without a response; browsers write status 0."""
    return {
        "status": 0,
        "statusText": "",
        "httpVersion": "",
        "cookies": [],
        "headers": [],
        "content": {"size": 0, "mimeType": ""},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
        "comment": failure,
    }


def _pairs(pairs: Headers | list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _value(headers: Headers, name: str) -> str:
    return next((value for found, value in headers if found.lower() == name), "")
