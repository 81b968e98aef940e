"""Requests as they arrive from a client: the head for us to read, the body as bytes to hand on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import h11

from llmapi_conformance.wire.capture import cut_short

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from llmapi_conformance.evidence.exchange import Headers
    from llmapi_conformance.evidence.redaction import Redactor
    from llmapi_conformance.wire.reading import Pipe

HEAD_LIMIT: Final = 64 * 1024
"""Bytes of a request head, at most."""
BODY_KEPT: Final = 8 * 1024 * 1024
"""Bytes of a request body up to which it is kept whole: an agent sends its whole conversation each time."""
_BEGINNING: Final = 64 * 1024


class KeptBody:
    """A request body as far as it is kept."""

    __slots__ = ("_data", "_digest", "_length")

    def __init__(self) -> None:
        self._data = bytearray()
        self._digest = hashlib.sha256()
        self._length = 0

    def add(self, data: bytes) -> None:
        """Take the next bytes as they came."""
        self._length += len(data)
        self._digest.update(data)
        self._data += data[: max(BODY_KEPT + 1 - len(self._data), 0)]

    @property
    def data(self) -> bytes:
        """Its bytes, all of them or the first ones."""
        return bytes(self._data)

    def redacted(self, redactor: Redactor) -> bytes:
        """Without secrets: whole, or its beginning with its length and digest."""
        if self._length <= BODY_KEPT:
            return redactor.redact(bytes(self._data))
        ((_, beginning),) = redactor.redact_chunks([(0.0, bytes(self._data[:_BEGINNING]))], cut=True)
        return cut_short(beginning, self._length, self._digest.hexdigest())


class ClientRequest:
    """One request of a client.

    Attributes:
        method: As sent.
        target: Path with query, as sent.
        version: ``1.1`` or ``1.0``.
        headers: As sent: names, order, duplicates.
        body: As far as it has arrived.
        finished: Whether all of it has.
        ahead: Bytes that arrived behind it.
    """

    def __init__(self, pipe: Pipe, parser: h11.Connection, head: h11.Request) -> None:
        self._pipe = pipe
        self._parser = parser
        self.method = head.method.decode("latin-1")
        self.target = head.target.decode("latin-1")
        self.version = head.http_version.decode("ascii")
        self.headers: Headers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in head.headers.raw_items())
        self.body = KeptBody()
        self.finished = False
        self.ahead = b""

    async def hand_on(self, forward: Callable[[bytes], Awaitable[None]]) -> None:
        """Hand the body on as it arrives, framed as the client framed it.

        Returns when it has ended (``finished``), or when the client has closed its connection before.

        Raises:
            OSError: The client reset the connection.
            h11.RemoteProtocolError: The body is no HTTP/1.1.
        """
        data = bytes(self._parser.trailing_data[0])
        while True:
            self._drain()
            if self.finished:
                self.ahead = bytes(self._parser.trailing_data[0])
                data = data[: len(data) - len(self.ahead)]
            self.body.add(data)
            if data:
                await forward(data)
            if self.finished:
                return
            _, data = await self._pipe.receive()
            if not data:
                return
            self._parser.receive_data(data)

    def _drain(self) -> None:
        while True:
            event = self._parser.next_event()
            if isinstance(event, h11.EndOfMessage):
                self.finished = True
            if not isinstance(event, h11.Data):
                return


async def next_request(pipe: Pipe, first: bytes) -> ClientRequest | None:
    """The head of the next request; ``None`` when the client has closed its connection instead.

    Args:
        pipe: Of the client.
        first: Bytes of it that have been received already.

    Raises:
        OSError: The client reset the connection.
        h11.RemoteProtocolError: What arrived is no HTTP/1.1 request.
    """
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
    if first:
        parser.receive_data(first)
    while True:
        event = parser.next_event()
        if isinstance(event, h11.Request):
            return ClientRequest(pipe, parser, event)
        if event is not h11.NEED_DATA:
            return None
        _, data = await pipe.receive()
        if not data:
            return None
        parser.receive_data(data)
