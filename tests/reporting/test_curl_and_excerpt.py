from __future__ import annotations

import asyncio
import dataclasses
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

from websockets.asyncio.server import ServerConnection, serve

from llmapi_conformance.evidence.exchange import Frame, Request
from llmapi_conformance.reporting.curl import curl_line
from llmapi_conformance.reporting.excerpt import excerpt
from tests.judging.build import exchange

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange, Mode

BASE = "http://127.0.0.1:4000/prefix"


def sent(
    method: str = "POST",
    target: str = "/v1/messages",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
    mode: Mode = "plain",
) -> Exchange:
    return dataclasses.replace(exchange(), request=Request(method, target, headers, body), mode=mode)


def words(one: Exchange, key: str = "the-key") -> list[str]:
    """The words that a shell makes of the line."""
    line = curl_line(one, BASE).replace("curl ", "printf '%s\\0' ", 1)
    done = subprocess.run(
        ["/bin/sh", "-c", line], env={"KEY_GENERAL_OPENAI": key}, capture_output=True, check=True, timeout=400
    )
    return done.stdout.decode().split("\0")[:-1]


def test_a_shell_reads_the_line_back_as_it_was_sent() -> None:
    body = """{"text":"it's \\"quoted\\" $HOME `id` é"}"""
    headers = (("Authorization", "Bearer [[key:general:openai]]"), ("Content-Type", "application/json"), ("Host", "h"))
    assert words(sent(headers=headers, body=body.encode())) == [
        *("-sS", "-i", "http://127.0.0.1:4000/v1/messages"),
        *("-H", "Authorization: Bearer the-key", "-H", "Content-Type: application/json", "--data-binary", body),
    ]


def test_the_chunks_of_a_body_are_left_to_curl() -> None:
    line = words(sent(headers=(("Transfer-Encoding", "chunked"),), body=b'3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n'))
    assert line[-4:] == ["-H", "Transfer-Encoding: chunked", "--data-binary", '{"a":1}']


def test_unusual_methods_paths_and_streams_keep_what_matters() -> None:
    assert words(sent("DELETE", "//v1/messages"))[2:] == [
        "-X",
        "DELETE",
        "--path-as-is",
        "http://127.0.0.1:4000//v1/messages",
    ]
    assert "-N" in words(sent(mode="stream", body=b"{}"))
    assert words(sent("GET", "/v1/models", headers=(("x-api-key", ""),)))[-1] == "x-api-key;"


def test_a_body_that_no_shell_line_can_hold_is_named_instead() -> None:
    line = curl_line(sent(body=b"\xff" * 10), BASE)
    assert "@body-of-made-by-hand-1.bin" in line
    assert "10 bytes" in line
    assert shlex.split(line, comments=True)


def test_an_excerpt_shows_the_telling_bytes_and_hides_nothing_in_them() -> None:
    body = b"a" * 500 + "é".encode() + b"\x1b[31mWRONG\x00" + b"b" * 500
    start = body.index(b"WRONG")
    shown = excerpt(exchange(body=body), (start, start + 5))
    assert "\\x1b[31mWRONG\\x00" in shown
    assert shown.startswith("…a")
    assert shown.endswith("b…")
    assert "\ufffd" not in shown


def test_an_excerpt_of_broken_utf8_shows_the_bytes() -> None:
    assert "\\xff" in excerpt(exchange(body=b"ok \xff end"), None)


def talked(status: int = 101, *frames: Frame) -> Exchange:
    headers = (
        ("Host", "h"),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", "a2V5"),
        ("Sec-WebSocket-Version", "13"),
        ("Authorization", "Bearer [[key:general:openai]]"),
    )
    request = Request("GET", "/v1/responses", headers)
    return dataclasses.replace(exchange(status=status), request=request, mode="websocket", frames=frames)


def test_a_refused_websocket_is_a_curl_line_with_the_whole_handshake() -> None:
    assert words(talked(401)) == [
        *("-sS", "-i", "--http1.1", "http://127.0.0.1:4000/v1/responses"),
        *("-H", "Connection: Upgrade", "-H", "Upgrade: websocket"),
        *("-H", "Sec-WebSocket-Key: a2V5", "-H", "Sec-WebSocket-Version: 13", "-H", "Authorization: Bearer the-key"),
    ]


def test_the_line_of_a_websocket_says_the_same_again() -> None:
    messages = ("""{"type":"it's $HOME"}""", "[[key:general:openai]] é")
    heard: list[str] = []
    keys: list[str] = []

    async def talk(connection: ServerConnection) -> None:
        keys.append(connection.request.headers["Authorization"] if connection.request else "")
        for message in messages:
            heard.append(str(await asyncio.wait_for(connection.recv(), 40)))
            await connection.send(f"got {len(message)}")

    async def said_again() -> tuple[bytes, bytes]:
        frames = [Frame(0, sent=True, kind="text", data=message.encode()) for message in messages]
        async with serve(talk, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            line = curl_line(talked(101, *frames), f"http://127.0.0.1:{port}/prefix")
            process = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", line.replace("python3", shlex.quote(sys.executable), 1)),
                env={"KEY_GENERAL_OPENAI": "the-key", "PYTHONIOENCODING": "utf-8", "LC_ALL": "C.UTF-8"},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            return await asyncio.wait_for(process.communicate(), 60)

    out, told = asyncio.run(said_again())
    assert heard == [messages[0], "the-key é"], told.decode()
    assert keys == ["Bearer the-key"]
    assert out.decode().split("\n")[:2] == [f"got {len(message)}" for message in messages]


def test_messages_that_no_line_can_hold_are_counted() -> None:
    frames = (
        Frame(0, sent=True, kind="binary", data=b"\xff"),
        Frame(0, sent=True, kind="text", data=b"x" * 5000),
        Frame(0, sent=False, kind="text", data=b"theirs"),
    )
    line = curl_line(talked(101, *frames), BASE)
    assert "# without 2 messages" in line
    assert "theirs" not in line
    assert shlex.split(line, comments=True)[-1] == "--"


def test_an_excerpt_of_a_websocket_shows_its_messages() -> None:
    one = talked(101, *(Frame(0, sent=False, kind="text", data=data) for data in (b'{"n":1}', b'{"n":2}')))
    message = one.messages[1]
    assert excerpt(one, None) == '{"n":1}\n{"n":2}'
    assert one.body[message.start : message.end] == b'{"n":2}'
