"""Gemini: what a request must be (wire-grammars.md section 5.1), and the question in it."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from llmapi_conformance.reference.upstream import validation
from llmapi_conformance.reference.upstream.errors import ApiError
from llmapi_conformance.reference.upstream.messages_request import sign
from llmapi_conformance.reference.upstream.script import THINKING_TEXT, Question, estimate_input, last_text
from llmapi_conformance.reference.upstream.validation import AtLeastOne, validated
from llmapi_conformance.reference.upstream.vendors import GOOGLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmapi_conformance.reference.upstream.endpoint import Request

STREAMING_ACTION = "streamGenerateContent"
_DRAWING = "-image"
_PICTURES = "IMAGE"
AspectRatio: TypeAlias = Literal["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"]
# Width and height at 1K; 2K and 4K are twice and four times as long and as high.
_PIXELS: dict[AspectRatio, tuple[int, int]] = {
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
}
_SCALES = {"1K": 1, "2K": 2, "4K": 4}


class Proto(validation.Part):
    """An object of a request in proto3 JSON: each field has its name in camel case and in snake case."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class Blob(Proto):
    """Bytes in a request."""

    mime_type: str
    data: str

    @model_validator(mode="after")
    def _the_data_is_base64(self) -> Blob:
        try:
            base64.b64decode(self.data, altchars="-_" if set(self.data) & {"-", "_"} else None, validate=True)
        except binascii.Error as error:
            raise ValueError("data is not base64") from error
        return self


class FunctionCall(Proto):
    """A call of the model's."""

    name: str
    args: dict[str, Any] | None = None
    id: str | None = None


class FunctionResponse(Proto):
    """A tool's result."""

    name: str
    response: dict[str, Any]
    id: str | None = None


class ContentPart(Proto):
    """A part of a turn; a kind that we don't know passes."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    inline_data: Blob | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None

    def texts(self) -> Iterator[str]:
        """Return the texts that the model reads in it, in order."""
        if self.text is not None and not self.thought:
            yield self.text
        if self.function_response is not None:
            yield from (value for value in self.function_response.response.values() if isinstance(value, str))


class Content(Proto):
    """A turn; without a role it is the user's."""

    role: Literal["user", "model", "function", "system"] | None = None
    parts: list[ContentPart]

    def texts(self) -> list[str]:
        """Return its texts, in order."""
        return [text for part in self.parts for text in part.texts()]


class FunctionDeclaration(Proto):
    """A function on offer."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.:-]{1,64}$")]
    parameters: dict[str, Any] | None = None


class Tool(Proto):
    """Functions on offer, or one of Google's own tools."""

    function_declarations: list[FunctionDeclaration] | None = None


class ImageConfig(Proto):
    """How a picture is drawn."""

    aspect_ratio: AspectRatio | None = None
    image_size: Literal["1K", "2K", "4K"] | None = None

    def pixels(self) -> tuple[int, int]:
        """Return its width and height."""
        width, height = _PIXELS[self.aspect_ratio or "1:1"]
        scale = _SCALES[self.image_size or "1K"]
        return scale * width, scale * height


class GenerationConfig(Proto):
    """How the answer is generated."""

    candidate_count: Annotated[int, Field(ge=1, le=8)] | None = None
    stop_sequences: Annotated[list[str], Field(max_length=5)] | None = None
    max_output_tokens: AtLeastOne | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: int | None = None
    response_mime_type: Literal["text/plain", "application/json", "text/x.enum"] | None = None
    thinking_config: dict[str, Any] | None = None
    response_modalities: list[str] | None = None
    image_config: ImageConfig | None = None


class GenerateContentRequest(Proto):
    """A generateContent request; null is as good as absent."""

    contents: Annotated[list[Content], Field(min_length=1)]
    model: str | None = None
    system_instruction: Content | None = None
    tools: list[Tool] | None = None
    tool_config: dict[str, Any] | None = None
    safety_settings: list[dict[str, Any]] | None = None
    generation_config: GenerationConfig | None = None
    cached_content: str | None = None
    service_tier: str | None = None
    store: bool | None = None


class CountTokensRequest(Proto):
    """A countTokens request: the contents, or a whole request."""

    contents: list[Content] | None = None
    generate_content_request: GenerateContentRequest | None = None

    @model_validator(mode="after")
    def _has_one_of_them(self) -> CountTokensRequest:
        if (self.contents is None) == (self.generate_content_request is None):
            raise ValueError("one of contents and generateContentRequest is needed")
        return self


def read_generate(document: dict[str, Any], request: Request) -> Question:
    """Read a request of generateContent or streamGenerateContent; the details are the size of a picture, if one comes.

    Raises:
        ApiError: 400 or 404, as Google refuses it.
    """
    model, action = path_parts(request.entry.path)
    asked = validated(GenerateContentRequest, document)
    if request.state.strict:
        _check_names(asked)
        _check_signatures(asked.contents)
    _check_function_turns(asked.contents)
    config = asked.generation_config or GenerationConfig()
    return Question(
        model=model,
        text=_last_text(asked.contents),
        input_tokens=_tokens(asked),
        tools=tuple(function.name for tool in asked.tools or () for function in tool.function_declarations or ()),
        stop_strings=tuple(config.stop_sequences or ()),
        limit=config.max_output_tokens,
        stream=action == STREAMING_ACTION,
        choices=config.candidate_count or 1,
        details=_picture_size(model, config),
    )


def _picture_size(model: str, config: GenerationConfig) -> tuple[int, int] | None:
    """Return the width and height of the picture; None: the model makes none, or is to answer with text alone."""
    wanted = config.response_modalities is None or _PICTURES in config.response_modalities
    return (config.image_config or ImageConfig()).pixels() if model.endswith(_DRAWING) and wanted else None


def read_count(document: dict[str, Any], request: Request) -> Question:
    """Read a countTokens request.

    Raises:
        ApiError: 400 or 404, as Google refuses it.
    """
    model, _ = path_parts(request.entry.path)
    asked = validated(CountTokensRequest, document)
    whole = asked.generate_content_request or GenerateContentRequest(contents=asked.contents or [])
    return Question(model=model, text=_last_text(whole.contents), input_tokens=_tokens(whole))


def path_parts(path: str) -> tuple[str, str]:
    """Return the model and the action of a path.

    Raises:
        ApiError: 404, there is no such model.
    """
    model, _, action = path.rpartition("/")[2].partition(":")
    if model not in GOOGLE.models:
        raise ApiError(404, f"models/{model} is not found for API version v1beta.")
    return model, action


def _check_names(asked: GenerateContentRequest) -> None:
    """Refuse top-level fields that the API doesn't have, as proto3 JSON demands."""
    for name in asked.model_extra or {}:
        raise ApiError(400, f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')


_UNSIGNED = "skip_thought_signature_validator"
"""What Google lets a client send for a call that nobody signed; Gemini CLI does."""


def _check_signatures(contents: Sequence[Content]) -> None:
    """A signature must come back to the byte (rule G-N6); all of ours are of the same thought."""
    for content in contents:
        for part in content.parts:
            if part.thought_signature not in (None, _UNSIGNED, sign(THINKING_TEXT)):
                raise ApiError(400, "Thought signature is not valid.")


def _check_function_turns(contents: Sequence[Content]) -> None:
    """A turn with calls must be answered by as many responses in the next turn, and nothing else may be."""
    calls = 0
    for content in contents:
        responses = sum(part.function_response is not None for part in content.parts)
        if responses != calls:
            raise ApiError(
                400,
                "The number of function response parts must be equal to the number of function call parts "
                "of the function call turn.",
            )
        calls = sum(part.function_call is not None for part in content.parts)


def _last_text(contents: Sequence[Content]) -> str:
    return last_text([(content.role != "model", content.texts()) for content in contents])


def _tokens(asked: GenerateContentRequest) -> int:
    system = [asked.system_instruction] if asked.system_instruction is not None else []
    texts = [text for content in [*asked.contents, *system] for text in content.texts()]
    others: list[Any] = [
        part.model_dump(exclude_unset=True)
        for content in asked.contents
        for part in content.parts
        if not [*part.texts()]
    ]
    others += [tool.model_dump(exclude_unset=True) for tool in asked.tools or ()]
    return estimate_input(texts, others, len(asked.contents))
