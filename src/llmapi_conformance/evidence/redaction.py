"""Take secrets out of bytes and text, and leave a typed marker in the place of each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from llmapi_conformance.errors import TargetError
from llmapi_conformance.evidence.scattered import scattered
from llmapi_conformance.evidence.secret_forms import ESCAPED, Finder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llmapi_conformance.evidence.exchange import Headers

SHORTEST: Final = 8
"""Fewest characters of a secret: a shorter one would be found in places where it is none."""


def _look(start: bytes, rest: bytes) -> re.Pattern[bytes]:
    """A key of a known look: no letter or digit stands before it, unless that ends an escape."""
    befores = (rb"\\[nrtbf]", rb"%[0-9A-Fa-f]{2}", rb"\\u[0-9A-Fa-f]{4}")
    behind = b"|".join(b"(?<=" + before + start + b")" for before in befores)
    # The plain start comes first, since it is searched for quickly.
    return re.compile(start + b"(?:(?<![A-Za-z0-9]" + start + b")|" + behind + b")" + rest)


_UNKNOWN: Final = (
    (b"[[secret:anthropic-like]]", _look(b"sk-ant-", b"[A-Za-z0-9_-]{16,}+")),
    (b"[[secret:openai-like]]", _look(b"sk-", b"(?!ant-)[A-Za-z0-9_-]{20,}+")),
    (b"[[secret:google-like]]", _look(b"AIza", b"[A-Za-z0-9_-]{30,}+")),
    (
        b"[[secret:bearer]]",
        re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr](?: |\+|%20)([A-Za-z0-9._~+/-]{20,}+=*+)"),
    ),
)

_Span = tuple[int, int, bytes]
"""Start, end and replacement."""


class Redactor:
    """Replaces secrets by markers, in time linear to the text.

    A secret is found as it is, percent-encoded (RFC 3986 section 2.1), escaped as in JSON (RFC 8259 section 7), both
    also several times over and for characters that need it not, escaped as in HTML, as hexadecimal digits, and within
    Base64 of either alphabet at any alignment (RFC 4648). In a body it is found also where it is scattered over the
    texts of a stream, and its beginning at the end of a body that was cut. Keys of the well-known providers' look and
    long bearer tokens are replaced too, although nobody told us about them. Where finds overlap all of their bytes go;
    the marker is that of the first, at one place of the one that we know, then of the longest, then of the one that was
    told last.
    """

    __slots__ = ("_finders", "_known")

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """Prepare for secrets, given with the marker of each, for example ``[[key:general:openai]]``.

        Raises:
            TargetError: A secret is shorter than ``SHORTEST`` characters.
        """
        self._known: dict[str, str] = {}
        self._finders: tuple[Finder, ...] = ()
        self._add(secrets)

    def with_secrets(self, secrets: Mapping[str, str]) -> Redactor:
        """A redactor that knows these secrets too, such as the made-up and mutated keys of one exchange.

        Raises:
            TargetError: A secret is shorter than ``SHORTEST`` characters.
        """
        fresh = {secret: marker for secret, marker in secrets.items() if self._known.get(secret) != marker}
        if not fresh:
            return self
        made = Redactor({})
        made._known = dict(self._known)
        made._finders = self._finders
        made._add(fresh)
        return made

    def _add(self, secrets: Mapping[str, str]) -> None:
        for secret, marker in secrets.items():
            if len(secret) < SHORTEST:
                raise TargetError(
                    f"the secret behind {marker} has {len(secret)} characters: at least {SHORTEST} are needed, "
                    "or it could not be told from other text in a recording"
                )
        if secrets:
            self._finders = (*self._finders, Finder(secrets))
            self._known.update(secrets)

    def redact(self, data: bytes) -> bytes:
        """The data without secrets."""
        ((_, redacted),) = self.redact_chunks([(0.0, data)])
        return redacted

    def redact_text(self, text: str) -> str:
        """The text without secrets."""
        data = text.encode("utf-8", "surrogatepass")
        redacted = self.redact(data)
        return text if redacted is data else redacted.decode("utf-8", "surrogatepass")

    def redact_headers(self, headers: Headers) -> Headers:
        """The headers without secrets in names and values, whose characters stand for bytes (ISO 8859-1)."""
        return tuple(self._redact_line(name, value) for name, value in headers)

    def redact_chunks(
        self, chunks: Sequence[tuple[float, bytes]], *, body: bool = False, cut: bool = False
    ) -> list[tuple[float, bytes]]:
        """Chunks (arrival time, bytes) without secrets, also without those that lie across borders.

        The marker goes into the chunk in which the secret begins; number and times of the chunks stay.

        Args:
            chunks: The text, in pieces.
            body: Whether it is a whole body, in whose texts secrets may be scattered.
            cut: Whether it may end within a secret.
        """
        data = chunks[0][1] if len(chunks) == 1 else b"".join(data for _, data in chunks)
        spans = self._spans(data, body=body, cut=cut)
        if not spans:
            return list(chunks)
        redacted: list[tuple[float, bytes]] = []
        waiting = iter(spans)
        span = next(waiting, None)
        offset = 0  # of the chunk
        position = 0  # up to where all was copied or left out
        for at, data in chunks:
            border = offset + len(data)
            pieces: list[bytes] = []
            while span is not None and span[0] < border:
                start, position_after, marker = span
                pieces += (data[max(position - offset, 0) : start - offset], marker)
                position = position_after
                span = next(waiting, None)
            pieces.append(data[max(position - offset, 0) :])
            redacted.append((at, b"".join(pieces)))
            offset = border
        return redacted

    def _redact_line(self, name: str, value: str) -> tuple[str, str]:
        # A secret with a colon within it that is sent as a whole line became a name and a value.
        border = f"{name[-1:]}:"
        for colon in (":", ": ") if any(border in secret for secret in self._known) else ():
            line = self._redact_field(f"{name}{colon}{value}")
            if not line.startswith(f"{name}{colon}") and self._redact_field(name) == name:
                return line, ""
        return self._redact_field(name), self._redact_field(value)

    def _redact_field(self, value: str) -> str:
        try:
            data = value.encode("latin-1")
        except UnicodeEncodeError:
            return self.redact_text(value)
        redacted = self.redact(data)
        return value if redacted is data else redacted.decode("latin-1")

    def _spans(self, data: bytes, *, body: bool, cut: bool) -> list[_Span]:
        """What is to be replaced: in order, without overlap."""
        escaped = ESCAPED.search(data) is not None
        found = [
            (start, -told, -end, marker)
            for told, finder in enumerate(self._finders, start=1)
            for start, end, marker in finder.spans(data, escaped=escaped)
        ]

        def in_texts(text: bytes) -> Iterator[_Span]:
            for finder in self._finders:
                yield from finder.spans(text, escaped=escaped)
                if cut:
                    yield from finder.broken_off(text, escaped=escaped)

        if body:
            found += [
                (start, -len(self._finders) - 1, -end, marker) for start, end, marker in scattered(data, in_texts)
            ]
        if cut:
            # Told last, so that they lose against whole secrets.
            for finder in self._finders:
                found += [(start, -1, -end, marker) for start, end, marker in finder.broken_off(data, escaped=escaped)]
        found += [(start, 0, -end, marker) for start, end, marker in _unknown_spans(data)]
        found.sort(key=lambda find: (find[0], find[1] == 0, find[2], find[1]))
        merged: list[_Span] = []
        for start, _, minus_end, marker in found:
            if merged and start < merged[-1][1]:
                first, end, kept = merged[-1]
                merged[-1] = (first, max(end, -minus_end), kept)
            else:
                merged.append((start, -minus_end, marker))
        return merged


def _unknown_spans(data: bytes) -> list[_Span]:
    """Keys of a well-known look and bearer tokens."""
    return [
        (*match.span(match.lastindex or 0), marker) for marker, pattern in _UNKNOWN for match in pattern.finditer(data)
    ]
