"""What a Chat Completions answer says: the upstream's text, the same whole or streamed, cut where the request says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmapi_conformance.judging.chat_answer import (
    answer_of,
    array,
    directive,
    payload_of,
    sent,
    shown,
    string,
)
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.chat import span_of
from llmapi_conformance.judging.oracles.chat_tools import same_calls

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

_START: Final = 8
"""Characters that show whether the question was understood; the rest of a text is judged by clauses of its own."""


@oracle("CHAT-X01")
def plain_text_is_exact(exchange: Exchange) -> Judgement:
    """The text of a whole answer is the upstream's, to the code point (oracle M11)."""
    yield from _text_is_exact(exchange)


@oracle("CHAT-X02")
def streamed_text_is_exact(exchange: Exchange) -> Judgement:
    """The deltas add up to the upstream's text, to the code point (C-S7, oracle M11)."""
    yield from _text_is_exact(exchange)


@oracle("CHAT-X03")
def characters_survive_any_cut(exchange: Exchange) -> Judgement:
    """Characters that arrive from the upstream in pieces leave the gateway whole (H4, defect M19)."""
    yield from _text_is_exact(exchange)


@oracle("CHAT-M01")
def stream_says_what_the_plain_answer_says(plain: Exchange, stream: Exchange) -> Judgement:
    """The deltas add up to the content of the plain answer (C-S7, oracle M1)."""
    one, other = answer_of(plain), answer_of(stream)
    if one is None or other is None or not (one.text or other.text):
        return
    yield Examined("text")
    if _scripted(plain) and one.text != other.text:
        at = _first_difference(one.text, other.text)
        yield Deviation(
            f"{shown(one.text[at : at + 40])} at character {at}, as in the plain answer",
            shown(other.text[at : at + 40]),
            exchange=stream,
        )
    elif bool(one.text) != bool(other.text):
        yield Deviation(
            "a text in both modes", "none " + ("in the stream" if one.text else "in the plain answer"), exchange=stream
        )


@oracle("CHAT-M02")
def stream_calls_what_the_plain_answer_calls(plain: Exchange, stream: Exchange) -> Judgement:
    """The fragments add up to the tool calls of the plain answer (C-S4, oracle M1)."""
    one, other = answer_of(plain), answer_of(stream)
    if one is None or other is None or not _scripted(plain) or not (one.tool_calls or other.tool_calls):
        return
    yield Examined("tool calls")
    if not same_calls(one, other):
        yield Deviation(f"{_calls(one.tool_calls)}, as in the plain answer", _calls(other.tool_calls), exchange=stream)


@oracle("CHAT-M03")
def stream_ends_like_the_plain_answer(plain: Exchange, stream: Exchange) -> Judgement:
    """The same script ends for the same reason in both modes (oracle M1)."""
    one, other = answer_of(plain), answer_of(stream)
    if one is None or other is None or not _scripted(plain) or None in {one.finish_reason, other.finish_reason}:
        return
    yield Examined("finish_reason")
    if one.finish_reason != other.finish_reason:
        yield Deviation(
            f"finish_reason {one.finish_reason}, as in the plain answer",
            f"finish_reason {other.finish_reason}",
            span_of(stream, "finish_reason"),
            stream,
        )


@oracle("CHAT-P01")
def max_tokens_cuts_the_answer(exchange: Exchange) -> Judgement:
    """An answer longer than ``max_tokens`` is cut and says length (fact F5.18, C-N5)."""
    yield from _ends_with(exchange, "length", "the answer is longer than max_tokens")


@oracle("CHAT-P02")
def max_completion_tokens_cuts_the_answer(exchange: Exchange) -> Judgement:
    """An answer longer than ``max_completion_tokens`` is cut and says length (C-request, C-N5)."""
    yield from _ends_with(exchange, "length", "the answer is longer than max_completion_tokens")


@oracle("CHAT-P03")
def stop_text_cuts_the_answer(exchange: Exchange) -> Judgement:
    """The answer ends right before the stop text, with finish_reason stop (C-N6, oracle M8)."""
    told, answer = payload_of(exchange), answer_of(exchange)
    stop = sent(exchange).get("stop")
    stops = [stop] if isinstance(stop, str) else [string(each) for each in array(sent(exchange), "stop")]
    if told is None or answer is None or not any(stops):
        return
    yield Examined("stop")
    wanted = told[: min((told.find(each) for each in stops if each and each in told), default=len(told))]
    if answer.text != wanted or answer.finish_reason != "stop":
        yield Deviation(
            f"the text {shown(wanted)} and finish_reason stop",
            f"the text {shown(answer.text)} and finish_reason {answer.finish_reason}",
            span_of(exchange, "finish_reason", "content"),
        )


@oracle("CHAT-P04")
def filtered_answer_says_so(exchange: Exchange) -> Judgement:
    """An answer that the provider filtered ends with content_filter, or is a refusal (oracle M20)."""
    answer = answer_of(exchange)
    if answer is None or directive(exchange).get("stop") != "filtered":
        return
    yield Examined("finish_reason")
    if answer.finish_reason != "content_filter" and not _refuses(exchange):
        yield Deviation(
            "finish_reason content_filter, or a message.refusal",
            f"finish_reason {answer.finish_reason}",
            span_of(exchange, "finish_reason"),
        )


@oracle("CHAT-A01")
def conversation_is_answered(exchange: Exchange) -> Judgement:
    """System message, tool call and tool result of earlier turns: the last turn is answered (C-request)."""
    yield from _accepted(exchange, "a system message, a tool call and its result")


@oracle("CHAT-A02")
def parts_are_read_like_text(exchange: Exchange) -> Judgement:
    """Content given as text parts means the same as a string (oracle M5)."""
    yield from _accepted(exchange, "content as an array of text parts")


@oracle("CHAT-A03")
def null_counts_as_absent(exchange: Exchange) -> Judgement:
    """An optional member with the value null is not there (C-request, oracle M4)."""
    yield from _accepted(exchange, "null in optional members")


def _accepted(exchange: Exchange, what: str) -> Judgement:
    yield Examined(what)
    answer, told = answer_of(exchange), payload_of(exchange)
    if not exchange.succeeded:
        yield Deviation(f"an answer in spite of {what}", f"status {exchange.status}", _opening(exchange))
    elif answer is not None and told is not None and answer.text[:_START] != told[:_START]:
        yield Deviation(
            f"a text that begins with {shown(told[:_START])}",
            f"the text {shown(answer.text)}",
            span_of(exchange, "content"),
        )


def _text_is_exact(exchange: Exchange) -> Judgement:
    told, answer = payload_of(exchange), answer_of(exchange)
    if told is None or answer is None:
        return
    yield Examined("character", max(1, len(told)))
    if answer.text != told:
        at = _first_difference(told, answer.text)
        yield Deviation(
            f"{shown(told[at : at + 40])} at character {at} of {len(told)}",
            f"{shown(answer.text[at : at + 40])} in a text of {len(answer.text)}",
            span_of(exchange, "content"),
        )


def _ends_with(exchange: Exchange, reason: str, why: str) -> Judgement:
    answer = answer_of(exchange)
    if answer is None:
        return
    yield Examined("finish_reason")
    if answer.finish_reason != reason:
        yield Deviation(
            f"finish_reason {reason}, since {why}",
            f"finish_reason {answer.finish_reason} after {len(answer.text)} characters",
            span_of(exchange, "finish_reason"),
        )


def _scripted(exchange: Exchange) -> bool:
    return bool(directive(exchange))


def _first_difference(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (mine, theirs) in pairs if mine != theirs), min(len(one), len(other)))


def _refuses(exchange: Exchange) -> bool:
    return b'"refusal":"' in exchange.body.replace(b'"refusal": "', b'"refusal":"')


def _calls(calls: object) -> str:
    listed = [f"{call.name}({shown(call.arguments)})" for call in calls] if isinstance(calls, tuple) else []
    return " and ".join(listed) or "no tool call"


def _opening(exchange: Exchange) -> tuple[int, int] | None:
    return (0, min(len(exchange.body), 120)) if exchange.body else None
