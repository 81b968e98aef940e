"""The head of a request on its way to the gateway: what a pass-through has to change of it, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmapi_conformance.evidence.exchange import Headers
    from llmapi_conformance.wire.message import Origin

_MIRRORED: Final = frozenset({"close", "keep-alive", "te", "upgrade"})
"""Options of ``Connection`` that hold for our connection to the gateway as well: each client has one of its own."""
_NEVER_TAKEN: Final = frozenset({"host", "content-length", "transfer-encoding", "te", "upgrade", "connection"})
_KEY_HEADERS: Final = ("authorization", "x-api-key", "x-goog-api-key", "api-key")
_QUERY_KEY: Final = "key"


def options_of(headers: Headers, name: str) -> tuple[str, ...]:
    """The members of a list header, in lower case."""
    values = ",".join(value for each, value in headers if each.lower() == name)
    return tuple(option for part in values.split(",") if (option := part.strip().lower()))


def asks_for_websocket(headers: Headers) -> bool:
    """Whether a request is the handshake of a WebSocket (RFC 6455 section 4.1)."""
    return "websocket" in options_of(headers, "upgrade") and "upgrade" in options_of(headers, "connection")


def forwarded(headers: Headers, origin: Origin) -> Headers:
    """The headers as the gateway gets them: names, order and duplicates as received, ``Host`` that of the gateway.

    What the client meant for its connection to us alone goes (RFC 9110 section 7.6.1): headers that ``Connection``
    names, and every upgrade but that to a WebSocket, which could not be recorded. ``close`` and ``keep-alive`` stay,
    because the connection to the gateway lives and ends with that of the client. There is no ``Via``: the gateway is to
    see what it would see without us.
    """
    wanted = _MIRRORED if asks_for_websocket(headers) else _MIRRORED - {"upgrade"}
    options = options_of(headers, "connection")
    gone = {option for option in options if option not in wanted}
    dropped = (gone - _NEVER_TAKEN) | ({"upgrade"} if "upgrade" not in wanted else set())
    kept: list[tuple[str, str]] = []
    for name, value in headers:
        match name.lower():
            case "host":
                kept.append((name, origin.authority))
            case "connection" if gone:
                rest = [part.strip() for part in value.split(",") if part.strip().lower() not in gone]
                if any(rest):
                    kept.append((name, ", ".join(rest)))
            case lower if lower not in dropped:
                kept.append((name, value))
    return tuple(kept)


def with_key(headers: Headers, target: str, key: str, more: Iterable[tuple[str, str]]) -> tuple[Headers, str]:
    """Headers and request target with a key in the place of the client's, and with the headers of a target file.

    A key in each place where the client had one; in ``Authorization`` where it had none. A header of the target file
    goes along unless the client sent one of that name.
    """
    path, query = _with_query_key(target, key)
    present = {name.lower() for name, _ in headers}
    made = [(name, _value(name, key) if name.lower() in _KEY_HEADERS else value) for name, value in headers]
    if not present & set(_KEY_HEADERS) and not query:
        made.append(("Authorization", f"Bearer {key}"))
    made += [(name, value) for name, value in more if name.lower() not in present]
    return tuple(made), path


def _value(name: str, key: str) -> str:
    return f"Bearer {key}" if name.lower() == "authorization" else key


def _with_query_key(target: str, key: str) -> tuple[str, bool]:
    path, mark, query = target.partition("?")
    pairs = query.split("&")
    ours = [pair.partition("=")[0] == _QUERY_KEY for pair in pairs]
    if not any(ours):
        return target, False
    written = (f"{_QUERY_KEY}={quote(key, safe='')}" if own else pair for pair, own in zip(pairs, ours, strict=True))
    return path + mark + "&".join(written), True
