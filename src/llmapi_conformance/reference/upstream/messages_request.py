"""Anthropic Messages: what a request must be (wire-grammars.md sections 1.1 and 1.2), and the question in it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from llmapi_conformance.reference.upstream.errors import ApiError
from llmapi_conformance.reference.upstream.script import Question, estimate_input, last_text
from llmapi_conformance.reference.upstream.validation import AtLeastOne, NonEmpty, Part, validated
from llmapi_conformance.reference.upstream.vendors import ANTHROPIC, check_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llmapi_conformance.reference.upstream.endpoint import Request

_SIGNING_KEY = b"the upstream's own, good for telling an altered thought"
_NOT_SINCE_2026 = ("temperature", "top_p", "top_k")
_BLOCK_FIELDS: Mapping[str, Mapping[str, type]] = {
    "text": {"text": str},
    "image": {"source": dict},
    "document": {"source": dict},
    "thinking": {"thinking": str, "signature": str},
    "tool_use": {"id": str, "name": str, "input": dict},
    "tool_result": {"tool_use_id": str},
}


class Block(Part):
    """A content block; a type that we don't know passes."""

    type: NonEmpty
    text: str = ""
    thinking: str = ""
    signature: str = ""
    id: str = ""
    tool_use_id: str = ""
    content: str | list[Block] | Any = None

    @model_validator(mode="before")
    @classmethod
    def _has_the_fields_of_its_type(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for name, kind in _BLOCK_FIELDS.get(str(value.get("type")), {}).items():
                if not isinstance(value.get(name), kind):
                    # pydantic takes a ValueError for what it is, a TypeError for a crash.
                    raise ValueError(f"a {value['type']} block needs the field {name!r} ({kind.__name__})")  # noqa: TRY004
        return value

    def texts(self) -> Iterator[str]:
        """Return the texts that the model reads in it, in order."""
        if self.type == "text":
            yield self.text
        elif self.type == "tool_result":
            yield from texts_of(self.content)


class Message(Part):
    """A turn."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]

    def blocks(self) -> list[Block]:
        """Return its blocks; a string is one text block."""
        return [Block(type="text", text=self.content)] if isinstance(self.content, str) else self.content


class Tool(Part):
    """A tool on offer; a vendor's own tool has a versioned type and no schema."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
    type: str | None = None
    input_schema: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _a_custom_tool_has_a_schema(self) -> Tool:
        if self.type in {None, "custom"} and (self.input_schema or {}).get("type") != "object":
            raise ValueError("input_schema must be a JSON Schema of type object")
        return self


class ToolChoice(Part):
    """How the tools may be used."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class CountTokensRequest(Part):
    """What count_tokens needs, and every Messages request has."""

    model: NonEmpty
    messages: Annotated[list[Message], Field(min_length=1, max_length=100_000)]
    system: str | list[Block] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: dict[str, Any] | None = None


class MessagesRequest(CountTokensRequest):
    """A Messages request."""

    max_tokens: AtLeastOne
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    metadata: dict[str, Any] | None = None


def read_messages(document: dict[str, Any], request: Request) -> Question:
    """Read a Messages request.

    Raises:
        ApiError: 400 or 404, as Anthropic refuses it.
    """
    asked = validated(MessagesRequest, document)
    _check(asked, document, request)
    return Question(
        model=asked.model,
        text=_last_text(asked),
        input_tokens=_input_tokens(asked, document),
        tools=tuple(tool.name for tool in asked.tools or ()),
        stop_strings=tuple(asked.stop_sequences or ()),
        limit=asked.max_tokens,
        stream=bool(asked.stream),
    )


def read_count_tokens(document: dict[str, Any], request: Request) -> Question:
    """Read a count_tokens request: a Messages request of which only the input matters.

    Raises:
        ApiError: 400 or 404, as Anthropic refuses it.
    """
    asked = validated(CountTokensRequest, document)
    _check(asked, document, request)
    return Question(model=asked.model, text=_last_text(asked), input_tokens=_input_tokens(asked, document))


def sign(thinking: str) -> str:
    """Return the signature of a thinking block, which must come back to the byte (rule A-S5)."""
    return base64.b64encode(hmac.digest(_SIGNING_KEY, thinking.encode("utf-8"), hashlib.sha256)).decode("ascii")


def texts_of(content: Any) -> Iterator[str]:
    """Return the texts of a content field, in order."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for block in content:
            if isinstance(block, Block):
                yield from block.texts()


def _check(asked: CountTokensRequest, document: dict[str, Any], request: Request) -> None:
    if request.state.strict:
        check_version(request.headers)
        _check_version_rules(asked, document, request)
        _check_signatures(asked)
    if asked.model not in ANTHROPIC.models:
        raise ApiError(404, f"model: {asked.model}")
    _check_tool_results(asked.messages)


def _check_version_rules(asked: CountTokensRequest, document: dict[str, Any], request: Request) -> None:
    """Refuse what anthropic-version 2026-10-21 no longer has."""
    if request.headers.get("anthropic-version") != "2026-10-21":
        return
    for name in _NOT_SINCE_2026:
        if name in document:
            raise ApiError(400, f"{name}: not supported with anthropic-version 2026-10-21", param=name)
    for message in asked.messages:
        for block in message.blocks():
            if message.role == "assistant" and block.type == "document":
                raise ApiError(400, "messages: a document block can't stand in an assistant message")
            if message.role == "user" and block.type == "text" and (block.model_extra or {}).get("citations"):
                raise ApiError(400, "messages: a text block of a user message can't have citations")


def _check_signatures(asked: CountTokensRequest) -> None:
    for message in asked.messages:
        for block in message.blocks():
            if block.type == "thinking" and not hmac.compare_digest(block.signature, sign(block.thinking)):
                raise ApiError(400, "messages: invalid signature in a thinking block")


def _check_tool_results(messages: list[Message]) -> None:
    """Each call must be answered in the next turn, and nothing else may be; turns of one role are one turn."""
    open_calls: set[str] = set()
    role = ""
    for message in messages:
        if message.role == "system":
            continue
        if message.role == "assistant" and role == "user" and open_calls:
            break
        if message.role == "user":
            for block in message.blocks():
                if block.type != "tool_result":
                    continue
                if block.tool_use_id not in open_calls:
                    raise ApiError(400, f"messages: no tool_use of the previous message has the id {block.tool_use_id}")
                open_calls.discard(block.tool_use_id)
        else:
            open_calls.update(block.id for block in message.blocks() if block.type == "tool_use")
        role = message.role
    if open_calls and role == "user":
        raise ApiError(400, f"messages: tool_use ids without a tool_result in the next message: {sorted(open_calls)}")


def _last_text(asked: CountTokensRequest) -> str:
    turns = [
        (message.role == "user", [text for block in message.blocks() for text in block.texts()])
        for message in asked.messages
        if message.role != "system"
    ]
    return last_text(turns)


def _input_tokens(asked: CountTokensRequest, document: dict[str, Any]) -> int:
    texts = [text for message in asked.messages for block in message.blocks() for text in block.texts()]
    texts += texts_of(asked.system)
    others = [
        block.model_dump(exclude_unset=True)
        for message in asked.messages
        for block in message.blocks()
        if block.type not in {"text", "tool_result"}
    ]
    return estimate_input(texts, [*others, *(document.get("tools") or ())], len(asked.messages))
