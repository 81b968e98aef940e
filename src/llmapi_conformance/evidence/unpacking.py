"""A request body as the gateway reads it: without the framing and the coding that its headers name."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT = 32 * 1024 * 1024
"""Bytes of a decoded body, at most."""
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def plain_body(headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """The content of a body; the body itself where it can't be unpacked, or need not be."""
    values = {name.lower(): value.strip().lower() for name, value in headers}
    body = unframed(headers, body)
    window = _WINDOWS.get(values.get("content-encoding", ""))
    if window is None:
        return body
    try:
        return zlib.decompressobj(window).decompress(body, LIMIT)
    except zlib.error:
        return body


def unframed(headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """A body without the chunks that its headers name, still coded."""
    chunked = any(name.lower() == "transfer-encoding" and value.strip().lower() == "chunked" for name, value in headers)
    return _without_chunks(body) if chunked else body


def _without_chunks(body: bytes) -> bytes:
    """The data of a chunked body (RFC 9112 section 7.1); the body itself when it is none."""
    data, rest = bytearray(), body
    while True:
        line, mark, rest = rest.partition(b"\r\n")
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            return body
        if not mark or size < 0 or rest[size : size + 2] != b"\r\n":
            return bytes(data) if mark and size == 0 else body
        if size == 0:
            return bytes(data)
        data += rest[:size]
        rest = rest[size + 2 :]
