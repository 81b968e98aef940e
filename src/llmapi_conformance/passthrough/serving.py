"""Listens where clients expect the gateway."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, cast

from llmapi_conformance.errors import TargetError
from llmapi_conformance.passthrough.connection import Connection
from llmapi_conformance.passthrough.credentials import Credentials
from llmapi_conformance.passthrough.relaying import Line
from llmapi_conformance.wire.http import tls_context
from llmapi_conformance.wire.message import origin_of
from llmapi_conformance.wire.reading import Pipe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from llmapi_conformance.passthrough.recorder import Recorder
    from llmapi_conformance.passthrough.settings import Settings


@contextlib.asynccontextmanager
async def listening(settings: Settings, recorder: Recorder) -> AsyncIterator[str]:
    """Pass on and record until the block ends; what is under way then is recorded as far as it has come.

    Args:
        settings: What is put between what.
        recorder: Keeps the exchanges; says when it is full.

    Yields:
        The base URL for clients.

    Raises:
        TargetError: The target's URL or CA file can't be used, or the address can't be bound.
    """
    target = settings.target
    ca_file = Path(target.ca_file) if target.ca_file else None
    tls = tls_context(ca_file) if origin_of(target.base_url).scheme == "https" else None
    credentials = Credentials(settings.keyring, settings.secrets)
    connections: set[asyncio.Task[None]] = set()

    def accepted(client: Line) -> None:
        if len(connections) >= settings.limits.connections:
            client.transport.abort()
            return
        task = asyncio.create_task(Connection(client, settings, credentials, recorder, tls).serve())
        connections.add(task)
        task.add_done_callback(connections.discard)

    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(lambda: _Accepted(accepted), settings.host, settings.port, backlog=512)
    except OSError as error:
        raise TargetError(
            f"{settings.host}:{settings.port} can't be listened on: {error.strerror or error}; name another port."
        ) from None
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    try:
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        under_way = list(connections)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


class _Accepted(Pipe):
    """A connection that a client has opened."""

    def __init__(self, accepted: Callable[[Line], None]) -> None:
        super().__init__()
        self._accepted = accepted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the transport."""
        super().connection_made(transport)
        self._accepted(Line(cast("asyncio.Transport", transport), self))
