"""Image exchanges that keep every rule, for tests that break one at a time."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

from PIL import Image

from fixtures.forms import FORM_TYPE, File, form
from tests.judging.build import exchange
from tests.judging.gemini_cases import broken, judged

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

__all__ = ("answer", "bad", "broken", "edited", "events", "generated", "judged", "log", "pixels", "streamed")
CREATED = 1_790_000_000
USAGE: dict[str, Any] = {
    "input_tokens": 9,
    "input_tokens_details": {"text_tokens": 5, "image_tokens": 4},
    "output_tokens": 30,
    "total_tokens": 39,
}
LOOKS: dict[str, Any] = {"size": "64x32", "quality": "low", "background": "opaque", "output_format": "png"}
SCRIPTED = "@upstream nonce=n1\na bottle"


def pixels(width: int = 64, height: int = 32, kind: str = "PNG") -> str:
    """A picture as base64."""
    written = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(written, kind)
    return base64.b64encode(written.getvalue()).decode()


def answer(*pictures: str, **changes: Any) -> dict[str, Any]:
    """A whole answer."""
    data = [{"b64_json": picture} for picture in pictures or (pixels(),)]
    return {"created": CREATED, "data": data, "usage": dict(USAGE)} | changes


def generated(body: Any = None, asked: Any = None, **extra: Any) -> Exchange:
    """A plain generation."""
    given: dict[str, Any] = {
        "operation": "generateImage",
        "path": "/v1/images/generations",
        "role": "general:openai",
        "request_json": {"prompt": SCRIPTED, "size": "64x32"} if asked is None else asked,
    } | extra
    return exchange(body=answer() if body is None else body, **given)


def events(*, route: str = "image_generation", partial: int = 2) -> list[tuple[str | None, Any]]:
    """The events of a stream."""
    head = {"created_at": CREATED, **LOOKS, "b64_json": pixels()}
    found: list[tuple[str | None, Any]] = [
        (f"{route}.partial_image", {"type": f"{route}.partial_image", "partial_image_index": number, **head})
        for number in range(partial)
    ]
    return [*found, (f"{route}.completed", {"type": f"{route}.completed", **head, "usage": dict(USAGE)})]


def streamed(told: list[tuple[str | None, Any]] | None = None, **extra: Any) -> Exchange:
    """A stream of a generation."""
    asked = {"prompt": SCRIPTED, "size": "64x32", "stream": True, "partial_images": 2}
    given: dict[str, Any] = {
        "operation": "generateImage",
        "path": "/v1/images/generations",
        "role": "general:openai",
        "mode": "stream",
        "request_json": asked,
    } | extra
    return exchange(events=None if "body" in extra else (events() if told is None else told), **given)


def edited(*fields: tuple[str, str | File], body: Any = None, **extra: Any) -> Exchange:
    """An edit by form; its request is made of the fields."""
    made = exchange(
        operation="editImage",
        path="/v1/images/edits",
        request_headers=(("Content-Type", FORM_TYPE),),
        body=answer() if body is None else body,
        **({"role": "general:openai"} | extra),
    )
    object.__setattr__(made.request, "body", form(*fields))
    return made


def bad(status: int = 400, kind: str = "invalid_request_error", message: str = "no", **extra: Any) -> Exchange:
    """A refusal in the documented envelope."""
    return generated({"error": {"type": kind, "message": message}}, status=status, **extra)


def log(*bodies: Any) -> Exchange:
    """The upstream's log."""
    requests = [{"body": body, "headers": []} for body in bodies]
    return exchange(operation="upstream:log", method="GET", path="/log", body={"requests": requests}, role="")
