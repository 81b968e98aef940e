"""What an answer says in any protocol, in words that all of them share (wire-grammars 11, table of oracle M20)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from llmapi_conformance.judging import chat_answer, gemini_answer, message_answer, response_answer
from llmapi_conformance.judging.chat_answer import is_whole_number, parsed_arguments, string
from llmapi_conformance.judging.message_answer import object_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmapi_conformance.evidence.exchange import Exchange

End = Literal["natural", "length", "tools", "filtered", "other", "none"]
"""Classes of stop reasons; a stop string is a natural end, since only Messages tells the two apart."""

_ALIAS: Final = re.compile(r"(?:Codex)?Alias$")
_MESSAGE_ENDS: Final[dict[str, End]] = {
    "end_turn": "natural",
    "stop_sequence": "natural",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tools",
    "refusal": "filtered",
}
_CHAT_ENDS: Final[dict[str, End]] = {
    "stop": "natural",
    "length": "length",
    "tool_calls": "tools",
    "function_call": "tools",
    "content_filter": "filtered",
}
_RESPONSE_REASONS: Final[dict[str, End]] = {"max_output_tokens": "length", "content_filter": "filtered"}
_GEMINI_ENDS: Final[dict[str, End]] = {
    "STOP": "natural",
    "MAX_TOKENS": "length",
    "SAFETY": "filtered",
    "RECITATION": "filtered",
    "BLOCKLIST": "filtered",
    "PROHIBITED_CONTENT": "filtered",
    "SPII": "filtered",
}


@dataclass(frozen=True, slots=True)
class Called:
    """A tool call: the tool's name and the value of its arguments."""

    name: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens; ``None`` where the answer does not tell.

    Attributes:
        input: All of them, cached ones included.
        cached: Those of the input that were cached, 0 where nothing is told.
        output: All of them, thoughts included.
    """

    input: int | None
    cached: int
    output: int | None


@dataclass(frozen=True, slots=True)
class AnyAnswer:
    """An answer.

    Attributes:
        text: All of its text.
        calls: Tool calls in order.
        end: Class of its stop reason.
        told_end: The stop reason as the protocol has it.
        counts: Its usage.
    """

    text: str
    calls: tuple[Called, ...]
    end: End
    told_end: str
    counts: Counts


def standard_operation(operation: str) -> str:
    """The operation that an alias stands for, or the operation itself."""
    return _ALIAS.sub("", operation)


def any_answer(exchange: Exchange) -> AnyAnswer | None:
    """What an answer says; ``None`` where a client could not read one."""
    match standard_operation(exchange.operation):
        case "createMessage" | "createAntigravityMessage":
            return _of_message(exchange)
        case "createChatCompletion":
            return _of_chat(exchange)
        case "createResponse":
            return _of_response(exchange)
        case operation if operation in (*gemini_answer.GENERATE, *gemini_answer.STREAM):
            return _of_gemini(exchange)
    return None


def _of_message(exchange: Exchange) -> AnyAnswer | None:
    message = message_answer.message_of(exchange)
    if message is None:
        return None
    reason = string(message.get("stop_reason"))
    calls = tuple(
        Called(string(block.get("name")), block.get("input")) for block in message_answer.blocks(message, "tool_use")
    )
    usage = message_answer.usage_of(message)
    cached = _number(usage, "cache_read_input_tokens") or 0
    counts = Counts(message_answer.total_input(usage), cached, _number(usage, "output_tokens"))
    return AnyAnswer(message_answer.text_of(message), calls, _end(_MESSAGE_ENDS, reason), reason, counts)


def _of_chat(exchange: Exchange) -> AnyAnswer | None:
    answer = chat_answer.answer_of(exchange)
    if answer is None:
        return None
    reason = answer.finish_reason or ""
    calls = tuple(Called(call.name, parsed_arguments(call.arguments)) for call in answer.tool_calls)
    end = _end(_CHAT_ENDS, reason)
    if end == "natural" and _chat_refusal(exchange):
        end = "filtered"
    usage = answer.usage
    cached = _number(object_of(usage.get("prompt_tokens_details")), "cached_tokens") or 0
    counts = Counts(_number(usage, "prompt_tokens"), cached, _number(usage, "completion_tokens"))
    return AnyAnswer(answer.text, calls, end, reason, counts)


def _of_response(exchange: Exchange) -> AnyAnswer | None:
    answer = response_answer.answer_of(exchange)
    if answer is None:
        return None
    calls = tuple(Called(call.name, parsed_arguments(call.arguments)) for call in answer.calls)
    told = f"{answer.status} {answer.reason}".strip()
    end: End = "other"
    if answer.status == "completed":
        end = "tools" if calls else "filtered" if answer.refusal else "natural"
    elif answer.status == "incomplete":
        end = _end(_RESPONSE_REASONS, answer.reason)
    usage = answer.usage
    cached = _number(object_of(usage.get("input_tokens_details")), "cached_tokens") or 0
    counts = Counts(_number(usage, "input_tokens"), cached, _number(usage, "output_tokens"))
    return AnyAnswer(answer.text, calls, end, told, counts)


def _of_gemini(exchange: Exchange) -> AnyAnswer | None:
    answer = gemini_answer.answer_of(exchange)
    if answer is None:
        return _of_blocked_prompt(exchange)
    reason = answer.finish_reason or ""
    calls = tuple(Called(call.name, call.args) for call in answer.calls)
    end = _end(_GEMINI_ENDS, reason)
    if end == "natural" and calls:
        end = "tools"
    return AnyAnswer(answer.text, calls, end, reason, _gemini_counts(answer.usage))


def _of_blocked_prompt(exchange: Exchange) -> AnyAnswer | None:
    """No candidates at all: the prompt was blocked (rule G-N1)."""
    for _, piece in gemini_answer.pieces(exchange):
        if reason := string(object_of(piece.get("promptFeedback")).get("blockReason")):
            return AnyAnswer("", (), "filtered", reason, _gemini_counts(object_of(piece.get("usageMetadata"))))
    return None


def _gemini_counts(usage: dict[str, Any]) -> Counts:
    if not usage:
        return Counts(None, 0, None)
    number = gemini_answer.count
    return Counts(
        number(usage, "promptTokenCount") + number(usage, "toolUsePromptTokenCount"),
        number(usage, "cachedContentTokenCount"),
        number(usage, "candidatesTokenCount") + number(usage, "thoughtsTokenCount"),
    )


def _chat_refusal(exchange: Exchange) -> bool:
    """Whether the first choice, whole or in chunks, holds a refusal."""
    choices: Iterable[dict[str, Any]] = (
        (choice for _, choice in chat_answer.stream_choices(exchange))
        if exchange.mode == "stream"
        else chat_answer.plain_choices(exchange)
    )
    return any(string(object_of(choice.get("message", choice.get("delta"))).get("refusal")) for choice in choices)


def _end(table: dict[str, End], reason: str) -> End:
    return table.get(reason, "other") if reason else "none"


def _number(usage: dict[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if is_whole_number(value) else None
