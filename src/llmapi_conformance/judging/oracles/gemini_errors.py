"""Errors and access of Gemini's own paths: Google's envelope, and whose keys open them (facts F5.21, F9.10, F9.11)."""

from __future__ import annotations

from typing import Final

from llmapi_conformance.evidence.exchange import NOT_JSON, Exchange
from llmapi_conformance.judging.chat_answer import shown
from llmapi_conformance.judging.gemini_answer import GEMINI_OPERATIONS, error_body
from llmapi_conformance.judging.message_answer import object_of
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.envelopes import error_message, error_type, fits, name_of, shape_of

ERRORS: Final = On(operations=GEMINI_OPERATIONS, outcome="error")
_NAMES: Final[dict[int, frozenset[str]]] = {
    400: frozenset({"INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE"}),
    401: frozenset({"UNAUTHENTICATED"}),
    403: frozenset({"PERMISSION_DENIED"}),
    404: frozenset({"NOT_FOUND"}),
    409: frozenset({"ABORTED", "ALREADY_EXISTS"}),
    429: frozenset({"RESOURCE_EXHAUSTED"}),
    499: frozenset({"CANCELLED"}),
    500: frozenset({"INTERNAL", "UNKNOWN", "DATA_LOSS"}),
    501: frozenset({"UNIMPLEMENTED"}),
    502: frozenset({"UNAVAILABLE", "INTERNAL", "UNKNOWN"}),
    503: frozenset({"UNAVAILABLE"}),
    504: frozenset({"DEADLINE_EXCEEDED"}),
}
"""Canonical names by status (E-table); 502 has none of its own."""


@oracle("GEM-A01")
def another_platforms_key_is_refused(exchange: Exchange) -> Judgement:
    """A general key of another group gets 400 or 404 on Gemini's paths (F5.21, F9.11)."""
    if exchange.role not in ("general:openai", "general:anthropic"):
        return
    yield Examined("key of another platform")
    if exchange.status not in (400, 404):
        yield Deviation(f"400 or 404 for a key of {exchange.role}", _answer(exchange))


@oracle("GEM-A02")
def each_header_opens_geminis_paths(exchange: Exchange) -> Judgement:
    """The key is good in x-goog-api-key, Authorization and x-api-key (F9.4)."""
    yield Examined("key in a header")
    if not exchange.succeeded:
        yield Deviation(f"success with the key in {exchange.label}", _answer(exchange))


@oracle("GEM-A03")
def a_key_in_the_query_is_taken_or_refused(exchange: Exchange) -> Judgement:
    """``?key=`` opens the path, as the protocol has it, or is refused like no key (F1.7, G-request)."""
    yield Examined("key in the query")
    if not exchange.succeeded and exchange.status != 401:
        yield Deviation("2xx or 401 for a key in the query alone", _answer(exchange))


@oracle("GEM-A04", on=ERRORS)
def an_error_is_in_googles_envelope(exchange: Exchange) -> Judgement:
    """``{"error": {"code", "message", "status"}}``; a 401 may have the documented body (F9.10, F9.7)."""
    if exchange.json is NOT_JSON:
        return
    yield Examined("error envelope")
    body = error_body(exchange)
    if fits(body, "google") or (exchange.status == 401 and fits(body, "anthropic")):
        return
    yield Deviation(name_of("google"), shape_of(exchange.json))


@oracle("GEM-A05", on=ERRORS)
def the_code_is_the_status(exchange: Exchange) -> Judgement:
    """``error.code`` is the HTTP status (E-envelope)."""
    body = error_body(exchange)
    if not fits(body, "google"):
        return
    yield Examined("error.code")
    if body["error"]["code"] != exchange.status:
        yield Deviation(f"error.code {exchange.status}", f"error.code {shown(body['error']['code'])}")


@oracle("GEM-A06", on=ERRORS)
def a_401_is_in_googles_envelope(exchange: Exchange) -> Judgement:
    """On Google's paths a 401 too is Google's (F9.10, E-table)."""
    if exchange.status != 401 or exchange.json is NOT_JSON:
        return
    yield Examined("401")
    if not fits(error_body(exchange), "google"):
        yield Deviation(name_of("google"), shape_of(exchange.json))


@oracle("GEM-A07", on=ERRORS)
def the_status_word_belongs_to_the_code(exchange: Exchange) -> Judgement:
    """``error.status`` is the canonical name of the status (E-table)."""
    known = _NAMES.get(exchange.status)
    body = error_body(exchange)
    if known is None or not fits(body, "google"):
        return
    yield Examined("error.status")
    if body["error"]["status"] not in known:
        yield Deviation(
            f"error.status {' or '.join(sorted(known))} with {exchange.status}",
            f"error.status {shown(body['error']['status'])}",
        )


@oracle("GEM-A08")
def an_image_key_is_refused(exchange: Exchange) -> Judgement:
    """A key of an image batch group opens nothing under /v1beta/models (F5.21, F2.3)."""
    if not exchange.role.startswith("image:"):
        return
    yield Examined("image key")
    if exchange.status not in (400, 401, 403, 404):
        yield Deviation("400, 401, 403 or 404 for an image key", _answer(exchange))


@oracle("GEM-S10")
def a_failure_before_the_first_piece_is_a_status(exchange: Exchange) -> Judgement:
    """What is known before the first piece is told by status and envelope, whatever the form (G-S6, E1)."""
    yield Examined("failure before the first piece")
    if not exchange.refused:
        yield Deviation("an error status", _answer(exchange))
    elif exchange.json is NOT_JSON or not fits(error_body(exchange), "google"):
        yield Deviation(name_of("google"), shape_of(exchange.json))


@oracle("GEM-E01")
def a_rate_limit_of_the_upstream_stays_one(exchange: Exchange) -> Judgement:
    """The upstream's 429 comes as 429 (E1, defect M09)."""
    yield Examined("answer of an upstream at its limit")
    if exchange.status != 429:
        yield Deviation("status 429, as the upstream answered", _answer(exchange))


@oracle("GEM-E02")
def geminis_rate_limit_says_when_to_come_back(exchange: Exchange) -> Judgement:
    """The upstream's Retry-After is passed on, as header or as RetryInfo (E4, E-envelope)."""
    if exchange.status != 429:
        return
    yield Examined("429")
    details = object_of(object_of(error_body(exchange)).get("error")).get("details")
    told = isinstance(details, list) and any("retryDelay" in object_of(each) for each in details)
    if exchange.header("retry-after") is None and not told:
        yield Deviation("Retry-After, since the upstream sent one", "neither the header nor a retryDelay")


def _answer(exchange: Exchange) -> str:
    body = error_body(exchange)
    told = ": ".join(part for part in (error_type(body), error_message(body)) if part)
    return f"status {exchange.status}" + (f" ({told[:160]})" if told else "")
