"""Serve an ASGI application in the running event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
    from typing import Any, TypeAlias

    Scope: TypeAlias = MutableMapping[str, Any]
    Message: TypeAlias = MutableMapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[Message]]
    Send: TypeAlias = Callable[[Message], Awaitable[None]]
    ASGIApplication: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_KEEP_ALIVE_SECONDS = 75
_NOTICE_SECONDS = 0.25
_CANCEL_SECONDS = 1.5


@contextlib.asynccontextmanager
async def listening(app: ASGIApplication, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Serve an ASGI application until the block ends.

    The socket is bound and listening before the block is entered, so a client may connect at once. There is no access
    log, no signal handler, no `server` header and no trust in forwarding headers. The application's lifespan is not
    run: open what it needs around this block. Leaving the block closes every connection, cancels the requests that are
    still being answered and returns within about two seconds, whatever the application does.

    Args:
        app: The ASGI 3 application.
        host: The address to bind.
        port: The TCP port; 0 takes a free one.

    Yields:
        The port that is bound.

    Raises:
        OSError: The address can't be bound.
    """
    logging.getLogger("uvicorn.error").addFilter(_no_false_alarm)
    bound = bind(host, port)
    config = uvicorn.Config(
        _quiet_when_cancelled(app),
        http="httptools",
        ws="websockets-sansio",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        log_level=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    server = uvicorn.Server(config)
    with bound:
        config.load()
        server.lifespan = config.lifespan_class(config)
        # Server.serve() would install signal handlers and poll; its start-up alone does all that is wanted.
        await server.on_tick(0)
        await server.startup(sockets=[bound])
        clock = asyncio.create_task(_keep_the_date(server))
        try:
            yield int(bound.getsockname()[1])
        finally:
            clock.cancel()
            await _close(server)


def bind(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Bind a TCP socket and do not listen yet.

    Args:
        host: The address to bind.
        port: The TCP port; 0 takes a free one.

    Returns:
        The bound, non-blocking socket.

    Raises:
        OSError: The address can't be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Event loops switch Nagle off only where the protocol number says TCP.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    except OSError:
        bound.close()
        raise
    return bound


async def _keep_the_date(server: uvicorn.Server) -> None:
    """Renew the `date` header once a second, as the server's own main loop would."""
    while True:
        await asyncio.sleep(1)
        await server.on_tick(0)


async def _close(server: uvicorn.Server) -> None:
    for listener in server.servers:
        listener.close()
    answering = set(server.server_state.tasks)
    for connection in list(server.server_state.connections):
        transport = connection.transport
        if transport is not None:
            transport.abort()
    # The protocols hear of their lost connections in the next turn of the loop and tell the applications.
    await asyncio.sleep(0)
    if answering:
        _, answering = await asyncio.wait(answering, timeout=_NOTICE_SECONDS)
    for task in answering:
        task.cancel()
    if answering:
        await asyncio.wait(answering, timeout=_CANCEL_SECONDS)


def _no_false_alarm(record: logging.LogRecord) -> bool:
    """Drop uvicorn's complaint about a WebSocket that was refused with an answer: that handshake is never completed."""
    return "without completing handshake" not in record.getMessage()


def _quiet_when_cancelled(app: ASGIApplication) -> ASGIApplication:
    """Let a request end silently that the closing of the server cancels: uvicorn would log a traceback."""

    async def quiet(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await app(scope, receive, send)

    return quiet
