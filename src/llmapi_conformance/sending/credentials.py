"""Credentials by name: a scenario says which key and how it is changed, and never sees it."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmapi_conformance.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Credential:
    """A key, whole or changed; its representation is its marker.

    Attributes:
        marker: What stands for it in everything that is kept, such as ``key:general:openai:truncated``.
        good: Whether it is a key that the target file names, unchanged.
    """

    marker: str
    _value: str = field(repr=False)
    good: bool = True

    def reveal(self) -> str:
        """The characters, for the wire and for redaction only."""
        return self._value

    def truncated(self, count: int = 1) -> Credential:
        """Without its last characters."""
        return self._changed("truncated", lambda value: value[:-count])

    def extended(self, suffix: str = "x") -> Credential:
        """With something appended."""
        return self._changed("extended", lambda value: value + suffix)

    def last_character_changed(self) -> Credential:
        """With another last character of the same kind."""
        return self._changed("last-changed", lambda value: value[:-1] + _other(value[-1]))

    def upper(self) -> Credential:
        """With its letters in the other case."""
        return self._changed("case-changed", str.swapcase)

    def padded(self, before: str = "", after: str = "") -> Credential:
        """With white space around it; still the same key."""
        return Credential(self.marker, before + self._value + after, self.good)

    def _changed(self, how: str, change: Callable[[str], str]) -> Credential:
        return Credential(f"{self.marker}:{how}", change(self._value), good=False)


@dataclass(frozen=True, slots=True)
class Auth:
    """One credential header.

    Attributes:
        header: Header name as sent.
        credential: The key; ``None`` sends the prefix alone.
        prefix: What stands before the key in the value, such as ``"Bearer "``.
    """

    header: str = "Authorization"
    credential: Credential | None = None
    prefix: str = ""

    def value(self) -> str:
        """The header value as sent."""
        return self.prefix + (self.credential.reveal() if self.credential else "")

    def shown(self) -> str:
        """The header value as it is kept."""
        return self.prefix + (f"[[{self.credential.marker}]]" if self.credential else "")


NO_AUTH: tuple[Auth, ...] = ()
"""No credential header at all."""


def bearer(credential: Credential) -> Auth:
    """The recommended header (fact F1.2)."""
    return Auth("Authorization", credential, "Bearer ")


def made_up(like: Credential) -> Credential:
    """A key of the same look that no gateway ever handed out.

    Raises:
        TargetError: The key to imitate is too short.
    """
    value = like.reveal()
    stem = value[: value.rfind("-") + 1] if "-" in value[:-16] else ""
    length = len(value) - len(stem)
    if length < 4:
        raise TargetError("A key is too short to make up another of its look.")
    return Credential("key:made-up", stem + "".join(secrets.choice(_ALPHABET) for _ in range(length)), good=False)


def _other(character: str) -> str:
    for kind in (string.digits, string.ascii_lowercase, string.ascii_uppercase):
        if character in kind:
            return kind[(kind.index(character) + 1) % len(kind)]
    return "a"
