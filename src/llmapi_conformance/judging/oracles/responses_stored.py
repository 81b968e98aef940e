"""Responses that are stored: who may continue, read and delete them; and the other subpaths of ``/v1/responses``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.evidence.exchange import NOT_JSON, Exchange
from llmapi_conformance.judging.chat_answer import array, shown, string
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.chat import span_of
from llmapi_conformance.judging.oracles.envelopes import error_message, error_of, error_type, fits, name_of, shape_of
from llmapi_conformance.judging.oracles.responses import opening
from llmapi_conformance.judging.oracles.responses_upstream import strings_in
from llmapi_conformance.judging.response_answer import (
    ResponseAnswer,
    answer_of,
    object_of,
    plain_answer,
    without_opaque,
)
from llmapi_conformance.judging.upstream_log import log_entries

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_SERVED: Final = (404, 405, 501)
"""Statuses of an operation that is not there."""


@oracle("RSP-C01")
def the_conversation_is_continued(first: Exchange, own: Exchange, log: Exchange | None, memory: str) -> Judgement:
    """A response that names an earlier one goes on from there (R-request).

    Args:
        first: The earlier response.
        own: The one that continues it, asked for with the same key.
        log: The upstream's record of it, where our upstream is behind the gateway.
        memory: What was said in the earlier turn only.
    """
    before, answer = answer_of(first), answer_of(own)
    if before is None:
        return
    yield Examined("continued response")
    identifier = string(before.response.get("id"))
    if answer is None:
        yield Deviation("a response that goes on from the earlier one", f"status {own.status}", opening(own), own)
    elif log is not None:
        # A gateway that gives out ids of its own names the response by the upstream's id there.
        received = [object_of(entry.get("body")) for entry in log_entries(log)]
        named = any(string(body.get("previous_response_id")) for body in received)
        if received and not named and not any(memory in text for text in strings_in(log.json)):
            yield Deviation("the earlier turn, or a previous_response_id, at the upstream", "neither", exchange=own)
    elif answer.response.get("previous_response_id") != identifier:
        yield Deviation(
            f"previous_response_id {shown(identifier)}",
            shown(answer.response.get("previous_response_id")),
            span_of(own, "previous_response_id", "id"),
            own,
        )


@oracle("RSP-C02")
def an_unknown_response_is_not_continued(unknown: Exchange, log: Exchange | None) -> Judgement:
    """A ``previous_response_id`` that nobody has is the client's error, and nothing is generated (W-continuation)."""
    yield Examined("request that continues an unknown response")
    if not 400 <= unknown.status < 500:
        yield Deviation("4xx for an unknown previous_response_id", f"status {unknown.status}", opening(unknown))
    elif log is not None and _generated(log):
        yield Deviation("nothing generated", "the upstream was asked, and answered")


@oracle("RSP-C03")
def a_foreign_response_is_not_continued(
    own: Exchange, unknown: Exchange, foreign: Exchange, log: Exchange | None, memory: str
) -> Judgement:
    """A key of another tenant can't go on from a response, nor learn that it is there (OWASP-API 1, defect M07).

    Args:
        own: The response continued with the key that made it; without it, nothing is offered that could leak.
        unknown: An attempt to continue a response that is not there.
        foreign: An attempt to continue the response with a key of another tenant.
        log: The upstream's record of that attempt, where our upstream is behind the gateway.
        memory: What was said in the earlier turn only.
    """
    if not own.succeeded:
        return
    yield Examined("attempt to continue a foreign response")
    if memory.encode() in foreign.body:
        yield Deviation("nothing of the foreign conversation", "its text in the answer", exchange=foreign)
    elif log is not None and any(memory in text for text in strings_in(log.json)):
        yield Deviation("nothing of the foreign conversation", "its text at the upstream", exchange=foreign)
    elif _refusal(foreign) != _refusal(unknown):
        yield Deviation(
            f"{_in_words(unknown)}, as for an unknown id", _in_words(foreign), opening(foreign), exchange=foreign
        )


@oracle("RSP-C04")
def a_second_key_is_treated_alike(own: Exchange, own_read: Exchange, read: Exchange, continued: Exchange) -> Judgement:
    """Either a response belongs to the tenant or to the key, for reading as for continuing (OWASP-API 1).

    Args:
        own: The response continued with the key that made it.
        own_read: The response read with that key; where either is not offered, nothing can be compared.
        read: The response read with a second key of the same tenant.
        continued: The response continued with that second key.
    """
    if not own.succeeded or not own_read.succeeded:
        return
    yield Examined("attempts of a second key")
    if read.succeeded != continued.succeeded:
        yield Deviation(
            "a second key that may both read and continue a response, or neither",
            f"status {read.status} for reading, {continued.status} for continuing",
            exchange=continued,
        )


@oracle("RSP-U01")
def a_subpath_asks_for_a_key(exchange: Exchange) -> Judgement:
    """Without a key a subpath is answered with 401 (facts F9.3, F9.7)."""
    yield Examined("request without a key")
    if exchange.status != 401:
        yield Deviation("status 401", f"status {exchange.status}", opening(exchange))


@oracle("RSP-U02")
def an_unknown_subpath_is_refused(exchange: Exchange) -> Judgement:
    """A subpath that nobody knows is the client's error, told in OpenAI's envelope (fact F5.11)."""
    yield Examined("request for an unknown subpath")
    if not 400 <= exchange.status < 500:
        yield Deviation("4xx for an unknown subpath", f"status {exchange.status}", opening(exchange))
    elif exchange.json is NOT_JSON:
        yield Deviation("one JSON document", exchange.media_type or "no media type", opening(exchange))
    elif not fits(exchange.json, "openai"):
        yield Deviation(name_of("openai"), shape_of(exchange.json), opening(exchange))


@oracle("RSP-U03")
def a_stored_response_is_read_as_it_ended(created: Exchange, read: Exchange) -> Judgement:
    """GET of a stored response brings the same response (R-request)."""
    answer = answer_of(created)
    if answer is None or read.status in _NOT_SERVED:
        return
    yield Examined("stored response")
    found = plain_answer(read)
    if not read.succeeded or found is None:
        yield Deviation("the stored response", f"status {read.status}", opening(read), read)
        return
    for name, wanted, told in _compared(answer, found):
        if wanted != told:
            yield Deviation(f"{name} {shown(wanted)}, as it ended", shown(told), span_of(read, name), read)
            return


@oracle("RSP-U04")
def a_deleted_response_is_gone(deleted: Exchange, after: Exchange) -> Judgement:
    """After DELETE the response is not found (R-request)."""
    if not deleted.succeeded:
        return
    yield Examined("deleted response")
    if after.status != 404:
        yield Deviation("404 for a deleted response", f"status {after.status}", opening(after), after)


@oracle("RSP-U05")
def a_foreign_response_is_as_good_as_unknown(
    before: Exchange, after: Exchange, foreign: Mapping[str, Exchange], unknown: Mapping[str, Exchange]
) -> Judgement:
    """A key of another tenant can neither read, delete nor cancel a response, nor learn that it is there.

    Source: OWASP-API 1, defect M07.

    Args:
        before: The response read with the key that made it; where that is not offered, nothing can leak.
        after: The same once more, behind the attempts.
        foreign: What another tenant's key got for reading, deleting and cancelling it.
        unknown: What the same key got for an id that nobody has.
    """
    if not before.succeeded:
        return
    for verb, attempt in foreign.items():
        yield Examined(f"foreign attempt: {verb}")
        if _refusal(attempt) != _refusal(unknown[verb]):
            yield Deviation(
                f"{_in_words(unknown[verb])} for the attempt to {verb}, as for an unknown id",
                _in_words(attempt),
                opening(attempt),
                attempt,
            )
    yield Examined("response behind the attempts")
    if not after.succeeded:
        yield Deviation("the response still there for its own key", f"status {after.status}", opening(after), after)


@oracle("RSP-U06")
def input_tokens_are_counted(exchange: Exchange, log: Exchange | None) -> Judgement:
    """The count is a whole number above 0, and the upstream generates nothing for it (fact F5.11)."""
    if exchange.status in _NOT_SERVED:
        return
    yield Examined("count of input tokens")
    count = exchange.json.get("input_tokens") if isinstance(exchange.json, dict) else None
    if not exchange.succeeded or not isinstance(count, int) or isinstance(count, bool) or count < 1:
        yield Deviation(
            "input_tokens, a number above 0", f"status {exchange.status} with {shown(count)}", opening(exchange)
        )
    elif log is not None and _generated(log):
        yield Deviation("nothing generated", "the upstream was asked for an answer")


@oracle("RSP-U07")
def an_input_is_compacted(exchange: Exchange) -> Judgement:
    """Compacting brings an output of items (fact F5.11)."""
    if exchange.status in _NOT_SERVED:
        return
    yield Examined("compacted input")
    output = array(exchange.json, "output")
    if not exchange.succeeded or not output or not all(isinstance(item, dict) and item.get("type") for item in output):
        yield Deviation(
            "an object with an output of items",
            f"status {exchange.status} with output {shown(output)}",
            opening(exchange),
        )


def _compared(one: ResponseAnswer, other: ResponseAnswer) -> list[tuple[str, Any, Any]]:
    """What two tellings of one response have in common: name, and the value in each."""
    members = [(name, one.response.get(name), other.response.get(name)) for name in ("id", "status", "model")]
    outputs = [without_opaque(list(each.items)) for each in (one, other)]
    return [*members, ("output", outputs[0], outputs[1])]


def _generated(log: Exchange) -> bool:
    """Whether the upstream generated something."""
    return any(isinstance(count := entry.get("deltas_sent"), int) and count > 0 for entry in log_entries(log))


def _refusal(exchange: Exchange) -> tuple[Any, ...]:
    """What a client can tell two refusals apart by; ids of the request, which may be quoted, are none of it."""
    message = error_message(exchange.json)
    for part in (exchange.request.path.split("/")[3:] or [""])[0], _asked_for(exchange):
        message = message.replace(part, "ID") if part else message
    return exchange.status, error_type(exchange.json), error_of(exchange.json).get("code"), message


def _asked_for(exchange: Exchange) -> str:
    body = exchange.request.json
    return string(body.get("previous_response_id")) if isinstance(body, dict) else ""


def _in_words(exchange: Exchange) -> str:
    told = error_message(exchange.json)
    return f"status {exchange.status}{f' ({told[:80]})' if told else ''}"
