"""Fields of a request for an image task, checked before it is kept (F7.5 to F7.14, F9.12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from llmapi_conformance.reference.gateway.models import MODELS
from llmapi_conformance.reference.gateway.refusals import Refusal

INVALID_REQUEST: Final = "IMAGE_TASK_INVALID_REQUEST"
UNSUPPORTED_MODEL: Final = "IMAGE_TASK_UNSUPPORTED_MODEL"
UNSUPPORTED_FEATURE: Final = "IMAGE_TASK_UNSUPPORTED_FEATURE"
_DEFAULT_MODEL: Final = "gpt-image-2"
_OTHER_NAMES: Final = {"image2": _DEFAULT_MODEL}
_TEXTS: Final = (
    "size",
    "response_format",
    "quality",
    "background",
    "output_format",
    "moderation",
    "style",
    "user",
    "image_size",
    "aspect_ratio",
)
_FORMS: Final = ("b64_json", "url")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a task is to make.

    Attributes:
        model: The model, as it was named.
        n: How many images.
        asked: The other members of the request, those that are null left out.
        as_url: Results are wanted as URLs, which only OpenAI's models know (F7.12).
    """

    model: str
    n: int
    asked: dict[str, Any]
    as_url: bool


def official_model(name: str) -> str:
    """Return the official name of a model; `image2` is the one other name there is (F7.7)."""
    return _OTHER_NAMES.get(name, name)


def is_openai(model: str) -> bool:
    """Whether OpenAI's Images API makes the images of a model, and not Gemini (F7.5)."""
    return official_model(model).startswith("gpt-image-")


def wanted(body: dict[str, Any], most_images: int) -> Wanted:
    """Check a request and return what it asks for; a member that is null counts as absent.

    Raises:
        Refusal: 400 with one of the documented reasons.
    """
    given = {name: value for name, value in body.items() if value is not None}
    model = given.pop("model", _DEFAULT_MODEL)
    n = given.pop("n", 1)
    stream = given.pop("stream", False)
    _require(isinstance(model, str), "model", "must be a string")
    _require("prompt" in given, "prompt", "field required")
    prompt = given["prompt"]
    _require(isinstance(prompt, str) and prompt.strip() != "", "prompt", "must be a non-empty string")
    _require(_is_whole(n) and 1 <= n <= most_images, "n", f"must be an integer from 1 to {most_images}")
    for name in _TEXTS:
        _require(isinstance(given.get(name, ""), str), name, "must be a string")
    _require(
        _is_whole(given.get("output_compression", 0)) and given.get("output_compression", 0) >= 0,
        "output_compression",
        "must be an integer that is not negative",
    )
    _require(isinstance(stream, bool), "stream", "must be a boolean")
    if stream:
        raise Refusal(400, "stream: an image task can't be streamed", code=UNSUPPORTED_FEATURE, param="stream")
    _require_model(model)
    form = given.pop("response_format", _FORMS[0])
    _require(not is_openai(model) or form in _FORMS, "response_format", f"must be {' or '.join(_FORMS)}")
    return Wanted(model, n, given, as_url=is_openai(model) and form == "url")


def _require_model(model: str) -> None:
    if all(known.id != official_model(model) for known in MODELS["batch"]):
        raise Refusal(
            400,
            f"model: {model!r} is no image model of this key's group",
            code=UNSUPPORTED_MODEL,
            param="model",
        )


def _require(right: bool, param: str, problem: str) -> None:  # noqa: FBT001 - the condition of the sentence
    if not right:
        raise Refusal(400, f"{param}: {problem}", code=INVALID_REQUEST, param=param)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
