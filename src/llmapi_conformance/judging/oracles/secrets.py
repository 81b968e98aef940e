"""What no answer may show: keys, addresses behind the gateway, the inside of its program (CWE-200, CWE-209, E5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from llmapi_conformance.evidence.exchange import NOT_JSON, Exchange
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle

if TYPE_CHECKING:
    from collections.abc import Iterator

SCANNED: Final = 256 * 1024
"""Bytes of an error body that are looked at; an honest one has a few hundred."""
_LONGEST_QUOTE: Final = 120

# Redaction leaves a typed marker where a secret stood: our keys, the upstream's, and what looks like a provider's.
_KEY_MARKER = re.compile(r"\[\[(?:key|secret|header|upstream-(?:key|secret))\b[^\[\]]*\]\]")
_HOST_MARKER = re.compile(r"\[\[upstream-(?:host|url|address)\b[^\[\]]*\]\]")
# A value without any digit is a placeholder, such as YOUR_API_KEY.
_KEY_IN_QUERY = re.compile(
    r"[?&](?:api[-_]?key|key|access_token)=(?=[^\s&\"'\[]{0,200}\d)[^\s&\"'\[]{8,}", re.IGNORECASE
)

_IP_PORT = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}:\d{1,5}(?![\w.])|\[[0-9A-Fa-f:.]{2,45}\]:\d{1,5}\b")
_INNER_HOST = re.compile(
    r"(?<![\w.-])(?:[\w-]{1,63}\.){1,8}(?:internal|local|localdomain|lan|corp|intranet|svc)\b(?::\d{1,5})?|(?<![\w.-])localhost:\d{1,5}\b"
)
_URL = re.compile(r"\bhttps?://[^\s\"'<>\\)\]]{1,2000}", re.IGNORECASE)
_IP = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|\[.*\]")

_TRACES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("a Python traceback", re.compile(r"Traceback \(most recent call last\)|File \"[^\"\n]{1,300}\", line \d+")),
    ("a Go stack or source position", re.compile(r"goroutine \d+ \[|[\w/-]{1,200}\.go:\d+|\bpanic: |runtime error: ")),
    ("a Go network error", re.compile(r"\b(?:dial|read|write) (?:tcp|udp)[46]?\b|\blookup \S{1,200} on \S{1,60}")),
    ("a JavaScript stack", re.compile(r"(?:^|\n)\s{1,12}at [^\n]{1,300}:\d+:\d+\)?|node:internal/|/node_modules/")),
    (
        "a Node.js network error",
        re.compile(r"\b(?:connect ECONNREFUSED|getaddrinfo E\w+|read ECONNRESET|socket hang up)\b"),
    ),
    ("a Java stack", re.compile(r"\bat [\w.$]{1,200}\([\w$]{1,100}\.(?:java|kt|scala):\d+\)")),
    ("a Rust panic", re.compile(r"thread '[^'\n]{0,100}' panicked|[\w/-]{1,200}\.rs:\d+:\d+")),
    ("a PHP error", re.compile(r"\.php(?: on line |:)\d+")),
    (
        "a source path",
        re.compile(
            r"(?<![\w/])/(?:app|home|usr|root|var|opt|srv|build|go|workspace)/[\w./-]{1,200}\.(?:py|js|ts|mjs|rb|php|go|rs)\b"
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Leak:
    """Something that does not belong into an answer.

    Attributes:
        what: Its kind, as a noun phrase.
        where: ``the body`` or a header by name.
        text: The telling characters, cut short.
    """

    what: str
    where: str
    text: str


def key_leaks(exchange: Exchange) -> Iterator[Leak]:
    """Keys in the answer: of clients, of the upstream, or of any provider by their look."""
    for where, text in _texts(exchange):
        for match in _KEY_MARKER.finditer(text):
            yield Leak("a key", where, match[0])
        for match in _KEY_IN_QUERY.finditer(text):
            yield Leak("a key in a query", where, match[0][:12] + "...")


def address_leaks(exchange: Exchange) -> Iterator[Leak]:
    """Addresses behind the gateway: the upstream's, any with a port, names of inner networks, URLs of provider APIs."""
    own = _own_hosts(exchange)
    for where, text in _texts(exchange):
        for match in _HOST_MARKER.finditer(text):
            yield Leak("the upstream's address", where, match[0])
        for pattern, what in ((_IP_PORT, "an address with a port"), (_INNER_HOST, "a name of an inner network")):
            for match in pattern.finditer(text):
                if match[0].lower() not in own:
                    yield Leak(what, where, match[0])
        for match in _URL.finditer(text):
            if _points_behind(match[0], own):
                yield Leak("a URL behind the gateway", where, match[0].partition("?")[0])


def trace_leaks(exchange: Exchange) -> Iterator[Leak]:
    """Stack traces, source positions and raw network errors of the gateway's program."""
    for where, text in _texts(exchange):
        for what, pattern in _TRACES:
            if match := pattern.search(text):
                yield Leak(what, where, match[0].strip())


@oracle("ERR-L01", on=On(outcome="error"))
def an_error_shows_no_key(exchange: Exchange) -> Judgement:
    """No key, ours or the upstream's, stands in an error's headers or body (CWE-200, rule E5, defect M03)."""
    yield from _none_of(exchange, key_leaks(exchange), "no key in the headers or the body of an error")


@oracle("ERR-L02", on=On(outcome="error"))
def an_error_shows_no_inner_address(exchange: Exchange) -> Judgement:
    """No address behind the gateway stands in an error's headers or body (CWE-200, defect M03)."""
    yield from _none_of(exchange, address_leaks(exchange), "no address behind the gateway in an error")


@oracle("ERR-L03", on=On(outcome="error"))
def an_error_shows_no_inside_of_the_program(exchange: Exchange) -> Judgement:
    """No stack trace, source path or raw network error stands in an error (CWE-209)."""
    yield from _none_of(exchange, trace_leaks(exchange), "no stack trace, source path or raw network error")


@oracle("ERR-L01")
def an_answer_off_the_routes_shows_no_key(exchange: Exchange) -> Judgement:
    """The same for an answer on a path or method that is not documented."""
    yield from _none_of(exchange, key_leaks(exchange), "no key in the headers or the body of an error")


@oracle("ERR-L02")
def an_answer_off_the_routes_shows_no_inner_address(exchange: Exchange) -> Judgement:
    """The same for an answer on a path or method that is not documented."""
    yield from _none_of(exchange, address_leaks(exchange), "no address behind the gateway in an error")


@oracle("ERR-L03")
def an_answer_off_the_routes_shows_no_inside_of_the_program(exchange: Exchange) -> Judgement:
    """The same for an answer on a path or method that is not documented."""
    yield from _none_of(exchange, trace_leaks(exchange), "no stack trace, source path or raw network error")


@oracle("HTTP-L01", on=On(outcome="any"))
def response_headers_show_no_key(exchange: Exchange) -> Judgement:
    """No response header holds a key, whatever the status (CWE-200, CWE-522)."""
    yield from _not_in_headers(exchange, _KEY_MARKER, "a key")


@oracle("HTTP-L03", on=On(outcome="any"))
def response_headers_show_no_upstream_address(exchange: Exchange) -> Judgement:
    """No response header holds the upstream's address, whatever the status (CWE-200)."""
    yield from _not_in_headers(exchange, _HOST_MARKER, "the upstream's address")


def _not_in_headers(exchange: Exchange, pattern: re.Pattern[str], what: str) -> Judgement:
    if exchange.response is None or not exchange.response.headers:
        return
    yield Examined("response header fields", len(exchange.response.headers))
    for name, value in exchange.response.headers:
        if match := pattern.search(f"{name}: {value}"):
            yield Deviation(f"response headers without {what}", f"{what} in {name}: {match[0]}")


def _none_of(exchange: Exchange, leaks: Iterator[Leak], expected: str) -> Judgement:
    yield Examined("error")
    told: set[tuple[str, str]] = set()
    for leak in leaks:
        if (leak.what, leak.where) in told:
            continue
        told.add((leak.what, leak.where))
        quote = leak.text[:_LONGEST_QUOTE]
        yield Deviation(expected, f"{leak.what} in {leak.where}: {quote}", _span(exchange, quote))


def _span(exchange: Exchange, quote: str) -> tuple[int, int] | None:
    needle = quote.encode("utf-8", "surrogatepass")
    start = exchange.body.find(needle) if needle else -1
    return None if start < 0 else (start, start + len(needle))


def _texts(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """Every text of the answer with where it stands; JSON strings are unescaped."""
    for name, value in exchange.response.headers if exchange.response else ():
        yield f"the header {name}", value
    if exchange.json is NOT_JSON:
        yield "the body", exchange.body[:SCANNED].decode("utf-8", "replace")
    else:
        yield "the body", "\n".join(_strings(exchange.json))[:SCANNED]


def _strings(document: Any) -> Iterator[str]:
    """Every string of a JSON document in its order, names of members too, however deep."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting.extend(part for item in reversed(value.items()) for part in reversed(item))
        elif isinstance(value, list):
            waiting.extend(reversed(value))


def _own_hosts(exchange: Exchange) -> frozenset[str]:
    """The gateway's own name as the client used it, with and without its port."""
    hosts = [value.lower() for name, value in exchange.request.headers if name.lower() == "host"]
    return frozenset(hosts) | {host.rpartition(":")[0] for host in hosts if ":" in host}


def _points_behind(url: str, own: frozenset[str]) -> bool:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    if not host or host in own or f"{host}:{port}" in own:
        return False
    if _IP.fullmatch(host) or ":" in host or "." not in host or port is not None:
        return True
    return (host.startswith("api.") or host.endswith("googleapis.com")) and "/v1" in parts.path
