"""What an answer says, whatever the protocol: text and its cut, calls, usage, and why it ends."""

from __future__ import annotations

import enum
import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from llmapi_conformance.reference.upstream.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmapi_conformance.reference.upstream.directives import Directive

DEFAULT_TEXT = "Hello from the upstream."
THINKING_TEXT = "The script asks for a thought before the text."

CHARACTERS_PER_TOKEN = 4
_CHARACTERS_PER_DELTA = 12
_LEAST_DELTAS = 3


class EndReason(enum.StrEnum):
    """Why an answer ends; each protocol has its own word for it (wire-grammars.md section 11, oracle M20)."""

    NATURAL = "natural"
    STOP_STRING = "stop string"
    LENGTH = "length"
    CALLS = "calls"
    FILTERED = "filtered"


@dataclass(frozen=True, slots=True)
class Question:
    """A request, as far as the script depends on it.

    Attributes:
        model: The model asked for.
        text: The last text of the last user turn or tool result.
        input_tokens: The estimate of the whole request.
        tools: The names of the tools on offer, in order.
        stop_strings: What ends the text.
        limit: The most output tokens; None: no limit.
        stream: The answer is streamed.
        choices: How many answers (OpenAI's `n`).
        usage_in_stream: The stream ends with a usage chunk (OpenAI's `include_usage`).
        output_tokens: The estimate of an answer that is no text; None: the text tells.
        details: What else the protocol's answer depends on; its own modules know the type.
    """

    model: str
    text: str
    input_tokens: int
    tools: tuple[str, ...] = ()
    stop_strings: tuple[str, ...] = ()
    limit: int | None = None
    stream: bool = False
    choices: int = 1
    usage_in_stream: bool = False
    output_tokens: int | None = None
    details: Any = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call: the tool's name, and the arguments as text."""

    name: str
    arguments: str

    def as_object(self, protocol: str) -> dict[str, Any]:
        """Return the arguments as an object; no text is an empty one.

        Args:
            protocol: The protocol that has no argument text, for the refusal.

        Raises:
            ApiError: 400, the directive's arguments are no JSON object.
        """
        uncarried = ApiError(400, f"The directive's word 'arguments' is no JSON object, which {protocol} can't carry.")
        try:
            value = json.loads(self.arguments or "{}")
        except (ValueError, RecursionError) as error:
            raise uncarried from error
        if not isinstance(value, dict):
            raise uncarried
        return value


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts; `input` includes `cached`, `output` includes `thoughts`."""

    input: int
    output: int
    cached: int = 0
    thoughts: int = 0


@dataclass(frozen=True, slots=True)
class Script:
    """An answer. The pieces joined are its text; `stop_string` is set if and only if that is the reason of the end."""

    pieces: tuple[str, ...]
    thinking: str | None
    calls: tuple[ToolCall, ...]
    usage: Usage
    reason: EndReason
    stop_string: str | None

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.pieces)


def write_script(question: Question, directive: Directive, payload: str) -> Script:
    """Decide what the answer says.

    Args:
        question: The request.
        directive: What the upstream is told.
        payload: The text after the directive.

    Raises:
        ApiError: 400, the directive asks for what the request makes impossible.
    """
    calls = _calls(question, directive)
    with_text = directive.echo or directive.text_then_tools or not calls
    text = (payload if directive.echo else DEFAULT_TEXT) if with_text else ""
    thinking = THINKING_TEXT if directive.thinking else None
    reason = EndReason.CALLS if calls else EndReason.NATURAL

    text, stop_string = _until_stop_string(text, question.stop_strings)
    if stop_string is not None:
        calls, reason = (), EndReason.STOP_STRING

    left = math.inf if question.limit is None else question.limit - estimate(thinking or "")
    if estimate(text) > left:
        text = text[: max(0, int(left)) * CHARACTERS_PER_TOKEN]
        calls, reason, stop_string = (), EndReason.LENGTH, None
    elif estimate(text) + _size(calls) > left:
        calls, reason = (), EndReason.LENGTH

    if directive.stop == "length":
        reason, stop_string = EndReason.LENGTH, None
    elif directive.stop == "filtered":
        reason, stop_string = EndReason.FILTERED, None
    elif directive.stop == "stop_sequence":
        if not question.stop_strings:
            raise ApiError(400, "The directive's word 'stop=stop_sequence' needs a stop string in the request.")
        stop_string = stop_string or question.stop_strings[0]
        calls, reason = (), EndReason.STOP_STRING

    each = estimate(thinking or "") + estimate(text) + _size(calls)
    if reason is EndReason.LENGTH and question.limit is not None:
        each = question.limit
    output = each * question.choices if question.output_tokens is None else question.output_tokens
    given = directive.usage
    usage = Usage(given.input, given.output, given.cached) if given else Usage(question.input_tokens, output)
    # An answer has at least one token that is no thought.
    thoughts = min(estimate(thinking or "") * question.choices, max(0, usage.output - 1))
    return Script(
        pieces=cut_text(text, directive.chunks),
        thinking=thinking,
        calls=calls,
        usage=replace(usage, thoughts=thoughts),
        reason=reason,
        stop_string=stop_string,
    )


def estimate(text: str) -> int:
    """Estimate the tokens of a text: one for four characters, rounded up."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def estimate_input(texts: Iterable[str], others: Iterable[Any], turns: int) -> int:
    """Estimate the tokens of a request, so that more of anything never counts less.

    Args:
        texts: Every text in it.
        others: What else is in it: tools, calls, images.
        turns: The number of its messages.
    """
    characters = sum(len(text) for text in texts)
    characters += sum(len(json.dumps(other, sort_keys=True, separators=(",", ":"))) for other in others)
    return 3 * turns + math.ceil(characters / CHARACTERS_PER_TOKEN)


def cut_text(text: str, pieces: int | None = None) -> tuple[str, ...]:
    """Cut a text by code points, as evenly as possible.

    Args:
        text: The text.
        pieces: Their number, but never more than code points; None: one for twelve code points, three at least.

    Returns:
        The pieces, none of them empty.
    """
    wanted = pieces if pieces is not None else max(math.ceil(len(text) / _CHARACTERS_PER_DELTA), _LEAST_DELTAS)
    count = min(wanted, len(text))
    return tuple(text[len(text) * i // count : len(text) * (i + 1) // count] for i in range(count))


def last_text(turns: Sequence[tuple[bool, Sequence[str]]]) -> str:
    """Return the last text of the last turn that is the client's.

    Args:
        turns: For each message whether it is the client's (user, tool result), and its texts in order.
    """
    seen = False
    for clients, texts in reversed(turns):
        if clients and texts:
            return texts[-1]
        if seen and not clients:
            break
        seen = seen or clients
    return ""


def _calls(question: Question, directive: Directive) -> tuple[ToolCall, ...]:
    if directive.tool_calls and not question.tools:
        raise ApiError(400, "The directive's word 'tool_calls' needs tools in the request.")
    if directive.tool is not None and directive.tool not in question.tools:
        raise ApiError(400, f"The directive calls the tool {directive.tool!r}, which is not on offer.")
    names = question.tools if directive.tool is None else (directive.tool,)
    return tuple(
        ToolCall(
            name=names[index % len(names)],
            arguments=directive.arguments if directive.arguments is not None else f'{{"n":{index}}}',
        )
        for index in range(directive.tool_calls)
    )


def _size(calls: Iterable[ToolCall]) -> int:
    return sum(estimate(call.name + call.arguments) for call in calls)


def _until_stop_string(text: str, stop_strings: Iterable[str]) -> tuple[str, str | None]:
    """Cut a text before the first stop string in it."""
    found = [(text.find(stop), stop) for stop in stop_strings if stop and stop in text]
    if not found:
        return text, None
    position, stop = min(found)
    return text[:position], stop
