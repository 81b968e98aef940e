"""Remove a content coding while the body arrives (RFC 9110 section 8.4.1)."""

from __future__ import annotations

import zlib

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_CODINGS = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
_COMPRESSIONS = frozenset({*_CODINGS, "br", "zstd", "compress", "x-compress", "dcb", "dcz"})


class Decoder:
    """Decodes one body; what it can't decode it hands on as it is and says so.

    ``gzip`` (members one after another too) and ``deflate`` (with or without the zlib wrapper) are decoded. What is
    compressed in another way, several times, or behind a fault, is not handed on: nobody could see what secrets are in
    it. A name that is no compression, or a body that is not compressed at all, is a mistake: it is kept as received.

    Attributes:
        detail: One sentence about what was not decoded; empty otherwise.
        full: Whether the decoded body reached the limit, so that the rest is not decoded.
    """

    __slots__ = ("_coding", "_decompressor", "_left", "_opaque", "_started", "detail", "full")

    def __init__(self, content_encoding: str, limit: int) -> None:
        """Prepare for a ``Content-Encoding`` value and at most ``limit`` decoded bytes."""
        named = [coding.strip().lower() for coding in content_encoding.split(",")]
        codings = [coding for coding in named if coding not in ("", "identity")]
        self.detail = ""
        self.full = False
        self._left = limit
        self._coding = ""
        self._started = False
        self._opaque = False
        if len(codings) == 1 and codings[0] in _CODINGS:
            self._coding = _CODINGS[codings[0]]
        elif codings:
            self._opaque = not _COMPRESSIONS.isdisjoint(codings)
            kept = "only its length and digest are kept" if self._opaque else "the body is kept as received"
            self.detail = f"the content coding is not one that this tool decodes (gzip, deflate): {kept}"
        self._decompressor = zlib.decompressobj(_GZIP_WINDOW if self._coding == "gzip" else zlib.MAX_WBITS)

    def feed(self, data: bytes) -> bytes:
        """Decode the next bytes."""
        if self._opaque:
            return b""
        if not self._coding:
            return self._take(data)
        decoded = b""
        while data and not self.full:
            if self._decompressor.eof:
                if self._coding != "gzip":
                    self._give_up("bytes follow the end of the deflate data")
                    break
                self._decompressor = zlib.decompressobj(_GZIP_WINDOW)
            try:
                decoded += self._decompress(data)
            except zlib.error:
                self._opaque = self._started
                kept = "what follows is not kept" if self._opaque else "it is kept as received"
                self._give_up(f"the body is not valid {self._coding}: {kept}")
                return decoded + self.feed(data)
            data = self._decompressor.unused_data
        return decoded

    def finish(self) -> str:
        """Say what was wrong with the coding of a body that ended; empty when nothing was."""
        if self._coding and self._started and not self._decompressor.eof and not self.full:
            return f"the {self._coding} data is incomplete"
        return self.detail

    def _decompress(self, data: bytes) -> bytes:
        if not self._started and self._coding == "deflate" and not _has_zlib_wrapper(data):
            self._decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
        # One byte more than there is room for, since a limit of 0 would mean none.
        decoded = self._decompressor.decompress(data, self._left + 1)
        self._started = True
        return self._take(decoded)

    def _take(self, data: bytes) -> bytes:
        if len(data) > self._left:
            self.full = True
            data = data[: self._left]
        self._left -= len(data)
        return data

    def _give_up(self, detail: str) -> None:
        self.detail = detail
        self._coding = ""


def _has_zlib_wrapper(data: bytes) -> bool:
    """Whether the first byte names the compression method and window of RFC 1950 section 2.2."""
    return data[0] & 0x0F == zlib.DEFLATED and data[0] >> 4 <= 7  # CINFO above 7 is not allowed
