"""Tool calls of Chat Completions, whole and in fragments (rules C-N3, C-S4, oracle M12)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.judging.chat_answer import (
    ChatAnswer,
    answer_of,
    array,
    directive,
    is_argument_text,
    parsed_arguments,
    payload_of,
    plain_choices,
    sent,
    shown,
    stream_choices,
    string,
    told_arguments,
)
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.chat import EITHER, PLAIN, span_of
from llmapi_conformance.judging.oracles.chat_stream import STREAM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.sse import ServerSentEvent


@dataclass(slots=True)
class FragmentLine:
    """The fragments of one tool call: those of one choice with one index.

    Attributes:
        choice: Index of the choice, as received.
        index: Index of the call, as received.
        fragments: In order, with the event that brought each.
    """

    choice: Any
    index: Any
    fragments: list[tuple[ServerSentEvent, dict[str, Any]]] = field(default_factory=list)


@oracle("CHAT-T01", on=PLAIN)
def tool_call_has_its_members(exchange: Exchange) -> Judgement:
    """A call has an id, the type function, a name and its arguments as text (C-response)."""
    for call in _plain_calls(exchange):
        yield Examined("tool call")
        function = call.get("function") if isinstance(call, dict) else None
        wrong = _first_wrong(call, function)
        if wrong:
            yield Deviation(f"a tool call with {wrong}", shown(call), span_of(exchange, "tool_calls"))


@oracle("CHAT-T02", on=EITHER)
def tool_calls_are_the_finish_reason(exchange: Exchange) -> Judgement:
    """An answer with tool calls ends with tool_calls; with stop where the request forces one function (C-N3)."""
    answer = answer_of(exchange)
    if answer is None or answer.finish_reason in {None, "length", "content_filter"}:
        return
    if answer.tool_calls:
        yield Examined("finish_reason")
        forced = isinstance(sent(exchange).get("tool_choice"), dict)
        allowed = ("tool_calls", "function_call", "stop") if forced else ("tool_calls", "function_call")
        if answer.finish_reason not in allowed:
            yield Deviation(
                "finish_reason tool_calls, since the answer calls tools",
                f"finish_reason {answer.finish_reason} with {len(answer.tool_calls)} tool calls",
                span_of(exchange, "finish_reason"),
            )
    elif answer.finish_reason == "tool_calls":
        yield Examined("finish_reason")
        yield Deviation("a tool call, since finish_reason is tool_calls", "none", span_of(exchange, "finish_reason"))


@oracle("CHAT-T03", on=EITHER)
def arguments_are_json_text(exchange: Exchange) -> Judgement:
    """The argument text of each call is one JSON document, unless the answer was cut (C-N3, C-S4)."""
    answer = answer_of(exchange)
    if answer is None or answer.finish_reason in {None, "length"}:
        return
    for call in answer.tool_calls:
        yield Examined("arguments")
        if not is_argument_text(call.arguments):
            yield Deviation(
                f"arguments of {call.name or 'the call'} as one JSON document",
                shown(call.arguments),
                span_of(exchange, "arguments", "tool_calls"),
            )


@oracle("CHAT-T04", on=STREAM)
def tool_calls_are_numbered_from_0(exchange: Exchange) -> Judgement:
    """Every fragment has an index; the calls of a choice are numbered from 0 without a gap (C-S4)."""
    seen: dict[str, list[int]] = {}
    for line in fragment_lines(exchange):
        yield Examined("tool call index")
        event = line.fragments[0][0]
        order = seen.setdefault(shown(line.choice), [])
        if not isinstance(line.index, int) or line.index != len(order):
            yield Deviation(
                f"a fragment of tool call {len(order)}",
                f"index {shown(line.index)}" if line.index is not None else "no index",
                (event.start, event.end),
            )
            return
        order.append(line.index)


@oracle("CHAT-T05", on=STREAM)
def first_fragment_names_the_call(exchange: Exchange) -> Judgement:
    """The first fragment of each index has id, type and function.name (C-S4)."""
    for line in fragment_lines(exchange):
        event, first = line.fragments[0]
        yield Examined("first fragment")
        function = first.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        if not string(first.get("id")) or first.get("type") != "function" or not string(name):
            yield Deviation(
                f"id, type and function.name in the first fragment of tool call {shown(line.index)}",
                shown(first),
                (event.start, event.end),
            )


@oracle("CHAT-T06", on=STREAM)
def later_fragments_bring_no_id_and_no_name(exchange: Exchange) -> Judgement:
    """No id and no function.name after the first fragment of an index (C-S4: clients join them, unlike the type)."""
    for line in fragment_lines(exchange):
        for event, fragment in line.fragments[1:]:
            yield Examined("later fragment")
            function = fragment.get("function")
            name = function.get("name") if isinstance(function, dict) else None
            repeated = [member for member, value in (("id", fragment.get("id")), ("function.name", name)) if value]
            if repeated:
                yield Deviation(
                    f"arguments only in a later fragment of tool call {shown(line.index)}",
                    f"{' and '.join(repeated)} again: {shown(fragment)}",
                    (event.start, event.end),
                )
                break


@oracle("CHAT-T13", on=STREAM)
def type_is_in_the_first_fragment_only(exchange: Exchange) -> Judgement:
    """No type after the first fragment of an index (C-S4); clients read the later one over the first."""
    for line in fragment_lines(exchange):
        for event, fragment in line.fragments[1:]:
            yield Examined("later fragment")
            if fragment.get("type"):
                span = (event.start, event.end)
                yield Deviation(f"no type in a later fragment of tool call {shown(line.index)}", shown(fragment), span)
                break


@oracle("CHAT-T07", on=EITHER)
def tool_call_ids_differ(exchange: Exchange) -> Judgement:
    """Each call of an answer has an id of its own (C-N7)."""
    answer = answer_of(exchange)
    if answer is None:
        return
    seen: set[str] = set()
    for call in answer.tool_calls:
        if not call.id:
            continue
        yield Examined("tool call id")
        if call.id in seen:
            yield Deviation("a tool call id of its own", f"{shown(call.id)} twice", span_of(exchange, "tool_calls"))
        seen.add(call.id)


@oracle("CHAT-T08")
def every_call_arrives(exchange: Exchange) -> Judgement:
    """As many calls as the upstream made, naming the request's tools in turn (C-S4, defect M24)."""
    count = _calls_asked(exchange)
    answer = answer_of(exchange)
    tools = [_name_of_tool(tool) for tool in array(sent(exchange), "tools")]
    if not count or not tools or answer is None:
        return
    yield Examined("tool call", count)
    named = directive(exchange).get("tool")
    wanted = [named or tools[number % len(tools)] for number in range(count)]
    found = [call.name for call in answer.tool_calls]
    if found != wanted:
        yield Deviation(
            f"calls of {', '.join(wanted)}", ", ".join(found) or "no call", span_of(exchange, "tool_calls", "choices")
        )


@oracle("CHAT-T09")
def arguments_are_exact_to_the_character(exchange: Exchange) -> Judgement:
    """An OpenAI upstream gives argument text, which the gateway leaves alone (oracle M12)."""
    told, answer = told_arguments(exchange), answer_of(exchange)
    if told is None or answer is None or not exchange.role.startswith("general:openai"):
        return
    for call in answer.tool_calls:
        if not is_argument_text(call.arguments):
            continue  # another clause's finding
        yield Examined("arguments")
        if call.arguments != told:
            yield Deviation(shown(told, 400), shown(call.arguments, 400), span_of(exchange, "arguments"))


@oracle("CHAT-T10")
def arguments_have_the_same_value(exchange: Exchange) -> Judgement:
    """Through a conversion the arguments keep their value: each number, each string, each member (oracle M12)."""
    told, answer = told_arguments(exchange), answer_of(exchange)
    if told is None or answer is None:
        return
    for call in answer.tool_calls:
        if not is_argument_text(call.arguments):
            continue  # another clause's finding
        yield Examined("arguments")
        if not same_json(parsed_arguments(call.arguments), parsed_arguments(told)):
            yield Deviation(shown(told, 400), shown(call.arguments, 400), span_of(exchange, "arguments"))


@oracle("CHAT-T11")
def text_before_the_calls_is_kept(exchange: Exchange) -> Judgement:
    """An answer may be text and then calls: both arrive (C-S7)."""
    told, answer = payload_of(exchange), answer_of(exchange)
    if told is None or answer is None or not _calls_asked(exchange):
        return
    yield Examined("text and calls")
    if answer.text != told or not answer.tool_calls:
        yield Deviation(
            f"the text {shown(told)} and a tool call",
            f"the text {shown(answer.text)} and {len(answer.tool_calls)} tool calls",
            span_of(exchange, "content"),
        )


@oracle("CHAT-T12")
def call_without_arguments_has_an_empty_object(exchange: Exchange) -> Judgement:
    """No argument is ``{}``, never an empty text (C-S4, oracle M12)."""
    told, answer = told_arguments(exchange), answer_of(exchange)
    if told is None or parsed_arguments(told) != {} or answer is None:
        return
    for call in answer.tool_calls:
        yield Examined("arguments")
        if parsed_arguments(call.arguments) != {}:
            yield Deviation("arguments {}", f"arguments {shown(call.arguments)}", span_of(exchange, "arguments"))


def fragment_lines(exchange: Exchange) -> tuple[FragmentLine, ...]:
    """The fragments of a stream's tool calls, one line for each choice and index, in order of appearance."""
    lines: dict[tuple[str, str], FragmentLine] = {}
    for event, choice in stream_choices(exchange):
        for fragment in array(choice.get("delta"), "tool_calls"):
            if isinstance(fragment, dict):
                index = fragment.get("index")
                key = (shown(choice.get("index")), shown(index))
                line = lines.setdefault(key, FragmentLine(choice.get("index"), index))
                line.fragments.append((event, fragment))
    return tuple(lines.values())


def same_json(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: numbers by value, so that 1.0 is 1, but true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return bool(one == other)


def same_calls(one: ChatAnswer, other: ChatAnswer) -> bool:
    """Whether two answers call the same functions with the same arguments; ids differ by nature."""
    return len(one.tool_calls) == len(other.tool_calls) and all(
        mine.name == theirs.name and same_json(parsed_arguments(mine.arguments), parsed_arguments(theirs.arguments))
        for mine, theirs in zip(one.tool_calls, other.tool_calls, strict=True)
    )


_MEMBERS: Final = {
    "id": "an id",
    "type": 'type "function"',
    "name": "a function.name",
    "arguments": "function.arguments, a string",
}


def _first_wrong(call: Any, function: Any) -> str:
    if not isinstance(call, dict) or not isinstance(function, dict):
        return "a function"
    holds = {
        "id": bool(string(call.get("id"))),
        "type": call.get("type") == "function",
        "name": bool(string(function.get("name"))),
        "arguments": isinstance(function.get("arguments"), str),
    }
    return next((_MEMBERS[member] for member, held in holds.items() if not held), "")


def _plain_calls(exchange: Exchange) -> Iterator[Any]:
    for choice in plain_choices(exchange):
        yield from array(choice.get("message"), "tool_calls")


def _name_of_tool(tool: Any) -> str:
    function = tool.get("function") if isinstance(tool, dict) else None
    return string(function.get("name")) if isinstance(function, dict) else ""


def _calls_asked(exchange: Exchange) -> int:
    """How many tool calls the upstream was told to make; 0 when it was not told."""
    told = directive(exchange).get("tool_calls", "")
    return int(told) if re.fullmatch("[0-9]{1,3}", told) else 0
