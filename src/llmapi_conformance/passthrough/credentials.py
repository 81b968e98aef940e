"""The credentials that clients send: learned from each request before anything of it is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

from llmapi_conformance.errors import ConformanceError
from llmapi_conformance.evidence.redaction import SHORTEST, Redactor
from llmapi_conformance.target.secrets import credentials_in, secrets_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llmapi_conformance.evidence.exchange import Headers, Request
    from llmapi_conformance.target.keyring import Keyring

MOST_CLIENT_KEYS: Final = 64
"""Different keys of clients that one recording keeps apart: each makes redaction slower for all that follows."""

_HEADER: Final = re.compile(r"(?:authorization|api-?key|token|secret|password)$", re.IGNORECASE)
_COOKIE: Final = re.compile(r"^(?:set-)?cookie$", re.IGNORECASE)
_SUBPROTOCOL_KEY: Final = re.compile(r"api-key\.([^\s,]+)")
"""A WebSocket of a browser can't set headers: the key stands in a subprotocol."""
_QUERY: Final = re.compile(r"(?:[?&])(?:key|api[-_]?key|(?:access_)?token)=([^&#]*)", re.IGNORECASE)
_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]")


class TooManyKeysError(ConformanceError):
    """More different keys than a recording keeps apart."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What one request is sent with.

    Attributes:
        role: Of the target's key among its credentials, empty when there is none.
        short: Credentials that are too short to be looked for everywhere -> marker; they go from their own places.
    """

    role: str
    short: Mapping[str, str]
    _credentials: Credentials

    @property
    def redactor(self) -> Redactor:
        """Knows every secret that was seen until now: an answer may tell one that was learned behind its request."""
        return self._credentials.redactor

    def without_short(self, request: Request) -> Request:
        """A redacted request without the short ones too."""
        if not self.short:
            return request
        headers = tuple((name, self._replaced(value) if _is_place(name) else value) for name, value in request.headers)
        target = _QUERY.sub(
            lambda match: match[0][: match.start(1) - match.start()] + self._replaced(match[1]), request.target
        )
        return type(request)(request.method, target, headers, request.body)

    def _replaced(self, value: str) -> str:
        for secret, marker in self.short.items():
            value = re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", marker, value)
        return value


class Credentials:
    """Every secret of the target and of the clients that were seen."""

    def __init__(self, keyring: Keyring, headers: Mapping[str, str]) -> None:
        """Start with what the target file knows.

        Args:
            keyring: Its keys.
            headers: Marker name -> value of its secret headers.
        """
        self._roles = {keyring.reveal(role): role for role in reversed(list(keyring))}
        self._redactor = Redactor(secrets_of(keyring, headers))
        self._clients: dict[str, str] = {}

    def learn(self, headers: Headers, target: str) -> Learned:
        """Take in the credentials of a request.

        Raises:
            TooManyKeysError: It brings one more key than are kept apart.
        """
        role = ""
        short: dict[str, str] = {}
        found: dict[str, str] = {}
        for secret in _secrets_in(headers, target):
            if secret in self._roles:
                role = role or self._roles[secret]
            elif secret in self._clients:
                continue
            elif len(secret) < SHORTEST:
                short[secret] = "[[key:client:short]]"
            else:
                found[secret] = f"[[key:client:{_letters(len(self._clients) + len(found))}]]"
        if found:
            if len(self._clients) + len(found) > MOST_CLIENT_KEYS:
                raise TooManyKeysError(
                    f"This recording has seen {MOST_CLIENT_KEYS} different client keys and keeps no more apart: "
                    "begin another recording."
                )
            self._clients |= found
            self._redactor = self._redactor.with_secrets(found)
        return Learned(role, short, self)

    @property
    def redactor(self) -> Redactor:
        """Knows every secret that was seen so far."""
        return self._redactor


def cookies_in(headers: Headers) -> dict[str, str]:
    """The values of cookies that are long enough for secrets -> marker."""
    return {
        value: f"[[cookie:{_NAME.sub('_', name.strip())[:40]}]]"
        for header, line in headers
        if _COOKIE.match(header)
        for pair in (line.split(";")[:1] if header.lower() == "set-cookie" else line.split(";"))
        for name, mark, value in (_parted(pair),)
        if mark and len(value) >= SHORTEST
    }


def _parted(pair: str) -> tuple[str, str, str]:
    name, mark, value = pair.partition("=")
    return name, mark, _as_text(value.strip().strip('"'))


def _is_place(name: str) -> bool:
    return _HEADER.search(name) is not None


def _secrets_in(headers: Headers, target: str) -> Iterator[str]:
    """The credentials of a request, the parts of a composed one after the whole."""
    for name, value in headers:
        if _is_place(name):
            parts = [part for part in credentials_in(_as_text(value)) if part]
            yield from parts or [_as_text(value.strip())] if value.strip() else ()
        elif name.lower() == "sec-websocket-protocol":
            yield from _SUBPROTOCOL_KEY.findall(value)
    for value in _QUERY.findall(target):
        if value:
            yield _as_text(unquote_plus(value, "latin-1"))


def _as_text(value: str) -> str:
    """A header value, whose characters stand for bytes, as the characters that its sender meant."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _letters(number: int) -> str:
    """``a`` to ``z``, then ``aa`` and so on."""
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("a") + rest) + text
    return text
