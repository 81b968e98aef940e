"""Each fault of the relay on the wire, in front of a plain ASGI server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.reference.listening import listening
from llmapi_conformance.reference.relay import RequestHead, ResponseHead, Rule, relaying
from llmapi_conformance.reference.treatments import (
    TREATMENT_HEADER,
    End,
    Pieces,
    Treatment,
    cut_inside_characters,
)
from tests.reference.upstream.talking import RawAnswer, raw_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EVENTS = [b"data: one\n\n", "data: zwölf\n\n".encode(), b"data: three\n\n"]
BODY = b"".join(EVENTS)


class Origin:
    """An ASGI application with a stream, a document and an echo; it notes who went away."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gone = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/plain"), (TREATMENT_HEADER.encode(), b"")]
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        pieces = [body] if scope["path"] == "/echo" else EVENTS
        if scope["path"] != "/stream" and scope["path"] != "/held":
            headers.append((b"content-length", str(sum(map(len, pieces))).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number, piece in enumerate(pieces):
            if scope["path"] == "/held" and number == 2:
                await self._held(receive)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _held(self, receive: Any) -> None:
        waiting = asyncio.create_task(self.gate.wait())
        leaving = asyncio.create_task(receive())
        await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            self.gone.set()
        waiting.cancel()
        leaving.cancel()


def always(treatment: Treatment | None) -> Rule:
    def rule(request: RequestHead, response: ResponseHead) -> Treatment | None:
        assert (request.method, response.status) != ("", 200)
        return treatment

    return rule


@contextlib.asynccontextmanager
async def relayed(rule: Rule) -> AsyncIterator[tuple[Origin, str]]:
    origin = Origin()
    async with listening(origin) as port, relaying(port, rule) as relay:
        yield origin, f"http://127.0.0.1:{relay}"


def get(path: str, *, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


def treated(treatment: Treatment | None, path: str = "/stream", request: bytes | None = None) -> RawAnswer:
    async def ask() -> RawAnswer:
        async with relayed(always(treatment)) as (_, url):
            return await asyncio.to_thread(raw_answer, url, request or get(path))

    return asyncio.run(ask())


def test_a_response_without_a_treatment_passes_but_for_the_header() -> None:
    answer = treated(None)
    assert answer.chunks == EVENTS
    assert answer.terminated
    assert TREATMENT_HEADER.encode() not in answer.head
    assert b"content-type: text/plain" in answer.head
    assert treated(None, "/document").body == BODY


def test_a_reset_comes_after_so_many_events() -> None:
    answer = treated(Treatment(end=End.RESET, after_events=2))
    assert answer.chunks == EVENTS[:2]
    assert answer.reset
    assert not treated(None).reset


def test_a_reset_may_come_before_the_head() -> None:
    answer = treated(Treatment(end=End.RESET, before_head=True))
    assert (answer.head, answer.reset) == (b"", True)


def test_a_stream_may_end_without_the_terminating_chunk() -> None:
    answer = treated(Treatment(end=End.CLOSE))
    assert answer.chunks == EVENTS
    assert (answer.terminated, answer.reset) == (False, False)


def test_a_document_may_end_before_its_length() -> None:
    answer = treated(Treatment(end=End.CLOSE, after_events=1), "/document")
    assert answer.body == EVENTS[0]
    assert f"content-length: {len(BODY)}".encode() in answer.head


def test_chunked_encoding_may_break() -> None:
    answer = treated(Treatment(end=End.BROKEN_CHUNK, after_events=1))
    assert answer.body.endswith(EVENTS[0] + b"\r\nnot-a-size\r\n")


def test_events_are_counted_across_blocks() -> None:
    treatment = Treatment(end=End.CLOSE, after_events=1)
    body = b"data: a\r\n\r\ndata: b\r\n\r\n"
    request = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    assert treated(treatment, request=request).body == b"data: a\r\n\r\n"
    assert treated(Treatment(end=End.CLOSE, after_events=0)).chunks == []


def test_everything_may_come_in_one_segment_when_all_is_known() -> None:
    async def first_read(treatment: Treatment | None) -> tuple[bytes, bytes]:
        async with relayed(always(treatment)) as (origin, url):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            with contextlib.closing(writer):
                writer.write(get("/held"))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await reader.readuntil(EVENTS[1])
                        return b"early", b""
                origin.gate.set()
                return await reader.read(1 << 20), await reader.read()

    assert asyncio.run(first_read(None))[0] == b"early"
    first, rest = asyncio.run(first_read(Treatment(pieces=Pieces.WHOLE)))
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert first.endswith(b"0\r\n\r\n")
    assert rest == b""


def test_each_byte_may_come_alone() -> None:
    answer = treated(Treatment(pieces=Pieces.BYTES))
    assert answer.chunks == [bytes((value,)) for value in BODY]
    assert treated(Treatment(pieces=Pieces.BYTES, pause=0.001), "/document").reads > len(BODY) // 2


def test_pieces_may_end_inside_characters() -> None:
    answer = treated(Treatment(pieces=Pieces.INSIDE_CHARACTERS))
    assert b"".join(answer.chunks) == BODY
    assert any(0x80 <= chunk[0] < 0xC0 for chunk in answer.chunks)


def test_cuts_lie_inside_every_character_and_line() -> None:
    assert cut_inside_characters("aé🥊".encode()) == [b"a\xc3", b"\xa9", b"\xf0", b"\x9f\xa5\x8a"]
    assert cut_inside_characters(b"abcd\nef\n") == [b"ab", b"cd\ne", b"f\n"]
    assert cut_inside_characters(b"") == []


def test_characters_may_be_broken() -> None:
    answer = treated(Treatment(invalid_utf8=True))
    body = b"".join(answer.chunks)
    assert body == BODY.replace("ö".encode(), b"\xc3")
    with pytest.raises(UnicodeDecodeError):
        body.decode()


def test_a_rule_chooses_by_request_and_response() -> None:
    def rule(request: RequestHead, response: ResponseHead) -> Treatment | None:
        wanted = request.target == "/stream" and response.get("Content-Type".lower()) == "text/plain"
        return Treatment(end=End.RESET, before_head=True) if wanted else None

    async def ask() -> list[bool]:
        async with relayed(rule) as (_, url):
            return [(await asyncio.to_thread(raw_answer, url, get(path))).reset for path in ("/stream", "/document")]

    assert asyncio.run(ask()) == [True, False]


def test_one_connection_carries_many_exchanges() -> None:
    async def ask() -> bytes:
        async with relayed(always(None)) as (_, url):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            with contextlib.closing(writer):
                received = b""
                for path, end in (("/stream", b"0\r\n\r\n"), ("/document", EVENTS[-1]), ("/stream", b"0\r\n\r\n")):
                    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                    received += await reader.readuntil(end)
                return received

    received = asyncio.run(ask())
    assert received.count(b"HTTP/1.1 200 OK") == 3


def test_a_response_to_head_has_no_body() -> None:
    answer = treated(None, request=get("/document", method="HEAD"))
    assert answer.body == b""
    assert b"content-length" in answer.head


def test_a_long_request_passes_whole() -> None:
    body = bytes(range(256)) * 4096
    request = b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert treated(None, request=request + body).body == body


def test_a_malformed_request_reaches_the_origin() -> None:
    assert treated(None, request=b"NONSENSE\r\n\r\n").head.startswith(b"HTTP/1.1 400")


def test_the_origin_hears_when_the_client_goes_away() -> None:
    async def leave() -> None:
        async with relayed(always(None)) as (origin, url):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(get("/held"))
            await reader.readuntil(EVENTS[1])
            writer.close()
            async with asyncio.timeout(20):
                await origin.gone.wait()

    asyncio.run(leave())


def test_the_client_is_reset_when_the_origin_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    async def ask() -> RawAnswer:
        async with relaying(port) as relay:
            return await asyncio.to_thread(raw_answer, f"http://127.0.0.1:{relay}", get("/"))

    answer = asyncio.run(ask())
    assert (answer.head, answer.reset) == (b"", True)


def test_the_client_is_reset_when_the_origin_breaks_off() -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        await writer.drain()
        writer.close()

    async def ask() -> RawAnswer:
        origin = await asyncio.start_server(break_off, "127.0.0.1", 0)
        async with origin, relaying(origin.sockets[0].getsockname()[1]) as relay:
            return await asyncio.to_thread(raw_answer, f"http://127.0.0.1:{relay}", get("/"))

    answer = asyncio.run(ask())
    assert answer.chunks == [b"half"]
    assert answer.reset


@pytest.mark.parametrize(
    "treatment",
    [
        Treatment(),
        Treatment(end=End.RESET, before_head=True),
        Treatment(end=End.BROKEN_CHUNK, after_events=3),
        Treatment(pieces=Pieces.INSIDE_CHARACTERS, pause=0.25, invalid_utf8=True),
        Treatment(sizes=(1, 7, 3)),
    ],
)
def test_a_treatment_survives_the_header(treatment: Treatment) -> None:
    assert Treatment.from_header(treatment.header()) == treatment


@pytest.mark.parametrize("value", ["ende=reset", "end=later", "after_events=x"])
def test_a_header_that_makes_no_sense_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=value.partition("=")[2 if "=x" in value or "later" in value else 0]):
        Treatment.from_header(value)
