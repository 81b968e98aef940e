"""The upstream's part in an image task: what it is asked, by model, and the pictures that come (F7.4, F7.5, F7.9)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.documents import object_or_none
from llmapi_conformance.reference.gateway.tally import count
from llmapi_conformance.reference.gateway.tasks_body import is_openai, official_model
from llmapi_conformance.reference.gateway.tasks_state import Picture
from llmapi_conformance.reference.gateway.upstream_client import UpstreamFailure
from llmapi_conformance.reference.gateway.upstream_errors import not_understood

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator, Mapping

    from llmapi_conformance.reference.gateway.tasks_state import Task
    from llmapi_conformance.reference.gateway.upstream_client import Upstream, UpstreamAnswer

_GENERATIONS: Final = "/v1/images/generations"
_NOT_OPENAI: Final = ("image_size", "aspect_ratio")
_RATIOS: Final = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_SIZES: Final = ("1K", "2K", "4K")
_SIDE: Final = 1024
# A size that is this near to a common ratio is meant to have it: 1792x1024 is 16:9.
_NEAR: Final = 0.03
_MEDIA_TYPES: Final = ("image/png", "image/jpeg", "image/webp")
_OF_THE_REQUEST: Final = (400, 404, 413, 422)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the upstream counted."""

    input: int = 0
    output: int = 0


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of a task: the pictures, and their tokens."""

    pictures: tuple[Picture, ...]
    tokens: Tokens


async def drawn_by_upstream(upstream: Upstream, task: Task) -> Drawn:
    """Have the upstream draw what a task asks for.

    Gemini makes one picture for a request, so it is asked `n` times, at once.

    Raises:
        UpstreamFailure: There are not all the pictures; 504 says that it took too long.
    """
    if is_openai(task.model):
        return await _by_openai(upstream, task)
    parts = await _together(_by_gemini(upstream, task) for _ in range(task.n))
    tokens = Tokens(sum(part.tokens.input for part in parts), sum(part.tokens.output for part in parts))
    return Drawn(tuple(picture for part in parts for picture in part.pictures), tokens)


async def _by_openai(upstream: Upstream, task: Task) -> Drawn:
    members = {name: value for name, value in task.asked.items() if name not in _NOT_OPENAI}
    body = {"model": official_model(task.model), **members, "n": task.n}
    answer = _read(await upstream.post(_GENERATIONS, body, upstream.openai_headers()))
    media_type = _media_type(f"image/{answer.get('output_format', task.asked.get('output_format'))}")
    data = answer.get("data")
    pictures = tuple(
        Picture(media_type, _decoded(item.get("b64_json") if isinstance(item, dict) else None))
        for item in (data if isinstance(data, list) else ())
    )
    if len(pictures) != task.n:
        raise not_understood()
    usage = answer.get("usage")
    return Drawn(pictures, Tokens(count(usage, "input_tokens"), count(usage, "output_tokens")))


async def _by_gemini(upstream: Upstream, task: Task) -> Drawn:
    config: dict[str, Any] = {"responseModalities": ["IMAGE"]}
    image_config = _image_config(task.asked)
    if image_config:
        config["imageConfig"] = image_config
    body = {"contents": [{"role": "user", "parts": [{"text": task.asked["prompt"]}]}], "generationConfig": config}
    path = f"/v1beta/models/{task.model}:generateContent"
    answer = _read(await upstream.post(path, body, upstream.google_headers()))
    blobs = list(_blobs(answer))
    if not blobs:
        raise UpstreamFailure(502, "The upstream made no picture")
    picture = Picture(_media_type(blobs[0].get("mimeType")), _decoded(blobs[0].get("data")))
    usage = answer.get("usageMetadata")
    output = count(usage, "candidatesTokenCount") + count(usage, "thoughtsTokenCount")
    return Drawn((picture,), Tokens(count(usage, "promptTokenCount"), output))


async def _together(requests: Iterable[Coroutine[Any, Any, Drawn]]) -> list[Drawn]:
    """Wait for several requests; the first that fails ends the others."""
    failed: list[BaseException] = []
    try:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(request) for request in requests]
    except* UpstreamFailure as failures:
        failed = [*failures.exceptions]
    if failed:
        raise failed[0]
    return [one.result() for one in asked]


def _image_config(asked: Mapping[str, Any]) -> dict[str, str]:
    """Return Gemini's size and aspect ratio: those that are named, else what `size` suggests (F7.9, F7.14)."""
    size, ratio = _suggested(asked.get("size", ""))
    named = {"imageSize": asked.get("image_size", size), "aspectRatio": asked.get("aspect_ratio", ratio)}
    return {name: value for name, value in named.items() if value}


def _suggested(size: str) -> tuple[str | None, str | None]:
    """Return the image size and the common aspect ratio that OpenAI's size is nearest to."""
    if size in _SIZES or size in _RATIOS:
        return (size, None) if size in _SIZES else (None, size)
    found = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", size, re.ASCII)
    if found is None:
        return None, None
    width, height = int(found[1]), int(found[2])
    doublings = round(math.log2(math.sqrt(width * height) / _SIDE))
    away = {ratio: abs(math.log(width / height) - math.log(_quotient(ratio))) for ratio in _RATIOS}
    nearest = min(away, key=away.__getitem__)
    return _SIZES[max(0, min(doublings, len(_SIZES) - 1))], nearest if away[nearest] <= _NEAR else None


def _quotient(ratio: str) -> float:
    width, _, height = ratio.partition(":")
    return int(width) / int(height)


def _read(answer: UpstreamAnswer) -> dict[str, Any]:
    if answer.status == 504:
        raise UpstreamFailure(504, "The upstream did not answer in time")
    if answer.status in _OF_THE_REQUEST:
        raise UpstreamFailure(502, "The upstream refused the task")
    if answer.status != 200:
        raise UpstreamFailure(502, "The upstream failed to answer")
    document = object_or_none(answer.body)
    if document is None or document.get("error") is not None:
        raise not_understood()
    return document


def _blobs(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the inline data of the first candidate."""
    try:
        for part in answer["candidates"][0]["content"]["parts"]:
            if isinstance(part.get("inlineData"), dict):
                yield part["inlineData"]
    except (AttributeError, IndexError, KeyError, TypeError):
        return


def _media_type(said: Any) -> str:
    return said if said in _MEDIA_TYPES else _MEDIA_TYPES[0]


def _decoded(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise not_understood() from None
