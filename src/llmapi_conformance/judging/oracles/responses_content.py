"""What a response says: the upstream's text and calls, the same whole or streamed, cut where the request says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.judging.chat_answer import ToolCall, array, is_argument_text, sent, shown, string
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.chat import span_of
from llmapi_conformance.judging.oracles.grammar import member
from llmapi_conformance.judging.oracles.responses import COUNTS, opening
from llmapi_conformance.judging.response_answer import (
    ResponseAnswer,
    answer_of,
    directive,
    payload_of,
    told_arguments,
    told_usage,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

_START: Final = 8
"""Characters that show whether the question was understood; the rest of a text is judged by clauses of its own."""


@oracle("RSP-P01")
def text_as_input_is_answered(exchange: Exchange) -> Judgement:
    """A model and a text are enough (facts F5.11, F5.12)."""
    yield from _taken(exchange, "a text as input")


@oracle("RSP-P02")
def items_as_input_are_answered(exchange: Exchange) -> Judgement:
    """The input may be an array of items (fact F5.12)."""
    yield from _taken(exchange, "items as input")


@oracle("RSP-P05")
def reasoning_is_taken(exchange: Exchange) -> Judgement:
    """A reasoning object is no reason to refuse where the model can reason, as our upstream's can (fact F5.12)."""
    if directive(exchange) or exchange.succeeded:
        yield from _taken(exchange, "a reasoning object")


@oracle("RSP-P06")
def every_function_call_arrives(exchange: Exchange) -> Judgement:
    """Tools are taken, and each call of the upstream arrives under its tool's name (fact F5.12, R-N3)."""
    yield Examined("request with tools")
    if not exchange.succeeded:
        yield Deviation("an answer to a request with tools", f"status {exchange.status}", opening(exchange))
        return
    count = directive(exchange).get("tool_calls", "")
    answer = answer_of(exchange)
    tools = [string(tool.get("name")) for tool in array(sent(exchange), "tools") if isinstance(tool, dict)]
    if not count.isdecimal() or not tools or answer is None:
        return
    named = directive(exchange).get("tool")
    wanted = [named or tools[number % len(tools)] for number in range(int(count))]
    found = [call.name for call in answer.calls]
    if found != wanted:
        yield Deviation(f"calls of {', '.join(wanted)}", ", ".join(found) or "no call", span_of(exchange, "output"))


@oracle("RSP-P10")
def the_documented_example_is_answered(exchange: Exchange) -> Judgement:
    """Model, input and stream false bring one JSON document with the documented members (facts F5.13, F5.14)."""
    yield from _taken(exchange, "the documented request")
    if exchange.succeeded and exchange.media_type == "text/event-stream":
        yield Deviation("one JSON document", "an event stream", opening(exchange))


@oracle("RSP-P11")
def absent_stream_is_stream_false(exchange: Exchange) -> Judgement:
    """Without ``stream`` the answer is one JSON document (oracle M4)."""
    if not exchange.succeeded or "stream" in sent(exchange):
        return
    yield Examined("answer to a request without stream")
    if not isinstance(exchange.json, dict):
        yield Deviation("one JSON document", exchange.media_type or "no media type", opening(exchange))


@oracle("RSP-P12")
def null_counts_as_not_there(exchange: Exchange) -> Judgement:
    """An optional member with the value null is not there (R-request, oracle M4)."""
    yield from _taken(exchange, "null in optional members")


@oracle("RSP-P13")
def call_arguments_are_exact(exchange: Exchange) -> Judgement:
    """The argument text of a call is the upstream's, to the character (oracle M12)."""
    told, answer = told_arguments(exchange), answer_of(exchange)
    if told is None or answer is None:
        return
    for call in answer.calls:
        if not is_argument_text(call.arguments):
            continue  # another clause's finding
        yield Examined("arguments")
        if call.arguments != told:
            yield Deviation(shown(told, 400), shown(call.arguments, 400), span_of(exchange, "arguments"))


@oracle("RSP-S21")
def characters_outlive_any_cut(exchange: Exchange) -> Judgement:
    """Characters that arrive from the upstream in pieces leave the gateway whole (H4, defect M19)."""
    yield from _text_is_exact(exchange)


@oracle("RSP-S27")
def the_text_is_the_upstreams(exchange: Exchange) -> Judgement:
    """The text is the upstream's, to the code point, whole or as its deltas add up (R-S5, oracle M11)."""
    yield from _text_is_exact(exchange)


@oracle("RSP-S22")
def stream_says_what_the_plain_response_says(plain: Exchange, stream: Exchange) -> Judgement:
    """The folded stream is the plain response: items, texts, calls, status, reason (oracle M1)."""
    one, other = answer_of(plain), answer_of(stream)
    if one is None or other is None or not directive(plain):
        return
    for name, wanted, found in (
        ("items", [item.get("type") for item in one.items], [item.get("type") for item in other.items]),
        ("text", one.text, other.text),
        ("refusal", one.refusal, other.refusal),
        ("summary", one.summary, other.summary),
        ("calls", _calls(one.calls), _calls(other.calls)),
        ("status", one.status, other.status),
        ("reason", one.reason, other.reason),
    ):
        yield Examined(name)
        if wanted != found:
            yield Deviation(f"{name} {shown(wanted)}, as in the plain response", shown(found), exchange=stream)
            return


@oracle("RSP-N14")
def counts_are_those_of_the_upstream(exchange: Exchange) -> Judgement:
    """Input, output and cached tokens are what the upstream counted (oracles M16, M20)."""
    told, answer = told_usage(exchange), answer_of(exchange)
    if told is None or answer is None or not answer.usage:
        return
    for name, wanted in zip(("input_tokens", "output_tokens", "input_tokens_details.cached_tokens"), told, strict=True):
        found = member(answer.usage, name)
        yield Examined(name)
        if found != wanted and (wanted or "." not in name):
            yield Deviation(
                f"{name} {wanted}, as the upstream counted", shown(answer.usage, 200), span_of(exchange, "usage")
            )


@oracle("RSP-N15")
def stream_counts_like_the_plain_response(plain: Exchange, stream: Exchange) -> Judgement:
    """The same request costs the same tokens either way (oracle M16)."""
    one, other = answer_of(plain), answer_of(stream)
    if one is None or other is None or not one.usage or not other.usage or not directive(plain):
        return
    yield Examined("usage")
    for name in COUNTS:
        if one.usage.get(name) != other.usage.get(name):
            yield Deviation(
                f"{name} {shown(one.usage.get(name))}, as in the plain response",
                f"{name} {shown(other.usage.get(name))}",
                exchange=stream,
            )


@oracle("RSP-E03")
def the_limit_is_told_as_incomplete(exchange: Exchange) -> Judgement:
    """An answer longer than the limit is incomplete for max_output_tokens (R-N1, oracle M7)."""
    answer = answer_of(exchange)
    if answer is None or (payload_of(exchange) is None and _within_the_limit(answer, exchange)):
        return
    yield Examined("status")
    if (answer.status, answer.reason) != ("incomplete", "max_output_tokens"):
        yield Deviation(
            "status incomplete with reason max_output_tokens, since the answer is longer than the limit",
            f"{_end(answer)} after {len(answer.text)} characters",
            span_of(exchange, "incomplete_details"),
        )


def _within_the_limit(answer: ResponseAnswer, exchange: Exchange) -> bool:
    """Whether a model that nobody told what to say wanted to say less than it might."""
    limit, written = sent(exchange).get("max_output_tokens"), answer.usage.get("output_tokens")
    return isinstance(limit, int) and isinstance(written, int) and written < limit and answer.status == "completed"


@oracle("RSP-E08")
def filtered_response_says_so(exchange: Exchange) -> Judgement:
    """An answer that the provider filtered is a refusal, or incomplete for content_filter (oracle M20)."""
    answer = answer_of(exchange)
    if answer is None or directive(exchange).get("stop") != "filtered":
        return
    yield Examined("status")
    if (answer.status, answer.reason) != ("incomplete", "content_filter") and not answer.refusal:
        yield Deviation(
            "status incomplete with reason content_filter, or a refusal",
            _end(answer),
            span_of(exchange, "incomplete_details"),
        )


def _taken(exchange: Exchange, what: str) -> Judgement:
    """The request is served, and where the answer's text is known, that is how it begins.

    Whether the answer is a response at all is judged by the clauses on its shape.
    """
    yield Examined(what)
    answer, told = answer_of(exchange), payload_of(exchange)
    if not exchange.succeeded:
        yield Deviation(f"a response in spite of {what}", f"status {exchange.status}", opening(exchange))
    elif answer is not None and told is not None and answer.text[:_START] != told[:_START]:
        yield Deviation(
            f"a text that begins with {shown(told[:_START])}",
            f"the text {shown(answer.text)}",
            span_of(exchange, "text"),
        )


def _text_is_exact(exchange: Exchange) -> Judgement:
    told, answer = payload_of(exchange), answer_of(exchange)
    if told is None or answer is None or answer.reason:
        return
    yield Examined("character", max(1, len(told)))
    if answer.text != told:
        pairs = enumerate(zip(told, answer.text, strict=False))
        at = next((index for index, (mine, theirs) in pairs if mine != theirs), min(len(told), len(answer.text)))
        yield Deviation(
            f"{shown(told[at : at + 40])} at character {at} of {len(told)}",
            f"{shown(answer.text[at : at + 40])} in a text of {len(answer.text)}",
            span_of(exchange, "text"),
        )


def _calls(calls: tuple[ToolCall, ...]) -> list[Any]:
    return [[call.name, call.arguments] for call in calls]


def _end(answer: ResponseAnswer) -> str:
    return f"status {answer.status or 'missing'}{f' with reason {answer.reason}' if answer.reason else ''}"
