"""The ways in which a secret can stand in bytes, and one expression that finds them all."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a secret.

    Attributes:
        tokens: An expression for each character.
        marker: What replaces it.
        head: Whether a Base64 character before it may hold some of its bits.
        tail: Whether one behind it may.
    """

    tokens: tuple[bytes, ...] = field(repr=False)
    marker: bytes
    head: bool = False
    tail: bool = False


def forms_of(secret: str, marker: bytes) -> Iterator[Form]:
    """The plain and escaped form, mixed at will, and Base64 at its three alignments, without padding."""
    yield Form(tuple(_token(character) for character in secret), marker)
    data = secret.encode()
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + data).rstrip(b"=").decode()
        head = (offset * 8 + 5) // 6  # so many characters hold bits of what stands before
        tail = (offset + len(data)) % 3 != 0  # the last character holds bits of what follows
        inner = encoded[head : len(encoded) - tail]
        yield Form(tuple(_BASE64_TOKENS.get(c) or c.encode() for c in inner), marker, head=offset > 0, tail=tail)


class Finder:
    """Finds forms in one pass, the longest at each place."""

    __slots__ = ("_forms", "_pattern")

    def __init__(self, forms: Iterable[Form]) -> None:
        root = _Node()
        for form in forms:
            node = root
            for token in form.tokens:
                node = node.children.setdefault(token, _Node())
            node.form = node.form or form
        self._forms: list[Form] = []
        self._pattern = re.compile(_pattern(root, self._forms))

    def spans(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Start, end and marker of each find, from left to right."""
        for match in self._pattern.finditer(data):
            form = self._forms[(match.lastindex or 1) - 1]
            start, end = match.span()
            if form.head and start > 0 and data[start - 1] in _BASE64:
                start -= 1
            if form.tail and end < len(data) and data[end] in _BASE64:
                end += 1
            yield start, end, form.marker


@dataclass(slots=True)
class _Node:
    """A place in the tree of forms with common beginnings merged: one look tells which of them can go on."""

    children: dict[bytes, _Node] = field(default_factory=dict)
    form: Form | None = None


def _pattern(node: _Node, forms: list[Form]) -> bytes:
    """An expression that tries longer forms first; each ends with an empty group, whose form ``forms`` gets.

    It recurses at forks only, so a long secret is no deep recursion.
    """
    written: list[bytes] = []
    while len(node.children) == 1 and node.form is None:
        ((token, node),) = node.children.items()
        written.append(token)
    branches = [token + _pattern(child, forms) for token, child in node.children.items()]
    if node.form is not None:
        forms.append(node.form)
        branches.append(b"()")
    return b"".join(written) + (b"(?:" + b"|".join(branches) + b")" if len(branches) > 1 else b"".join(branches))


def _token(character: str) -> bytes:
    """An expression for one character in its plain and escaped forms; letters and digits are written plainly."""
    if character.isascii() and character.isalnum():
        return character.encode()
    plain = re.escape(character.encode())
    if character == "\\":
        # A run of any length, which is not given back: escaping doubles it each time.
        return rb"(?:\\++(?:u005[cC])?+|" + _percent(character) + b")"
    escaped = [_unicode_escape(character)]
    alternatives = [plain, _percent(character)]
    if character.isascii():
        escaped.append(plain)
    if character == " ":
        alternatives.append(rb"\+")
    alternatives.append(_BACKSLASHES + b"(?:" + b"|".join(escaped) + b")")
    return b"(?:" + b"|".join(alternatives) + b")"


_BACKSLASHES = rb"\\{1,15}"
"""One before an escaped character; JSON in JSON doubles and adds one, up to three times."""


def _percent(character: str) -> bytes:
    return b"".join(rb"%(?:25){0,3}" + _hex(f"{byte:02x}") for byte in character.encode())


def _unicode_escape(character: str) -> bytes:
    units = character.encode("utf-16-be").hex()
    return _BACKSLASHES.join(b"u" + _hex(units[index : index + 4]) for index in range(0, len(units), 4))


def _hex(digits: str) -> bytes:
    """Hexadecimal digits in either case."""
    return "".join(digit if digit.isdigit() else f"[{digit}{digit.upper()}]" for digit in digits).encode()


_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
_BASE64_TOKENS = {
    "+": b"(?:[+-]|" + _percent("+") + b"|" + _BACKSLASHES + _unicode_escape("+") + b")",
    "/": b"(?:[/_]|" + _percent("/") + b"|" + _BACKSLASHES + b"(?:/|" + _unicode_escape("/") + b"))",
}
