"""The bytes around a fault, as text that is safe to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

AROUND = 160
"""Bytes shown before and after the telling ones."""
LONGEST = 800
"""Bytes shown in all."""


def excerpt(exchange: Exchange, span: tuple[int, int] | None) -> str:
    """Part of the response body: around the span, or its beginning; control characters and broken UTF-8 are escaped."""
    body = exchange.body
    start, end = span or (0, LONGEST)
    first = max(0, start - AROUND) if span else 0
    last = min(len(body), max(end, start) + AROUND, first + LONGEST)
    while 0 < first < len(body) and body[first] & 0xC0 == 0x80:
        first -= 1
    while last < len(body) and body[last] & 0xC0 == 0x80:
        last += 1
    text = body[first:last].decode("utf-8", "backslashreplace")
    return ("…" if first else "") + printable(text) + ("…" if last < len(body) else "")


def printable(text: str) -> str:
    """Text in which control characters other than the line feed, and invisible marks, are written as escapes."""
    return "".join(
        character if character == "\n" or character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
