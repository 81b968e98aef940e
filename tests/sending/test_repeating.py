"""A recorded request goes out again as it was, with the keys of a target file in the place of its markers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmapi_conformance.errors import TargetError
from llmapi_conformance.evidence.exchange import Exchange, Request
from llmapi_conformance.evidence.redaction import Redactor
from llmapi_conformance.sending.repeating import Repeater
from llmapi_conformance.target.keyring import Keyring
from llmapi_conformance.target.target import Target
from llmapi_conformance.wire.http import HttpSender

KEY = "sk-llmapi-0123456789abcdefghij9"
HEADER = "tenant-of-the-edge-41"
OLD = "http://old.example:8080/base"


def recorded(**changes: Any) -> Exchange:
    """A request as a recording holds it."""
    values: dict[str, Any] = {
        "method": "POST",
        "target": "/base/v1/messages?beta=true",
        "headers": (
            ("Host", "old.example:8080"),
            ("X-Odd", " a  b"),
            ("Authorization", "Bearer [[key:general:openai]]"),
        ),
        "body": b"{}",
    }
    values |= changes
    request = Request(values["method"], values["target"], tuple(values["headers"]), values["body"])
    return Exchange("s", "p", 3, "createMessage", "plain", "general:openai", request, None, label="x")


async def repeated(exchange: Exchange, *, roles: tuple[str, ...] = ("general:openai",)) -> tuple[bytes, Exchange]:
    """The bytes that went out, and the exchange that was recorded."""
    seen = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.extend(await reader.readuntil(b"\r\n\r\n"))
        length = [line for line in bytes(seen).split(b"\r\n") if line.lower().startswith(b"content-length:")]
        if length:
            seen.extend(await reader.readexactly(int(length[0].partition(b":")[2])))
        body = b'{"echo":"' + KEY.encode() + b'"}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    keyring = Keyring(dict.fromkeys(roles, KEY))
    target = Target("new", f"http://127.0.0.1:{port}/gate", {})
    redactor = Redactor({KEY: "[[key:general:openai]]", HEADER: "[[header:x-tenant]]"})
    async with server, HttpSender(target.base_url) as http:
        repeater = Repeater(target, keyring, {"header:x-tenant": HEADER}, http, redactor, recorded_base_url=OLD)
        assert repeater.missing([exchange]) == []
        again = await repeater.send(exchange)
        return bytes(seen).replace(str(port).encode(), b"PORT"), again


def test_it_goes_to_the_new_gateway_and_is_otherwise_the_same() -> None:
    sent, again = asyncio.run(repeated(recorded()))
    assert sent == (
        b"POST /gate/v1/messages?beta=true HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX-Odd:  a  b\r\n"
        b"Authorization: Bearer " + KEY.encode() + b"\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert (again.id, again.label, again.operation, again.role) == ("s[p]#3", "x", "createMessage", "general:openai")
    assert again.body == b'{"echo":"[[key:general:openai]]"}'
    assert ("Authorization", "Bearer [[key:general:openai]]") in again.request.headers


@pytest.mark.parametrize(
    ("marker", "value"),
    [
        ("key:general:openai", KEY),
        ("key:general:openai:own", KEY),
        ("key:general:openai:truncated", KEY[:-1]),
        ("key:general:openai:extended", KEY + "x"),
        ("key:general:openai:last-changed", KEY[:-1] + "0"),
        ("key:general:openai:case-changed", KEY.swapcase()),
        ("header:x-tenant", HEADER),
    ],
)
def test_a_marker_becomes_the_key_that_it_stands_for_and_one_again_in_what_is_kept(marker: str, value: str) -> None:
    exchange = recorded(headers=(("Host", "old.example:8080"), ("X-Key", f"[[{marker}]]")))
    sent, again = asyncio.run(repeated(exchange))
    assert f"\r\nX-Key: {value}\r\n".encode() in sent
    assert again.request.headers[1] == ("X-Key", f"[[{marker}]]")
    assert value not in str(again)


def test_a_made_up_key_is_made_up_anew() -> None:
    exchange = recorded(headers=(("Host", "old.example:8080"), ("X-Key", "[[key:made-up]]")))
    sent, again = asyncio.run(repeated(exchange))
    value = sent.partition(b"X-Key: ")[2].partition(b"\r\n")[0]
    assert value.startswith(b"sk-llmapi-")
    assert len(value) == len(KEY)
    assert value != KEY.encode()
    assert again.request.headers[1] == ("X-Key", "[[key:made-up]]")


def test_a_key_in_the_query_is_encoded_and_one_in_the_body_counts_in_its_length() -> None:
    body = b'{"note":"[[key:general:openai]]","other":"[[not a marker]]"}'
    headers = (("Host", "other.example"), ("Content-Length", str(len(body))))
    sent, _ = asyncio.run(
        repeated(recorded(target="/base/v1/models?key=[[key:general:openai]]", headers=headers, body=body))
    )
    put = body.replace(b"[[key:general:openai]]", KEY.encode())
    assert sent == (
        b"POST /gate/v1/models?key=" + KEY.encode() + b" HTTP/1.1\r\nHost: other.example\r\n"
        b"Content-Length: %d\r\n\r\n" % len(put) + put
    )


def test_a_length_that_was_wrong_stays_wrong() -> None:
    headers = (("Host", "old.example:8080"), ("Content-Length", "1"))
    sent, _ = asyncio.run(repeated(recorded(headers=headers, body=b"{}")))
    assert b"Content-Length: 1\r\n\r\n{" in sent


def test_bytes_that_are_no_text_go_out_as_they_are() -> None:
    sent, _ = asyncio.run(repeated(recorded(body=b"\xff\x00[[key:general:openai]]\xe2\x82")))
    assert sent.endswith(b"\r\n\r\n\xff\x00" + KEY.encode() + b"\xe2\x82")


def test_a_key_that_the_target_file_lacks_is_named() -> None:
    target = Target("new", "http://127.0.0.1:1", {})

    async def ask() -> None:
        async with HttpSender(target.base_url) as http:
            keyring = Keyring({"image:batch": KEY})
            repeater = Repeater(target, keyring, {}, http, Redactor({}), recorded_base_url=OLD)
            assert repeater.missing([recorded()]) == ["key:general:openai"]
            await repeater.send(recorded())

    with pytest.raises(TargetError, match="nothing for key:general:openai"):
        asyncio.run(ask())
