"""OpenAI Images: what an answer is (wire-grammars.md section 4)."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any

from llmapi_conformance.reference.upstream.chat import completion_error
from llmapi_conformance.reference.upstream.documents import write_document
from llmapi_conformance.reference.upstream.errors import ApiError
from llmapi_conformance.reference.upstream.frames import Frame, Part, event
from llmapi_conformance.reference.upstream.generation import Dialect, answer_question
from llmapi_conformance.reference.upstream.images_request import Order, read_edit, read_generation
from llmapi_conformance.reference.upstream.pictures import picture
from llmapi_conformance.reference.upstream.script import EndReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.reference.upstream.answers import Answer
    from llmapi_conformance.reference.upstream.endpoint import Request
    from llmapi_conformance.reference.upstream.script import Question, Script


def generate_images(request: Request) -> Answer:
    """Answer `POST /v1/images/generations`.

    Raises:
        ApiError: The request is refused.
    """
    return answer_question(IMAGES, request, read_generation(request))


def edit_images(request: Request) -> Answer:
    """Answer `POST /v1/images/edits`.

    Raises:
        ApiError: The request is refused.
    """
    return answer_question(IMAGES, request, read_edit(request))


def whole_images(question: Question, script: Script) -> dict[str, Any]:
    """Write the answer that is not streamed.

    Raises:
        ApiError: 400, the script has the images filtered.
    """
    _check_moderation(script)
    order: Order = question.details
    return {
        "created": int(time.time()),
        **_looks(order),
        "data": [{"b64_json": _drawn(order, index)} for index in range(order.count)],
        "usage": _usage(order, script),
    }


def image_frames(question: Question, script: Script) -> Iterator[Frame]:
    """Write the stream: the partial images of each image, then the image.

    Raises:
        ApiError: 400, the script has the images filtered.
    """
    _check_moderation(script)
    order: Order = question.details
    looks = {"created_at": int(time.time()), **_looks(order)}
    for index in range(order.count):
        for partial in range(order.partial):
            fields = {**looks, "b64_json": _drawn(order, index, partial), "partial_image_index": partial}
            yield _event(Part.DELTA, f"{order.events}.partial_image", fields)
        last = index == order.count - 1
        fields = {**looks, "b64_json": _drawn(order, index), "usage": _usage(order, script)}
        yield _event(Part.CLOSING if last else Part.OTHER, f"{order.events}.completed", fields)


def _event(part: Part, name: str, fields: dict[str, Any]) -> Frame:
    return event(part, write_document({"type": name, **fields}), name)


def _check_moderation(script: Script) -> None:
    if script.reason is EndReason.FILTERED:
        raise ApiError(400, "Your request was rejected by the safety system.", code="moderation_blocked")


def _drawn(order: Order, index: int, partial: int | None = None) -> str:
    seed = f"{order.seed}\n{index}" if partial is None else f"{order.seed}\n{index}\n{partial}"
    width, height = order.pixels
    transparent = order.background == "transparent"
    return base64.b64encode(picture(seed, width, height, order.output_format, transparent=transparent)).decode()


def _looks(order: Order) -> dict[str, Any]:
    return {
        "background": order.background,
        "output_format": order.output_format,
        "quality": order.quality,
        "size": order.size,
    }


def _usage(order: Order, script: Script) -> dict[str, Any]:
    usage = script.usage
    images = min(order.image_tokens, usage.input)
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"image_tokens": images, "text_tokens": usage.input - images},
        "output_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
    }


IMAGES = Dialect(whole=whole_images, frames=image_frames, error_frames=completion_error)
