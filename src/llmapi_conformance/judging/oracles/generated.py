"""Generated requests: what was promised of the answer before they were sent (facts F9.11, F8.2, rules E3, E5, H7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.contract.operations import match_operation
from llmapi_conformance.evidence.exchange import NOT_JSON, Ending, Exchange
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.envelopes import (
    envelope_of,
    expected_envelope,
    fits,
    name_of,
    shape_of,
)
from llmapi_conformance.judging.oracles.http import body_in_words
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Entry = Mapping[str, Any]

UNSERVED: Final = frozenset({"method", "encoding"})
"""Families for which 501 is no failure: an unknown method (RFC 9110 section 9.1) or coding (RFC 9112 section 6.1)."""
FROM_THE_FRONT: Final = frozenset({408, 411, 413, 414, 431})
"""Statuses that a server answers before it knows the route."""
MUST_BE_TAKEN: Final = ("body", "header.transfer-encoding", "header.content-length", "header.content-type")
"""Places of ``served`` cases that are the same request in other bytes."""
_NOT_NOW: Final = frozenset({429, 502, 503, 504})
_MISSING: Final = frozenset({"model", "task_id", "subpath"})
"""Last steps of places that name something which may not be there."""
_OF_ANY_PATH: Final = frozenset({"HEAD", "OPTIONS", "TRACE"})
_LARGE: Final = 64 * 1024
"""Bytes of a body under which a server may close the connection: it need not read what it refuses."""
# How wire/deadline.py says that a deadline passed without an answer.
_SILENCE: Final = re.compile(r"no complete response head arrived within|no response head was complete after")
# How wire/failing.py says that the other side hung up instead of answering.
_HUNG_UP: Final = re.compile(r"the connection was (?:closed|reset) before a response head was complete")
_PAGE: Final = re.compile(
    rb"\s*(?:<!--.{0,2000}?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Waited:
    """A generated request, and whether others were answered meanwhile: so a hang is told from a gateway that left.

    Attributes:
        case: What is known of the request.
        exchange: What came of it.
        others_answered: Whether another request of the same scenario was answered after this one had been sent.
    """

    case: Mapping[str, Any]
    exchange: Exchange
    others_answered: bool


def waited(entries: Sequence[Entry]) -> list[Waited]:
    """The requests of a scenario with what became of their neighbours."""
    ends = sorted((_ended(entry["exchange"]), number) for number, entry in enumerate(entries) if _answered(entry))
    return [
        Waited(
            entry["case"],
            entry["exchange"],
            any(end >= entry["exchange"].started_at and other != number for end, other in ends[-2:]),
        )
        for number, entry in enumerate(entries)
    ]


@oracle("ERR-G01")
def a_generated_request_is_no_server_error(entry: Entry) -> Judgement:
    """Whatever a client sends, it is not the server that is at fault (RFC 9110 sections 15.5 and 15.6)."""
    case, exchange = _of(entry)
    yield Examined("generated request")
    if exchange.status >= 500 and not (exchange.status == 501 and case["family"] in UNSERVED):
        yield _deviation(entry, "2xx or 4xx for", f"status {exchange.status}")


@oracle("ERR-G02")
def a_generated_request_gets_no_page(entry: Entry) -> Judgement:
    """No answer is a page for browsers, whatever its status (H7, E5)."""
    exchange: Exchange = entry["exchange"]
    yield Examined("generated request")
    if exchange.media_type in ("text/html", "application/xhtml+xml") or _PAGE.match(exchange.body):
        end = min(len(exchange.body), 200)
        observed = f"a page with status {exchange.status} ({exchange.media_type or 'no media type'})"
        yield _deviation(entry, "JSON, or an event stream, for", observed, (0, end) if end else None)


@oracle("ERR-G03")
def a_generated_request_does_not_hang(one: Waited) -> Judgement:
    """An answer begins and ends within the target's deadlines, where those of other requests do."""
    exchange = one.exchange
    silent = not exchange.answered and bool(_SILENCE.search(exchange.failure))
    stalled = exchange.ending is Ending.TIMEOUT
    if (silent or stalled) and not one.others_answered:
        return
    if exchange.answered or silent:
        yield Examined("generated request")
    if silent:
        yield Deviation(f"an answer to {_what(one.case)}", exchange.failure, exchange=exchange)
    elif stalled and exchange.response is not None:
        observed = f"status {exchange.status}, and a body that stalled after {exchange.response.wire_length} bytes"
        yield Deviation(f"a whole answer to {_what(one.case)}", observed, exchange=exchange)


@oracle("ERR-G04")
def a_generated_request_is_answered(one: Waited) -> Judgement:
    """A request is answered; what is too large may be cut off instead (RFC 9110 section 15.5.14)."""
    exchange = one.exchange
    if exchange.answered:
        yield Examined("generated request")
        return
    if not (_HUNG_UP.search(exchange.failure) and one.others_answered):
        return
    size = len(exchange.request.body) + len(exchange.request.target) + sum(map(len, _lines(exchange)))
    if size > _LARGE or one.case["where"] == "header.transfer-encoding":
        return
    yield Examined("generated request")
    yield Deviation(f"an answer to {_what(one.case)}", exchange.failure, exchange=exchange)


@oracle("ERR-G05")
def what_documents_rule_out_is_refused(entry: Entry) -> Judgement:
    """What the documentation rules out is answered with a 4xx (F9.11 and the tables of parameters)."""
    yield from _refused(entry, "refused", "what the documentation rules out")


@oracle("ERR-G06")
def a_wrong_type_is_refused_wherever_it_is(entry: Entry) -> Judgement:
    """The same by the vendors' protocols, where no page of LLMAPI's binds (E-table)."""
    yield from _refused(entry, "refused", "what is no JSON or of the wrong type")


@oracle("ERR-G09")
def a_value_out_of_bounds_is_refused(entry: Entry) -> Judgement:
    """A value that a range or a form leaves out is refused, not clamped (our reading of F8.2 and F9.11)."""
    yield from _refused(entry, "refused_assumed", "a value that is out of bounds")


@oracle("ERR-G07")
def the_refusal_is_400(entry: Entry) -> Judgement:
    """The status for it is 400 (F9.11), 404 for what is not there, or HTTP's own for what can't be read."""
    case, exchange = _of(entry)
    if case["promise"] != "refused" or not 400 <= exchange.status < 500 or exchange.status in FROM_THE_FRONT | {415}:
        return
    yield Examined("refusal")
    named = re.split(r"[.\[\]]+", case["where"].rstrip("]"))[-1] in _MISSING
    if exchange.status != 400 and not (exchange.status == 404 and named):
        yield _deviation(entry, "status 400 for", f"status {exchange.status}")


@oracle("ERR-G08")
def a_refusal_is_in_the_envelope_of_its_route(entry: Entry) -> Judgement:
    """The refusal is one JSON document in the error envelope of the route that the request went to (E3, F9.1, F9.7)."""
    case, exchange = _of(entry)
    if not 400 <= exchange.status < 500 or exchange.request.method == "HEAD" or not exchange.complete:
        return
    if exchange.status in FROM_THE_FRONT or case["family"] == "method":
        return
    family = expected_envelope(exchange.operation) if exchange.operation else "any"
    yield Examined("refusal")
    if exchange.json is NOT_JSON:
        yield _deviation(entry, f"{name_of(family)} for", body_in_words(exchange))
    elif not fits(exchange.json, family) and not (exchange.status == 401 and envelope_of(exchange.json) == "anthropic"):
        yield _deviation(entry, f"{name_of(family)} for", shape_of(exchange.json))


@oracle("HTTP-G01")
def the_same_request_in_other_bytes_is_served(entry: Entry) -> Judgement:
    """Other spelling of the same JSON, its label or its framing changes nothing (RFC 8259 section 9, RFC 9112 7.1)."""
    case = entry["case"]
    if case["promise"] == "served" and case["family"] in ("encoding", "media") and case["where"] in MUST_BE_TAKEN:
        yield from _served(entry)


@oracle("HTTP-G02")
def what_the_documentation_allows_is_served(entry: Entry) -> Judgement:
    """A documented example, or a value within its bound, is served."""
    case = entry["case"]
    if case["promise"] == "served" and case["family"] not in ("encoding", "media"):
        yield from _served(entry)


def told(result: Mapping[str, Any]) -> list[Entry]:
    """The requests of a scenario that were answered, and what some of them were reduced to; all when none was answered.

    Of very many requests one may find no connection, which says nothing of the others. Silence is judged by itself.
    """
    entries: list[Entry] = [*result["cases"], *result["shrunk"]]
    return [entry for entry in entries if entry["exchange"].answered] or entries


def is_of_no_operation(entry: Entry) -> bool:
    """Whether its method belongs to no operation of the path; HEAD goes with GET, OPTIONS and TRACE with any."""
    case, exchange = _of(entry)
    request = exchange.request
    if case["family"] != "method" or request.method in _OF_ANY_PATH:
        return False
    return match_operation(load_contract(tree()).operations, request.method, request.target) is None


def is_served_at_all(entries: Iterable[Entry]) -> bool:
    """Whether any correct request of a scenario was served; else a refusal of one says nothing about its bytes."""
    return any(entry["case"]["promise"] == "served" and entry["exchange"].succeeded for entry in entries)


def _served(entry: Entry) -> Judgement:
    exchange: Exchange = entry["exchange"]
    if exchange.status in _NOT_NOW or exchange.status == 411:
        return  # too busy says nothing, a 5xx belongs to ERR-G01, and a length may be asked for
    yield Examined("correct request")
    if not exchange.succeeded:
        yield _deviation(entry, "2xx for", f"status {exchange.status}")


def _refused(entry: Entry, promise: str, what: str) -> Judgement:
    """A 4xx; a 5xx is told here too, since it is not what the clause asks for."""
    case, exchange = _of(entry)
    if case["promise"] != promise or exchange.status == 429:
        return
    yield Examined(what)
    if not 400 <= exchange.status < 500:
        yield _deviation(entry, "4xx for", f"status {exchange.status}")


def _deviation(entry: Entry, expected: str, observed: str, span: tuple[int, int] | None = None) -> Deviation:
    """What a request shows; one that was made shorter has said of which case it is left."""
    return Deviation(f"{expected} {_what(entry['case'])}", observed, span, entry["exchange"], reduced="of" in entry)


def _of(entry: Entry) -> tuple[Mapping[str, Any], Exchange]:
    return entry["case"], entry["exchange"]


def _what(case: Mapping[str, Any]) -> str:
    """A case in the words of a report: cases of one place read alike, so that they make one finding."""
    return f"{case['operation']}, {case['where'] or case['family']}"


def _answered(entry: Entry) -> bool:
    exchange: Exchange = entry["exchange"]
    return exchange.answered and exchange.ending is not Ending.TIMEOUT


def _ended(exchange: Exchange) -> float:
    return exchange.started_at + (exchange.response.ended_at if exchange.response else 0.0)


def _lines(exchange: Exchange) -> list[str]:
    return [name + value for name, value in exchange.request.headers]
