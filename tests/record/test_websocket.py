"""A WebSocket goes through frame by frame, and is recorded so."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.sending.embedded import start_reference
from tests.record.passing import PATIENCE, passing
from tests.wire import sockets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from websockets.asyncio.server import ServerConnection

    from llmapi_conformance.evidence.exchange import Exchange
    from tests.record.passing import Passing

REQUEST = (
    b"GET /v1/responses HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture(scope="module")
def reference() -> Iterator[dict[str, Any]]:
    running = start_reference()
    yield running.announcement
    running.stop()


def said(exchange: Exchange) -> list[tuple[bool, str, bytes, int | None, bool]]:
    return [(one.sent, one.kind, one.data, one.code, one.final) for one in exchange.frames]


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_frames_of_both_sides_are_kept_with_and_without_compression(tmp_path: Path, compression: Any) -> None:
    long = "word " * 2000

    async def talk(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)
            if message == "bye":
                await socket.close(4001, "enough")

    async def main() -> Passing:
        async with serve(talk, "127.0.0.1", 0, compression=compression) as server:
            port = server.sockets[0].getsockname()[1]
            async with passing(f"http://127.0.0.1:{port}", tmp_path) as here:
                url = here.url.replace("http", "ws") + "/v1/responses"
                async with connect(url, compression=compression) as client:
                    for message in (long, b"\x00\x01", long, ["in ", "pieces"]):
                        await client.send(message)
                        received = await asyncio.wait_for(client.recv(), PATIENCE)
                        assert received == ("in pieces" if isinstance(message, list) else message)
                    await (await client.ping(b"there?"))
                    await client.send("bye")
                    assert await client.recv() == "bye"
                    with pytest.raises(websockets.ConnectionClosedError):
                        await asyncio.wait_for(client.recv(), PATIENCE)
                    assert client.close_code == 4001
        return here

    exchange = asyncio.run(main()).only()
    assert (exchange.operation, exchange.mode, exchange.status) == ("connectResponses", "websocket", 101)
    assert exchange.ending is Ending.COMPLETE
    assert (exchange.header("sec-websocket-extensions") is not None) == (compression is not None)
    data = long.encode()
    told = [frame for frame in said(exchange) if frame[0]]
    assert told == [
        (True, "text", data, None, True),
        (True, "binary", b"\x00\x01", None, True),
        (True, "text", data, None, True),
        (True, "text", b"in ", None, False),
        (True, "text", b"pieces", None, False),
        (True, "text", b"", None, True),
        (True, "ping", b"there?", None, True),
        (True, "text", b"bye", None, True),
        (True, "close", b"enough", 4001, True),
    ]
    heard = [(kind, data, code) for sent, kind, data, code, _ in said(exchange) if not sent]
    assert heard == [
        ("text", data, None),
        ("binary", b"\x00\x01", None),
        ("text", data, None),
        ("text", b"in pieces", None),
        ("pong", b"there?", None),
        ("text", b"bye", None),
        ("close", b"enough", 4001),
    ]
    assert exchange.close == (4001, "enough", "gateway")


def test_a_turn_over_websocket_is_recorded_and_each_frame_passes_at_once(
    reference: dict[str, Any], tmp_path: Path
) -> None:
    async def main() -> Passing:
        async with passing(reference["base_url"], tmp_path) as here:
            url = here.url.replace("http", "ws") + "/v1/responses"
            headers = {"Authorization": f"Bearer {reference['keys']['general:openai']}"}
            async with connect(url, additional_headers=headers) as client:
                asked = {"type": "response.create", "model": "gpt-5.1", "input": "@upstream echo\nhello"}
                await client.send(json.dumps(asked))
                async for message in client:
                    if json.loads(message)["type"] == "response.completed":
                        break
        return here

    exchange = asyncio.run(main()).only()
    assert exchange.ending is Ending.COMPLETE
    assert exchange.messages[-1].json["type"] == "response.completed"
    assert exchange.close is not None
    assert exchange.close.by == "client"
    assert reference["keys"]["general:openai"].encode() not in (tmp_path / "recording.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("pieces", "ending", "last"),
    [
        ((sockets.frame(sockets.TEXT, b"{}"),), Ending.CUT, b"{}"),
        ((sockets.frame(sockets.TEXT, b"{}"), sockets.frame(0xF1, b"odd")), Ending.RESET, b"{}"),
        ((b"\x81",), Ending.CUT, b""),
    ],
)
def test_a_gateway_that_breaks_off_or_breaks_the_protocol_is_told_of(
    tmp_path: Path, pieces: tuple[bytes, ...], ending: Ending, last: bytes
) -> None:
    async def main() -> Passing:
        async with sockets.serving(sockets.saying(*pieces)) as url, passing(url, tmp_path) as here:
            reader, writer = await asyncio.open_connection(*here.address)
            writer.write(REQUEST)
            everything = await asyncio.wait_for(reader.read(), PATIENCE)
            assert everything.partition(b"\r\n\r\n")[2] == b"".join(pieces)
            writer.close()
        return here

    exchange = asyncio.run(main()).only()
    assert exchange.ending is ending
    assert b"".join(frame.data for frame in exchange.frames) == last


@pytest.mark.parametrize("bits", ["client_max_window_bits=8", "server_max_window_bits=99", "nonsense"])
def test_a_compression_that_nobody_knows_is_relayed_all_the_same(tmp_path: Path, bits: str) -> None:
    def head(request: bytes) -> bytes:
        return sockets.switched(request, f"Sec-WebSocket-Extensions: permessage-deflate; {bits}")

    offered = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"

    async def main() -> Passing:
        said = sockets.frame(sockets.TEXT, b"{}")
        async with sockets.serving(sockets.saying(said), head=head) as url, passing(url, tmp_path) as here:
            reader, writer = await asyncio.open_connection(*here.address)
            writer.write(REQUEST[:-2] + offered)
            assert (await asyncio.wait_for(reader.read(), PATIENCE)).endswith(said)
            writer.close()
        return here

    here = asyncio.run(main())
    assert here.only().status == 101
    assert not here.recorder.failure


def test_a_refused_handshake_is_an_answer_like_any_other(reference: dict[str, Any], tmp_path: Path) -> None:
    async def main() -> Passing:
        async with passing(reference["base_url"], tmp_path) as here:
            with pytest.raises(websockets.InvalidStatus):
                await connect(here.url.replace("http", "ws") + "/v1/responses").__aenter__()
        return here

    exchange = asyncio.run(main()).only()
    assert (exchange.mode, exchange.status, exchange.upgraded) == ("websocket", 401, False)
    assert isinstance(exchange.json, dict)


def test_a_client_that_hangs_up_in_the_middle_is_gone_for_the_gateway(tmp_path: Path) -> None:
    gone = asyncio.Event()

    async def talk(socket: ServerConnection) -> None:
        await socket.send("one")
        await socket.wait_closed()
        gone.set()

    async def main() -> Passing:
        async with serve(talk, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with passing(f"http://127.0.0.1:{port}", tmp_path) as here:
                client = await connect(here.url.replace("http", "ws") + "/v1/responses")
                assert await client.recv() == "one"
                client.transport.abort()
                await asyncio.wait_for(gone.wait(), PATIENCE)
        return here

    assert asyncio.run(main()).only().ending is Ending.ABORTED
