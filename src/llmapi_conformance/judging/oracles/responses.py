"""What a response object has to look like, whole or at the end of a stream (wire-grammars 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.judging.chat_answer import is_argument_text, is_whole_number, sent, shown, string
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.chat import SECONDS, is_resolution, span_of
from llmapi_conformance.judging.oracles.grammar import ABSENT, member, reads_as_stream
from llmapi_conformance.judging.response_answer import (
    answer_of,
    object_of,
    objects,
    plain_answer,
    snapshots,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange

PLAIN: Final = On(operations=("createResponse",), mode="plain")
EITHER: Final = On(operations=("createResponse",))
ALWAYS: Final = On(operations=("createResponse",), disturbed=True)

STATUSES: Final = ("completed", "failed", "in_progress", "cancelled", "queued", "incomplete")
"""Every status that a response may have (rule R-N1)."""

COUNTS: Final = ("input_tokens", "output_tokens", "total_tokens")
"""The counts of a usage object."""

_REQUIRED: Final = (
    "id",
    "object",
    "created_at",
    "error",
    "incomplete_details",
    "instructions",
    "model",
    "tools",
    "output",
    "parallel_tool_calls",
    "metadata",
    "tool_choice",
    "temperature",
    "top_p",
)
_PREFIXES: Final = {"message": "msg_", "function_call": "fc_", "reasoning": "rs_"}
_PARTS: Final = {"output_text": "text", "refusal": "refusal"}


@oracle("RSP-S01", on=EITHER)
def events_come_when_a_stream_is_asked_for(exchange: Exchange) -> Judgement:
    """``stream: true`` asks for server-sent events, anything else for one JSON document (facts F5.12, F1.6)."""
    yield Examined("answer")
    found = f"{exchange.media_type or 'no content type'}, beginning with {exchange.body[:40].decode('latin-1')!a}"
    if exchange.mode == "stream" and not reads_as_stream(exchange):
        yield Deviation("server-sent events, since the request says stream: true", found, opening(exchange))
    if exchange.mode == "plain" and exchange.media_type == "text/event-stream":
        yield Deviation("one JSON document, since the request does not ask for a stream", found, opening(exchange))


@oracle("RSP-N01", on=PLAIN)
def answer_is_a_response(exchange: Exchange) -> Judgement:
    """An object with id, object, status, model and output (fact F5.14)."""
    body = exchange.json
    if exchange.media_type == "text/event-stream" or holds_an_error(body):
        return  # other clauses' findings
    yield Examined("response")
    if not isinstance(body, dict):
        yield Deviation("a response object", shown(exchange.body[:80].decode("utf-8", "replace")), opening(exchange))
        return
    if body.get("object") != "response":
        yield Deviation('object "response"', f"object {told(body, 'object')}", span_of(exchange, "object"))
    for name in ("id", "status", "model"):
        if not string(body.get(name)):
            yield Deviation(
                f"{name}, a string that is not empty", f"{name} {told(body, name)}", span_of(exchange, name)
            )
    output = body.get("output")
    if not isinstance(output, list) or not all(isinstance(item, dict) and string(item.get("type")) for item in output):
        yield Deviation(
            "output, an array of objects with a type", f"output {told(body, 'output')}", span_of(exchange, "output")
        )


@oracle("RSP-N02", on=ALWAYS)
def status_and_error_belong_together(exchange: Exchange) -> Judgement:
    """A known status; an error if and only if it is failed (R-N1)."""
    for response, span in told_responses(exchange):
        yield Examined("status")
        status, error = response.get("status"), response.get("error")
        if status not in STATUSES:
            yield Deviation(f"status, one of {', '.join(STATUSES)}", f"status {told(response, 'status')}", span)
        elif status == "failed" and not (isinstance(error, dict) and string(error.get("message"))):
            yield Deviation(
                "an error with a message, since the status is failed", f"error {told(response, 'error')}", span
            )
        elif status != "failed" and error is not None:
            yield Deviation(f"error null, since the status is {status}", f"error {shown(error)}", span)


@oracle("RSP-N03", on=EITHER)
def incomplete_says_why(exchange: Exchange) -> Judgement:
    """``incomplete_details.reason`` if and only if the status is incomplete (R-N1)."""
    for response, span in told_responses(exchange):
        yield Examined("incomplete_details")
        details = response.get("incomplete_details")
        if response.get("status") == "incomplete":
            if not string(object_of(details).get("reason")):
                yield Deviation(
                    "incomplete_details with a reason, since the status is incomplete",
                    f"incomplete_details {told(response, 'incomplete_details')}",
                    span,
                )
        elif details is not None:
            yield Deviation(
                f"incomplete_details null, since the status is {shown(response.get('status'))}",
                f"incomplete_details {shown(details)}",
                span,
            )


@oracle("RSP-N04", on=EITHER)
def total_is_input_and_output(exchange: Exchange) -> Judgement:
    """``total_tokens`` is the sum of the other two (R-N2)."""
    answer = answer_of(exchange)
    if answer is None or not all(is_whole_number(answer.usage.get(name)) for name in COUNTS):
        return
    yield Examined("total_tokens")
    input_tokens, output_tokens, total = (answer.usage[name] for name in COUNTS)
    if total != input_tokens + output_tokens:
        yield Deviation(
            f"total_tokens {input_tokens + output_tokens}, which is {input_tokens} + {output_tokens}",
            f"total_tokens {total}",
            span_of(exchange, "total_tokens"),
        )


@oracle("RSP-N05", on=EITHER)
def details_fit_into_the_counts(exchange: Exchange) -> Judgement:
    """Cached tokens are among the input's, reasoning tokens among the output's (R-N2)."""
    answer = answer_of(exchange)
    if answer is None:
        return
    for whole, part in (
        ("input_tokens", "input_tokens_details.cached_tokens"),
        ("output_tokens", "output_tokens_details.reasoning_tokens"),
    ):
        counted, among = answer.usage.get(whole), member(answer.usage, part)
        if not is_whole_number(counted) or not is_whole_number(among):
            continue
        yield Examined(part)
        if among > counted:
            yield Deviation(
                f"{part} of at most {counted}, the {whole}", f"{among}", span_of(exchange, part.partition(".")[2])
            )


@oracle("RSP-N06", on=EITHER)
def message_item_has_its_members(exchange: Exchange) -> Judgement:
    """An id, the role assistant, a status, and parts of text or of a refusal (R-N3)."""
    for item, span in told_items(exchange, "message"):
        yield Examined("message item")
        content = item.get("content")
        wrong = (
            "an id"
            if not string(item.get("id"))
            else 'role "assistant"'
            if item.get("role") != "assistant"
            else "a status"
            if not string(item.get("status"))
            else "content, an array of parts of output_text or refusal"
            if not isinstance(content, list) or not all(map(_is_part, content))
            else ""
        )
        if wrong:
            yield Deviation(f"a message item with {wrong}", shown(item, 200), span)


@oracle("RSP-N07", on=EITHER)
def function_call_item_has_its_members(exchange: Exchange) -> Judgement:
    """A call_id, a name, and arguments that are one JSON document, unless the call was cut (R-N3)."""
    for item, span in told_items(exchange, "function_call"):
        yield Examined("function_call item")
        arguments = item.get("arguments")
        if not string(item.get("call_id")) or not string(item.get("name")) or not isinstance(arguments, str):
            yield Deviation("a function_call item with call_id, name and arguments as text", shown(item, 200), span)
        elif item.get("status") in {None, "completed"} and not is_argument_text(arguments):
            yield Deviation("arguments as one JSON document", f"arguments {shown(arguments)}", span)


@oracle("RSP-N08", on=EITHER)
def item_and_call_ids_differ(exchange: Exchange) -> Judgement:
    """No two items of a response have one id, no two calls one call_id (R-N3)."""
    answer = answer_of(exchange)
    if answer is None:
        return
    for name, items in (("id", answer.items), ("call_id", answer.of_type("function_call"))):
        seen: set[str] = set()
        for item in items:
            identifier = string(item.get(name))
            if not identifier:
                continue
            yield Examined(name)
            if identifier in seen:
                yield Deviation(f"a {name} of its own for each item", f"{shown(identifier)} twice")
            seen.add(identifier)


@oracle("RSP-N08")
def responses_have_ids_of_their_own(*exchanges: Exchange) -> Judgement:
    """No two responses have one id (oracle M13)."""
    seen: dict[str, Exchange] = {}
    for exchange in exchanges:
        answer = answer_of(exchange)
        identifier = string(answer.response.get("id")) if answer else ""
        if not identifier:
            continue
        yield Examined("response id")
        if identifier in seen:
            yield Deviation(
                "an id of its own for each response",
                f"{shown(identifier)}, like {seen[identifier].id}",
                span_of(exchange, "id"),
                exchange,
            )
        seen[identifier] = exchange


@oracle("RSP-N09", on=EITHER)
def incomplete_item_is_the_last_one(exchange: Exchange) -> Judgement:
    """An item that is incomplete ends an incomplete response (R-N4)."""
    answer = answer_of(exchange)
    if answer is None:
        return
    for number, item in enumerate(answer.items):
        if item.get("status") is None:
            continue
        yield Examined("item status")
        if item["status"] == "incomplete" and (number < len(answer.items) - 1 or answer.status != "incomplete"):
            yield Deviation(
                "an incomplete item only at the end of an incomplete response",
                f"item {number} of {len(answer.items)} is incomplete, and the response is {answer.status}",
            )


@oracle("RSP-N10", on=EITHER)
def ids_have_openais_prefixes(exchange: Exchange) -> Judgement:
    """``resp_``, ``msg_``, ``fc_``, ``call_`` and ``rs_`` (R-N5: a habit, no promise)."""
    answer = answer_of(exchange)
    if answer is None:
        return
    told_ids = [("resp_", answer.response.get("id"))]
    for item in answer.items:
        told_ids.append((_PREFIXES.get(string(item.get("type")), ""), item.get("id")))
        told_ids.append(("call_", item.get("call_id")))
    for prefix, identifier in told_ids:
        if not prefix or not string(identifier):
            continue
        yield Examined("id")
        if not string(identifier).startswith(prefix):
            yield Deviation(f"an id that begins with {prefix}", shown(identifier))


@oracle("RSP-N11", on=EITHER)
def the_limit_makes_it_incomplete(exchange: Exchange) -> Judgement:
    """Incomplete for max_output_tokens exactly where the output reaches the limit (R-N6)."""
    answer, limit = answer_of(exchange), sent(exchange).get("max_output_tokens")
    written = answer.usage.get("output_tokens") if answer else None
    if answer is None or not isinstance(limit, int) or not isinstance(written, int):
        return
    yield Examined("output_tokens")
    reached = answer.reason == "max_output_tokens"
    if written > limit or (reached and written < limit):
        yield Deviation(
            f"{limit} output tokens where the limit is reached, fewer elsewhere",
            f"{written} output tokens of a response that is {answer.status} {answer.reason}".rstrip(),
            span_of(exchange, "output_tokens"),
        )


@oracle("RSP-N12", on=EITHER)
def created_at_is_in_unix_seconds(exchange: Exchange) -> Judgement:
    """``created_at`` is a number of seconds, not of milliseconds and no text (R-response)."""
    for response, span in told_responses(exchange):
        yield Examined("created_at")
        value = response.get("created_at")
        if not isinstance(value, int | float) or isinstance(value, bool) or not SECONDS[0] <= value <= SECONDS[-1]:
            yield Deviation("created_at in Unix seconds", f"created_at {told(response, 'created_at')}", span)


@oracle("RSP-N13", on=EITHER)
def required_members_are_there(exchange: Exchange) -> Judgement:
    """Every member that OpenAI's description requires, null where it says nothing (R-response)."""
    for response, span in told_responses(exchange):
        yield Examined("response")
        missing = [name for name in _REQUIRED if name not in response]
        if missing:
            yield Deviation("every required member of a response", f"{', '.join(missing)} missing", span)


@oracle("RSP-N16", on=EITHER)
def model_is_the_one_that_was_asked_for(exchange: Exchange) -> Judgement:
    """The response names the model that was asked for, or a dated version of it (oracle M10, variation C15)."""
    asked = string(sent(exchange).get("model"))
    if not asked:  # written in a way that only the gateway could read
        return
    for response, span in told_responses(exchange):
        model = string(response.get("model"))
        if not model:
            continue
        yield Examined("model")
        if not is_resolution(asked, model):
            yield Deviation(f"model {shown(asked)} or a dated version of it", f"model {shown(model)}", span)


@oracle("RSP-N17", on=EITHER)
def response_tells_its_usage(exchange: Exchange) -> Judgement:
    """A finished response has the three counts, each an integer from 0 (R-N2)."""
    answer = answer_of(exchange)
    if answer is None or answer.status not in {"completed", "incomplete"}:
        return
    yield Examined("usage")
    if not all(is_whole_number(answer.usage.get(name)) for name in COUNTS):
        yield Deviation(
            f"usage with {', '.join(COUNTS)}", f"usage {told(answer.response, 'usage')}", span_of(exchange, "usage")
        )


@oracle("RSP-N18", on=EITHER)
def reasoning_item_has_its_members(exchange: Exchange) -> Judgement:
    """An id, and a summary of summary_text parts, which may be empty (R-N3)."""
    for item, span in told_items(exchange, "reasoning"):
        yield Examined("reasoning item")
        summary = item.get("summary")
        if not string(item.get("id")):
            yield Deviation("a reasoning item with an id", shown(item, 200), span)
        elif not isinstance(summary, list) or not all(
            isinstance(part, dict) and part.get("type") == "summary_text" and isinstance(part.get("text"), str)
            for part in summary
        ):
            yield Deviation("a summary of summary_text parts", f"summary {shown(summary)}", span)


@oracle("RSP-E07", on=On(operations=("createResponse",), mode="plain", disturbed=True))
def an_error_object_is_no_success(exchange: Exchange) -> Judgement:
    """200 brings a response, which may have failed, but no error object in its place (E2, defect M09)."""
    if not isinstance(exchange.json, dict):
        return
    yield Examined("success")
    if holds_an_error(exchange.json):
        yield Deviation(
            "an error status where there is no response", f"status {exchange.status} with {shown(exchange.json)}"
        )


def holds_an_error(body: Any) -> bool:
    """Whether a body is an error object and no response."""
    return isinstance(body, dict) and bool(body.get("error")) and "output" not in body


def told_responses(exchange: Exchange) -> Iterator[tuple[dict[str, Any], tuple[int, int] | None]]:
    """The response objects that an answer holds, with where they stand: the body, or the last snapshot of a stream."""
    if exchange.mode == "plain":
        answer = plain_answer(exchange)
        if answer is not None:
            yield answer.response, span_of(exchange, "status", "object")
        return
    told_last = list(snapshots(exchange.events))[-1:]
    for event, response in told_last:
        yield response, (event.start, event.end)


def told_items(exchange: Exchange, kind: str) -> Iterator[tuple[dict[str, Any], tuple[int, int] | None]]:
    """The items of a type in what an answer ends with, with where they stand."""
    for response, span in told_responses(exchange):
        for item in objects(response, "output"):
            if item.get("type") == kind:
                yield item, span


def told(value: dict[str, Any], name: str) -> str:
    """A member for a sentence in a report."""
    found = value.get(name, ABSENT)
    return "is not there" if found is ABSENT else shown(found)


def opening(exchange: Exchange) -> tuple[int, int] | None:
    """The first bytes of a body."""
    return (0, min(len(exchange.body), 80)) if exchange.body else None


def _is_part(part: Any) -> bool:
    """A part of a type that is known has its text; other types are open."""
    if not isinstance(part, dict) or not string(part.get("type")):
        return False
    name = _PARTS.get(part["type"])
    return name is None or isinstance(part.get(name), str)
