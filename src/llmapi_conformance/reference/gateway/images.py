"""`POST /v1/images/generations` and `POST /v1/images/edits`, within the request (F6.1 to F6.23)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from llmapi_conformance.reference.gateway.access import Access, Denial, admit
from llmapi_conformance.reference.gateway.answers import json_bytes
from llmapi_conformance.reference.gateway.bodies import read_bytes, read_object
from llmapi_conformance.reference.gateway.core import core_of
from llmapi_conformance.reference.gateway.images_body import (
    DEFAULT_MODEL,
    check_edit,
    check_edit_form,
    check_generation,
    require_image_model,
)
from llmapi_conformance.reference.gateway.multipart import read_form
from llmapi_conformance.reference.gateway.refusals import Refusal
from llmapi_conformance.reference.gateway.relay import Pipe, event_document, one_line, stream_answer, whole_answer
from llmapi_conformance.reference.gateway.sse import KEEP_ALIVE, Comment, Frame, ServerEvent
from llmapi_conformance.reference.gateway.streams import IMAGES_DIALECT
from llmapi_conformance.reference.gateway.tally import Tally
from llmapi_conformance.reference.gateway.upstream_errors import (
    ended_early,
    failure_of_event,
    not_understood,
    refusal_of_failure,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

_ACCESS: Final = Access(
    denied={
        "anthropic": Denial.NO_IMAGES,
        "gemini": Denial.NO_IMAGES,
        "antigravity": Denial.NO_IMAGES,
        "batch": Denial.FORBIDDEN,
    }
)
_FORM: Final = "multipart/form-data"
_GENERATIONS: Final = "/v1/images/generations"
_EDITS: Final = "/v1/images/edits"


@dataclass(frozen=True, slots=True)
class _Question:
    """What the upstream is asked: the path, the body, its content type, the model, whether the answer is a stream."""

    path: str
    body: Mapping[str, Any] | bytes
    content_type: str
    model: str
    stream: bool


async def generations(request: Request) -> Response:
    """Make images from a prompt."""
    _admit(request)
    body = {"model": DEFAULT_MODEL} | _given(await read_object(request))
    check_generation(body)
    require_image_model(body["model"])
    question = _Question(_GENERATIONS, body, "application/json", body["model"], body.get("stream") is True)
    return await _answered(request, question)


async def edits(request: Request) -> Response:
    """Make images from a prompt and given images, which come as files or as URLs."""
    _admit(request)
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() == _FORM:
        return await _answered(request, await _form_question(request, content_type))
    body = {"model": DEFAULT_MODEL} | _given(await read_object(request))
    check_edit(body)
    require_image_model(body["model"])
    return await _answered(
        request, _Question(_EDITS, body, "application/json", body["model"], body.get("stream") is True)
    )


async def _form_question(request: Request, content_type: str) -> _Question:
    form = read_form(await read_bytes(request), content_type)
    fields = form.fields()
    check_edit_form(form)
    model = fields.get("model", DEFAULT_MODEL)
    require_image_model(model)
    raw = form.raw if "model" in fields else form.with_field("model", model)
    return _Question(_EDITS, raw, content_type, model, fields.get("stream") == "true")


def _admit(request: Request) -> None:
    key = admit(request, _ACCESS)
    if key.role.condition == "no_images":
        raise Refusal(403, "Image generation is not enabled for this group", kind="permission_error")


def _given(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out members that are null: they count as absent."""
    return {name: value for name, value in body.items() if value is not None}


async def _answered(request: Request, question: _Question) -> Response:
    core = core_of(request)
    tally = Tally(core.ledger, request.state.api_key, question.model)
    headers = core.upstream.openai_headers() | {"content-type": question.content_type}
    if question.stream:
        return await stream_answer(
            core.upstream.open(question.path, question.body, headers),
            Pipe(IMAGES_DIALECT, tally, lambda frames: relay_images(frames, tally)),
            core.settings.heartbeat_seconds,
        )
    raw, document = await whole_answer(core.upstream.post(question.path, question.body, headers), IMAGES_DIALECT)
    if not isinstance(document.get("data"), list):
        raise refusal_of_failure(not_understood(), IMAGES_DIALECT.family)
    tally.see_responses(document.get("usage"))
    tally.book()
    return json_bytes(raw)


async def relay_images(frames: AsyncGenerator[Frame], tally: Tally) -> AsyncGenerator[Frame]:
    """Pass a stream of images on, partial ones and completed ones; no [DONE] belongs to it (rules I-S1 to I-S4).

    Raises:
        UpstreamFailure: The upstream sent an error, or something that is no event, or stopped before an image was done.
    """
    completed = False
    async for frame in frames:
        if isinstance(frame, Comment):
            yield KEEP_ALIVE
            continue
        if frame.data.strip() == "[DONE]":
            continue
        document = event_document(frame)
        kind = str(document.get("type"))
        if "error" in document or kind == "error":
            raise failure_of_event(document)
        completed = completed or kind.endswith(".completed")
        tally.see_responses(document.get("usage"))
        yield ServerEvent(one_line(frame.data, document), frame.event or kind)
    if not completed:
        raise ended_early()
    tally.book()


ROUTES: Final = (
    Route(_GENERATIONS, generations, methods=["POST"]),
    Route(_EDITS, edits, methods=["POST"]),
)
