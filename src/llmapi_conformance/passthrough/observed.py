"""What clients sent, as facts: methods, paths, names of headers and of body members, and no value of any."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmapi_conformance.evidence.exchange import Exchange

_KEY: Final = re.compile(r"\[\[(?:key|secret):")
_NO_CLIENT: Final = "no User-Agent"


def observed(exchanges: Iterable[Exchange]) -> dict[str, list[dict[str, Any]]]:
    """Client (its ``User-Agent``) -> its different requests, each with how often it was sent.

    Of a request: ``method``, ``path``, ``operation`` (empty when no documented one), ``mode``, ``query`` (names),
    ``key`` (the headers, or ``?name``, that held a key), ``headers`` (names in lower case, sorted), ``body`` (top-level
    members; of a WebSocket those of each type of message) and ``count``.
    """
    counts: Counter[tuple[str, _Frozen]] = Counter()
    for exchange in exchanges:
        client = next((value for name, value in exchange.request.headers if name.lower() == "user-agent"), _NO_CLIENT)
        counts[client, _frozen(exchange)] += 1
    found: dict[str, list[dict[str, Any]]] = {}
    for (client, request), count in sorted(counts.items()):
        found.setdefault(client, []).append({**_told(request), "count": count})
    return found


_Frozen = tuple[tuple[str, str | tuple[str, ...]], ...]


def _frozen(exchange: Exchange) -> _Frozen:
    request = exchange.request
    path, _, query = request.target.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    keys = [f"?{name}" for name, value in pairs if _KEY.search(value)]
    keys += [name.lower() for name, value in request.headers if _KEY.search(value)]
    return (
        ("method", request.method),
        ("path", path),
        ("operation", exchange.operation),
        ("mode", exchange.mode),
        ("query", tuple(sorted({name for name, _ in pairs}))),
        ("key", tuple(sorted(set(keys)))),
        ("headers", tuple(sorted({name.lower() for name, _ in request.headers}))),
        ("body", _members(exchange)),
    )


def _members(exchange: Exchange) -> tuple[str, ...]:
    if exchange.mode != "websocket":
        body = exchange.request.json
        return tuple(sorted(body)) if isinstance(body, dict) else ()
    said = (message.json for message in exchange.conversation if message.sent)
    return tuple(sorted({f"{one.get('type', '')}: {', '.join(sorted(one))}" for one in said if isinstance(one, dict)}))


def _told(request: _Frozen) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in request}
