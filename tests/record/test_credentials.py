"""Keys go through, and into no file: those of the target file and those that only clients know."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from random import Random, SystemRandom
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from llmapi_conformance.errors import TargetError
from llmapi_conformance.passthrough.credentials import MOST_CLIENT_KEYS, Credentials, TooManyKeysError
from llmapi_conformance.passthrough.settings import Settings
from llmapi_conformance.target.keyring import Keyring
from llmapi_conformance.target.target import Role, Target
from tests.record.passing import passing, sent
from tests.run.leaking_gateway import LeakingGateway
from tests.run.secret_search import leaks
from tests.run.test_redaction_proof import a_secret
from tests.sending.gateways import answer, running
from tests.wire.servers import answering, serving

if TYPE_CHECKING:
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange
    from tests.record.passing import Passing
    from tests.sending.gateways import Asked

ROLE = "general:openai"
KEY = "sk-of-the-target-0123456789"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
BODY = b'{"model":"gpt-5.1","messages":[{"role":"user","content":"hello"}],"stream":true}'
PLACES = (
    ("/v1/chat/completions", "Authorization: Bearer {}"),
    ("/v1/messages", "x-api-key: {}"),
    ("/v1beta/models/gemini-2.5-pro:generateContent", "x-goog-api-key: {}"),
    ("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse&key={}", "X-Nothing: 1"),
    ("/v1/responses", "Authorization: {}"),
    ("/v1/models", "Proxy-Authorization: Basic {}"),
    ("/v1/chat/completions", "X-Session-Token: {}"),
)


def request(place: tuple[str, str], secret: str, *more: str) -> bytes:
    path, header = place
    if "Basic" in header:
        secret = base64.b64encode(f"somebody:{secret}".encode()).decode()
    path = path.format(quote(secret, safe=""))
    lines = [f"POST {path} HTTP/1.1", "Host: x", header.format(secret), f"Content-Length: {len(BODY)}", *more]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + BODY


def websocket(secret: str) -> bytes:
    lines = (
        "GET /v1/responses HTTP/1.1",
        "Host: x",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.{secret}",
    )
    return "\r\n".join([*lines, "", ""]).encode()


def test_no_key_of_a_client_is_left_in_a_recording(tmp_path: Path) -> None:
    seed = SystemRandom().getrandbits(32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it when the test fails
    chance = Random(seed)  # noqa: S311 - made up
    secrets = [a_secret(chance, number) for number in range(len(PLACES))]
    gateway = LeakingGateway([*secrets, KEY])
    known = False

    async def handle(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if known:
            await gateway.handle(asked, writer)
        else:
            writer.write(answer(200, {"ok": True}))

    async def main() -> Passing:
        nonlocal known
        async with passing(url, tmp_path, keys={ROLE: KEY}) as here:
            for place, secret in zip(PLACES, secrets, strict=True):
                await sent(here.address, request(place, secret))
            known = True
            for place, secret in [*zip(PLACES, secrets, strict=True)] * 8:
                with contextlib.suppress(ConnectionResetError):
                    await sent(here.address, request(place, secret))
            for _ in range(6):
                with contextlib.suppress(ConnectionResetError):
                    await sent(here.address, websocket("a-key-of-a-browser-0123456789"))
        return here

    with running(handle) as url:
        here = asyncio.run(main())
    assert gateway.answers == 8 * len(PLACES) + 6
    assert len(here.exchanges()) == 9 * len(PLACES) + 6
    names = {f"secret {number}": secret for number, secret in enumerate([*secrets, KEY])}
    left = {"recording.jsonl": (tmp_path / "recording.jsonl").read_bytes()}
    assert not leaks(left, {**names, "browser": "a-key-of-a-browser-0123456789"})


def recorded(tmp_path: Path, data: bytes, *, role: str = "") -> tuple[Exchange, bytes]:
    """One exchange as it is kept, and the request as the gateway saw it."""

    async def main() -> tuple[Passing, bytes]:
        async with (
            serving(answering(OK)) as server,
            passing(server.url, tmp_path, keys={ROLE: KEY}, role=role) as here,
        ):
            assert await sent(here.address, data) == OK
        return here, server.requests[0]

    here, seen = asyncio.run(main())
    return here.only(), seen


def test_a_key_of_the_target_file_is_named_by_its_role(tmp_path: Path) -> None:
    exchange, seen = recorded(tmp_path, request(PLACES[0], KEY))
    assert f"Authorization: Bearer {KEY}".encode() in seen
    assert exchange.role == ROLE
    assert ("Authorization", f"Bearer [[key:{ROLE}]]") in exchange.request.headers


def test_an_unknown_key_is_told_from_another_but_has_no_role(tmp_path: Path) -> None:
    credentials = Credentials(Keyring({ROLE: KEY}), {})
    first = credentials.learn((("x-api-key", "one-key-0123456789"),), "/")
    second = credentials.learn((("x-api-key", "another-key-0123456789"),), "/")
    assert (first.role, second.role) == ("", "")
    both = credentials.redactor.redact(b"one-key-0123456789 another-key-0123456789")
    assert both == b"[[key:client:a]] [[key:client:b]]"
    exchange, _ = recorded(tmp_path, request(PLACES[1], "one-key-0123456789"))
    assert ("x-api-key", "[[key:client:a]]") in exchange.request.headers


@pytest.mark.parametrize("place", [PLACES[0], PLACES[1], PLACES[3]])
def test_a_key_too_short_to_look_for_goes_from_its_place(tmp_path: Path, place: tuple[str, str]) -> None:
    exchange, seen = recorded(tmp_path, request(place, "dummy"))
    assert b"dummy" in seen
    told = f"{exchange.request.target} {exchange.request.headers}"
    assert "dummy" not in told
    assert "[[key:client:short]]" in told


def test_cookies_of_both_sides_are_no_content(tmp_path: Path) -> None:
    answered = b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=abcdefghijkl; Path=/\r\nConnection: close\r\n\r\nabcdefghijkl"

    async def main() -> Passing:
        async with serving(answering(answered)) as server, passing(server.url, tmp_path) as here:
            await sent(here.address, request(PLACES[0], KEY, "Cookie: a=1; session=mnopqrstuvw"))
        return here

    exchange = asyncio.run(main()).only()
    assert exchange.body == b"[[cookie:sid]]"
    assert ("Cookie", "a=1; session=[[cookie:session]]") in exchange.request.headers


@pytest.mark.parametrize("place", PLACES)
def test_with_as_the_gateway_sees_the_key_of_the_role_and_never_the_clients(
    tmp_path: Path, place: tuple[str, str]
) -> None:
    data = request(place, "a-dummy-0123456789").replace(b"Host: x", b"Host: localhost:1")
    exchange, seen = recorded(tmp_path, data, role=ROLE)
    assert KEY.encode() in seen
    if "Proxy" not in place[1] and "Token" not in place[1]:
        assert b"dummy" not in seen
    assert exchange.role == ROLE
    assert KEY not in (tmp_path / "recording.jsonl").read_text("utf-8")


@pytest.mark.parametrize("line", ["Origin: https://page.example", "Host: rebound.example"])
def test_with_as_no_page_of_a_browser_can_spend_the_key(tmp_path: Path, line: str) -> None:
    async def main() -> None:
        async with serving(answering(OK)) as server, passing(server.url, tmp_path, keys={ROLE: KEY}, role=ROLE) as here:
            host = "" if line.startswith("Host") else "Host: localhost\r\n"
            refused = await sent(here.address, f"GET /v1/models HTTP/1.1\r\n{host}{line}\r\n\r\n".encode())
            assert refused.startswith(b"HTTP/1.1 403 ")
            assert not server.requests

    asyncio.run(main())


def test_with_as_only_this_machine_can_be_listened_to() -> None:
    target, keyring = Target("here", "http://x", {ROLE: Role(ROLE)}), Keyring({ROLE: KEY})
    with pytest.raises(TargetError, match=r"listen on 127\.0\.0\.1"):
        Settings(target, keyring, role=ROLE, host="0.0.0.0")  # noqa: S104 - refused
    with pytest.raises(TargetError, match="There is no key for role image:batch"):
        Settings(target, keyring, role="image:batch")
    assert Settings(target, keyring, host="0.0.0.0").host  # noqa: S104 - clients send their own keys


def test_more_keys_than_can_be_kept_apart_are_refused_rather_than_forgotten() -> None:
    credentials = Credentials(Keyring({}), {})
    for number in range(MOST_CLIENT_KEYS):
        credentials.learn((("x-api-key", f"key-number-{number:04}"),), "/")
    credentials.learn((("x-api-key", "key-number-0000"),), "/")
    with pytest.raises(TooManyKeysError):
        credentials.learn((("x-api-key", "one-key-too-many"),), "/")
