"""Error bodies: one JSON document in the envelope of the route (facts F9.1, F9.10, rules E1-E5)."""

from __future__ import annotations

from typing import Any, Final

from llmapi_conformance.evidence.exchange import NOT_JSON, Exchange, decode_json
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.envelopes import (
    envelope_of,
    error_message,
    error_of,
    error_type,
    expected_envelope,
    fits,
    name_of,
    shape_of,
)
from llmapi_conformance.judging.oracles.http import JSON_ROUTES, TEXT_ROUTES, body_in_words
from llmapi_conformance.judging.task_answer import CANCELLING, FOLLOWING, READING, SUBMITTING, task_of

ERRORS: Final = On(outcome="error")
LISTING: Final = "listImageTasks"
MESSAGES_ROUTES: Final = ("createMessage", "countMessageTokens")

# What error.type a status goes with (E-table). Where the documentation gives a status two meanings (F9.11: 403 for
# money too), both types are listed.
_ANTHROPIC_TYPES: Final[dict[int, frozenset[str]]] = {
    400: frozenset({"invalid_request_error"}),
    401: frozenset({"authentication_error"}),
    402: frozenset({"billing_error"}),
    403: frozenset({"permission_error", "billing_error"}),
    404: frozenset({"not_found_error"}),
    405: frozenset({"invalid_request_error", "not_found_error"}),
    409: frozenset({"conflict_error", "invalid_request_error"}),
    413: frozenset({"request_too_large", "invalid_request_error"}),
    429: frozenset({"rate_limit_error"}),
    500: frozenset({"api_error"}),
    502: frozenset({"api_error"}),
    503: frozenset({"api_error", "overloaded_error"}),
    504: frozenset({"timeout_error", "api_error"}),
    529: frozenset({"overloaded_error"}),
}
_ANTHROPIC_ALL: Final = frozenset[str]().union(*_ANTHROPIC_TYPES.values())
_OPENAI_TYPES: Final[dict[int, frozenset[str]]] = {
    400: frozenset({"invalid_request_error"}),
    401: frozenset({"invalid_request_error", "authentication_error"}),
    403: frozenset(
        {"invalid_request_error", "permission_error", "permission_denied", "insufficient_quota", "billing_error"}
    ),
    404: frozenset({"invalid_request_error", "not_found_error"}),
    405: frozenset({"invalid_request_error", "not_found_error"}),
    409: frozenset({"invalid_request_error", "conflict", "conflict_error"}),
    413: frozenset({"invalid_request_error", "request_too_large"}),
    429: frozenset({"rate_limit_error", "rate_limit_exceeded", "insufficient_quota", "requests", "tokens"}),
}
_OPENAI_CLIENT: Final = frozenset[str]().union(*_OPENAI_TYPES.values())
"""For a status that OpenAI has no word of its own for, such as 402."""
_OPENAI_SERVER: Final = frozenset(
    {
        "server_error",
        "api_error",
        "service_unavailable",
        "service_unavailable_error",
        "overloaded_error",
        "timeout_error",
    }
)
_OPENAI_MEMBERS: Final = frozenset({"message", "type", "param", "code"})


@oracle("ERR-E01", on=ERRORS)
def an_error_is_one_json_document(exchange: Exchange) -> Judgement:
    """An error body is exactly one JSON document: no page, no text, nothing behind it (E-envelope, E5)."""
    if not exchange.complete:
        return
    yield Examined("error body")
    if exchange.json is NOT_JSON:
        end = min(len(exchange.body), 200)
        yield Deviation(
            f"one JSON document with status {exchange.status}", body_in_words(exchange), (0, end) if end else None
        )


@oracle("ERR-E02", on=ERRORS)
def an_error_is_application_json(exchange: Exchange) -> Judgement:
    """A JSON error is labelled ``application/json`` (E5); a body that is no JSON belongs to ERR-E01."""
    if exchange.json is NOT_JSON:
        return
    yield Examined("error body")
    if exchange.media_type != "application/json":
        yield Deviation("Content-Type: application/json", f"Content-Type: {exchange.header('content-type') or 'none'}")


@oracle("ERR-E03", on=On(MESSAGES_ROUTES, outcome="error"))
def a_messages_error_is_in_its_own_envelope(exchange: Exchange) -> Judgement:
    """Errors of Messages routes are in Anthropic's envelope (E3, F9.1, F9.10, defect M11)."""
    yield from _in_the_envelope(exchange)


@oracle("ERR-E04", on=On(("createChatCompletion", "listModels"), outcome="error"))
def a_chat_error_is_in_its_own_envelope(exchange: Exchange) -> Judgement:
    """Errors of Chat have an error object with type and message, a top-level ``type`` or not (E3, F9.10).

    Those of the model list are in the envelope of any protocol.
    """
    yield from _in_the_envelope(exchange)


@oracle("ERR-E10", on=On((*SUBMITTING, *READING, *CANCELLING, *FOLLOWING, LISTING), outcome="error"))
def a_task_error_is_in_a_known_envelope(exchange: Exchange) -> Judgement:
    """Errors of task routes are in the envelope of any protocol: their own was not seen (F9.10, F9.12)."""
    yield from _in_the_envelope(exchange)


def _in_the_envelope(exchange: Exchange) -> Judgement:
    if exchange.json is NOT_JSON:
        return
    family = expected_envelope(exchange.operation)
    yield Examined("error envelope")
    if not fits(exchange.json, family):
        yield Deviation(name_of(family), shape_of(exchange.json))


@oracle("ERR-E05", on=On(TEXT_ROUTES, outcome="error"))
def the_error_type_fits_the_status(exchange: Exchange) -> Judgement:
    """``error.type`` is one of the vendor's words for the status (E-table)."""
    envelope = envelope_of(exchange.json)
    if envelope in ("none", "google") or not fits(exchange.json, expected_envelope(exchange.operation)):
        return
    known = _known_types(exchange.status, anthropic=exchange.operation in MESSAGES_ROUTES)
    if exchange.operation not in MESSAGES_ROUTES and envelope == "anthropic":
        known |= _known_types(exchange.status, anthropic=True)  # F9.10: either protocol's envelope, and so its words
    yield Examined("error type")
    if error_type(exchange.json) not in known:
        wanted = " or ".join(sorted(known))
        yield Deviation(
            f"error.type {wanted} with status {exchange.status}", f"error.type {error_type(exchange.json)[:80]!r}"
        )


@oracle("ERR-E06", on=On(TEXT_ROUTES, outcome="error"))
def the_error_message_is_for_people(exchange: Exchange) -> Judgement:
    """``error.message`` says something in plain words: not empty, no page, no JSON within JSON (E-envelope)."""
    if envelope_of(exchange.json) == "none":
        return
    yield Examined("error message")
    message = error_message(exchange.json).strip()
    if not message:
        yield Deviation("a message in words", "an empty message")
    elif message[:1] == "<" and message[-1:] == ">":
        yield Deviation("a message in words", f"a page: {message[:80]!r}")
    elif isinstance(decode_json(message.encode("utf-8", "replace")), dict | list):
        yield Deviation("a message in words", f"JSON within JSON: {message[:80]!r}")


@oracle("ERR-E07", on=On(MESSAGES_ROUTES, outcome="error"))
def the_request_id_of_body_and_header_agree(exchange: Exchange) -> Judgement:
    """``request_id`` of an Anthropic error equals the ``request-id`` header, where both are there (E-envelope)."""
    body: Any = exchange.json
    header = exchange.header("request-id")
    if not isinstance(body, dict) or "request_id" not in body or header is None:
        return
    yield Examined("request id")
    if body["request_id"] != header:
        yield Deviation(f"request_id {header[:60]!r}, as in the header", f"request_id {str(body['request_id'])[:60]!r}")


@oracle("ERR-E08", on=On(("createChatCompletion",), outcome="error"))
def a_chat_error_has_openais_four_members(exchange: Exchange) -> Judgement:
    """OpenAI's schema asks for ``message``, ``type``, ``param``, ``code``; the documented 401 (F9.7) goes without."""
    if exchange.status == 401 or envelope_of(exchange.json) == "none":
        return
    yield Examined("error object")
    if missing := sorted(_OPENAI_MEMBERS - error_of(exchange.json).keys()):
        yield Deviation("message, type, param and code in the error object", f"{', '.join(missing)} missing")


@oracle("ERR-E09", on=On(JSON_ROUTES, mode="plain"))
def a_success_holds_no_error(exchange: Exchange) -> Judgement:
    """A 2xx answer never holds an error object: every client would take it for a success (E2, defect M09)."""
    body: Any = exchange.json
    if not isinstance(body, dict):
        return
    if body.get("object") == "response":
        return  # one that failed says so in its own error member, with 200 (rule R-N1)
    if task_of(exchange):
        return  # the same of a task (TASK-L18)
    yield Examined("plain success")
    if body.get("type") == "error" or body.get("error"):
        yield Deviation("an error status when the body is an error", f"status {exchange.status} with {shape_of(body)}")


@oracle("ERR-E09")
def a_failure_is_no_success_that_holds_an_error(exchange: Exchange) -> Judgement:
    """The same for an answer that has to be an error: an error status is what the clause wants."""
    if exchange.refused:
        yield Examined("failure")
    elif exchange.mode == "plain":
        yield from a_success_holds_no_error(exchange)


@oracle("ERR-B01")
def an_empty_body_is_named(exchange: Exchange) -> Judgement:
    """The documented example for a request without a body: ``Request body is empty`` (F9.10)."""
    if envelope_of(exchange.json) == "none":
        return
    yield Examined("error message")
    if error_message(exchange.json) != "Request body is empty":
        yield Deviation("the message 'Request body is empty'", f"the message {error_message(exchange.json)[:120]!r}")


@oracle("ERR-P03")
def an_answer_off_the_routes_is_json(exchange: Exchange) -> Judgement:
    """A refusal of an unknown path or method below ``/v1`` is one JSON document, never a page (H7, E5)."""
    if not exchange.refused or exchange.request.method == "HEAD":
        return
    yield Examined("refusal")
    if exchange.json is NOT_JSON:
        yield Deviation(f"one JSON document with status {exchange.status}", body_in_words(exchange))


def _known_types(status: int, *, anthropic: bool) -> frozenset[str]:
    if anthropic:
        return _ANTHROPIC_TYPES.get(status, _ANTHROPIC_ALL if status >= 500 else frozenset({"invalid_request_error"}))
    return _OPENAI_SERVER if status >= 500 else _OPENAI_TYPES.get(status, _OPENAI_CLIENT)
