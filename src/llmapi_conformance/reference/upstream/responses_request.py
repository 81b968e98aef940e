"""OpenAI Responses: what a request must be (wire-grammars.md section 3.1), and the question in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from llmapi_conformance.reference.upstream.errors import ApiError
from llmapi_conformance.reference.upstream.script import Question, estimate_input, last_text
from llmapi_conformance.reference.upstream.validation import AtLeastOne, NonEmpty, Part, validated
from llmapi_conformance.reference.upstream.vendors import OPENAI

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llmapi_conformance.reference.upstream.endpoint import Request

_NO_TEXT_MODELS = frozenset({"gpt-image-2"})
_ITEM_FIELDS: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "message": {"role": str, "content": (str, list)},
    "function_call": {"call_id": str, "name": str, "arguments": str},
    "function_call_output": {"call_id": str, "output": (str, list)},
    "reasoning": {"summary": list},
    "item_reference": {"id": str},
    "compaction": {"encrypted_content": str},
}
_TEXT_PARTS = frozenset({"input_text", "output_text", "text"})


class ContentPart(Part):
    """A part of a message or of a tool's output; only text parts are read."""

    type: NonEmpty
    text: str | None = None

    @model_validator(mode="after")
    def _a_text_part_has_text(self) -> ContentPart:
        if self.type in _TEXT_PARTS and self.text is None:
            raise ValueError("a text part needs the field 'text'")
        return self


class InputItem(Part):
    """An item of the input; a type that we don't know passes."""

    type: str = "message"
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: str | list[ContentPart] | None = None
    output: str | list[ContentPart] | None = None
    id: str | None = None
    call_id: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_the_fields_of_its_type(cls, value: Any) -> Any:
        if isinstance(value, dict):
            kind = value.get("type") or "message"
            for name, expected in _ITEM_FIELDS.get(str(kind), {}).items():
                if not isinstance(value.get(name), expected):
                    # pydantic takes a ValueError for what it is, a TypeError for a crash.
                    raise ValueError(f"an item of the type {kind} needs the field {name!r}")  # noqa: TRY004
        return value

    def texts(self) -> Iterator[str]:
        """Return the texts in it, in order."""
        content = self.output if self.type == "function_call_output" else self.content
        if isinstance(content, str):
            yield content
        else:
            yield from (part.text for part in content or () if part.text is not None)

    @property
    def by_the_client(self) -> bool:
        """Whether it is a user's message or a tool's output."""
        return self.role == "user" if self.type == "message" else self.type == "function_call_output"


class Tool(Part):
    """A tool on offer; those that OpenAI runs itself have no name."""

    type: NonEmpty
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")] | None = None
    parameters: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _a_function_has_a_name(self) -> Tool:
        if self.type == "function" and self.name is None:
            raise ValueError("a function needs the field 'name'")
        return self


class Reasoning(Part):
    """How hard the model is to think."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None


class InputRequest(Part):
    """What a Responses request and those around it have in common; null is as good as absent."""

    model: NonEmpty
    input: str | list[InputItem]
    instructions: str | None = None
    previous_response_id: str | None = None
    tools: list[Tool] | None = None


class ResponsesRequest(InputRequest):
    """A Responses request."""

    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    background: bool | None = None
    store: bool | None = None
    generate: bool | None = None
    max_output_tokens: Annotated[int, Field(ge=16)] | None = None
    max_tool_calls: AtLeastOne | None = None
    parallel_tool_calls: bool | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    reasoning: Reasoning | None = None
    text: dict[str, Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    include: list[str] | None = None
    metadata: Annotated[dict[str, str], Field(max_length=16)] | None = None
    safety_identifier: Annotated[str, Field(max_length=64)] | None = None
    prompt_cache_key: str | None = None
    service_tier: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What a response depends on beside the script.

    Attributes:
        document: The request as it came.
        asked: The same, validated.
        conversation: The items before the response: those of earlier turns, then the input.
    """

    document: Mapping[str, Any]
    asked: ResponsesRequest
    conversation: tuple[dict[str, Any], ...]


def read_responses(document: dict[str, Any], request: Request) -> Question:
    """Read a Responses request.

    Raises:
        ApiError: 400 or 404, as OpenAI refuses it.
    """
    asked = validated(ResponsesRequest, document)
    if asked.stream_options is not None and not asked.stream:
        raise ApiError(400, "stream_options is only allowed when stream is true.", param="stream_options")
    conversation = _conversation(asked, document, request)
    return Question(
        model=asked.model,
        text=last_text([(item.by_the_client, list(item.texts())) for item in _items(asked)]),
        input_tokens=_input_tokens(asked, document, conversation),
        tools=tuple(tool.name for tool in asked.tools or () if tool.name is not None),
        limit=asked.max_output_tokens,
        stream=bool(asked.stream),
        details=Turn(document, asked, conversation),
    )


def read_input(document: dict[str, Any], request: Request) -> tuple[InputRequest, int, tuple[dict[str, Any], ...]]:
    """Read a request about an input: its fields, its tokens and all its items.

    Raises:
        ApiError: 400 or 404, as OpenAI refuses it.
    """
    asked = validated(InputRequest, document)
    conversation = _conversation(asked, document, request)
    return asked, _input_tokens(asked, document, conversation), conversation


def _items(asked: InputRequest) -> list[InputItem]:
    """Return the items of the input; a string is one user message."""
    return [InputItem(role="user", content=asked.input)] if isinstance(asked.input, str) else asked.input


def _conversation(asked: InputRequest, document: Mapping[str, Any], request: Request) -> tuple[dict[str, Any], ...]:
    if asked.model in _NO_TEXT_MODELS:
        raise ApiError(400, f"The model {asked.model} is not supported with the Responses API.", param="model")
    if asked.model not in OPENAI.models:
        raise ApiError(404, f"The model {asked.model} does not exist.", param="model", code="model_not_found")
    own = document["input"]
    items = [{"type": "message", "role": "user", "content": own}] if isinstance(own, str) else own
    conversation = (*_before(asked.previous_response_id, request), *items)
    _check_calls(conversation)
    return conversation


def _before(previous: str | None, request: Request) -> tuple[dict[str, Any], ...]:
    """Return the items of the turns before this one."""
    if previous is None:
        return ()
    stored = request.responses.find(previous)
    if stored is None:
        raise ApiError(
            400,
            f"Previous response with id '{previous}' not found.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    return stored.conversation


def _check_calls(conversation: Sequence[Mapping[str, Any]]) -> None:
    """Each output answers a call before it, and no call is left without an output."""
    open_calls: dict[str, None] = {}
    for item in conversation:
        if item.get("type") == "function_call":
            open_calls[item["call_id"]] = None
        elif item.get("type") == "function_call_output":
            if item["call_id"] not in open_calls:
                raise ApiError(
                    400, f"No tool call found for function call output with call_id {item['call_id']}.", param="input"
                )
            del open_calls[item["call_id"]]
    if open_calls:
        raise ApiError(400, f"No tool output found for function call {next(iter(open_calls))}.", param="input")


def _input_tokens(asked: InputRequest, document: Mapping[str, Any], conversation: Sequence[Mapping[str, Any]]) -> int:
    texts: list[str] = [asked.instructions or ""]
    others: list[Any] = list(document.get("tools") or ())
    for raw in conversation:
        item = InputItem.model_validate(raw)
        found = list(item.texts())
        texts += found
        if not found:
            others.append(raw)
    return estimate_input(texts, others, len(conversation))
