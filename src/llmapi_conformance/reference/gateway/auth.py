"""Authentication: which key a request presents (F9.3 to F9.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmapi_conformance.reference.gateway.refusals import Refusal

if TYPE_CHECKING:
    from starlette.datastructures import Headers

    from llmapi_conformance.reference.gateway.keys import ApiKey, Keyring

INVALID_KEY: Final = "Invalid API key"
_CHALLENGE: Final = {"www-authenticate": "Bearer"}
"""A 401 names the scheme that is wanted (RFC 9110 section 11.6.1)."""
_PLAIN_CARRIERS: Final = ("x-api-key", "x-goog-api-key")


def presented(headers: Headers) -> list[str]:
    """Return every credential of a request, in the order Authorization, x-api-key, x-goog-api-key.

    The scheme of `Authorization` is case-insensitive (RFC 9110 section 11.1). Another scheme than Bearer, or none,
    counts as a credential that no key matches.
    """
    found: list[str] = []
    for value in headers.getlist("authorization"):
        scheme, _, token = value.strip().partition(" ")
        found.append(token.strip() if scheme.lower() == "bearer" else "")
    for carrier in _PLAIN_CARRIERS:
        found.extend(value.strip() for value in headers.getlist(carrier))
    return found


def authenticate(headers: Headers, keyring: Keyring) -> ApiKey:
    """Return the key that a request presents.

    Every presented credential must be the same valid key: two that disagree are refused, whichever is valid, so that
    no order of precedence can be used to get past a check.

    Raises:
        Refusal: 401 with the documented body: nothing presented, or not a key, or one that is disabled or expired.
    """
    credentials = set(presented(headers))
    key = keyring.find(credentials.pop()) if len(credentials) == 1 else None
    if key is None or key.role.condition in ("disabled", "expired"):
        raise Refusal(401, INVALID_KEY, literal=True, headers=_CHALLENGE)
    return key
