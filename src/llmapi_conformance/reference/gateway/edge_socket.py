"""Changing what passes over a WebSocket between client and gateway: the tools of its faults and variations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.edge import object_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    Passing = Callable[[Message], Message]
    Sending = Callable[[Message], Iterable[Message]]


def changing_sockets(
    app: ASGIApp,
    new_receiving: Callable[[Scope], Passing] | None = None,
    new_sending: Callable[[Scope], Sending] | None = None,
) -> ASGIApp:
    """Change the ASGI messages of WebSocket connections; each connection has changes of its own.

    What the gateway sends behind a close is dropped, so that a change may close the connection.
    """

    async def changed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await app(scope, receive, send)
            return
        receiving = new_receiving(scope) if new_receiving is not None else None
        sending = new_sending(scope) if new_sending is not None else None
        closed = False

        async def receive_changed() -> Message:
            message = await receive()
            return receiving(message) if receiving is not None else message

        async def send_changed(message: Message) -> None:
            nonlocal closed
            for other in sending(message) if sending is not None else (message,):
                if not closed:
                    await send(other)
                closed = closed or other["type"] == "websocket.close"

        await app(scope, receive_changed, send_changed)

    return changed


def asked(message: Message) -> dict[str, Any]:
    """Return the object in a message of the client, {} if there is none."""
    return object_in(message.get("text") or "") if message["type"] == "websocket.receive" else {}


def told(message: Message) -> dict[str, Any]:
    """Return the object in a message of the gateway, {} if there is none."""
    return object_in(message.get("text") or "") if message["type"] == "websocket.send" else {}


def asking(document: dict[str, Any]) -> Message:
    """Return a message of the client."""
    return {"type": "websocket.receive", "text": compact(document)}


def telling(document: dict[str, Any]) -> Message:
    """Return a message of the gateway."""
    return {"type": "websocket.send", "text": compact(document)}
