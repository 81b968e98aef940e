"""Whether what the provider said is what the client gets, in the words of Messages (oracles M1, M8, M11, M12, M20)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.judging.chat_answer import directive, parsed_arguments, payload_of, sent, shown, told_arguments
from llmapi_conformance.judging.message_answer import (
    Json,
    blocks,
    is_count,
    message_of,
    object_of,
    same_json,
    text_of,
)
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.messages import EVERY, PLAIN
from llmapi_conformance.judging.oracles.messages_stream import STREAM
from llmapi_conformance.judging.upstream_log import log_entries

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

_FAILING: Final = frozenset({"error", "cut", "eof", "status", "body"})
_CONTENT: Final = ("type", "text", "citations", "thinking", "signature", "data", "name", "input")
_CHARACTERS_PER_TOKEN: Final = 4
"""How the upstream counts its output."""


@oracle("MSG-C01", on=PLAIN)
def plain_text_arrives_to_the_code_point(exchange: Exchange) -> Judgement:
    """A plain answer's text is the provider's, to the code point (M11)."""
    yield from _text_is_exact(exchange)


@oracle("MSG-C02", on=STREAM)
def streamed_text_arrives_to_the_code_point(exchange: Exchange) -> Judgement:
    """A stream's text is the provider's, however the bytes were cut (M11, H4, M19)."""
    yield from _text_is_exact(exchange)


@oracle("MSG-C03")
def a_stream_adds_up_to_the_plain_answer(plain: Exchange, stream: Exchange) -> Judgement:
    """The same script gives the same message in both modes, ids aside (A-S10); live: the same role and model."""
    one, other = message_of(plain), message_of(stream)
    if one is None or other is None:
        return
    yield Examined("pair of messages")
    names = ("role", "model", "content", "stop_reason", "stop_sequence") if directive(plain) else ("role", "model")
    for name in names:
        expected, observed = one.get(name), other.get(name)
        if name == "content":
            expected, observed = _essence(one), _essence(other)
        if not same_json(expected, observed):
            yield Deviation(
                f"the {name} of the plain answer: {_differs(expected, observed)}",
                _differs(observed, expected),
                exchange=stream,
            )


@oracle("MSG-C04", on=EVERY)
def tool_arguments_arrive_as_they_were_given(exchange: Exchange) -> Judgement:
    """Each call's input has the provider's values: exact integers, nesting, Unicode (M12)."""
    expected = _told_input(exchange)
    if not isinstance(expected, dict) or not expected:
        return
    for block in blocks(message_of(exchange), "tool_use"):
        yield Examined("tool input")
        if not same_json(block.get("input"), expected):
            yield Deviation(f"input {shown(expected, 300)}", f"input {shown(block.get('input'), 300)}")


@oracle("MSG-C05", on=EVERY)
def a_call_without_arguments_has_an_empty_input(exchange: Exchange) -> Judgement:
    """No arguments are ``{}``, whatever the fragments were (A-S4)."""
    if not same_json(_told_input(exchange), {}):
        return
    for block in blocks(message_of(exchange), "tool_use"):
        yield Examined("tool input")
        if not same_json(block.get("input"), {}):
            yield Deviation("input {}", f"input {shown(block.get('input'), 300)}")


@oracle("MSG-C06", on=EVERY)
def every_tool_call_arrives(exchange: Exchange) -> Judgement:
    """As many calls as the provider made, in its order, each by its name (M20 table)."""
    message = message_of(exchange)
    wanted = directive(exchange).get("tool_calls", "")
    offered = [object_of(tool).get("name") for tool in _list(sent(exchange).get("tools"))]
    if message is None or not wanted.isdecimal() or not offered or _FAILING & directive(exchange).keys():
        return
    yield Examined("tool calls", int(wanted))
    named = directive(exchange).get("tool")
    expected = [named or offered[index % len(offered)] for index in range(int(wanted))]
    observed = [block.get("name") for block in blocks(message, "tool_use")]
    if observed != expected:
        yield Deviation(f"the calls {', '.join(map(str, expected))}", ", ".join(map(shown, observed)) or "none")


@oracle("MSG-C07", on=EVERY)
def an_end_with_tool_calls_is_tool_use(exchange: Exchange) -> Judgement:
    """A provider that ends with calls, also after text, is told as stop_reason tool_use (M20 table, M23)."""
    if "tool_calls" in directive(exchange):
        yield from _ends_with(exchange, "tool_use")


@oracle("MSG-C08", on=EVERY)
def a_natural_end_is_end_turn(exchange: Exchange) -> Judgement:
    """A provider that ends by itself is told as end_turn (M20 table)."""
    words = directive(exchange)
    if words and not {"tool_calls", "stop"} & words.keys() and not _cut_at_stop(exchange) and not _over_limit(exchange):
        yield from _ends_with(exchange, "end_turn")


@oracle("MSG-C09", on=EVERY)
def text_is_cut_at_a_stop_sequence(exchange: Exchange) -> Judgement:
    """The request's stop sequences reach the provider: nothing follows the first of them (M8, M31).

    Whether the sequence itself is part of the text is promised by the other protocols, not by this one.
    """
    expected, stop = _cut_at_stop(exchange), _first_stop(exchange)
    message = message_of(exchange)
    if expected is None or stop is None or message is None:
        return
    yield Examined("text")
    if text_of(message) not in (expected, expected + stop):
        yield Deviation(
            f"text that ends before the stop sequence: {_differs(expected, text_of(message))}",
            _differs(text_of(message), expected),
        )


@oracle("MSG-C10", on=EVERY)
def the_stop_sequence_that_was_hit_is_told(exchange: Exchange) -> Judgement:
    """stop_reason stop_sequence, with the sequence (A-N2, M31); only an Anthropic group's provider can tell it."""
    message = message_of(exchange)
    if _cut_at_stop(exchange) is None or message is None or not exchange.role.startswith("general:anthropic"):
        return
    yield Examined("stop_sequence")
    hit = _first_stop(exchange)
    told = (message.get("stop_reason"), message.get("stop_sequence"))
    if told != ("stop_sequence", hit):
        yield Deviation(f"stop_reason stop_sequence with {shown(hit)}", f"{shown(told[0])} with {shown(told[1])}")


@oracle("MSG-C11", on=EVERY)
def an_answer_cut_by_the_limit_says_max_tokens(exchange: Exchange) -> Judgement:
    """A provider that stopped at the limit is told as max_tokens (M20 table, M7)."""
    if directive(exchange).get("stop") == "length" or _over_limit(exchange):
        yield from _ends_with(exchange, "max_tokens")


@oracle("MSG-C12", on=EVERY)
def a_filtered_answer_is_a_refusal(exchange: Exchange) -> Judgement:
    """A provider that filtered its answer is told as refusal (M20 table)."""
    if directive(exchange).get("stop") == "filtered":
        yield from _ends_with(exchange, "refusal")


@oracle("MSG-C13")
def text_after_a_tool_result_is_answered(exchange: Exchange) -> Judgement:
    """A user turn of a tool result and text reaches the provider with its text (M29)."""
    yield from _text_is_exact(exchange)


@oracle("MSG-C14")
def a_tool_result_reaches_the_provider(log: Exchange, marker: str) -> Judgement:
    """The tool result's content is in the request that the provider got (1.5)."""
    for request in log_entries(log):
        yield Examined("request to the provider")
        if marker not in shown(request.get("body"), 1_000_000):
            yield Deviation("the tool result's content in the request to the provider", "a request without it")


@oracle("MSG-C15")
def content_blocks_are_answered_like_text(exchange: Exchange) -> Judgement:
    """A turn of text blocks is the same as a turn of text (M5)."""
    yield from _text_is_exact(exchange)


@oracle("MSG-C16")
def thinking_is_the_same_in_both_modes(plain: Exchange, stream: Exchange) -> Judgement:
    """The thinking block with its signature arrives to the character, streamed or not (A-S5, A-S10)."""
    if message_of(plain) is None or message_of(stream) is None:
        return
    expected = [(block.get("thinking"), block.get("signature")) for block in blocks(message_of(plain), "thinking")]
    observed = [(block.get("thinking"), block.get("signature")) for block in blocks(message_of(stream), "thinking")]
    if not expected and not observed:
        return
    yield Examined("thinking block", max(len(expected), len(observed)))
    if expected != observed:
        yield Deviation(f"the thinking of the plain answer: {shown(expected)}", shown(observed), exchange=stream)
    if not all(isinstance(signature, str) and signature for _, signature in expected):
        yield Deviation("a signature in every thinking block", shown(expected), exchange=plain)


def expected_text(exchange: Exchange) -> str | None:
    """The text that the script makes the provider say in full; ``None`` when there is no script, or it says less."""
    words = directive(exchange)
    if _FAILING & words.keys() or "stop" in words or _first_stop(exchange) is not None or _over_limit(exchange):
        return None
    return payload_of(exchange)


def _text_is_exact(exchange: Exchange) -> Judgement:
    expected = expected_text(exchange)
    message = message_of(exchange)
    if expected is None or message is None:
        return
    yield Examined("characters", max(len(expected), 1))
    if text_of(message) != expected:
        yield Deviation(
            f"the provider's text: {_differs(expected, text_of(message))}", _differs(text_of(message), expected)
        )


def _ends_with(exchange: Exchange, reason: str) -> Judgement:
    message = message_of(exchange)
    if message is None or _FAILING & directive(exchange).keys():
        return
    yield Examined("stop_reason")
    if message.get("stop_reason") != reason:
        yield Deviation(f"stop_reason {reason}", shown(message.get("stop_reason")))


def _first_stop(exchange: Exchange) -> str | None:
    """The request's stop sequence that comes first in the scripted text."""
    text = payload_of(exchange) or ""
    stops = [
        stop for stop in _list(sent(exchange).get("stop_sequences")) if isinstance(stop, str) and stop and stop in text
    ]
    return min(stops, key=text.index, default=None)


def _cut_at_stop(exchange: Exchange) -> str | None:
    stop = _first_stop(exchange)
    return (
        None
        if stop is None or _FAILING & directive(exchange).keys()
        else (payload_of(exchange) or "").partition(stop)[0]
    )


def _over_limit(exchange: Exchange) -> bool:
    """Whether the scripted text has more tokens, as the upstream counts them, than the request allows."""
    text, limit = payload_of(exchange), sent(exchange).get("max_tokens")
    return text is not None and is_count(limit) and len(text) > limit * _CHARACTERS_PER_TOKEN


def _told_input(exchange: Exchange) -> Any:
    if "tool_calls" not in directive(exchange) or _FAILING & directive(exchange).keys():
        return None
    text = told_arguments(exchange)
    return None if text is None else parsed_arguments(text)


def _essence(message: Json) -> list[Json]:
    """The content in the members that the protocol has: further ones may come in one mode only (variation C5)."""
    return [
        {name: value for name, value in block.items() if name in _CONTENT and value not in (None, [])}
        for block in blocks(message)
    ]


def _differs(one: Any, other: Any) -> str:
    """Where a value begins to differ from another, short enough for a report."""
    if not isinstance(one, str) or not isinstance(other, str):
        return shown(one, 300)
    pairs = zip(one, other, strict=False)
    at = next((index for index, (mine, yours) in enumerate(pairs) if mine != yours), min(len(one), len(other)))
    if at == len(one) == len(other):
        return shown(one)
    return (
        f"{shown(one[at : at + 24])} at character {at} of {len(one)}"
        if at < len(one)
        else f"the end after {at} characters"
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
