"""What must stand nowhere: the keys and the secret headers of a target, in every way in which a run sends them."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from llmapi_conformance.target.keyring import SHORTEST_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llmapi_conformance.target.keyring import Keyring


def secrets_of(keyring: Keyring, headers: Mapping[str, str]) -> dict[str, str]:
    """Secret -> the marker that stands for it, for redaction.

    Args:
        keyring: The keys.
        headers: Further secrets of the target file: marker name -> value.
    """
    found: dict[str, str] = {}
    for name, value in headers.items():
        for secret in (value, *credentials_in(value)):
            if len(secret) >= SHORTEST_KEY:
                found.setdefault(secret, f"[[{name}]]")
    for role in keyring:
        for secret, marker in sent_forms(keyring.reveal(role), f"key:{role}").items():
            found.setdefault(secret, marker)
    return found


def sent_forms(key: str, name: str) -> dict[str, str]:
    """A key, and what a run makes of it to see it refused: a gateway may tell of it in any later answer."""
    forms = {key: f"[[{name}]]", key[:-1]: f"[[{name}:truncated]]", key.swapcase(): f"[[{name}:case-changed]]"}
    return {secret: marker for secret, marker in forms.items() if len(secret) >= SHORTEST_KEY} | {key: f"[[{name}]]"}


def credentials_in(value: str) -> Iterator[str]:
    """The credential behind an authentication scheme (RFC 9110 section 11.4), and what Basic holds (RFC 7617)."""
    scheme, _, credential = value.partition(" ")
    if not credential:
        return
    yield credential.strip()
    if scheme.lower() == "basic":
        try:
            user_and_password = base64.b64decode(credential.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return
        yield user_and_password
        yield user_and_password.partition(":")[2]
