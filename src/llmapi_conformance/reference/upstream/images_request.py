"""OpenAI Images: what a request must be (wire-grammars.md section 4), and the question in it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from llmapi_conformance.reference.upstream.documents import read_document
from llmapi_conformance.reference.upstream.errors import ApiError
from llmapi_conformance.reference.upstream.forms import FormError, FormPart, is_form, read_form
from llmapi_conformance.reference.upstream.pictures import PictureError, picture_size, read_size
from llmapi_conformance.reference.upstream.script import Question, estimate
from llmapi_conformance.reference.upstream.validation import NonEmpty, Part, validated
from llmapi_conformance.reference.upstream.vendors import OPENAI

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.reference.upstream.endpoint import Request

_MODEL = "gpt-image-2"
_PIXELS_PER_TOKEN = 1024
_TOKENS_PER_INPUT_IMAGE = 256
_AUTO_SIZE = (1024, 1024)
_LONGEST, _SHORTEST = 3840, 2160
_MOST_IMAGES = 16
_NUMBERS = frozenset({"n", "partial_images", "output_compression"})
_FILES = {"image": "image", "image[]": "image", "mask": "mask"}


class ImageReference(Part):
    """An input image of a JSON request."""

    image_url: NonEmpty | None = None
    file_id: NonEmpty | None = None

    @model_validator(mode="after")
    def _has_one_of_them(self) -> ImageReference:
        if (self.image_url is None) == (self.file_id is None):
            raise ValueError("one of image_url and file_id is needed")
        return self


class GenerationRequest(Part):
    """A request for images; null is as good as absent."""

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=32_000)]
    model: NonEmpty | None = None
    n: Annotated[int, Field(ge=1, le=10)] | None = None
    size: str | None = None
    quality: Literal["low", "medium", "high", "auto"] | None = None
    background: Literal["transparent", "opaque", "auto"] | None = None
    moderation: Literal["low", "auto"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = None
    # The real API knows no such field with these models; gateways promise `b64_json`, which is what comes anyway.
    response_format: Literal["b64_json"] | None = None
    stream: bool | None = None
    partial_images: Annotated[int, Field(ge=0, le=3)] | None = None
    user: str | None = None


class EditRequest(GenerationRequest):
    """A request to edit images, as JSON."""

    images: Annotated[list[ImageReference], Field(min_length=1, max_length=_MOST_IMAGES)]
    mask: ImageReference | None = None
    input_fidelity: Literal["low", "high"] | None = None


class FormRequest(GenerationRequest):
    """A request to edit images, as a form; its files are looked at apart."""

    input_fidelity: Literal["low", "high"] | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """The pictures that are asked for.

    Attributes:
        events: The first word of the stream's event names.
        seed: What the pictures show.
        count: How many.
        partial: How many partial ones come before each, in a stream.
        pixels: Width and height.
        size: The same as the answer says it.
        quality: The quality.
        background: The background.
        output_format: The format.
        image_tokens: How much of the input is images.
    """

    events: str
    seed: str
    count: int
    partial: int
    pixels: tuple[int, int]
    size: str
    quality: str
    background: str
    output_format: str
    image_tokens: int


def read_generation(request: Request) -> Question:
    """Read a request for images.

    Raises:
        ApiError: 400 or 404, as OpenAI refuses it.
    """
    return _question(validated(GenerationRequest, read_document(request.body)), "image_generation", ())


def read_edit(request: Request) -> Question:
    """Read a request to edit images: a form or JSON.

    Raises:
        ApiError: 400 or 404, as OpenAI refuses it.
    """
    content_type = request.headers.get("content-type", "")
    if is_form(content_type):
        return _read_form(content_type, request.body)
    asked = validated(EditRequest, read_document(request.body))
    references = [*asked.images, *([asked.mask] if asked.mask is not None else [])]
    images = [_referenced(reference) for reference in references]
    return _question(asked, "image_edit", images)


def _read_form(content_type: str, body: bytes) -> Question:
    try:
        parts = read_form(content_type, body)
    except FormError as error:
        raise ApiError(400, f"The form can't be read: {error}.") from error
    asked = validated(FormRequest, _fields(parts))
    images = [part for part in parts if _FILES.get(part.name) == "image"]
    masks = [part for part in parts if _FILES.get(part.name) == "mask"]
    if not images:
        raise ApiError(400, "image: Field required", param="image")
    if len(images) > _MOST_IMAGES:
        raise ApiError(400, f"image: at most {_MOST_IMAGES} images", param="image")
    sizes = [_measured(part) for part in [*images, *masks]]
    if masks and (len(masks) > 1 or sizes[-1] != sizes[0]):
        raise ApiError(400, "mask: one mask of the size of the first image", param="mask")
    return _question(asked, "image_edit", [part.content for part in [*images, *masks]])


def _fields(parts: Sequence[FormPart]) -> dict[str, Any]:
    """Return the fields of a form as the JSON that they stand for."""
    fields: dict[str, Any] = {}
    for part in parts:
        if part.name in _FILES or part.filename is not None:
            continue
        if part.name in fields:
            raise ApiError(400, f"{part.name}: the field stands twice", param=part.name)
        try:
            text = part.content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ApiError(400, f"{part.name}: the field is not UTF-8", param=part.name) from error
        if part.name in _NUMBERS and text.lstrip("-").isdecimal():
            fields[part.name] = int(text)
        elif part.name == "stream" and text in {"true", "false"}:
            fields[part.name] = text == "true"
        else:
            fields[part.name] = text
    return fields


def _measured(part: FormPart) -> tuple[int, int]:
    try:
        return picture_size(part.content)
    except PictureError as error:
        raise ApiError(400, f"{part.name}: {error}", param=_FILES[part.name], code="invalid_image_file") from error


def _referenced(reference: ImageReference) -> bytes:
    """Return the bytes of an inline image, or what names another one: nothing is ever fetched."""
    url = reference.image_url
    if url is None or not url.startswith("data:"):
        if url is not None and not url.startswith(("https://", "http://")):
            raise ApiError(400, "images: image_url is no URL", param="images")
        return (url or reference.file_id or "").encode()
    try:
        data = base64.b64decode(url.partition(",")[2], validate=True)
        picture_size(data)
    except (binascii.Error, PictureError) as error:
        raise ApiError(400, "images: image_url is no picture", param="images", code="invalid_image_file") from error
    return data


def _question(asked: GenerationRequest, events: str, images: Sequence[bytes]) -> Question:
    model = asked.model or _MODEL
    _check_model(model)
    if asked.partial_images is not None and not asked.stream:
        raise ApiError(400, "partial_images is only allowed when stream is true.", param="partial_images")
    output_format = asked.output_format or "png"
    if output_format == "jpeg" and asked.background == "transparent":
        raise ApiError(400, "A transparent background needs png or webp.", param="background")
    if output_format == "png" and asked.output_compression not in {None, 100}:
        raise ApiError(400, "Compression less than 100 needs jpeg or webp.", param="output_compression")
    pixels = _pixels(asked.size)
    count = asked.n or 1
    image_tokens = _TOKENS_PER_INPUT_IMAGE * len(images)
    shown = hashlib.sha256(b"".join(hashlib.sha256(image).digest() for image in images)).hexdigest() if images else ""
    order = Order(
        events=events,
        seed=f"{asked.prompt}\n{shown}",
        count=count,
        partial=asked.partial_images or 0,
        pixels=pixels,
        size=f"{pixels[0]}x{pixels[1]}",
        quality="medium" if asked.quality in {None, "auto"} else str(asked.quality),
        background="opaque" if asked.background in {None, "auto"} else str(asked.background),
        output_format=output_format,
        image_tokens=image_tokens,
    )
    return Question(
        model=model,
        text=asked.prompt,
        input_tokens=estimate(asked.prompt) + image_tokens,
        stream=bool(asked.stream),
        output_tokens=count * -(-pixels[0] * pixels[1] // _PIXELS_PER_TOKEN),
        details=order,
    )


def _check_model(model: str) -> None:
    if model not in OPENAI.models:
        raise ApiError(404, f"The model {model} does not exist.", param="model", code="model_not_found")
    if model != _MODEL:
        raise ApiError(400, f"The model {model} makes no images.", param="model", code="invalid_value")


def _pixels(size: str | None) -> tuple[int, int]:
    if size in {None, "auto"}:
        return _AUTO_SIZE
    pixels = read_size(str(size))
    if (
        pixels is None
        or any(length % 16 for length in pixels)
        or max(pixels) > 3 * min(pixels)
        or max(pixels) > _LONGEST
        or min(pixels) > _SHORTEST
    ):
        raise ApiError(
            400,
            "size: auto, or WxH in multiples of 16, no more than 3840x2160, none of them three times the other",
            param="size",
        )
    return pixels
