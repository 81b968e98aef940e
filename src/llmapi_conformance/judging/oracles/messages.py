"""What a message must look like, whether it came whole or a stream adds up to it (wire-grammars 1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmapi_conformance.judging.chat_answer import asks_the_same, sent, shown
from llmapi_conformance.judging.message_answer import (
    Json,
    blocks,
    is_count,
    message_of,
    object_of,
    text_of,
    usage_of,
)
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

EVERY: Final = On(operations=("createMessage",))
PLAIN: Final = On(operations=("createMessage",), mode="plain")

STOP_REASONS: Final = (
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
)
"""The known stop reasons; the set is open (rule A-N1)."""

FOREIGN_REASONS: Final = (
    "stop", "length", "tool_calls", "function_call", "content_filter", "error", "null", "none", "",
    "STOP", "MAX_TOKENS", "SAFETY", "FINISH_REASON_UNSPECIFIED", "completed", "incomplete",
)  # fmt: skip
"""Stop reasons of other protocols, and placeholders: untranslated."""

_FOREIGN_MEMBERS: Final = ("object", "created", "choices")
_MEMBERS: Final = ("id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage")
_PREFIX: Final = {"message": "msg_", "tool_use": "toolu_"}


@oracle("MSG-N01", on=PLAIN)
def a_plain_answer_is_a_message(exchange: Exchange) -> Judgement:
    """A plain answer is one JSON object of type ``message`` (A-response)."""
    if not exchange.complete:
        return  # that the body breaks off is another clause's finding
    yield Examined("answer")
    body = exchange.json
    if not isinstance(body, dict):
        start = shown(exchange.body[:60].decode("utf-8", "replace")) if exchange.body else "an empty body"
        yield Deviation("a JSON object with type message", f"a body that is none: {start}")
    elif body.get("type") != "message":
        yield Deviation("a JSON object with type message", f"type {shown(body.get('type'))}")


@oracle("MSG-N02", on=EVERY)
def a_message_has_all_its_members(exchange: Exchange) -> Judgement:
    """Every required member is there, ``null`` where it has no value (A-response)."""
    message = message_of(exchange)
    if message is None:
        return
    yield Examined("message")
    if missing := [name for name in _MEMBERS if name not in message]:
        yield Deviation(f"the members {', '.join(_MEMBERS)}", f"no {', '.join(missing)}")


@oracle("MSG-N03", on=EVERY)
def a_message_says_who_made_it(exchange: Exchange) -> Judgement:
    """``role`` is assistant, ``id`` and ``model`` are strings that say something (A-response)."""
    message = message_of(exchange)
    if message is None:
        return
    yield Examined("message")
    if message.get("role") != "assistant":
        yield Deviation("role assistant", f"role {shown(message.get('role'))}")
    for name in ("id", "model"):
        if not isinstance(message.get(name), str) or not message[name]:
            yield Deviation(f"a string as {name}", f"{name} {shown(message.get(name))}")


@oracle("MSG-N04", on=EVERY)
def a_message_holds_nothing_of_another_protocol(exchange: Exchange) -> Judgement:
    """No member of a chat completion (A-response)."""
    message = message_of(exchange)
    if message is None:
        return
    yield Examined("message")
    if foreign := [name for name in _FOREIGN_MEMBERS if name in message]:
        yield Deviation("members of an Anthropic message only", f"also {', '.join(foreign)}")


@oracle("MSG-N05", on=EVERY)
def the_content_is_a_list_of_typed_blocks(exchange: Exchange) -> Judgement:
    """``content`` is an array of objects with a type; text blocks hold text (A-N10)."""
    message = message_of(exchange)
    if message is None:
        return
    yield Examined("content")
    content = message.get("content")
    if not isinstance(content, list):
        yield Deviation("an array of content blocks", f"content {shown(content)}")
        return
    for index, block in enumerate(content):
        kind = object_of(block).get("type")
        if not isinstance(kind, str) or not kind:
            yield Deviation(f"a typed object as block {index}", shown(block))
        elif kind == "text" and not isinstance(block.get("text"), str):
            yield Deviation(f"a string as text of block {index}", shown(block.get("text")))
        elif kind == "thinking" and not isinstance(block.get("thinking"), str):
            yield Deviation(f"a string as thinking of block {index}", shown(block.get("thinking")))


@oracle("MSG-N06", on=EVERY)
def a_tool_call_can_be_run_and_answered(exchange: Exchange) -> Judgement:
    """A ``tool_use`` block names a tool of the request, has an id and an object as input (A-N10)."""
    message = message_of(exchange)
    offered = {tool.get("name") for tool in _tools(exchange) if isinstance(tool.get("name"), str)}
    for block in blocks(message, "tool_use"):
        yield Examined("tool call")
        if not isinstance(block.get("name"), str) or block["name"] not in offered:
            yield Deviation("the name of a tool that the request offers", f"name {shown(block.get('name'))}")
        if not isinstance(block.get("id"), str) or not block["id"]:
            yield Deviation("an id, a string that is not empty", f"id {shown(block.get('id'))}")
        if not isinstance(block.get("input"), dict) and object_of(message).get("stop_reason") != "max_tokens":
            yield Deviation("a JSON object as input", f"input {shown(block.get('input'))}")


@oracle("MSG-N07", on=EVERY)
def tool_call_ids_are_unique_in_a_message(exchange: Exchange) -> Judgement:
    """No two tool calls of a message share an id (A-N8)."""
    ids = [block.get("id") for block in blocks(message_of(exchange), "tool_use")]
    if len(ids) < 2:
        return
    yield Examined("tool calls", len(ids))
    if len({shown(one) for one in ids}) < len(ids):
        yield Deviation("a different id for each tool call", ", ".join(map(shown, ids)))


@oracle("MSG-N08", on=EVERY)
def a_message_says_why_it_ended(exchange: Exchange) -> Judgement:
    """``stop_reason`` is a word of this protocol (A-N1)."""
    message = message_of(exchange)
    if message is None:
        return
    yield Examined("stop_reason")
    reason = message.get("stop_reason")
    if not isinstance(reason, str):
        yield Deviation("a stop_reason", f"stop_reason {shown(reason)}")
    elif reason in FOREIGN_REASONS:
        yield Deviation("a stop_reason of the Messages protocol", f"stop_reason {shown(reason)}")


@oracle("MSG-N09", on=EVERY)
def the_stop_reason_is_a_known_one(exchange: Exchange) -> Judgement:
    """``stop_reason`` is one of those known today (A-N1: the set is open)."""
    reason = object_of(message_of(exchange)).get("stop_reason")
    if not isinstance(reason, str) or reason in FOREIGN_REASONS:
        return
    yield Examined("stop_reason")
    if reason not in STOP_REASONS:
        yield Deviation(f"one of {', '.join(STOP_REASONS)}", f"stop_reason {shown(reason)}")


@oracle("MSG-N10", on=EVERY)
def the_stop_sequence_is_told_exactly_when_it_ended_the_answer(exchange: Exchange) -> Judgement:
    """``stop_sequence`` is non-null iff it was the reason, and then it is one of the request's (A-N2)."""
    message = message_of(exchange)
    if message is None or not isinstance(message.get("stop_reason"), str):
        return
    yield Examined("stop_sequence")
    told = message.get("stop_sequence")
    asked = sent(exchange).get("stop_sequences")
    if message["stop_reason"] != "stop_sequence":
        if told is not None:
            yield Deviation(
                f"null, the stop_reason being {shown(message['stop_reason'])}", f"stop_sequence {shown(told)}"
            )
    elif not isinstance(told, str) or not isinstance(asked, list) or told not in asked:
        yield Deviation("one of the request's stop sequences", f"stop_sequence {shown(told)}")


@oracle("MSG-N11", on=EVERY)
def a_tool_use_end_comes_with_a_tool_call(exchange: Exchange) -> Judgement:
    """stop_reason tool_use means that there is a tool to use (A-N3)."""
    message = message_of(exchange)
    if object_of(message).get("stop_reason") != "tool_use":
        return
    yield Examined("stop_reason tool_use")
    if not any(str(block.get("type", "")).endswith("tool_use") for block in blocks(message)):
        yield Deviation("a tool_use block beside stop_reason tool_use", "none")


@oracle("MSG-N12", on=EVERY)
def a_tool_call_ends_the_turn_with_tool_use(exchange: Exchange) -> Judgement:
    """A message with a tool call stops for it: clients only then run the tool (A-N3, M23)."""
    message = object_of(message_of(exchange))
    if not blocks(message, "tool_use"):
        return
    reason = message.get("stop_reason")
    if reason in ("max_tokens", "refusal", "pause_turn", "model_context_window_exceeded"):
        return
    yield Examined("message with a tool call")
    if reason != "tool_use":
        yield Deviation("stop_reason tool_use beside a tool_use block", f"stop_reason {shown(reason)}")


@oracle("MSG-N13", on=EVERY)
def usage_counts_both_sides(exchange: Exchange) -> Judgement:
    """``input_tokens`` and ``output_tokens`` are integers of at least 0 (A-N4)."""
    message = message_of(exchange)
    if message is None:
        return
    yield Examined("usage")
    usage = usage_of(message)
    for name in ("input_tokens", "output_tokens"):
        if not is_count(usage.get(name)):
            yield Deviation(f"an integer of at least 0 as usage.{name}", shown(usage.get(name)))


@oracle("MSG-N14", on=EVERY)
def the_parts_of_usage_fit_the_whole(exchange: Exchange) -> Judgement:
    """Cache and thinking details agree with the totals beside them (A-N5, A-N6)."""
    usage = usage_of(message_of(exchange))
    if not usage:
        return
    yield Examined("usage")
    created = usage.get("cache_creation_input_tokens")
    parts = [number for number in object_of(usage.get("cache_creation")).values() if is_count(number)]
    if parts and is_count(created) and sum(parts) != created:
        yield Deviation(f"cache_creation parts that add up to {created}", f"{sum(parts)}")
    thought = object_of(usage.get("output_tokens_details")).get("thinking_tokens")
    output = usage.get("output_tokens")
    if is_count(thought) and is_count(output) and thought > output:
        yield Deviation(f"at most {output} thinking tokens, the output being that", f"{thought}")
    for name in ("cache_creation_input_tokens", "cache_read_input_tokens"):
        if usage.get(name) is not None and not is_count(usage[name]):
            yield Deviation(f"an integer of at least 0 as usage.{name}", shown(usage[name]))


@oracle("MSG-N15", on=EVERY)
def usage_has_no_words_of_another_protocol(exchange: Exchange) -> Judgement:
    """No total_tokens, prompt_tokens or completion_tokens in usage (A-N4)."""
    usage = usage_of(message_of(exchange))
    if not usage:
        return
    yield Examined("usage")
    if foreign := [name for name in ("total_tokens", "prompt_tokens", "completion_tokens") if name in usage]:
        yield Deviation("usage in the words of Messages", f"also {', '.join(foreign)}")


@oracle("MSG-N16", on=EVERY)
def the_output_stays_within_max_tokens(exchange: Exchange) -> Judgement:
    """``output_tokens`` is at most the request's ``max_tokens`` (A-N7)."""
    limit = sent(exchange).get("max_tokens")
    output = usage_of(message_of(exchange)).get("output_tokens")
    if not is_count(limit) or not is_count(output):
        return
    yield Examined("output_tokens")
    if output > limit:
        yield Deviation(f"at most {limit} output tokens", f"{output}")


@oracle("MSG-N17", on=EVERY)
def the_model_is_the_one_asked_for(exchange: Exchange) -> Judgement:
    """``model`` is the requested id, or a dated snapshot of it (A-N9)."""
    asked = sent(exchange).get("model")
    told = object_of(message_of(exchange)).get("model")
    if not isinstance(asked, str) or not isinstance(told, str):
        return
    yield Examined("model")
    if told != asked and not told.startswith(f"{asked}-") and not asked.startswith(f"{told}-"):
        yield Deviation(f"{asked}, or a dated snapshot of it", shown(told))


@oracle("MSG-N18", on=EVERY)
def ids_have_the_usual_prefix(exchange: Exchange) -> Judgement:
    """Message ids begin with msg_, tool call ids with toolu_ (A-N8: a convention)."""
    message = message_of(exchange)
    if message is None:
        return
    yield Examined("ids")
    named = [("message", message.get("id")), *(("tool_use", block.get("id")) for block in blocks(message, "tool_use"))]
    for kind, one in named:
        if isinstance(one, str) and not one.startswith(_PREFIX[kind]):
            yield Deviation(f"an id that begins with {_PREFIX[kind]}", shown(one))


@oracle("MSG-N19", on=EVERY)
def the_answer_carries_a_request_id(exchange: Exchange) -> Judgement:
    """Every answer names the request in a ``request-id`` header (A-headers)."""
    if not exchange.body:
        return
    yield Examined("headers")
    if not exchange.header("request-id"):
        yield Deviation("a request-id header", "none")


@oracle("MSG-N20")
def no_two_messages_share_an_id(*exchanges: Exchange) -> Judgement:
    """Message ids and tool call ids are unique, but for those that a cache gives to the same question (A-N8)."""
    messages = [message_of(exchange) for exchange in exchanges]
    if None in messages:
        return
    seen: dict[str, Exchange] = {}
    for exchange, message in zip(exchanges, messages, strict=True):
        ids = [object_of(message).get("id"), *(block.get("id") for block in blocks(message, "tool_use"))]
        for one in {one for one in ids if isinstance(one, str)}:
            yield Examined("id")
            if one in seen and not asks_the_same(seen[one], exchange):
                yield Deviation("an id that no other answer has", f"{shown(one)} in two answers", exchange=exchange)
            seen[one] = exchange


@oracle("MSG-D01")
def the_documented_request_is_answered(exchange: Exchange) -> Judgement:
    """The documentation's example request gets a message with text (F5.1, F5.4, F5.5)."""
    yield from _is_answered(exchange)


@oracle("MSG-D02")
def an_openai_group_answers_messages_by_conversion(exchange: Exchange) -> Judgement:
    """A key of an OpenAI group gets the same kind of answer (F5.2)."""
    yield from _is_answered(exchange)


@oracle("MSG-D03")
def the_documented_parameters_are_taken(exchange: Exchange) -> Judgement:
    """System text or blocks, stream, thinking and metadata.user_id don't stand in the way of an answer (F5.3)."""
    yield from _is_answered(exchange)


def _is_answered(exchange: Exchange) -> Judgement:
    if exchange.refused:
        yield Examined("answer")
        yield Deviation("status 200 with a message", f"status {exchange.status}")
        return
    message = message_of(exchange)
    if message is None:
        return  # MSG-N01 or the stream clauses say what is wrong
    yield Examined("answer")
    if not text_of(message) and not blocks(message):
        yield Deviation("a message with content", "empty content")


def _tools(exchange: Exchange) -> list[Json]:
    tools = sent(exchange).get("tools")
    return [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
