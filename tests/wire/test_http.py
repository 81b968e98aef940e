from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import random
import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance import __version__
from llmapi_conformance.errors import TargetError
from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.wire.http import HttpSender, tls_context
from llmapi_conformance.wire.message import Deadlines, FailureKind, Outcome, WireFailure, WireRequest, origin_of
from tests.wire.servers import (
    BOTH,
    CERTIFICATE,
    PATIENT,
    Handler,
    Send,
    answer_of,
    answering,
    body_of,
    exchange_with,
    failure_of,
    serving,
)

if TYPE_CHECKING:
    from pathlib import Path

both_ways = pytest.mark.parametrize("send", BOTH, ids=["httpx2", "raw"])

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def sent(request: WireRequest) -> bytes:
    """What a server reads of a request."""

    async def run() -> bytes:
        async with serving(answering(OK)) as server, HttpSender(server.url) as sender:
            assert answer_of(await sender.send(request)).status == 200
            return server.requests[0].replace(server.url.removeprefix("http://").encode(), b"HOST")

    return asyncio.run(run())


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_nothing_is_added_to_a_request_but_what_it_needs() -> None:
    ours = f"Host: HOST\r\nUser-Agent: llmapi-conformance/{__version__}\r\nAccept-Encoding: identity\r\n".encode()
    assert sent(WireRequest("GET", "/v1/models")) == b"GET /v1/models HTTP/1.1\r\n" + ours + b"\r\n"
    assert sent(WireRequest("POST", "/", body=b"{}")) == (
        b"POST / HTTP/1.1\r\n" + ours + b"Content-Length: 2\r\n\r\n{}"
    )
    assert sent(WireRequest("GET", "/", bare=True)) == b"GET / HTTP/1.1\r\nHost: HOST\r\n\r\n"


def test_headers_go_out_in_their_order_with_their_names_and_duplicates() -> None:
    headers = (("x-B", "1"), ("Accept-Encoding", "gzip"), ("X-a", "2"), ("x-B", "3"), ("USER-AGENT", "me"))
    lines = sent(WireRequest("GET", "/", headers)).split(b"\r\n")
    assert lines[2:7] == [b"x-B: 1", b"Accept-Encoding: gzip", b"X-a: 2", b"x-B: 3", b"USER-AGENT: me"]


@pytest.mark.parametrize(
    "target", ["/v1//models", "/v1/models/a%2Fb%2fc", "/a/../b", "/?q=a%20b&q=%C3%A9&&", "/x?", "/v1/models/{id}|^"]
)
def test_the_target_goes_out_as_given(target: str) -> None:
    assert sent(WireRequest("GET", target)).startswith(f"GET {target} HTTP/1.1\r\n".encode())


def test_the_method_goes_out_as_given() -> None:
    assert sent(WireRequest("pOsT", "/")).startswith(b"pOsT / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("headers", "line"),
    [
        ((("Authorization", "Bearer  key "),), b"\r\nAuthorization: Bearer  key \r\n"),
        ((("X-Key", " key"),), b"\r\nX-Key:  key\r\n"),
        ((("X-Key", ""),), b"\r\nX-Key: \r\n"),
        ((("X-Key", "\u00e9"),), b"\r\nX-Key: \xe9\r\n"),
        ((("X-Key", "\u20ac"),), b"\r\nX-Key: \xe2\x82\xac\r\n"),
        ((("X Key", "key"),), b"\r\nX Key: key\r\n"),
        ((("X", "1"), ("Host", "other")), b"\r\nX: 1\r\nHost: other\r\n"),
        ((("Host", "a"), ("Host", "b")), b"\r\nHost: a\r\nHost: b\r\n"),
    ],
)
def test_a_request_that_the_library_would_refuse_or_change_goes_out_all_the_same(
    headers: tuple[tuple[str, str], ...], line: bytes
) -> None:
    assert line in sent(WireRequest("GET", "/", headers))


def test_a_wrong_length_and_a_transfer_coding_go_out_as_given() -> None:
    assert sent(WireRequest("POST", "/", (("Content-Length", "1"),), b"{}")).endswith(b"Content-Length: 1\r\n\r\n{")
    chunked = sent(WireRequest("POST", "/", (("Transfer-Encoding", "chunked"),), b"0\r\n\r\n"))
    assert b"Content-Length" not in chunked


@both_ways
def test_the_head_is_kept_as_received(send: Send) -> None:
    head = (
        b"HTTP/1.1 418 I'm a teapot\r\nX-b: 1\r\nSet-Cookie: a\r\n"
        b"x-A:  two words \r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n"
    )
    answer = answer_of(exchange_with(answering(head), send))
    assert (answer.status, answer.http_version) == (418, "HTTP/1.1")
    assert answer.headers == (
        ("X-b", "1"),
        ("Set-Cookie", "a"),
        ("x-A", "two words"),
        ("Set-Cookie", "b"),
        ("Content-Length", "0"),
    )


@both_ways
def test_chunks_carry_the_times_at_which_they_arrived(send: Send) -> None:
    handler = answering(0.1, STREAM, 0.1, chunk(b"one"), 0.1, chunk(b"two") + b"0\r\n\r\n")
    answer = answer_of(exchange_with(handler, send, WireRequest("GET", "/", deadlines=PATIENT)))
    assert [data for _, data in answer.chunks] == [b"one", b"two"]
    times = [answer.headers_at, *(at for at, _ in answer.chunks)]
    gaps = [later - earlier for earlier, later in zip([0.0, *times], times, strict=False)]
    assert all(gap > 0.09 for gap in gaps)
    assert answer.ended_at >= times[-1]


@both_ways
def test_a_redirect_is_not_followed(send: Send) -> None:
    handler = answering(b"HTTP/1.1 307 Go\r\nLocation: http://[bad\r\nContent-Length: 0\r\n\r\n")
    assert answer_of(exchange_with(handler, send)).status == 307


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert answer_of(exchange_with(answering(OK))).status == 200


@both_ways
def test_no_log_and_no_representation_holds_a_header_value_or_a_body(
    send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    request = WireRequest("POST", "/", (("X-Key", "told-nobody"), ("X-Key-2", "told-nobody ")), b"told-nobody")
    reply = b"HTTP/1.1 200 OK\r\nX-Key: told-nobody\r\nContent-Length: 11\r\n\r\ntold-nobody"
    answer = exchange_with(answering(reply), send, request)
    assert body_of(answer_of(answer)) == b"told-nobody"
    assert "told-nobody" not in caplog.text + repr(request) + repr(answer)


@both_ways
def test_each_event_is_announced_while_the_stream_goes_on(send: Send) -> None:
    released = [asyncio.Event() for _ in range(3)]
    told: list[int] = []

    async def handler(writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)
        for number, event in enumerate(released):
            writer.write(chunk(b"data: %d\n\n" % number))
            await event.wait()
        writer.write(b"0\r\n\r\n")

    async def on_event(number: int) -> None:
        told.append(number)
        released[number - 1].set()

    answer = answer_of(exchange_with(handler, send, WireRequest("GET", "/", deadlines=PATIENT, on_event=on_event)))
    assert (answer.ending, told) == (Ending.COMPLETE, [1, 2, 3])


@both_ways
@pytest.mark.parametrize(("events", "body"), [(0, b""), (1, b"data: 0\n\n"), (2, b"data: 0\n\ndata: 1\n\n")])
def test_we_hang_up_after_so_many_events_and_the_server_notices(send: Send, events: int, body: bytes) -> None:
    async def handler(writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)
        for number in range(2):
            writer.write(chunk(b"data: %d\n\n" % number))
            await writer.drain()
            await asyncio.sleep(0.05)
        await asyncio.sleep(300)

    async def run() -> Outcome:
        request = WireRequest("GET", "/", deadlines=PATIENT, abort_after_events=events)
        async with serving(handler) as server, HttpSender(server.url) as sender:
            outcome = await send(sender, request)
            await asyncio.wait_for(server.hung_up.wait(), 20)
            return outcome

    answer = answer_of(asyncio.run(run()))
    assert (answer.ending, body_of(answer)) == (Ending.ABORTED, body)
    assert f"{events} events" in answer.detail


@both_ways
@pytest.mark.parametrize("error", [ValueError, TimeoutError])
def test_what_a_callback_raises_is_raised(send: Send, error: type[Exception]) -> None:
    async def on_event(_: int) -> None:
        raise error("the scenario's own")

    request = WireRequest("GET", "/", deadlines=PATIENT, on_event=on_event)
    with pytest.raises(error, match="the scenario's own"):
        exchange_with(answering(STREAM + chunk(b"data: 1\n\n"), then="hang"), send, request)


def test_a_callback_may_send_while_every_stream_is_open() -> None:
    async def run() -> list[Outcome]:
        async with (
            serving(answering(STREAM + chunk(b"data: 1\n\n") + b"0\r\n\r\n")) as server,
            HttpSender(server.url, concurrency=2) as sender,
        ):

            async def on_event(_: int) -> None:
                answer_of(await sender.send(WireRequest("GET", "/", deadlines=PATIENT)))

            request = WireRequest("GET", "/", deadlines=PATIENT, on_event=on_event)
            return await asyncio.gather(*(sender.send(request) for _ in range(2)))

    assert [answer_of(outcome).ending for outcome in asyncio.run(run())] == [Ending.COMPLETE] * 2


def test_surplus_bytes_of_one_answer_do_not_reach_the_next() -> None:
    async def run() -> list[bytes]:
        async with (
            serving(answering(OK + OK.replace(b"200", b"500"), 0.05)) as server,
            HttpSender(server.url) as sender,
        ):
            answers = [answer_of(await sender.send(WireRequest("GET", "/"))) for _ in range(2)]
            return [b"%d " % answer.status + body_of(answer) for answer in answers]

    assert asyncio.run(run()) == [b"200 ok", b"200 ok"]


def test_a_cancelled_exchange_closes_its_connection() -> None:
    async def run() -> None:
        async with serving(answering(STREAM, then="hang")) as server, HttpSender(server.url) as sender:
            task = asyncio.create_task(sender.send(WireRequest("GET", "/", deadlines=PATIENT)))
            await asyncio.wait_for(server.asked.wait(), 20)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await asyncio.wait_for(server.hung_up.wait(), 20)

    asyncio.run(run())


@both_ways
def test_a_refused_connection_is_told(send: Send) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        async def run() -> Outcome:
            async with HttpSender(f"http://127.0.0.1:{taken.getsockname()[1]}") as sender:
                return await send(sender, WireRequest("GET", "/", deadlines=PATIENT))

        failure = failure_of(asyncio.run(run()))
    assert (failure.kind, "nothing listens" in failure.sentence) == (FailureKind.REFUSED, True)


@both_ways
def test_an_unknown_name_is_told(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    async def run() -> Outcome:
        async with HttpSender("http://gateway.invalid") as sender:
            return await send(sender, WireRequest("GET", "/", deadlines=PATIENT))

    failure = failure_of(asyncio.run(run()))
    assert (failure.kind, failure.sentence) == (FailureKind.NAME, "the host name was not found")


def over_tls(
    send: Send,
    ca_file: Path | None,
    *,
    answer_tls: bool = True,
    handler: Handler | None = None,
    deadlines: Deadlines = PATIENT,
) -> Outcome:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    async def run() -> Outcome:
        async with serving(
            handler or answering(OK), tls=context if answer_tls else None, unread=not answer_tls
        ) as server:
            url = server.url.replace("http://", "https://")
            async with HttpSender(url, ca_file=ca_file) as sender:
                return await send(sender, WireRequest("GET", "/", deadlines=deadlines))

    return asyncio.run(run())


@both_ways
def test_tls_works_with_a_ca_file(send: Send) -> None:
    answer = answer_of(over_tls(send, CERTIFICATE))
    assert (answer.status, body_of(answer), answer.ending) == (200, b"ok", Ending.COMPLETE)


@both_ways
def test_a_cut_is_told_over_tls_too(send: Send) -> None:
    answer = answer_of(over_tls(send, CERTIFICATE, handler=answering(OK[:-1])))
    assert (answer.ending, body_of(answer)) == (Ending.CUT, b"o")


@both_ways
def test_a_certificate_that_nobody_vouches_for_is_refused(send: Send) -> None:
    failure = failure_of(over_tls(send, None))
    assert (failure.kind, "certificate was not accepted" in failure.sentence) == (FailureKind.TLS, True)


@both_ways
def test_a_server_without_tls_is_told(send: Send) -> None:
    failure = failure_of(over_tls(send, CERTIFICATE, answer_tls=False, handler=answering(b"HTTP/1.1 400 No\r\n\r\n")))
    assert (failure.kind, "handshake" in failure.sentence) == (FailureKind.TLS, True)


@both_ways
def test_a_handshake_that_never_ends_is_a_connect_timeout(send: Send) -> None:
    hurried = dataclasses.replace(PATIENT, connect=0.5)
    failure = failure_of(
        over_tls(send, CERTIFICATE, answer_tls=False, handler=answering(then="hang"), deadlines=hurried)
    )
    assert (failure.kind, "0.5 s" in failure.sentence) == (FailureKind.CONNECT_TIMEOUT, True)


@both_ways
def test_both_senders_work_on_uvloop_too(send: Send) -> None:
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not for this platform")

    async def run() -> Outcome:
        async with serving(answering(OK)) as server, HttpSender(server.url) as sender:
            return await send(sender, WireRequest("GET", "/", deadlines=PATIENT))

    assert body_of(answer_of(uvloop.run(run()))) == b"ok"


def test_an_unusable_ca_file_is_told(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("nothing")
    with pytest.raises(TargetError, match=r"ca\.pem"):
        tls_context(empty)
    with pytest.raises(TargetError, match="missing"):
        tls_context(tmp_path / "missing")


@pytest.mark.parametrize("url", ["ftp://x", "gateway.example", "http://", "http://u:p@x", "http://x:port", "http://[x"])
def test_an_unusable_url_is_told(url: str) -> None:
    with pytest.raises(TargetError, match="URL of the target"):
        origin_of(url)


def test_the_host_header_leaves_the_usual_port_out() -> None:
    assert origin_of("https://x.example:443/v1").authority == "x.example"
    assert origin_of("http://x.example:443").authority == "x.example:443"
    assert origin_of("http://[::1]:80").authority == "[::1]"


@both_ways
def test_no_bytes_of_a_server_make_a_sender_raise(send: Send) -> None:
    dice = random.Random(2)  # noqa: S311 - mangles bytes
    seeds = [
        STREAM + chunk(b"data: 1\n\n") + b"0\r\n\r\n",
        OK,
        b"HTTP/1.0 200\r\n\r\n",
        b"HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\nyz",
    ]
    current = b""

    async def handler(writer: asyncio.StreamWriter) -> None:
        writer.write(current)

    async def run() -> None:
        nonlocal current
        async with serving(handler) as server, HttpSender(server.url) as sender:
            for number in range(200):
                data = bytearray(seeds[number % len(seeds)])
                for _ in range(dice.randrange(1, 5)):
                    place = dice.randrange(len(data))
                    data[place : place + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
                current = bytes(data)
                outcome = await send(sender, WireRequest("GET", "/", deadlines=PATIENT))
                told = outcome.sentence if isinstance(outcome, WireFailure) else outcome.ending
                assert told

    asyncio.run(run())
