"""What a client packed or framed is read as the gateway reads it."""

from __future__ import annotations

import gzip
import zlib

import pytest

from llmapi_conformance.evidence.exchange import NOT_JSON, Request
from llmapi_conformance.evidence.unpacking import plain_body

TEXT = b'{"model":"gpt-5.1"}'
CHUNKED = (("Transfer-Encoding", "chunked"),)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ((), TEXT),
        (CHUNKED, b'7\r\n{"model\r\nC;x=y\r\n":"gpt-5.1"}\r\n0\r\n\r\n'),
        (CHUNKED, b'13\r\n{"model":"gpt-5.1"}\r\n0\r\nTrailer: 1\r\n\r\n'),
        ((("content-encoding", "gzip"),), gzip.compress(TEXT, mtime=0)),
        ((("Content-Encoding", "deflate"),), zlib.compress(TEXT)),
    ],
)
def test_a_body_is_unpacked(headers: tuple[tuple[str, str], ...], body: bytes) -> None:
    assert plain_body(headers, body) == TEXT
    assert Request("POST", "/", headers, body).json == {"model": "gpt-5.1"}


@pytest.mark.parametrize("body", [b"", b"7", b"zz\r\nabc\r\n", b"ff\r\nshort", b"-1\r\n\r\n"])
def test_what_is_no_chunked_body_stays_as_it_is(body: bytes) -> None:
    assert plain_body(CHUNKED, body) == body


def test_what_is_not_packed_stays_as_it_is() -> None:
    headers = (("Content-Encoding", "gzip"),)
    assert plain_body(headers, TEXT) == TEXT
    assert Request("POST", "/", headers, b"\x1f\x8bxx").json is NOT_JSON
