from __future__ import annotations

import dataclasses
import shlex
import subprocess
from typing import TYPE_CHECKING

from llmapi_conformance.evidence.exchange import Request
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
        ["/bin/sh", "-c", line], env={"KEY_GENERAL_OPENAI": key}, capture_output=True, check=True, timeout=10
    )
    return done.stdout.decode().split("\0")[:-1]


def test_a_shell_reads_the_line_back_as_it_was_sent() -> None:
    body = """{"text":"it's \\"quoted\\" $HOME `id` é"}"""
    headers = (("Authorization", "Bearer [[key:general:openai]]"), ("Content-Type", "application/json"), ("Host", "h"))
    assert words(sent(headers=headers, body=body.encode())) == [
        *("-sS", "-i", "http://127.0.0.1:4000/v1/messages"),
        *("-H", "Authorization: Bearer the-key", "-H", "Content-Type: application/json", "--data-binary", body),
    ]


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
