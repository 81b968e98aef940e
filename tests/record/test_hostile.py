"""Neither a gateway nor a client can make the pass-through hang, grow without end or die."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.passthrough.asking import BODY_KEPT, HEAD_LIMIT
from tests.record.passing import CALM, PATIENCE, QUICK, passing, sent
from tests.wire.servers import answering, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.record.passing import Passing

GET = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /" + b"a" * (HEAD_LIMIT + 2), 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 60_000, 431),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 400),
        (b"GET http://elsewhere.example/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ],
    ids=("TLS", "endless path", "endless headers", "no host", "no length", "for a proxy", "for a tunnel"),
)
def test_what_is_no_request_is_refused_and_not_sent_on(tmp_path: Path, data: bytes, status: int) -> None:
    async def main() -> Passing:
        async with serving(answering(OK)) as server, passing(server.url, tmp_path, limits=CALM) as here:
            assert (await sent(here.address, data)).startswith(f"HTTP/1.1 {status} ".encode())
            assert not server.requests
        return here

    assert not asyncio.run(main()).exchanges()


def test_a_client_that_says_nothing_is_left(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(answering(OK)) as server, passing(server.url, tmp_path, limits=QUICK) as here:
            assert await sent(here.address, b"GET / HT") == b""

    asyncio.run(main())


def test_a_body_that_breaks_its_chunks_ends_the_exchange(tmp_path: Path) -> None:
    async def main() -> Passing:
        async with serving(answering(then="hang")) as server, passing(server.url, tmp_path, limits=CALM) as here:
            head = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            assert await sent(here.address, head + b"zz\r\nno chunk") == b""
        return here

    exchange = asyncio.run(main()).only()
    assert exchange.failure.startswith("the client sent a body that is no valid HTTP/1.1")


@pytest.mark.parametrize(
    ("pieces", "ending", "status"),
    [
        ((), None, 504),
        ((b"HTTP/1.1 200 OK\r\n", *[b"X-More: 1\r\n", 0.2] * 40), None, 504),
        ((b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000,), None, 200),
        ((STREAM, b"data: 1\n\n"), Ending.TIMEOUT, 200),
    ],
)
def test_a_gateway_that_does_not_go_on_is_left_after_the_deadline(
    tmp_path: Path, pieces: tuple[bytes | float, ...], ending: Ending | None, status: int
) -> None:
    async def main() -> Passing:
        began = time.monotonic()
        async with serving(answering(*pieces, then="hang")) as server:
            async with passing(server.url, tmp_path, limits=QUICK) as here:
                answer = await sent(here.address, GET)
                assert f"HTTP/1.1 {status} ".encode() in answer
            assert time.monotonic() - began < QUICK.deadlines.total
            await asyncio.wait_for(server.hung_up.wait(), PATIENCE)
        return here

    exchange = asyncio.run(main()).only()
    assert exchange.ending is ending
    assert exchange.failure or ending


def test_a_body_without_end_is_kept_up_to_the_limit_and_goes_on_to_the_client(tmp_path: Path) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)
        while True:
            writer.write(b"data: more and more and more\n\n" * 1000)
            await writer.drain()

    async def main() -> Passing:
        async with serving(endless) as server, passing(server.url, tmp_path, limits=CALM, body_cap=100_000) as here:
            reader, writer = await asyncio.open_connection(*here.address)
            writer.write(GET)
            for _ in range(100):
                await asyncio.wait_for(reader.readexactly(10_000), PATIENCE)
            writer.close()
            await asyncio.wait_for(server.hung_up.wait(), PATIENCE)
        return here

    exchange = asyncio.run(main()).only()
    assert exchange.response is not None
    assert exchange.response.wire_length <= 100_000


def test_a_client_that_takes_nothing_holds_the_gateway_back_and_is_left(tmp_path: Path) -> None:
    written = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(STREAM)
        while True:
            writer.write(b"data: more and more and more\n\n" * 1000)
            written += 30_000
            await writer.drain()

    async def main() -> Passing:
        async with serving(endless) as server, passing(server.url, tmp_path, limits=QUICK) as here:
            _, writer = await asyncio.open_connection(*here.address, limit=1024)
            writer.write(GET)
            await asyncio.wait_for(server.hung_up.wait(), PATIENCE)
            writer.transport.abort()
        return here

    exchange = asyncio.run(main()).only()
    assert exchange.response is not None
    assert (exchange.ending, exchange.response.detail) == (Ending.ABORTED, "the client took the answer too slowly")
    assert written < 60_000_000


def test_a_gateway_that_takes_no_body_is_left(tmp_path: Path) -> None:
    async def deaf(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        try:
            await asyncio.sleep(300)
        finally:
            writer.transport.abort()

    async def main() -> Passing:
        limits = dataclasses.replace(QUICK, deadlines=dataclasses.replace(QUICK.deadlines, first_byte=30.0))
        server = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=1024)
        port = server.sockets[0].getsockname()[1]
        async with passing(f"http://127.0.0.1:{port}", tmp_path, limits=limits) as here:
            body = b"x" * 30_000_000
            head = f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            with contextlib.suppress(ConnectionError):
                assert await sent(here.address, head + body) == b""
        server.close()
        return here

    exchange = asyncio.run(main()).only()
    assert exchange.failure.startswith("the gateway took what was sent too slowly")
    assert len(exchange.request.body) <= BODY_KEPT


def test_an_early_refusal_reaches_a_client_that_is_still_sending(tmp_path: Path) -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refusal)
        with contextlib.suppress(ConnectionError):
            while await reader.read(65_536):
                pass
        writer.close()

    async def main() -> Passing:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, passing(f"http://127.0.0.1:{port}", tmp_path, limits=CALM) as here:
            reader, writer = await asyncio.open_connection(*here.address)
            writer.write(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 100_000)
            assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE) == refusal
            writer.close()
        return here

    exchange = asyncio.run(main()).only()
    assert exchange.response is not None
    assert (exchange.status, exchange.ending, exchange.response.detail) == (413, Ending.COMPLETE, "")


def test_a_gateway_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    async def main() -> Passing:
        async with passing("http://127.0.0.1:1", tmp_path, limits=CALM) as here:
            answer = await sent(here.address, GET)
            assert answer.startswith(b"HTTP/1.1 502 ")
            assert b"the connection was refused" in answer
        return here

    assert asyncio.run(main()).only().failure == "the connection was refused: nothing listens there"


def test_a_full_recording_refuses_what_comes_then(tmp_path: Path) -> None:
    async def main() -> Passing:
        limits = dataclasses.replace(CALM, exchanges=2)
        async with serving(answering(OK)) as server, passing(server.url, tmp_path, limits=limits) as here:
            for _ in range(2):
                assert (await sent(here.address, GET)) == OK
            assert here.recorder.ended.is_set()
            assert (await sent(here.address, GET)).startswith(b"HTTP/1.1 503 ")
        return here

    assert len(asyncio.run(main()).exchanges()) == 2


def test_a_disk_that_is_full_ends_the_recording_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> Passing:
        async with serving(answering(OK)) as server, passing(server.url, tmp_path, limits=CALM) as here:

            def refuse(_: object) -> None:
                raise ValueError("no")

            monkeypatch.setattr(here.recorder, "_exchange", lambda *_: refuse(0))
            assert (await sent(here.address, GET)) == OK
            assert here.recorder.ended.is_set()
            monkeypatch.undo()
        return here

    here = asyncio.run(main())
    closing = here.recording().closing
    assert closing is not None
    assert closing.reason == "exchange 1 could not be recorded: ValueError"
