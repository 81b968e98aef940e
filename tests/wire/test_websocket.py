from __future__ import annotations

import asyncio
import logging
import ssl
import time
import zlib
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.server import ServerConnection, serve

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.wire.http import tls_context
from llmapi_conformance.wire.message import FailureKind, WireAnswer, WireFailure, WireRequest, origin_of
from llmapi_conformance.wire.talking import FRAME_LIMIT
from llmapi_conformance.wire.websocket import converse, upgrade_request
from tests.wire.servers import CERTIFICATE, HURRIED_HEAD, PATIENT, answering
from tests.wire.servers import serving as serving_http
from tests.wire.sockets import (
    BINARY,
    CLOSE,
    HURRIED,
    HURRIED_FRAMES,
    MORE,
    PING,
    PONG,
    TEXT,
    Talk,
    answer_of,
    closing,
    conversation_with,
    frame,
    listening,
    open_and_talk,
    said,
    saying,
    serving,
    switched,
)

if TYPE_CHECKING:
    from llmapi_conformance.wire.talking import Received, Socket
    from llmapi_conformance.wire.websocket import Conversation

US, GATEWAY = True, False


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


def with_library(script: object, *, deflate: bool = False, compression: str | None = None) -> Conversation:
    """A conversation with a server of the websockets library that sends everything back."""

    async def run() -> Conversation:
        async with serve(echo, "127.0.0.1", 0, compression=compression) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            return await open_and_talk(f"http://127.0.0.1:{port}", script, deadlines=PATIENT, deflate=deflate)  # type: ignore[arg-type]

    return asyncio.run(run())


def test_messages_go_both_ways_and_every_frame_is_kept() -> None:
    heard: list[Received | None] = []

    async def script(socket: Socket) -> None:
        assert await socket.send("text", b'{"a":', b'"\xc3', b'\xa9"}')
        heard.append(await socket.receive())
        assert await socket.send("binary", b"\x00\xff")
        heard.append(await socket.receive())
        assert await socket.ping(b"still there?")
        assert await socket.received(lambda frames: frames[-1].kind == "pong")

    conversation = with_library(script)
    assert [(one.kind, one.data) for one in heard if one] == [
        ("text", '{"a":"é"}'.encode()),
        ("binary", b"\x00\xff"),
    ]
    assert said(conversation) == [
        (US, "text", b'{"a":', None),
        (US, "text", b'"\xc3', None),
        (US, "text", b'\xa9"}', None),
        (GATEWAY, "text", '{"a":"é"}'.encode(), None),
        (US, "binary", b"\x00\xff", None),
        (GATEWAY, "binary", b"\x00\xff", None),
        (US, "ping", b"still there?", None),
        (GATEWAY, "pong", b"still there?", None),
        (US, "close", b"", 1000),
        (GATEWAY, "close", b"", 1000),
    ]
    assert [one.final for one in conversation.frames[:3]] == [False, False, True]
    answer = answer_of(conversation)
    assert (answer.status, answer.ending, answer.detail, answer.chunks) == (101, Ending.COMPLETE, "", ())
    times = [one.at for one in conversation.frames]
    assert times == sorted(times)
    assert answer.headers_at <= times[0] <= times[-1] <= answer.ended_at + 0.01


def test_compression_is_used_where_it_was_offered_and_accepted() -> None:
    async def script(socket: Socket) -> None:
        await socket.send("text", b"x" * 5000)
        await socket.receive()

    packed = with_library(script, deflate=True, compression="deflate")
    plain = with_library(script, compression="deflate")
    for one in (packed, plain):
        assert [data for sent, kind, data, _ in said(one) if kind == "text" and not sent] == [b"x" * 5000]
    assert answer_of(packed).wire_length < 200
    assert answer_of(plain).wire_length > 5000


def test_a_script_that_takes_its_time_misses_nothing() -> None:
    all_there = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for text in (b"1", b"2"):
            writer.write(frame(TEXT, text) + frame(PING, b"there?"))
            assert await reader.read(100)  # the pong: it has arrived
            await asyncio.sleep(0.05)
        all_there.set()
        writer.write(closing(1000))

    async def script(socket: Socket) -> None:
        await all_there.wait()
        assert (await socket.receive() or pytest.fail("nothing")).data == b"1"
        assert (await socket.receive() or pytest.fail("nothing")).data == b"2"
        assert await socket.receive() is None

    conversation = conversation_with(talk, script)
    assert conversation.error is None
    first, second = (one.at for one in conversation.frames if one.kind == "text")
    assert second - first > 0.04  # when they arrived, not when the script asked for them


REFUSALS = [
    ("a length", b'HTTP/1.1 401 No\r\nContent-Length: 13\r\nX-Id: 7\r\n\r\n{"error":"no"}'[:-1], Ending.COMPLETE, ""),
    ("chunks", b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", Ending.COMPLETE, ""),
    ("a success without switching", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Ending.COMPLETE, ""),
    ("a cut body", b"HTTP/1.1 429 No\r\nContent-Length: 9\r\n\r\n{}", Ending.CUT, "before the body was complete"),
]


@pytest.mark.parametrize(("answer", "ending", "detail"), [r[1:] for r in REFUSALS], ids=[r[0] for r in REFUSALS])
def test_a_refusal_is_kept_like_any_answer_and_the_script_does_not_run(
    answer: bytes, ending: Ending, detail: str
) -> None:
    async def script(_: Socket) -> None:
        pytest.fail("the WebSocket was not opened")

    async def run() -> Conversation:
        async with serving_http(answering(answer)) as server:
            return await open_and_talk(server.url, script)

    conversation = asyncio.run(run())
    kept = answer_of(conversation)
    assert kept.status == int(answer.split()[1])
    assert (kept.ending, detail in kept.detail, conversation.frames) == (ending, True, ())
    assert b"".join(data for _, data in kept.chunks) in answer
    assert kept.wire_length > 0


def test_the_handshake_says_what_rfc_6455_asks_for() -> None:
    async def run() -> bytes:
        async with serving_http(answering(b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n")) as server:
            await open_and_talk(server.url, headers=(("Authorization", "Bearer k"), ("sec-websocket-version", "12")))
            return server.requests[0]

    lines = asyncio.run(run()).decode().split("\r\n")
    assert lines[0] == "GET /v1/responses HTTP/1.1"
    names = [line.partition(":")[0].lower() for line in lines[1:] if line]
    assert sorted(set(names)) == sorted(names)
    assert {"host", "connection", "upgrade", "sec-websocket-key", "sec-websocket-version"} < set(names)
    assert "sec-websocket-extensions" not in names
    assert {"sec-websocket-version: 12", "Authorization: Bearer k", "Upgrade: websocket"} <= set(lines)
    keys = {dict(upgrade_request(WireRequest("GET", "/")).headers)["Sec-WebSocket-Key"] for _ in range(3)}
    assert len(keys) == 3


ENDINGS: list[tuple[str, Talk, Ending, str, list[tuple[bool, str, bytes, int | None]]]] = [
    (
        "closed properly",
        saying(closing(1001, b"going")),
        Ending.COMPLETE,
        "",
        [(GATEWAY, "close", b"going", 1001), (US, "close", b"going", 1001)],
    ),
    (
        "a close without a code",
        saying(frame(CLOSE)),
        Ending.COMPLETE,
        "",
        [(GATEWAY, "close", b"", None), (US, "close", b"", None)],
    ),
    (
        "no close frame",
        saying(frame(TEXT, b"{}")),
        Ending.CUT,
        "without a close frame",
        [(GATEWAY, "text", b"{}", None)],
    ),
    ("half a frame", saying(frame(TEXT, b"{}", length=9)), Ending.CUT, "without a close frame", []),
    (
        "a reset",
        saying(frame(TEXT, b"{}"), 0.05, then="reset"),
        Ending.RESET,
        "reset",
        [(GATEWAY, "text", b"{}", None)],
    ),
    (
        "a masked frame",
        saying(b"\x81\x82\x00\x00\x00\x00{}", then="speaks"),
        Ending.RESET,
        "incorrect masking",
        [(US, "close", b"incorrect masking", 1002)],
    ),
    ("a reserved bit", saying(frame(TEXT | 0x40, b"{}"), then="speaks"), Ending.RESET, "reserved bits", []),
    ("an unknown opcode", saying(frame(0x83, b"{}"), then="speaks"), Ending.RESET, "opcode", []),
    ("a continuation of nothing", saying(frame(MORE, b"{}"), then="speaks"), Ending.RESET, "continuation", []),
    (
        "a message in a message",
        saying(frame(0x01, b"{") + frame(TEXT, b"}"), then="speaks"),
        Ending.RESET,
        "contin",
        [],
    ),
    ("a long ping", saying(frame(PING, b"x" * 126), then="speaks"), Ending.RESET, "control frame", []),
    ("a ping in fragments", saying(frame(0x09, b"x"), then="speaks"), Ending.RESET, "control frame", []),
    ("a close with half a code", saying(frame(CLOSE, b"\x03"), then="speaks"), Ending.RESET, "close", []),
    ("a close with a forbidden code", saying(closing(1005), then="speaks"), Ending.RESET, "invalid status code", []),
    ("a close with a broken reason", saying(closing(1000, b"\xff"), then="speaks"), Ending.RESET, "no UTF-8", []),
    (
        "no answer to our close",
        saying(then="hang"),
        Ending.TIMEOUT,
        "did not answer a close",
        [(US, "close", b"", 1000)],
    ),
    (
        "HTTP instead of frames",
        saying(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100, then="speaks"),
        Ending.RESET,
        "broke the WebSocket",
        [],
    ),
]


@pytest.mark.parametrize(("talk", "ending", "detail", "frames"), [e[1:] for e in ENDINGS], ids=[e[0] for e in ENDINGS])
def test_each_ending_is_told(
    talk: Talk, ending: Ending, detail: str, frames: list[tuple[bool, str, bytes, int | None]]
) -> None:
    deadlines = HURRIED_FRAMES if ending is Ending.TIMEOUT else PATIENT
    conversation = conversation_with(talk, deadlines=deadlines)
    answer = answer_of(conversation)
    assert answer.ending is ending
    assert detail in answer.detail
    assert bool(answer.detail) == (ending is not Ending.COMPLETE)
    assert [one for one in said(conversation) if one in frames] == frames
    assert conversation.error is None


def test_a_close_in_the_midst_of_a_message_is_seen_on_both_sides() -> None:
    conversation = conversation_with(saying(frame(0x01, b"{") + closing(1011, b"sorry"), then="speaks"))
    closes = [one for one in said(conversation) if one[1] == "close"]
    assert closes[0] == (GATEWAY, "close", b"sorry", 1011)
    assert closes[1][0] == US
    assert answer_of(conversation).ending is Ending.RESET


def test_pings_are_answered_also_between_fragments() -> None:
    talk = saying(frame(0x01, b'{"a"') + frame(PING, b"p") + frame(PONG, b"q") + frame(MORE, b":1}"), closing(1000))
    conversation = conversation_with(talk)
    assert said(conversation)[:5] == [
        (GATEWAY, "text", b'{"a"', None),
        (GATEWAY, "ping", b"p", None),
        (US, "pong", b"p", None),
        (GATEWAY, "pong", b"q", None),
        (GATEWAY, "text", b":1}", None),
    ]


def test_frames_in_one_piece_with_the_head_are_not_lost() -> None:
    conversation = conversation_with(
        saying(then="close"), head=lambda request: switched(request) + frame(TEXT, b"{}") + closing(1000)
    )
    assert [one[1] for one in said(conversation)] == ["text", "close", "close"]
    assert answer_of(conversation).ending is Ending.COMPLETE


def test_bytes_one_by_one_are_the_same_frames() -> None:
    data = frame(TEXT, b"x" * 200) + frame(PING, b"p") + closing(1000, b"bye")
    pieces = [part for byte in data for part in (bytes([byte]), 0.0)]
    whole, split = (conversation_with(saying(*part)) for part in ((data,), pieces))
    assert said(whole) == said(split)
    assert answer_of(whole).wire_digest == answer_of(split).wire_digest


def test_a_wrong_accept_header_does_not_hide_what_follows() -> None:
    def wrong(request: bytes) -> bytes:
        return switched(request).replace(b"Accept: ", b"Accept: wrong")

    conversation = conversation_with(saying(frame(TEXT, b"{}"), closing(1000)), head=wrong)
    assert [one[1] for one in said(conversation)] == ["text", "close", "close"]


def test_an_extension_that_nobody_offered_is_not_used() -> None:
    def presumptuous(request: bytes) -> bytes:
        return switched(request, "Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: realtime")

    conversation = conversation_with(saying(frame(TEXT, b"{}"), frame(0xC1, b"zz"), then="speaks"), head=presumptuous)
    assert said(conversation)[0] == (GATEWAY, "text", b"{}", None)
    assert "reserved bits" in answer_of(conversation).detail


def test_bytes_that_are_no_utf8_are_kept_for_the_judges() -> None:
    conversation = conversation_with(saying(frame(TEXT, b"\xff\xfe"), closing(1000)))
    assert said(conversation)[0] == (GATEWAY, "text", b"\xff\xfe", None)
    assert answer_of(conversation).ending is Ending.COMPLETE


# Hostile servers: each is bounded by a deadline or a cap.


def endless(piece: bytes, pause: float = 0.0) -> Talk:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return talk


HOSTILE: list[tuple[str, Talk, Ending, str]] = [
    ("a huge frame is announced", saying(frame(TEXT, b"{", length=1 << 60), then="hang"), Ending.CAPPED, "longer than"),
    ("first fragments without end", endless(frame(0x01, b"x")), Ending.RESET, "contin"),
    (
        "messages without end",
        endless(frame(TEXT, b"x" * 60_000)),
        Ending.CAPPED,
        "more than the limit of 1048576 bytes",
    ),
    ("a drip of messages", endless(frame(TEXT, b"{}"), 0.05), Ending.TIMEOUT, "still open after 2 s"),
    ("empty frames without end", endless(frame(TEXT) * 20_000), Ending.CAPPED, f"{FRAME_LIMIT} frames"),
]


@pytest.mark.parametrize(("talk", "ending", "detail"), [h[1:] for h in HOSTILE], ids=[h[0] for h in HOSTILE])
def test_a_hostile_server_is_borne_for_a_bounded_time(talk: Talk, ending: Ending, detail: str) -> None:
    answer = answer_of(conversation_with(talk, deadlines=HURRIED if ending is Ending.TIMEOUT else PATIENT))
    assert answer.ending is ending
    assert detail in answer.detail
    assert answer.wire_length <= 1 << 20


def test_a_message_in_fragments_without_end_is_capped() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(0x01, b"x" * 60_000))
        while True:
            writer.write(frame(0x00, b"x" * 60_000))
            await writer.drain()

    conversation = conversation_with(talk, limit=1 << 19)
    assert answer_of(conversation).ending is Ending.CAPPED
    assert sum(len(one.data) for one in conversation.frames) <= 1 << 19


def test_a_compressed_bomb_is_not_unpacked() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = (packer.compress(b"\0" * 50_000_000) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def accepting(request: bytes) -> bytes:
        return switched(request, "Sec-WebSocket-Extensions: permessage-deflate")

    conversation = conversation_with(saying(frame(0xC1, bomb), then="hang"), head=accepting, deflate=True)
    assert answer_of(conversation).ending is Ending.CAPPED
    assert (US, "close") in [one[:2] for one in said(conversation)]


def test_a_server_that_reads_nothing_does_not_hold_us_up() -> None:
    async def script(socket: Socket) -> None:
        for _ in range(1000):
            if not await socket.send("text", b"x" * 1_000_000):
                return
        pytest.fail("all of it was taken")

    async def deaf(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # only the transport can stop the kernel's reading
        await asyncio.sleep(300)

    answer = answer_of(conversation_with(deaf, script, deadlines=HURRIED_FRAMES))
    assert answer.ending is Ending.TIMEOUT
    assert "took nothing" in answer.detail


def test_the_whole_conversation_has_a_limit_whatever_the_script_does() -> None:
    async def script(_: Socket) -> None:
        await asyncio.sleep(300)

    conversation = conversation_with(saying(frame(TEXT, b"{}"), then="hang"), script, deadlines=HURRIED)
    answer = answer_of(conversation)
    assert (answer.ending, "limit for the whole" in answer.detail) == (Ending.TIMEOUT, True)
    assert [one[1] for one in said(conversation)] == ["text"]


FAILURES = [
    ("closes", answering(), FailureKind.RESET),
    ("never answers", answering(then="hang"), FailureKind.FIRST_BYTE_TIMEOUT),
    ("no HTTP", answering(b"hello\r\n\r\n"), FailureKind.NOT_HTTP),
    ("half a head", answering(b"HTTP/1.1 101 Switching"), FailureKind.RESET),
]


@pytest.mark.parametrize(("handler", "kind"), [f[1:] for f in FAILURES], ids=[f[0] for f in FAILURES])
def test_no_head_is_one_kind_of_failure(handler: object, kind: FailureKind) -> None:
    deadlines = HURRIED_HEAD if kind is FailureKind.FIRST_BYTE_TIMEOUT else PATIENT

    async def run() -> Conversation:
        async with serving_http(handler) as server:  # type: ignore[arg-type]  # a mixed list
            return await open_and_talk(server.url, deadlines=deadlines)

    outcome = asyncio.run(run()).outcome
    assert isinstance(outcome, WireFailure)
    assert outcome.kind is kind


def test_nobody_listening_is_a_failure() -> None:
    async def run() -> Conversation:
        async with serving(saying()) as url:
            pass
        return await open_and_talk(url)

    outcome = asyncio.run(run()).outcome
    assert isinstance(outcome, WireFailure)
    assert outcome.kind is FailureKind.REFUSED


def test_what_a_script_raises_is_handed_on_with_all_that_was_kept() -> None:
    async def script(socket: Socket) -> None:
        await socket.receive()
        raise LookupError("no such thing")

    conversation = conversation_with(saying(frame(TEXT, b"{}"), 0.1, closing(1000)), script)
    assert isinstance(conversation.error, LookupError)
    assert said(conversation)[0] == (GATEWAY, "text", b"{}", None)


def test_a_deadline_of_the_script_itself_is_its_own_error() -> None:
    async def script(_: Socket) -> None:
        async with asyncio.timeout(0.05):
            await asyncio.sleep(300)

    conversation = conversation_with(saying(0.1, closing(1000)), script)
    assert isinstance(conversation.error, TimeoutError)


def test_silence_is_none_after_the_time_that_the_script_gives() -> None:
    waited: list[float] = []

    async def script(socket: Socket) -> None:
        for seconds in (0.05, None):
            before = time.monotonic()
            assert await socket.receive(seconds) is None
            waited.append(time.monotonic() - before)

    conversation = conversation_with(saying(then="hang"), script, deadlines=HURRIED_FRAMES)
    assert conversation.error is None
    assert 0.04 < waited[0] < 20
    assert 0.25 < waited[1] < 20


def test_hanging_up_is_no_close_and_nothing_can_be_sent_after_an_end() -> None:
    gone = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""
        gone.set()

    async def script(socket: Socket) -> None:
        assert socket.open
        socket.abort()
        assert not socket.open
        assert not await socket.send("text", b"{}")
        assert not await socket.ping()
        assert await socket.receive() is None
        async with asyncio.timeout(20):
            await gone.wait()

    conversation = conversation_with(talk, script, deadlines=PATIENT)
    assert conversation.error is None
    assert (answer_of(conversation).ending, conversation.frames) == (Ending.ABORTED, ())


def test_nothing_is_logged_however_much_is_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    conversation_with(saying(frame(TEXT, b"hidden-word"), frame(0x83, b"hidden-word"), then="hang"))
    assert "hidden-word" not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("websocket")]


def test_data_behind_a_close_is_not_taken_in() -> None:
    conversation = conversation_with(saying(closing(1000) + frame(TEXT, b"late"), 0.05, frame(BINARY, b"later")))
    assert [one[1] for one in said(conversation)] == ["close", "close"]


def test_a_connection_that_stays_open_behind_the_close_is_left() -> None:
    started = time.monotonic()
    answer = answer_of(conversation_with(saying(closing(1000), then="hang"), listening, deadlines=PATIENT))
    assert isinstance(answer, WireAnswer)
    assert answer.ending is Ending.COMPLETE
    assert time.monotonic() - started < 20


def test_a_handshake_that_never_ends_is_left() -> None:
    async def run() -> Conversation:
        async with serving(saying(then="hang"), head=lambda _: b"HTTP/1.1 101 S\r\nX: " + b"y" * 100) as url:
            return await open_and_talk(url, deadlines=HURRIED_HEAD)

    assert isinstance(asyncio.run(run()).outcome, WireFailure)


def test_a_websocket_runs_over_tls() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    async def script(socket: Socket) -> None:
        await socket.send("text", b"hello")
        await socket.receive()

    async def run() -> Conversation:
        async with serve(echo, "127.0.0.1", 0, ssl=context) as server:
            origin = origin_of(f"https://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}")
            request = upgrade_request(WireRequest("GET", "/", deadlines=PATIENT))
            return await converse(origin, request, script, ssl_context=tls_context(CERTIFICATE))

    conversation = asyncio.run(run())
    assert said(conversation)[1] == (GATEWAY, "text", b"hello", None)
    assert answer_of(conversation).ending is Ending.COMPLETE
