"""The keyring: role -> key. Keys live here and on the wire, nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHORTEST_KEY = 8
"""Characters; a shorter key could not be redacted without hiding half of every report."""


class Keyring:
    """Keys by role; its representation shows roles only."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[str, str]) -> None:
        """Take the keys.

        Raises:
            TargetError: A key is too short to be redacted, or can't stand in a header.
        """
        for role, key in keys.items():
            if len(key) < SHORTEST_KEY:
                raise TargetError(
                    f"The key of role {role} has {len(key)} characters; a key needs at least {SHORTEST_KEY}, "
                    "otherwise it can't be kept out of reports. Use another key."
                )
            if not key.isascii() or not key.isprintable() or " " in key:
                raise TargetError(
                    f"The key of role {role} holds a space, a line end or a character outside ASCII; "
                    "check that the variable holds the key alone."
                )
        self._keys = dict(keys)

    def __contains__(self, role: object) -> bool:
        return role in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._keys)})"

    def reveal(self, role: str) -> str:
        """The key of a role, for the wire and for redaction.

        Raises:
            KeyError: There is no key for this role.
        """
        return self._keys[role]
