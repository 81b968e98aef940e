"""Authentication: which keys are accepted, how the others are refused, and that no way leads around the check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from llmapi_conformance.evidence.exchange import NOT_JSON, Exchange
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.envelopes import (
    error_message,
    error_type,
    expected_envelope,
    fits,
    name_of,
    shape_of,
)
from llmapi_conformance.judging.oracles.secrets import key_leaks
from llmapi_conformance.judging.task_answer import heard_nothing

BEARER: Final = "Authorization"
X_API_KEY: Final = "x-api-key"
X_GOOG_API_KEY: Final = "x-goog-api-key"
_MESSAGES: Final = ("createMessage", "countMessageTokens")
_OF_BOTH_PROTOCOLS: Final = (*_MESSAGES, "createChatCompletion", "listModels")
_DOCUMENTED_401: Final = {"type": "error", "error": {"type": "authentication_error", "message": "Invalid API key"}}
_LONGEST_QUOTE: Final = 160

Answers = Mapping[str, Exchange]
"""Answers to one call, by the header or the spelling that carried the same valid key."""


@oracle("AUTH-H01")
def bearer_is_accepted(answers: Answers) -> Judgement:
    """A valid key in ``Authorization: Bearer`` is accepted (F1.2, F9.4)."""
    yield from _accepted(answers, BEARER)


@oracle("AUTH-H02")
def compatible_headers_are_accepted(answers: Answers) -> Judgement:
    """A valid key in ``x-api-key`` or ``x-goog-api-key`` is accepted (F1.3, F9.4)."""
    yield from _accepted(answers, X_API_KEY)
    yield from _accepted(answers, X_GOOG_API_KEY)


@oracle("AUTH-H03")
def bearer_is_accepted_as_the_protocols_have_it(answers: Answers) -> Judgement:
    """A valid Bearer key is accepted where the vendors' clients send it (rule A-headers)."""
    if answers[BEARER].operation in _OF_BOTH_PROTOCOLS:
        yield from _accepted(answers, BEARER)


@oracle("AUTH-H04")
def x_api_key_is_accepted_on_messages(answers: Answers) -> Judgement:
    """A valid key in ``x-api-key`` is accepted by the Messages operations (rule A-headers)."""
    if answers[X_API_KEY].operation in _MESSAGES:
        yield from _accepted(answers, X_API_KEY)


@oracle("AUTH-H05")
def header_names_are_read_in_any_case(answers: Answers) -> Judgement:
    """A credential header in capitals carries the same key as in small letters (RFC 9110 section 5.1)."""
    yield from _same_as_usual(answers, "name in capitals", usual="name in small letters")


@oracle("AUTH-H06")
def the_scheme_is_read_in_any_case(answers: Answers) -> Judgement:
    """``bearer`` and ``BEARER`` are the same scheme as ``Bearer`` (RFC 9110 section 11.1)."""
    yield from _same_as_usual(answers, "scheme in small letters")
    yield from _same_as_usual(answers, "scheme in capitals")


@oracle("AUTH-H07")
def white_space_around_the_value_is_ignored(answers: Answers) -> Judgement:
    """Optional white space around a field value is not part of it (RFC 9110 section 5.5)."""
    yield from _same_as_usual(answers, "white space around the value")


@oracle("AUTH-H08")
def several_spaces_after_the_scheme_are_accepted(answers: Answers) -> Judgement:
    """One or more spaces stand between scheme and credentials (RFC 9110 section 11.4)."""
    yield from _same_as_usual(answers, "two spaces after the scheme")


@oracle("AUTH-H09")
def no_version_header_is_demanded(exchange: Exchange) -> Judgement:
    """A Messages request without ``anthropic-version`` is served (F1.7)."""
    if exchange.succeeded:
        yield Examined("request without anthropic-version")
    elif "anthropic-version" in error_message(exchange.json).lower():
        yield Examined("request without anthropic-version")
        yield Deviation("an answer to a request without anthropic-version", _answer(exchange))


@oracle("AUTH-R01")
def a_refused_key_gets_401(exchange: Exchange) -> Judgement:
    """The status of the refusal is 401 (F9.7, rule E-table); that it is refused at all is another clause."""
    if exchange.succeeded:
        return
    yield Examined("refusal of a key")
    if exchange.status != 401:
        yield Deviation(f"status 401 for {_sent(exchange)}", _answer(exchange))


@oracle("AUTH-R02")
def the_401_has_the_documented_body(exchange: Exchange) -> Judgement:
    """The body of a 401 is the documented one, member for member (F9.7)."""
    if exchange.status != 401 or not isinstance(exchange.json, dict):
        return
    yield Examined("401 body")
    if exchange.json != _DOCUMENTED_401:
        yield Deviation(
            f"exactly the body {json.dumps(_DOCUMENTED_401)}",
            _quote(exchange),
            span=(0, len(exchange.body)),
        )


@oracle("AUTH-R03")
def nothing_is_served_without_a_valid_key(exchange: Exchange) -> Judgement:
    """A request without a valid key is not served (CWE-306)."""
    yield from _not_served(exchange, f"no answer with 2xx to {_sent(exchange)}")


@oracle("AUTH-R04")
def a_changed_key_is_refused(good: Exchange, changed: Exchange) -> Judgement:
    """A key that is almost a valid one is refused, after the valid one was accepted (CWE-287, defect M02)."""
    if good.succeeded:
        yield from _not_served(changed, f"no answer with 2xx to a key that is {changed.label}")


@oracle("AUTH-R05")
def the_refusal_has_the_envelope_of_its_route(exchange: Exchange) -> Judgement:
    """The refusal is an error of the request's protocol (rule E3)."""
    if not exchange.refused or exchange.status >= 500:
        return
    yield Examined("refusal of a key")
    family = expected_envelope(exchange.operation)
    if exchange.json is NOT_JSON:
        yield Deviation(name_of(family), f"status {exchange.status} with a body that is not JSON: {_quote(exchange)}")
    elif not fits(exchange.json, family):
        yield Deviation(name_of(family), f"status {exchange.status} with {shape_of(exchange.json)}: {_quote(exchange)}")


@oracle("AUTH-R06")
def the_refusal_holds_no_key(exchange: Exchange) -> Judgement:
    """No key, right or wrong, comes back in a refusal (CWE-200, rule E5)."""
    if not exchange.refused:
        return
    yield Examined("refusal of a key")
    for leak in key_leaks(exchange):
        yield Deviation("a refusal without any key in it", f"{leak.what} in {leak.where}: {leak.text[:_LONGEST_QUOTE]}")


@oracle("AUTH-R07")
def the_key_is_judged_before_the_body(exchange: Exchange) -> Judgement:
    """A wrong key with a body that is not JSON gets 401, not 400 (CWE-696)."""
    yield Examined("wrong key with a broken body")
    if exchange.status != 401:
        yield Deviation("status 401 for a made-up key, whatever the body", _answer(exchange))


@oracle("AUTH-R08")
def a_refused_key_reaches_no_upstream(refused: list[Exchange], log: Exchange) -> Judgement:
    """None of the refused calls is in the upstream's log (CWE-306)."""
    received = log.json.get("requests") if isinstance(log.json, dict) else None
    if not isinstance(received, list) or any(exchange.succeeded for exchange in refused):
        return
    yield Examined("refused call", len(refused))
    if received:
        yield Deviation(
            "no request at the upstream for calls that were refused for their key",
            f"{len(received)} of them at the upstream",
            exchange=refused[0],
        )


@oracle("AUTH-R09")
def the_401_names_the_scheme(exchange: Exchange) -> Judgement:
    """A 401 carries ``WWW-Authenticate`` (RFC 9110 section 11.6.1)."""
    if exchange.status != 401:
        return
    yield Examined("401")
    if not exchange.header_values("www-authenticate"):
        yield Deviation("WWW-Authenticate in a 401", "no such header")


@oracle("AUTH-B01")
def another_spelling_of_the_path_opens_nothing(exchange: Exchange) -> Judgement:
    """No spelling of a path is served without a valid key (CWE-289, defect M01)."""
    yield from _not_opened(exchange)


@oracle("AUTH-B02")
def disguised_requests_open_nothing(exchange: Exchange) -> Judgement:
    """No odd Host, absolute form or rewriting header is served without a key (CWE-290)."""
    yield from _not_opened(exchange)


@oracle("AUTH-C01")
def disagreeing_keys_get_one_answer(first: Exchange, second: Exchange) -> Judgement:
    """The same two credentials get the same status twice, and no 5xx (oracle M3)."""
    yield Examined("pair of credentials")
    statuses = f"{first.status} and then {second.status}"
    if first.status >= 500 or second.status >= 500:
        yield Deviation(f"no server error for {first.label}", f"status {statuses}", exchange=second)
    elif first.status != second.status:
        yield Deviation(f"the same status each time for {first.label}", f"status {statuses}", exchange=second)


@oracle("AUTH-C02")
def a_valid_key_rescues_no_invalid_bearer(exchange: Exchange) -> Judgement:
    """An invalid Bearer key is refused, whatever stands in another header (oracle M3)."""
    yield from _not_served(exchange, "no answer with 2xx to an invalid Bearer key beside a valid x-api-key")


@oracle("AUTH-Q01")
def a_key_in_the_query_opens_nothing(without: Exchange, in_query: Exchange) -> Judgement:
    """What is refused without a key is refused with one in the query too (CWE-598)."""
    if not without.succeeded:
        yield from _not_served(in_query, "no answer with 2xx to a key that stands in the query alone")


@oracle("AUTH-V01")
def head_and_options_are_answered(exchange: Exchange) -> Judgement:
    """HEAD and OPTIONS without a key get an answer below 500 (rule H7)."""
    yield Examined(f"{exchange.request.method} without a key")
    if exchange.status >= 500 and exchange.status != 501:
        yield Deviation(f"an answer to {exchange.request.method} without a key below 500", _answer(exchange))


def _accepted(answers: Answers, header: str) -> Judgement:
    """A 401 is a refusal of the key; any other failure is one only where another header did better."""
    exchange = answers[header]
    if heard_nothing(exchange):
        return
    if exchange.succeeded:
        yield Examined("valid key")
    elif exchange.status == 401 or any(other.succeeded for other in answers.values()):
        yield Examined("valid key")
        yield Deviation(f"{_call(exchange)} served with a valid key in {header}", _answer(exchange), exchange=exchange)


def _same_as_usual(answers: Answers, spelling: str, *, usual: str = "usual") -> Judgement:
    """A spelling is judged only where the usual one was served: else the key, or the header, is in question."""
    exchange = answers.get(spelling)
    if exchange is None or not answers.get(usual, answers["usual"]).succeeded:
        return
    yield Examined("spelling of a credential header")
    if not exchange.succeeded:
        expected = f"{_call(exchange)} served with a valid key, {spelling}, as it is in the usual spelling"
        yield Deviation(expected, _answer(exchange), exchange=exchange)


def _not_served(exchange: Exchange, expected: str) -> Judgement:
    yield Examined("request without a valid key")
    if exchange.succeeded:
        yield Deviation(expected, _answer(exchange), exchange=exchange)


def _not_opened(exchange: Exchange) -> Judgement:
    """A page or a word of greeting on an unknown path is no answer of the API, so it is no way in."""
    yield Examined("way around the key check")
    if exchange.succeeded and (exchange.json is not NOT_JSON or exchange.events.events):
        yield Deviation(f"no answer of the API to {_call(exchange)} ({exchange.label})", _answer(exchange))


def _call(exchange: Exchange) -> str:
    return f"{exchange.request.method} {exchange.request.path}"


def _sent(exchange: Exchange) -> str:
    return f"{_call(exchange)} with {exchange.label}" if exchange.label else _call(exchange)


def _answer(exchange: Exchange) -> str:
    """Status, and the error's type and message where there are any."""
    told = ": ".join(part for part in (error_type(exchange.json), error_message(exchange.json)) if part)
    return f"status {exchange.status}" + (f" ({told[:_LONGEST_QUOTE]})" if told else "")


def _quote(exchange: Exchange) -> str:
    text = exchange.body[: 4 * _LONGEST_QUOTE].decode("utf-8", "replace")
    return text[:_LONGEST_QUOTE] + ("..." if len(text) > _LONGEST_QUOTE else "") if text else "an empty body"
