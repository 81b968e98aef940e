"""What happens around every request: its id, the configured delay, the end of work when the client has gone."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Final

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect

from llmapi_conformance.reference.gateway.envelopes import Family, family_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


# What begins an answer; a WebSocket is accepted, or refused with an answer of HTTP.
_ANSWERS: Final = ("http.response.start", "websocket.accept", "websocket.http.response.start")


def with_request_id(app: ASGIApp) -> ASGIApp:
    """Give each request an id of ours, in `x-request-id` and, on Anthropic's routes, in `request-id` too.

    Every answer also says that its media type is meant: no browser ought to guess another (OWASP API Security 8).
    """

    async def named(scope: Scope, receive: Receive, send: Send) -> None:
        request_id = f"req_{secrets.token_hex(12)}"
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_named(message: Message) -> None:
            if message["type"] in _ANSWERS:
                headers = MutableHeaders(raw=list(message["headers"]))
                headers["x-request-id"] = request_id
                headers["x-content-type-options"] = "nosniff"
                if family_of(scope["path"]) is Family.ANTHROPIC:
                    headers["request-id"] = request_id
                message = {**message, "headers": headers.raw}
            await send(message)

        await app(scope, receive, send_named)

    return named


def with_delay(app: ASGIApp, milliseconds: int) -> ASGIApp:
    """Wait before each request is looked at."""

    async def delayed(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(milliseconds / 1000)
        await app(scope, receive, send)

    return delayed if milliseconds else app


def until_client_goes(app: ASGIApp) -> ASGIApp:
    """End the work on a request, and with it the upstream's, as soon as the client has closed its connection."""

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        client = _Client(receive)
        work = asyncio.ensure_future(app(scope, client.receive, send))
        leaving = asyncio.ensure_future(client.leave())
        try:
            await asyncio.wait((work, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(leaving)
            finished = work.done()
            await _end(work)
        if finished:
            with contextlib.suppress(ClientDisconnect):  # in the midst of its request: nobody waits for an answer
                work.result()

    return watched


class _Client:
    """Where the messages of a client come from: its body for whoever reads it, its leaving for the watch."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._body_read = asyncio.Event()
        self._gone = asyncio.Event()

    async def receive(self) -> Message:
        """Return the next part of the body, and behind it nothing before the client has gone."""
        if self._body_read.is_set():
            await self._gone.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._body_read.set()
        return message

    async def leave(self) -> None:
        """Return when the client has gone; as long as its body is being read, the reader learns of it."""
        await self._body_read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone.set()


async def _end(task: asyncio.Future[None]) -> None:
    if not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
