"""Fields of image requests, checked before the upstream is asked (F6.11, F6.15, F6.19 to F6.23)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.refusals import Refusal, unknown_model, wrong_field

if TYPE_CHECKING:
    from llmapi_conformance.reference.gateway.multipart import Form

DEFAULT_MODEL: Final = "gpt-image-2"
_MODELS: Final = (DEFAULT_MODEL,)
_PREFIX: Final = "gpt-image-"
_TEXTS: Final = ("size", "response_format", "quality", "background", "output_format", "moderation", "style")
_NUMBERS: Final = ("output_compression", "partial_images")
_FILE_FIELDS: Final = frozenset({"image", "image[]"})


def require_image_model(model: str) -> None:
    """Check that a model makes images, and that the group has it.

    Raises:
        Refusal: 400 in the documented words (F6.15), or 404.
    """
    if not model.startswith(_PREFIX):
        raise Refusal(400, "images endpoint requires an image model", literal=True)
    if model not in _MODELS:
        raise unknown_model(model)


def check_generation(body: dict[str, Any]) -> None:
    """Check a request for new images.

    Raises:
        Refusal: 400 naming the first field that is wrong.
    """
    if not isinstance(body["model"], str):
        raise wrong_field("model", "must be a string")
    prompt = body.get("prompt")
    if prompt is None:
        raise wrong_field("prompt", "field required")
    if not isinstance(prompt, str) or not prompt.strip():
        raise wrong_field("prompt", "must be a non-empty string")
    for name in _TEXTS:
        if not isinstance(body.get(name), str | None):
            raise wrong_field(name, "must be a string")
    count = body.get("n")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise wrong_field("n", "must be an integer greater than 0")
    for name in _NUMBERS:
        value = body.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise wrong_field(name, "must be an integer that is not negative")
    if not isinstance(body.get("stream"), bool | None):
        raise wrong_field("stream", "must be a boolean")


def check_edit(body: dict[str, Any]) -> None:
    """Check a request for edits whose images are URLs.

    Raises:
        Refusal: 400 naming the first field that is wrong.
    """
    check_generation(body)
    images = body.get("images")
    if images is None or images == []:
        raise _no_url()
    if not isinstance(images, list) or not all(isinstance(image, dict) for image in images):
        raise wrong_field("images", "must be an array of objects")
    for image in images:
        if "file_id" in image:
            raise Refusal(400, "images[].file_id is not supported (use images[].image_url instead)", param="images")
        if not isinstance(image.get("image_url"), str) or not image["image_url"]:
            raise _no_url()
    mask = body.get("mask")
    if mask is None:
        return
    if not isinstance(mask, dict):
        raise wrong_field("mask", "must be an object")
    if "file_id" in mask:
        raise Refusal(400, "mask.file_id is not supported (use mask.image_url instead)", param="mask")
    if not isinstance(mask.get("image_url"), str) or not mask["image_url"]:
        raise wrong_field("mask.image_url", "must be a non-empty string")


def check_edit_form(form: Form) -> None:
    """Check a request for edits whose images are files.

    Raises:
        Refusal: 400 naming the first field that is wrong.
    """
    fields: dict[str, Any] = dict(form.fields())
    for name in ("n", *_NUMBERS):
        if re.fullmatch(r"-?[0-9]{1,9}", fields.get(name, ""), re.ASCII):
            fields[name] = int(fields[name])
    if fields.get("stream") in ("true", "false"):
        fields["stream"] = fields["stream"] == "true"
    check_generation({"model": DEFAULT_MODEL} | fields)
    files = {part.name for part in form.files()}
    if not files & _FILE_FIELDS:
        raise wrong_field("image", "image file is required")
    if "mask" in fields:
        raise wrong_field("mask", "must be a file")


def _no_url() -> Refusal:
    return Refusal(400, "images[].image_url is required", literal=True)
