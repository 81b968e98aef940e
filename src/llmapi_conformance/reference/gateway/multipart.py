"""Reading a `multipart/form-data` body (RFC 7578); its bytes go on to the upstream as they came."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message
from typing import Final

from llmapi_conformance.reference.gateway.refusals import Refusal

_MOST_PARTS: Final = 100
_LINE: Final = b"\r\n"


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form: its name, the file name if it is a file, its bytes."""

    name: str
    filename: str | None
    content: bytes

    def text(self) -> str:
        """Return the value of a field that isn't a file.

        Raises:
            Refusal: 400, it is no UTF-8.
        """
        try:
            return self.content.decode("utf-8")
        except UnicodeDecodeError:
            raise Refusal(400, f"{self.name}: the text is not UTF-8", param=self.name) from None


@dataclass(frozen=True, slots=True)
class Form:
    """A form: its boundary, its bytes, its parts in order."""

    boundary: bytes
    raw: bytes
    parts: tuple[Part, ...]

    def fields(self) -> dict[str, str]:
        """Return the fields that are no files; of a repeated one the last counts.

        Raises:
            Refusal: 400, one is no UTF-8.
        """
        return {part.name: part.text() for part in self.parts if part.filename is None}

    def files(self) -> list[Part]:
        """Return the files."""
        return [part for part in self.parts if part.filename is not None]

    def with_field(self, name: str, value: str) -> bytes:
        """Return the bytes of the form with a further field in front, the others untouched."""
        head = f'Content-Disposition: form-data; name="{name}"'.encode()
        start = self.raw.index(b"--" + self.boundary)
        return b"--" + self.boundary + _LINE + head + _LINE * 2 + value.encode() + _LINE + self.raw[start:]


def read_form(raw: bytes, content_type: str) -> Form:
    """Take a form apart.

    Raises:
        Refusal: 400, it has no boundary or is not built as one.
    """
    header = Message()
    header["content-type"] = content_type
    boundary = str(header.get_param("boundary") or "").encode("latin-1", errors="replace")
    if not boundary or not re.fullmatch(rb"[ -~]{1,70}", boundary):
        raise Refusal(400, "multipart boundary is required")
    pieces = (_LINE + raw).split(_LINE + b"--" + boundary)
    # Behind each delimiter stands the rest of its line; behind the last one two hyphens.
    bodies, ended = [], False
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            ended = True
            break
        rest, found, body = piece.partition(_LINE)
        if not found or rest.strip(b" \t"):
            raise _malformed()
        bodies.append(body)
    if not ended or len(bodies) > _MOST_PARTS:
        raise _malformed()
    return Form(boundary, raw, tuple(_part(body) for body in bodies))


def _part(body: bytes) -> Part:
    # A part without headers begins with the blank line.
    head, found, content = (_LINE + body).partition(_LINE * 2)
    if not found:
        raise _malformed()
    for line in head.split(_LINE):
        name, _, value = line.decode("utf-8", errors="replace").partition(":")
        if name.strip().lower() == "content-disposition":
            field = _parameter(value, "name")
            if value.strip().lower().startswith("form-data") and field:
                return Part(field, _parameter(value, "filename"), content)
    raise _malformed()


def _parameter(value: str, name: str) -> str | None:
    found = re.search(rf';\s*{name}=(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))', value, re.IGNORECASE)
    if found is None:
        return None
    return re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2]


def _malformed() -> Refusal:
    return Refusal(400, "Request body is not a valid multipart/form-data document")
