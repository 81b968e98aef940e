"""The gateway sees what the client sent, and the client what the gateway sent: to the byte."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.evidence.exchange import Ending
from tests.record.passing import PATIENCE, address_of, passing, sent
from tests.wire.servers import CERTIFICATE, answering, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.record.passing import Passing
    from tests.wire.servers import Handler

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
ODD = (
    b"HTTP/1.1 200 Fine \xff\r\nx-CASE:  two  \r\nX-Case: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2;name=v\r\nab\r\n1\r\nc\r\n0\r\nX-Trailer: yes\r\n\r\n"
)
REQUESTS = {
    "order, case and duplicates of headers": b"POST /v1/messages?beta=true&x=%20a HTTP/1.1\r\nhOsT: {host}\r\n"
    b"X-B: 1\r\nx-a: 2\r\nX-B: 3\r\nAUTHORIZATION: Bearer sk-some-key-0123456789\r\nContent-Length: 14\r\n\r\n"
    b'{"stream":true',
    "keep-alive is mirrored": b"GET /v1/models HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive\r\n\r\n",
    "HTTP/1.0": b"GET /v1/models HTTP/1.0\r\nHost: {host}\r\n\r\n",
    "bytes outside ASCII": b"GET /v1/models HTTP/1.1\r\nHost: {host}\r\nX-Name: gr\xc3\xbc\xc3\x9fe \xff\r\n\r\n",
    "a body of any bytes": b"PUT /x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\n\r\n\x00\xff\r\n\n",
}


def test_the_gateway_sees_the_bytes_that_the_client_sent(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(answering(OK)) as server, passing(server.url, tmp_path) as here:
            for request in REQUESTS.values():
                gateway = address_of(server.url)
                for address in (gateway, here.address):
                    host = f"{address[0]}:{address[1]}".encode()
                    assert await sent(address, request.replace(b"{host}", host)) == OK
                direct, passed = server.requests[-2:]
                assert passed == direct

    asyncio.run(main())


def test_a_chunked_request_keeps_its_chunks_and_its_trailer(tmp_path: Path) -> None:
    body = b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n"
    seen: list[bytes] = []

    async def read_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"X-Sum: 5\r\n\r\n"))
        writer.write(OK)
        writer.close()

    async def main() -> Passing:
        server = await asyncio.start_server(read_on, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        head = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        async with server, passing(f"http://127.0.0.1:{port}", tmp_path) as here:
            assert await sent(here.address, head + body) == OK
        return here

    here = asyncio.run(main())
    assert seen[0].endswith(b"\r\n\r\n" + body)
    assert here.only().request.body == body


@pytest.mark.parametrize(
    ("request_line", "answer"),
    [
        (b"GET /", OK),
        (b"GET /", ODD),
        (b"GET /", b"HTTP/1.0 200 OK\r\n\r\nuntil the end"),
        (b"GET /", b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"),
        (b"HEAD /", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\nConnection: close\r\n\r\n"),
        (b"GET /", b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
        (b"GET /", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK),
        (b"GET /", OK + b"surplus"),
        (b"GET /", b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\ncut short"),
        (b"GET /", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\nno chunk"),
        (b"GET /", b"not HTTP at all\r\n\r\nreally"),
    ],
)
def test_the_client_sees_the_bytes_that_the_gateway_sent(tmp_path: Path, request_line: bytes, answer: bytes) -> None:
    async def main() -> bytes:
        async with serving(answering(answer)) as server, passing(server.url, tmp_path) as here:
            return await sent(here.address, request_line + b" HTTP/1.1\r\nHost: x\r\n\r\n")

    assert asyncio.run(main()) == answer


def after(tmp_path: Path, handler: Handler, request: bytes = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n") -> Passing:
    async def main() -> Passing:
        async with serving(handler) as server, passing(server.url, tmp_path) as here:
            await sent(here.address, request)
        return here

    return asyncio.run(main())


def test_what_is_kept_of_an_answer_is_what_a_run_would_keep(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = (head, b"9\r\ndata: 1\n\n\r\n", 0.2, b"9\r\ndata: 2\n\n\r\n", b"0\r\n\r\n")
    exchange = after(tmp_path, answering(*pieces)).only()
    assert (exchange.scenario, exchange.step, exchange.operation, exchange.role) == ("recorded", 1, "listModels", "")
    assert exchange.ending is Ending.COMPLETE
    assert [event.data for event in exchange.events.events] == ["1", "2"]
    assert exchange.response is not None
    first, second = exchange.response.chunks
    assert second.at - first.at > 0.15
    assert exchange.response.wire_length == 18
    assert exchange.header("transfer-encoding") == "chunked"


@pytest.mark.parametrize(
    ("answer", "then", "ending"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\ncut", "close", Ending.CUT),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\ncut", "reset", Ending.RESET),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "close", Ending.RESET),
    ],
)
def test_a_broken_answer_is_recorded_as_broken(tmp_path: Path, answer: bytes, then: str, ending: Ending) -> None:
    async def main() -> Passing:
        async with serving(answering(answer, 0.1, then=then)) as server, passing(server.url, tmp_path) as here:
            if then == "reset":
                with pytest.raises(ConnectionResetError):
                    await sent(here.address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            else:
                await sent(here.address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        return here

    assert asyncio.run(main()).only().ending is ending


def test_an_answer_that_is_no_http_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    exchange = after(tmp_path, answering(b"what?\r\n\r\n")).only()
    assert exchange.response is None
    assert exchange.failure.startswith("the answer is no HTTP/1.1 response")


def test_what_belongs_to_the_clients_connection_alone_stays_with_us(tmp_path: Path) -> None:
    request = (
        b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade, HTTP2-Settings, X-Mine\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQAAP__\r\nX-Mine: 1\r\nX-Other: 2\r\n\r\n"
    )
    exchange = after(tmp_path, answering(OK), request).only()
    assert [name for name, _ in exchange.request.headers] == ["Host", "Connection", "X-Other"]
    assert dict(exchange.request.headers)["Connection"] == "close"


def test_one_connection_carries_many_exchanges_and_ends_with_that_of_the_gateway(tmp_path: Path) -> None:
    connections = 0

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for _ in range(3):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await asyncio.sleep(0.2)
        writer.close()

    async def main() -> Passing:
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, passing(f"http://127.0.0.1:{port}", tmp_path) as here:
            request = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
            answer = await sent(here.address, request * 3)  # pipelined, too
            assert answer.count(b"ok") == 3
        return here

    assert [one.step for one in asyncio.run(main()).exchanges()] == [1, 2, 3]
    assert connections == 1


def test_a_body_is_asked_for_by_the_gateway_and_not_by_us(tmp_path: Path) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.2)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readexactly(4) == b"body"
        writer.write(OK)
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, passing(f"http://127.0.0.1:{port}", tmp_path) as here:
            reader, writer = await asyncio.open_connection(*here.address)
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.1)
            assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE) == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"body")
            assert await asyncio.wait_for(reader.read(), PATIENCE) == OK
            writer.close()

    asyncio.run(main())


def test_a_prefix_of_the_base_url_stands_before_the_path_and_tls_is_verified(tmp_path: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)

    async def main() -> Passing:
        async with serving(answering(OK), tls=tls) as server:
            url = f"{server.url}/gateway"
            async with passing(url, tmp_path, ca_file=str(CERTIFICATE)) as here:
                assert await sent(here.address, b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n") == OK
            (tmp_path / "unknown").mkdir()
            async with passing(url, tmp_path / "unknown") as wary:
                refused = await sent(wary.address, b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
                assert refused.startswith(b"HTTP/1.1 502 ")
                assert b"certificate" in refused
        return here

    exchange = asyncio.run(main()).only()
    assert exchange.request.target == "/gateway/v1/models"
    assert exchange.operation == "listModels"
