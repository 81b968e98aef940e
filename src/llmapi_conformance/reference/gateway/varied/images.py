"""Legal variations of images within the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmapi_conformance.reference.gateway.edge import (
    Seen,
    Whole,
    changing_answers,
    changing_streams,
    is_images,
    object_in,
)
from llmapi_conformance.reference.gateway.sse import Frame, ServerEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp


def _as_url(app: ASGIApp) -> ASGIApp:
    """C17: where no form was asked for, pictures come as URLs, which hold them."""

    def change(seen: Seen, answer: Whole) -> None:
        document = answer.json()
        if b"response_format" in seen.body:
            return
        kind = document.get("output_format", "png")
        for item in document.get("data") or []:
            item["url"] = f"data:image/{kind};base64,{item.pop('b64_json')}"
        answer.put(document)

    return changing_answers(app, lambda seen, status: is_images(seen) and status == 200, change)


def _one_partial(app: ASGIApp) -> ASGIApp:
    """V6."""

    def change(frame: Frame) -> Iterable[Frame]:
        event = object_in(frame.data) if isinstance(frame, ServerEvent) else {}
        return () if event.get("partial_image_index", 0) > 0 else (frame,)

    return changing_streams(app, is_images, lambda: change)


VARIATIONS: Final = {"C17": _as_url, "V6": _one_partial}
