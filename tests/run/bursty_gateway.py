"""A door before a gateway that is out of order in bursts: 429, 502, 503, 504, or silence, for some seconds on end."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_FAILURES: Final = (503, 429, 0, 502, 504)
_OPEN_AT_FIRST: Final = 0.4


class Door:
    """In the last ``burst`` of each ``every`` seconds nobody gets a proper answer, and each burst fails otherwise.

    The first burst begins 0.4 seconds after the first request at the latest: a quick run must meet one.
    """

    def __init__(self, host: str, port: int, *, burst: float, every: float) -> None:
        self._host, self._port = host, port
        self._burst, self._every = burst, every
        self._began = 0.0
        self._open: set[asyncio.Task[None] | None] = set()
        self.refused = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(asyncio.current_task())  # a loop does not keep what waits for a connection
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._answer(reader, writer)
        self._open.discard(asyncio.current_task())
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self._began = self._began or time.monotonic() - max(self._every - self._burst - _OPEN_AT_FIRST, 0.0)
        period, place = divmod(time.monotonic() - self._began, self._every)
        if place >= self._every - self._burst:
            self.refused += 1
            await self._refuse(_FAILURES[int(period) % len(_FAILURES)], head, reader, writer)
            return
        inner_reader, inner_writer = await asyncio.open_connection(self._host, self._port)
        if b"\r\nupgrade:" not in head.lower():  # one request for each connection: each finds the door open or shut
            head = re.sub(rb"(?im)^connection:.*\r\n", b"", head)[:-2] + b"Connection: close\r\n\r\n"
        inner_writer.write(head)
        both = [asyncio.create_task(_pass(reader, inner_writer)), asyncio.create_task(_pass(inner_reader, writer))]
        try:  # whoever hangs up first ends it
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            inner_writer.close()

    async def _refuse(
        self, status: int, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        length = re.search(rb"(?im)^content-length: *(\d+)", head)
        if length:
            await reader.readexactly(int(length[1]))
        if status:
            body = b"<html>out of order</html>"
            lines = f"HTTP/1.1 {status} X\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n"
            writer.write((lines + "Connection: close\r\n\r\n").encode() + body)
            await writer.drain()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


@contextlib.contextmanager
def bursty(base_url: str, *, burst: float, every: float) -> Iterator[tuple[str, Door]]:
    """The door before a gateway: its base URL, and what it has counted."""
    host, _, port = base_url.removeprefix("http://").partition(":")
    door = Door(host, int(port), burst=burst, every=every)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def stop() -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(door.answer, "127.0.0.1", 0), loop).result()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", door
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
