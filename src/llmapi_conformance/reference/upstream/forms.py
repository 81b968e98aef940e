"""Read `multipart/form-data` (RFC 7578), as far as OpenAI's image edits need it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

_BOUNDARY = re.compile(r'(?i)multipart/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))')
_PARAMETER = re.compile(r'(?i);\s*(name|filename)=(?:"((?:[^"\\\r\n]|\\.)*)"|([^;\s"]+))')
_MOST_PARTS = 1_000


class FormError(ValueError):
    """A body that is no form; the message says why."""


@dataclass(frozen=True, slots=True)
class FormPart:
    """A part of a form.

    Attributes:
        name: The field's name.
        content: The bytes.
        filename: The file's name; None: it is no file.
        content_type: The type that the part announces; None: it announces none.
    """

    name: str
    content: bytes
    filename: str | None = None
    content_type: str | None = None


def is_form(content_type: str) -> bool:
    """Tell whether a Content-Type is that of a form."""
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


def read_form(content_type: str, body: bytes) -> list[FormPart]:
    """Read the parts of a form, in order.

    Args:
        content_type: The request's Content-Type.
        body: The request's body.

    Raises:
        FormError: There is no boundary, the body does not keep to it, or a part has no name.
    """
    found = _BOUNDARY.match(content_type.strip())
    if found is None:
        raise FormError("the Content-Type has no boundary")
    delimiter = b"\r\n--" + (found[1] or found[2]).encode("latin-1", errors="replace")
    # The first delimiter may stand at the very beginning.
    _, *pieces = (b"\r\n" + body).split(delimiter, _MOST_PARTS)
    if not pieces or not pieces[-1].startswith(b"--"):
        raise FormError("the body does not end with the boundary of the Content-Type")
    return [_read_part(piece) for piece in pieces[:-1]]


def summary(parts: list[FormPart]) -> dict[str, Any]:
    """Return what a form holds, for a log: the texts of its fields, and the size and SHA-256 of its files."""
    return {
        "fields": [[part.name, part.content.decode("utf-8", "replace")] for part in parts if part.filename is None],
        "files": [
            {
                "name": part.name,
                "filename": part.filename,
                "content_type": part.content_type,
                "size": len(part.content),
                "sha256": hashlib.sha256(part.content).hexdigest(),
            }
            for part in parts
            if part.filename is not None
        ],
    }


def _read_part(piece: bytes) -> FormPart:
    head, blank, content = piece.partition(b"\r\n\r\n")
    if not head.lstrip(b" \t").startswith(b"\r\n") or not blank:
        raise FormError("a part has no header")
    headers: dict[str, str] = {}
    for line in head.strip().decode("utf-8", errors="replace").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    disposition = headers.get("content-disposition", "")
    parameters = {
        found[1].lower(): found[3] if found[2] is None else re.sub(r"\\(.)", r"\1", found[2])
        for found in _PARAMETER.finditer(disposition)
    }
    if not disposition.lower().startswith("form-data") or not parameters.get("name"):
        raise FormError("a part has no name")
    return FormPart(parameters["name"], content, parameters.get("filename"), headers.get("content-type"))
