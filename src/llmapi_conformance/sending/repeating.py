"""Repeating: a recorded request is sent again, to the same gateway or another, with the keys of its target file."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from llmapi_conformance.errors import TargetError
from llmapi_conformance.sending.assembly import SHORTEST_SECRET, Assembled, Place, recorded
from llmapi_conformance.sending.credentials import Credential, made_up
from llmapi_conformance.sending.outgoing import Outgoing
from llmapi_conformance.sending.repeating_talk import same_talk
from llmapi_conformance.wire.message import Deadlines, WireRequest
from llmapi_conformance.wire.websocket import converse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmapi_conformance.evidence.exchange import Exchange, Frame
    from llmapi_conformance.evidence.redaction import Redactor
    from llmapi_conformance.target.keyring import Keyring
    from llmapi_conformance.target.target import Target
    from llmapi_conformance.wire.http import HttpSender

_Resolve = Callable[[str, Callable[[str], str]], str]
_MARKER: Final = re.compile(r"\[\[((?:key|header):[^\[\]]+)\]\]")
_CHANGES: Final[dict[str, Callable[[Credential], Credential]]] = {
    "truncated": Credential.truncated,
    "extended": Credential.extended,
    "last-changed": Credential.last_character_changed,
    "case-changed": Credential.upper,
}
"""How a marker's last word changes a key; ``own`` was a fresh key of its role, for which the role's own stands in."""
_MADE_UP: Final = "key:made-up"


class Repeater:
    """Sends recorded exchanges again; what comes back is recorded under the same ids."""

    def __init__(
        self,
        target: Target,
        keyring: Keyring,
        header_secrets: Mapping[str, str],
        http: HttpSender,
        redactor: Redactor,
        *,
        recorded_base_url: str,
    ) -> None:
        """Prepare.

        Args:
            target: The gateway that they are sent to.
            keyring: Its keys.
            header_secrets: Further secrets of its file: marker name -> value.
            http: Sends to it; is open.
            redactor: Knows all these secrets.
            recorded_base_url: Of the gateway that they were recorded of.
        """
        self._target = target
        self._keyring = keyring
        self._header_secrets = header_secrets
        self._http = http
        self._redactor = redactor
        self._old = urlsplit(recorded_base_url)
        self._path = urlsplit(target.base_url).path

    def missing(self, exchanges: Iterable[Exchange]) -> list[str]:
        """Markers in these requests for which the target file has nothing."""
        found: set[str] = set()
        for exchange in exchanges:
            for text in _texts_of(exchange):
                found |= {name for name in _MARKER.findall(text) if not self._has(name)}
        return sorted(found)

    async def send(self, exchange: Exchange) -> Exchange:
        """Send one exchange again; nothing here raises because of the gateway.

        Raises:
            TargetError: It holds a marker for which the target file has nothing.
        """
        secrets: dict[str, str] = {}
        wire = self._wire(exchange, secrets)
        request = exchange.request
        outgoing = Outgoing(
            request.method, request.target, (), b"", (), label=exchange.label, disturbs=exchange.disturbed
        )
        assembled = Assembled(outgoing, wire, None, secrets)
        place = Place(
            exchange.scenario,
            exchange.parameters,
            exchange.step,
            exchange.attempt,
            exchange.operation,
            exchange.role,
        )
        frames: tuple[Frame, ...] = ()
        if exchange.mode == "websocket":
            resolve = self._resolver(exchange, secrets)
            script = same_talk(exchange.frames, lambda data: _as_text(data, resolve))
            talk = await converse(self._http.origin, wire, script, ssl_context=self._http.ssl_context)
            outcome, frames = talk.outcome, talk.frames
        else:
            outcome = await self._http.send(wire)
        return recorded(place, assembled, outcome, self._http.origin, self._redactor, mode=exchange.mode, frames=frames)

    def _wire(self, exchange: Exchange, secrets: dict[str, str]) -> WireRequest:
        request = exchange.request
        resolve = self._resolver(exchange, secrets)
        body = _as_text(request.body, resolve)
        limits = self._target.timeouts
        return WireRequest(
            method=request.method,
            target=self._moved(resolve(request.target, _in_query)),
            headers=tuple(
                (name, self._value(name, resolve(value, str), request.body, body)) for name, value in request.headers
            ),
            body=body,
            deadlines=Deadlines(limits.connect, limits.first_byte, limits.idle, limits.total),
            body_limit=self._target.body_cap,
            bare=True,
        )

    def _moved(self, target: str) -> str:
        """The request target below the new base URL."""
        old = self._old.path
        return self._path + target.removeprefix(old) if target.startswith(old + "/") else target

    def _value(self, name: str, value: str, kept: bytes, body: bytes) -> str:
        if name.lower() == "host" and value == self._old.netloc:
            return self._http.origin.authority
        if name.lower() == "content-length" and body != kept and value.isdecimal():
            return str(len(body))  # a key in it may be longer or shorter than the one that was recorded
        return value

    def _resolver(self, exchange: Exchange, secrets: dict[str, str]) -> _Resolve:
        """Puts secrets in the place of markers, in the form that a function gives them; each is noted for redaction."""

        def resolve(text: str, form: Callable[[str], str]) -> str:
            def put(match: re.Match[str]) -> str:
                value = self._secret(match[1], exchange.role)
                if len(value.strip()) >= SHORTEST_SECRET:
                    secrets.setdefault(value.strip(), match[0])
                return form(value)

            return _MARKER.sub(put, text)

        return resolve

    def _has(self, name: str) -> bool:
        return name in self._header_secrets or name.startswith(_MADE_UP) or _role_of(name)[0] in self._keyring

    def _secret(self, name: str, role: str) -> str:
        if not self._has(name):
            raise TargetError(f"The target file has nothing for {name}, which the request needs; add that role.")
        if name in self._header_secrets:
            return self._header_secrets[name]
        if name.startswith(_MADE_UP):
            like = role if role in self._keyring else next(iter(self._keyring))
            return made_up(Credential("", self._keyring.reveal(like))).reveal()
        holder, changes = _role_of(name)
        credential = Credential(name, self._keyring.reveal(holder))
        for change in changes:
            if change in _CHANGES:
                credential = _CHANGES[change](credential)
        return credential.reveal()


def _as_text(data: bytes, resolve: _Resolve) -> bytes:
    return resolve(data.decode("utf-8", "surrogateescape"), str).encode("utf-8", "surrogateescape")


def _in_query(secret: str) -> str:
    return quote(secret, safe="")


def _role_of(name: str) -> tuple[str, list[str]]:
    """Role and changes of a marker such as ``key:general:openai:truncated``."""
    kind, *words = name.split(":")
    return (":".join(words[:2]), words[2:]) if kind == "key" else ("", [])


def _texts_of(exchange: Exchange) -> Iterable[str]:
    request = exchange.request
    yield request.target
    yield from (value for _, value in request.headers)
    yield request.body.decode("utf-8", "replace")
    yield from (message.data.decode("utf-8", "replace") for message in exchange.conversation if message.sent)
