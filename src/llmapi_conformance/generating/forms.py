"""A form as it stands in a body (RFC 7578): its parts, each of which can be left out or rewritten."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_BOUNDARY: Final = re.compile(r"boundary=\"?([^\";]+)", re.IGNORECASE)
_NAME: Final = re.compile(rb"Content-Disposition:[^\r\n]*\bname=\"([^\"]*)\"", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Form:
    """A form.

    Attributes:
        boundary: What divides its parts.
        parts: Each with its head, its blank line and its content, in order.
    """

    boundary: str
    parts: tuple[bytes, ...]

    @property
    def body(self) -> bytes:
        """As bytes."""
        line = f"--{self.boundary}".encode()
        return b"".join(line + b"\r\n" + part + b"\r\n" for part in self.parts) + line + b"--\r\n"

    def without(self, name: str) -> Form:
        """All parts but those of a name."""
        return Form(self.boundary, tuple(part for part in self.parts if _name(part) != name))

    def with_text(self, name: str, text: str) -> Form:
        """With one text field in the place of all parts of its name; at the end when there are none."""
        made = f'Content-Disposition: form-data; name="{name}"\r\n\r\n{text}'.encode()
        names = [_name(part) for part in self.parts]
        place = names.index(name) if name in names else len(names)
        return Form(self.boundary, (*self.without(name).parts[:place], made, *self.without(name).parts[place:]))


def form_of(content_type: str, body: bytes) -> Form | None:
    """The form that a body is; ``None`` when it is none."""
    found = _BOUNDARY.search(content_type)
    if found is None or not content_type.lower().startswith("multipart/form-data"):
        return None
    line = f"--{found[1]}".encode()
    pieces = (b"\r\n" + body).split(b"\r\n" + line)
    parts = [piece.removeprefix(b"\r\n") for piece in pieces[1:] if piece.startswith(b"\r\n")]
    return Form(found[1], tuple(parts)) if parts else None


def _name(part: bytes) -> str:
    found = _NAME.match(part)
    return found[1].decode("utf-8", "replace") if found else ""
