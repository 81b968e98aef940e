"""OpenAI Chat Completions: what a request must be (wire-grammars.md section 2.1), and the question in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from llmapi_conformance.reference.upstream.errors import ApiError
from llmapi_conformance.reference.upstream.script import Question, estimate_input, last_text
from llmapi_conformance.reference.upstream.validation import AtLeastOne, NonEmpty, Part, validated
from llmapi_conformance.reference.upstream.vendors import OPENAI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.reference.upstream.endpoint import Request

_NO_CHAT_MODELS = frozenset({"gpt-image-2"})


class ContentPart(Part):
    """A part of a message; only text parts are read."""

    type: NonEmpty
    text: str | None = None

    @model_validator(mode="after")
    def _a_text_part_has_text(self) -> ContentPart:
        if self.type == "text" and self.text is None:
            raise ValueError("a text part needs the field 'text'")
        return self


class Function(Part):
    """The function of a call."""

    name: NonEmpty
    arguments: str


class Call(Part):
    """A call in an assistant message."""

    id: NonEmpty
    type: Literal["function", "custom"]
    function: Function | None = None


class Message(Part):
    """A message of any role."""

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None

    @model_validator(mode="after")
    def _has_what_its_role_needs(self) -> Message:
        if self.content is None and not (self.role == "assistant" and self.tool_calls):
            raise ValueError(f"content is required in a message of the role {self.role}")
        if self.role == "tool" and self.tool_call_id is None:
            raise ValueError("tool_call_id is required in a message of the role tool")
        return self

    def texts(self) -> Iterator[str]:
        """Return its texts in order."""
        if isinstance(self.content, str):
            yield self.content
        else:
            yield from (part.text for part in self.content or () if part.text is not None)


class ToolFunction(Part):
    """The function of a tool on offer."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    parameters: dict[str, Any] | None = None


class Tool(Part):
    """A tool on offer."""

    type: Literal["function", "custom"]
    function: ToolFunction | None = None

    @model_validator(mode="after")
    def _a_function_tool_has_its_function(self) -> Tool:
        if self.type == "function" and self.function is None:
            raise ValueError("function is required")
        return self


class StreamOptions(Part):
    """Options of a stream."""

    include_usage: bool | None = None


class ChatRequest(Part):
    """A Chat Completions request; null is as good as absent."""

    model: NonEmpty
    messages: Annotated[list[Message], Field(min_length=1)]
    max_tokens: AtLeastOne | None = None
    max_completion_tokens: AtLeastOne | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    user: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    response_format: dict[str, Any] | None = None


def read_chat(document: dict[str, Any], request: Request) -> Question:  # noqa: ARG001 - the dialects share a signature
    """Read a Chat Completions request.

    Raises:
        ApiError: 400 or 404, as OpenAI refuses it.
    """
    asked = validated(ChatRequest, document)
    if asked.stream_options is not None and not asked.stream:
        raise ApiError(400, "stream_options is only allowed when stream is true.", param="stream_options")
    if asked.model in _NO_CHAT_MODELS:
        raise ApiError(400, f"The model {asked.model} is no chat model.", param="model")
    if asked.model not in OPENAI.models:
        raise ApiError(404, f"The model {asked.model} does not exist.", param="model", code="model_not_found")
    _check_tool_messages(asked.messages)
    return Question(
        model=asked.model,
        text=last_text([(message.role in {"user", "tool"}, list(message.texts())) for message in asked.messages]),
        input_tokens=_input_tokens(asked, document),
        tools=tuple(tool.function.name for tool in asked.tools or () if tool.function is not None),
        stop_strings=(asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ()),
        limit=asked.max_completion_tokens or asked.max_tokens,
        stream=bool(asked.stream),
        choices=asked.n or 1,
        usage_in_stream=bool(asked.stream_options and asked.stream_options.include_usage),
    )


def _check_tool_messages(messages: list[Message]) -> None:
    """Each call must be answered by the tool messages right after it, and nothing else may be."""
    open_calls: set[str] = set()
    for message in messages:
        if message.role == "tool":
            if message.tool_call_id not in open_calls:
                raise ApiError(
                    400,
                    f"No tool call of the preceding assistant message has the id {message.tool_call_id}.",
                    param="messages",
                )
            open_calls.discard(message.tool_call_id)
            continue
        if open_calls:
            break
        if message.tool_calls:
            open_calls = {call.id for call in message.tool_calls}
    if open_calls:
        raise ApiError(400, f"Tool calls without a tool message: {sorted(open_calls)}.", param="messages")


def _input_tokens(asked: ChatRequest, document: dict[str, Any]) -> int:
    texts = [text for message in asked.messages for text in message.texts()]
    others = [
        part.model_dump(exclude_unset=True)
        for message in asked.messages
        if isinstance(message.content, list)
        for part in message.content
        if part.type != "text"
    ]
    others += [call.model_dump() for message in asked.messages for call in message.tool_calls or ()]
    return estimate_input(texts, [*others, *(document.get("tools") or ())], len(asked.messages))
