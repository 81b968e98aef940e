"""WebSocket (RFC 6455): a handshake whose refusal is kept whole, then every frame of both sides with its time."""

from __future__ import annotations

import base64
import contextlib
import logging
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from websockets.client import ClientProtocol
from websockets.datastructures import Headers as LibraryHeaders
from websockets.exceptions import InvalidHandshake
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.protocol import OPEN
from websockets.uri import WebSocketURI

from llmapi_conformance.wire.message import Origin, Outcome, WireFailure, WireRequest, complete_headers
from llmapi_conformance.wire.raw import Upgraded, head_of, send_raw
from llmapi_conformance.wire.talking import Socket

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from llmapi_conformance.evidence.exchange import Frame
    from llmapi_conformance.wire.reception import Reception

MESSAGE_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of one received message, at most; a smaller limit of the whole goes first."""

_DEFLATE = "permessage-deflate"
_EXTENSIONS = "sec-websocket-extensions"
# The library would log handshake headers and frames for whoever asked for DEBUG.
_SILENT = logging.Logger("websocket", logging.CRITICAL + 1)  # noqa: LOG001 - belongs to no tree, so nobody can wake it


@dataclass(frozen=True, slots=True)
class Conversation:
    """What opening a WebSocket, and talking over it, came to; not yet redacted.

    Attributes:
        outcome: The answer to the handshake: with status 101 its ending is that of the WebSocket, its length and digest
            are those of all received bytes behind the head. Any other answer is whole, like one of HTTP.
        frames: Of both sides, in order.
        error: What the script raised, for whoever records the conversation to raise again.
    """

    outcome: Outcome
    frames: tuple[Frame, ...] = field(default=(), repr=False)
    error: Exception | None = None


def upgrade_request(request: WireRequest, *, deflate: bool = False) -> WireRequest:
    """The request with the headers of a handshake (RFC 6455 section 4.1), unless it has its own.

    Args:
        request: With all other headers.
        deflate: Whether to offer compression (RFC 7692).
    """
    present = {name.lower() for name, _ in request.headers}
    ours = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", base64.b64encode(secrets.token_bytes(16)).decode()),
        ("Sec-WebSocket-Version", "13"),
    ]
    if deflate:
        ours.append(("Sec-WebSocket-Extensions", f"{_DEFLATE}; client_max_window_bits"))
    added = tuple((name, value) for name, value in ours if name.lower() not in present)
    return replace(request, headers=(*added, *request.headers))


async def converse(
    origin: Origin,
    request: WireRequest,
    script: Callable[[Socket], Awaitable[None]],
    *,
    ssl_context: ssl.SSLContext | None = None,
) -> Conversation:
    """Ask for a WebSocket and, when the answer is 101, run the script over it; then close it.

    A wrong ``Sec-WebSocket-Accept``, or a subprotocol that nobody asked for, does not end the conversation: the answer
    shows it, and the frames behind it can be judged all the same.

    Args:
        origin: Where to connect.
        request: Made by ``upgrade_request``. Its deadlines hold for connecting, for the answer to the handshake, for
            each wait of the script, and for everything together; its limit for all received bytes.
        script: Talks; when it returns, an open WebSocket is closed with 1000.
        ssl_context: Needed for ``https``.

    Returns:
        What came of it: a server can't make this raise.
    """
    socket: Socket | None = None
    error: Exception | None = None

    async def talk(upgraded: Upgraded) -> None:
        nonlocal socket, error
        protocol = client_protocol(request, upgraded.reception)
        socket = Socket(upgraded, protocol, idle=request.deadlines.idle, limit=request.body_limit)
        error = await socket.run(script, upgraded)

    head = head_of(request, complete_headers(request, origin))
    outcome = await send_raw(origin, head, like=request, ssl_context=ssl_context, take_over=talk)
    if socket is None or isinstance(outcome, WireFailure):
        return Conversation(outcome)
    return Conversation(socket.completed(outcome), tuple(socket.frames), error)


def client_protocol(request: WireRequest, reception: Reception) -> ClientProtocol:
    """The client's side of a WebSocket that is open: compression only where it was offered and accepted."""
    offered = any(name.lower() == _EXTENSIONS and _DEFLATE in value for name, value in request.headers)
    protocol = ClientProtocol(
        WebSocketURI(secure=False, host="unused", port=80, path="/", query=""),
        state=OPEN,
        extensions=[ClientPerMessageDeflateFactory(client_max_window_bits=True)] if offered else None,
        max_size=min(request.body_limit, MESSAGE_LIMIT),
        logger=_SILENT,
    )
    answered = LibraryHeaders([(name, value) for name, value in reception.headers if name.lower() == _EXTENSIONS])
    with contextlib.suppress(InvalidHandshake):  # what was not offered is not used; its frames break the protocol then
        protocol.extensions = protocol.process_extensions(answered)
    return protocol
