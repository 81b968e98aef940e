from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from typing import Any

import pytest

from llmapi_conformance.reference.listening import listening
from tests.reference.upstream.talking import raw_answer

GET = b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 9.9.9.9\r\nConnection: close\r\n\r\n"


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    client = scope["client"][0].encode()
    headers = [(b"content-length", str(len(client)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": client})


async def endless(_scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    await asyncio.Event().wait()


def test_a_server_answers_at_once_without_naming_itself() -> None:
    async def ask() -> None:
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        async with listening(hello) as first, listening(hello) as second:
            assert first != second
            for port in (first, second):
                answer = await asyncio.to_thread(raw_answer, f"http://127.0.0.1:{port}", GET)
                assert answer.body == b"127.0.0.1"
                assert b"\r\nserver:" not in answer.head.lower()
                assert b"\r\ndate:" in answer.head.lower()
            assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers

    asyncio.run(ask())


def test_closing_ends_open_streams_in_bounded_time(capfd: pytest.CaptureFixture[str]) -> None:
    async def close_early() -> float:
        async with listening(endless) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET)
            await reader.readuntil(b"first")
            started = time.monotonic()
        elapsed = time.monotonic() - started
        with contextlib.suppress(ConnectionResetError):
            assert b"0\r\n\r\n" not in await reader.read()
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        return elapsed

    assert asyncio.run(close_early()) < 20
    assert "Traceback" not in capfd.readouterr().err


def test_a_taken_port_is_an_error() -> None:
    async def listen_twice() -> None:
        async with listening(hello) as port:
            with pytest.raises(OSError, match="in use"):
                async with listening(hello, port=port):
                    pass

    asyncio.run(listen_twice())
