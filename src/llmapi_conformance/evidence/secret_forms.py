"""The ways in which a secret can stand in bytes, and one expression that finds them all."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


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


ESCAPED = re.compile(
    rb"\\u00(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])"
    rb"|%(?:25){0,3}(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])"
    rb"|&(?:#|amp;|lt;|gt;|quot;|apos;)"
)
"""Where letters and digits are escaped, which need not be, or anything as in HTML: rare, and slow to look for."""


def forms_of(secret: str, marker: bytes, *, thorough: bool = False) -> Iterator[Form]:
    """The plain and escaped form, mixed at will, hexadecimal, and Base64 at its three alignments, without padding.

    Args:
        secret: Its characters.
        marker: What replaces it.
        thorough: Whether letters and digits may be escaped too, and escapes of HTML count.
    """
    token = _any_token if thorough else _token
    runs: list[str] = _RUNS.findall(secret)
    yield Form(tuple(_backslashes(thorough=thorough) if len(run) > 1 else token(run) for run in runs), marker)
    data = secret.encode()
    yield Form(tuple(_hex(f"{byte:02x}") for byte in data), marker)
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + data).rstrip(b"=").decode()
        head = (offset * 8 + 5) // 6  # so many characters hold bits of what stands before
        tail = (offset + len(data)) % 3 != 0  # the last character holds bits of what follows
        inner = encoded[head : len(encoded) - tail]
        yield Form(tuple(_BASE64_TOKENS.get(c) or c.encode() for c in inner), marker, head=offset > 0, tail=tail)


_RUNS = re.compile(r"\\\\+|.", re.DOTALL)
"""Backslashes that follow each other are one token, since a token takes all of them."""


def _backslashes(*, thorough: bool) -> bytes:
    """An expression for some of them that follow each other."""
    escapes = [rb"\\++u005[cC]", _percent("\\"), *([_html("\\")] if thorough else [])]
    return b"(?:(?:" + b"|".join(escapes) + rb")++|\\++)"


class Finder:
    """Finds secrets in one pass, the longest at each place."""

    __slots__ = ("_plain", "_secrets", "_thorough")

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """Prepare for secrets, given with the marker of each."""
        self._secrets = dict(secrets)
        self._plain = _Search(self._forms(thorough=False))
        self._thorough: _Search | None = None

    def spans(self, data: bytes, *, escaped: bool) -> Iterator[tuple[int, int, bytes]]:
        """Start, end and marker of each find, from left to right; ``escaped`` says whether ``ESCAPED`` was found."""
        return self._search(escaped=escaped).spans(data)

    def broken_off(self, data: bytes, *, escaped: bool) -> Iterator[tuple[int, int, bytes]]:
        """Start, end and marker of what may be the beginning of a secret at the end of data that was cut."""
        return self._search(escaped=escaped).broken_off(data)

    def _search(self, *, escaped: bool) -> _Search:
        if not escaped:
            return self._plain
        if self._thorough is None:
            self._thorough = _Search(self._forms(thorough=True))
        return self._thorough

    def _forms(self, *, thorough: bool) -> Iterator[Form]:
        for secret, marker in self._secrets.items():
            yield from forms_of(secret, marker.encode(), thorough=thorough)


class _Search:
    """One expression for many forms."""

    __slots__ = ("_begun", "_forms", "_pattern", "_shortest")

    def __init__(self, forms: Iterable[Form]) -> None:
        root = _Node()
        for form in forms:
            node = root
            for token in form.tokens:
                node = node.children.setdefault(token, _Node())
            node.form = node.form or form
        self._forms: list[Form] = []
        self._pattern = re.compile(_pattern(root, self._forms))
        self._begun: re.Pattern[bytes] | None = None
        self._shortest = min((len(form.tokens) for form in self._forms), default=0)

    def spans(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        if len(data) < self._shortest:  # each token takes a byte at least; most headers are shorter than any secret
            return
        for match in self._pattern.finditer(data):
            form = self._forms[(match.lastindex or 1) - 1]
            start, end = match.span()
            if form.head and start > 0 and data[start - 1] in _BASE64:
                start -= 1
            if form.tail and end < len(data) and data[end] in _BASE64:
                end += 1
            yield start, end, form.marker

    def broken_off(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        last = data[-LONGEST_BROKEN:]
        if self._begun is None:
            self._begun = re.compile(b"|".join({_beginning(form) for form in self._forms}))
        if self._begun.search(last) is None:
            return
        for form in self._forms:
            for match in re.finditer(b"(?=(" + _beginning(form) + b"))", last):
                if _goes_on_to_the_end(form.tokens, last, match.start()):
                    start = len(data) - len(last) + match.start()
                    yield start - (form.head and start > 0 and data[start - 1] in _BASE64), len(data), form.marker
                    break


SHORTEST_BROKEN = 8
"""Characters of a form from which on the beginning of a secret is one."""
LONGEST_BROKEN = 16 * 1024
"""Bytes at the end of cut data in which the beginning of a secret is looked for."""
_HALF_AN_ESCAPE = re.compile(rb"[0-9A-Fa-f]|%(?:25){0,3}[0-9A-Fa-f]?|\\+(?:u[0-9A-Fa-f]{0,3})?|&#?[0-9A-Za-z]{0,6}")


_ESCAPES = frozenset(b"%&\\")
_AMBIGUOUS = frozenset(b"%&")
_LONGEST_ESCAPE = 16


def _beginning(form: Form) -> bytes:
    return b"".join(form.tokens[:SHORTEST_BROKEN])


def _goes_on_to_the_end(tokens: tuple[bytes, ...], data: bytes, position: int) -> bool:
    """Whether data ends within these tokens."""
    places = {position}
    for token in tokens:
        if len(data) in places:
            return True
        expression = re.compile(token)
        reached: set[int] = set()
        for place in places:
            ends = _ends(expression, data, place)
            if (not ends or data[place] in _ESCAPES) and _HALF_AN_ESCAPE.fullmatch(data, place):
                return True
            reached |= ends
        places = reached
    return False


def _ends(expression: re.Pattern[bytes], data: bytes, place: int) -> set[int]:
    """Where a token that begins at a place may end: what begins its escape may be the character itself."""
    match = expression.match(data, place)
    if match is None:
        return set()
    if data[place] not in _AMBIGUOUS:
        return {match.end()}
    far = min(place + _LONGEST_ESCAPE, len(data))
    return {match.end(), *(end for end in range(place + 1, far + 1) if expression.fullmatch(data, place, end))}


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


def _any_token(character: str) -> bytes:
    """As ``_token``, with letters and digits escaped too, and with the escapes of HTML."""
    known = _token(character)
    escapes = [_html(character)]
    if character.isascii() and character.isalnum():
        escapes += [_percent(character), _BACKSLASHES + _unicode_escape(character)]
    return b"(?:" + b"|".join((known, *escapes)) + b")"


def _html(character: str) -> bytes:
    """A character reference: decimal, hexadecimal or by name."""
    digits = _hex(f"{ord(character):x}")
    numbers = rb"#(?:0{0,5}" + str(ord(character)).encode() + b"|[xX]0{0,5}" + digits + b")"
    name = _HTML_NAMES.get(character)
    return b"&(?:" + numbers + (b"|" + name if name else b"") + b");"


_HTML_NAMES = {"&": b"amp", "<": b"lt", ">": b"gt", '"': b"quot", "'": b"apos"}

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
