"""Faults towards the upstream: what is sent there, and what is made of its answer."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import httpx2
from starlette.datastructures import Headers, MutableHeaders

from llmapi_conformance.reference.gateway.auth import presented
from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.edge import object_in
from llmapi_conformance.reference.gateway.sse import FrameDecoder, ServerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from llmapi_conformance.reference.gateway.core import Core

_FROM_DELTAS: Final = 2
_OURS: Final = frozenset({"content-length", "content-type", "transfer-encoding", "connection", "date"})

# What the request at hand carries between the two sides of the gateway.
_client_key: ContextVar[str] = ContextVar("client_key")
_provider_headers: ContextVar[list[tuple[str, str]]] = ContextVar("provider_headers")


class _Wrapped(httpx2.AsyncBaseTransport):
    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def aclose(self) -> None:
        await self._inner.aclose()


class _ForwardingClientKey(_Wrapped):
    """K01."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        # Not in the place of the gateway's own key, or no upstream would answer.
        name = "x-api-key" if "x-goog-api-key" in request.headers else "x-goog-api-key"
        request.headers[name] = _client_key.get("")
        return await self._inner.handle_async_request(request)


class _KeepingHeaders(_Wrapped):
    """K02."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        kept = _provider_headers.get([])
        kept.extend((name, value) for name, value in response.headers.multi_items() if name.lower() not in _OURS)
        return response


class _InventingTheEnd(_Wrapped):
    """M14."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        stream = response.stream
        if "text/event-stream" not in response.headers.get("content-type", ""):
            return response
        assert isinstance(stream, httpx2.AsyncByteStream)  # noqa: S101 - an async transport gives an async stream
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_EndedStream(stream),
            extensions=response.extensions,
        )


class _EndedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        decoder, ending = FrameDecoder(), _Ending()
        async for piece in self._inner:
            for frame in decoder.feed(piece):
                if isinstance(frame, ServerEvent):
                    ending.see(frame)
            yield piece
        for event in ending.invented():
            yield event.encode()

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Ending:
    """What of a stream has to be known to end it."""

    def __init__(self) -> None:
        self._deltas = 0
        self._ended = False
        self._open_block: int | None = None
        self._chunk: dict[str, Any] | None = None
        self._piece: dict[str, Any] | None = None

    def see(self, event: ServerEvent) -> None:
        """Notice one event of the upstream."""
        document = object_in(event.data)
        kind = document.get("type")
        if event.data == "[DONE]" or kind in ("message_stop", "error") or "error" in document:
            self._ended = True
        if kind == "content_block_start":
            self._open_block = document["index"]
        if kind == "content_block_stop":
            self._open_block = None
        if kind == "content_block_delta":
            self._deltas += 1
        if document.get("candidates"):
            self._piece = document
            self._deltas += 1
            self._ended = self._ended or bool(document["candidates"][0].get("finishReason"))
        if document.get("choices"):
            self._chunk = document
            self._deltas += 1 if document["choices"][0]["delta"].get("content") else 0

    def invented(self) -> list[ServerEvent]:
        """Return the end that the upstream did not send."""
        if self._ended or self._deltas < _FROM_DELTAS:
            return []
        if self._piece is not None:
            candidate = {"content": {"parts": [{"text": ""}], "role": "model"}, "index": 0, "finishReason": "STOP"}
            return [ServerEvent(compact({**self._piece, "candidates": [candidate]}))]
        if self._chunk is not None:
            head = {name: value for name, value in self._chunk.items() if name not in ("choices", "usage")}
            last = {"index": 0, "delta": {}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 10, "completion_tokens": self._deltas, "total_tokens": 10 + self._deltas}
            return [
                ServerEvent(compact({**head, "choices": [last]})),
                ServerEvent(compact({**head, "choices": [], "usage": usage})),
                ServerEvent("[DONE]"),
            ]
        ending: list[dict[str, Any]] = []
        if self._open_block is not None:
            ending.append({"type": "content_block_stop", "index": self._open_block})
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        ending.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": self._deltas}})
        ending.append({"type": "message_stop"})
        return [ServerEvent(compact(event), str(event["type"])) for event in ending]


def _noting_the_key(app: ASGIApp, _core: Core) -> ASGIApp:
    """K01, the client's side."""

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            _client_key.set(next(iter(presented(Headers(scope=scope))), ""))
        await app(scope, receive, send)

    return noting


def _passing_headers(app: ASGIApp, _core: Core) -> ASGIApp:
    """K02, the client's side."""

    async def passing(scope: Scope, receive: Receive, send: Send) -> None:
        kept: list[tuple[str, str]] = []
        _provider_headers.set(kept)

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message["headers"]))
                for name, value in kept:
                    headers.append(name, value)
                message = {**message, "headers": headers.raw}
            await send(message)

        await app(scope, receive, send_more)

    return passing


FAULTS: Final = {"K01": _noting_the_key, "K02": _passing_headers}
TRANSPORT_FAULTS: Final[dict[str, Callable[[httpx2.AsyncBaseTransport], httpx2.AsyncBaseTransport]]] = {
    "M14": _InventingTheEnd,
    "K01": _ForwardingClientKey,
    "K02": _KeepingHeaders,
}
