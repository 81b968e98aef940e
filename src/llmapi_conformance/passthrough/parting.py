"""How a connection of a client ends: with an answer of ours, or as that of the gateway ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from llmapi_conformance.passthrough.relaying import Line

_LINGER: Final = 2.0
"""Seconds in which a client may still send what nobody reads, so that it hears what was said before."""
_RESET: Final = struct.pack("ii", 1, 0)


async def say(client: Line, status: int, sentence: str) -> None:
    """Answer a client in the place of the gateway, and take leave of it."""
    body = json.dumps({"error": {"type": "recording", "message": f"llmapi-conformance record: {sentence}"}}).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    client.transport.write(head.encode() + body)
    await leave(client)


async def leave(client: Line) -> None:
    """Close a connection whose client may still be sending: a reset would destroy what it was told."""
    if client.transport.is_closing():
        return
    with contextlib.suppress(OSError, TimeoutError, NotImplementedError):
        client.transport.write_eof()
        async with asyncio.timeout(_LINGER):
            while (await client.pipe.receive())[1]:
                pass


async def reset(client: Line) -> None:
    """End a connection as the gateway ended its own: with a reset, behind all that it had sent."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER):
            client.transport.set_write_buffer_limits(0)
            await client.pipe.drained()
    plug = client.transport.get_extra_info("socket")
    if plug is not None and not client.transport.is_closing():
        with contextlib.suppress(OSError):
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    client.transport.abort()
