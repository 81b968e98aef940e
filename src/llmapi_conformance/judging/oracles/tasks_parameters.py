"""Parameters of image tasks: what the task says of them, and what of them reaches the upstream (F7.5 to F7.13)."""

from __future__ import annotations

import re
from math import gcd
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.contract.tasks import task_contract
from llmapi_conformance.judging.chat_answer import sent, shown, string
from llmapi_conformance.judging.image_answer import received
from llmapi_conformance.judging.message_answer import object_of
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.chat import span_of
from llmapi_conformance.judging.oracles.images import answer_in_words
from llmapi_conformance.judging.task_answer import image_texts, task_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmapi_conformance.evidence.exchange import Exchange

_SIZE_NAME: Final = re.compile(r"[0-9.]+K|[0-9]+px|512")
"""What Google calls image sizes: 1K, 2K, 4K, and 512 or 0.5K."""
_ONE_SIZE_ONLY: Final = "gemini-2.5-"
"""Google's models of this generation make one size, and take no image size."""


@oracle("TASK-P05")
def the_default_model_is_gpt_image_2(answer: Exchange, readings: Sequence[Exchange], log: Exchange | None) -> Judgement:
    """Without ``model``, gpt-image-2 (F7.7).

    Args:
        answer: To a submission that names no model.
        readings: Of its task.
        log: What the upstream got, where ours is behind the gateway.
    """
    if "model" not in sent(answer):
        yield from _is_of_model(answer, readings, log)


@oracle("TASK-P06")
def image2_is_gpt_image_2(answer: Exchange, readings: Sequence[Exchange], log: Exchange | None) -> Judgement:
    """``image2`` is a synonym, resolved before the task is made (F7.7); subjects as for the default."""
    if sent(answer).get("model") in task_contract().synonyms:
        yield from _is_of_model(answer, readings, log)


@oracle("TASK-P09")
def one_image_is_the_default_of_tasks(answer: Exchange, readings: Sequence[Exchange]) -> Judgement:
    """Without ``n``, one image (F7.10)."""
    if "n" in sent(answer):
        return
    wanted = task_contract().default_number
    for exchange, found in _told((answer, *readings), "n"):
        yield Examined("n of a task submitted without it")
        if found != wanted or isinstance(found, bool):
            yield Deviation(f"n {wanted}", f"n {shown(found)}", span_of(exchange, "n"), exchange)
            return


@oracle("TASK-P15")
def size_reaches_openai(answer: Exchange, log: Exchange) -> Judgement:
    """``size`` is forwarded as it is (F7.9)."""
    yield from _forwarded(answer, log, ("size",))


@oracle("TASK-P15")
def size_reaches_gemini(answer: Exchange, log: Exchange) -> Judgement:
    """``size`` becomes ``imageConfig`` with ``imageSize`` and ``aspectRatio`` (F7.9)."""
    asked, got = _asked_size(answer), received(log)
    if got is None or asked is None:
        return
    yield Examined("size at a Gemini upstream")
    config = _image_config(got)
    ratio = f"{asked[0] // gcd(*asked)}:{asked[1] // gcd(*asked)}"
    may_lack = string(sent(answer).get("model")).startswith(_ONE_SIZE_ONLY) and "imageSize" not in config
    if config.get("aspectRatio") != ratio:
        yield Deviation(f"aspectRatio {ratio} at the upstream", f"imageConfig {shown(config)}", exchange=answer)
    elif not may_lack and not _SIZE_NAME.fullmatch(string(config.get("imageSize"))):
        yield Deviation("imageSize at the upstream", f"imageConfig {shown(config)}", exchange=answer)


@oracle("TASK-P16")
def tasks_make_images_as_data(answer: Exchange, readings: Sequence[Exchange], log: Exchange | None) -> Judgement:
    """Without ``response_format`` the upstream is asked for b64_json (F7.12); subjects as for the default model.

    A result may all the same be named by its address: tasks keep their images in a storage (F9.12).
    """
    wanted = task_contract().default_format
    if "response_format" in sent(answer):
        return
    got = received(log) if log is not None else None
    if got is not None:
        yield Examined("format that the upstream was asked for")
        if got.get("response_format") not in (None, wanted):
            found = f"response_format {shown(got['response_format'])}"
            yield Deviation(f"response_format {wanted} or none at the upstream", found)
    elif any(image_texts(task_of(exchange)) for exchange in readings):
        yield Examined("result of a task submitted without response_format")


@oracle("TASK-P17")
def looks_reach_openai(answer: Exchange, log: Exchange) -> Judgement:
    """``quality``, ``background`` and ``output_format`` are forwarded as they are (F7.13)."""
    yield from _forwarded(answer, log, tuple(name for name in task_contract().forwarded if name != "size"))


def _is_of_model(answer: Exchange, readings: Sequence[Exchange], log: Exchange | None) -> Judgement:
    """Judge that a task is one of the default model: in each telling of it, and at the upstream."""
    wanted = task_contract().default_model
    if not answer.succeeded:
        yield Examined("submission that means the default model")
        yield Deviation(f"a task of {wanted}", answer_in_words(answer))
        return
    for exchange, found in _told((answer, *readings), "model"):
        yield Examined("model of a task")
        if found != wanted:
            yield Deviation(f"model {wanted}", f"model {shown(found)}", span_of(exchange, "model"), exchange)
            return
    got = received(log) if log is not None else None
    if got is not None:
        yield Examined("model at the upstream")
        if got.get("model") != wanted:
            yield Deviation(f"model {wanted} at the upstream", f"model {shown(got.get('model'))}")


def _forwarded(answer: Exchange, log: Exchange, names: tuple[str, ...]) -> Judgement:
    got = received(log)
    if got is None:
        return
    for name in names:
        wanted = sent(answer).get(name)
        if wanted is None:
            continue
        yield Examined(name)
        if got.get(name) != wanted:
            yield Deviation(f"{name} {shown(wanted)} at the upstream", f"{name} {shown(got.get(name))}")


def _told(exchanges: Sequence[Exchange], name: str) -> Iterator[tuple[Exchange, Any]]:
    """A member of a task in each telling that has it."""
    for exchange in exchanges:
        body = object_of(exchange.json)
        if exchange.succeeded and body.get(name) is not None:
            yield exchange, body[name]


def _asked_size(answer: Exchange) -> tuple[int, int] | None:
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", string(sent(answer).get("size")))
    return (int(found[1]), int(found[2])) if found else None


def _image_config(got: dict[str, Any]) -> dict[str, Any]:
    """The image configuration of a request to Gemini, which takes both spellings of its members."""
    generation = object_of(got.get("generationConfig", got.get("generation_config")))
    config = object_of(generation.get("imageConfig", generation.get("image_config")))
    camel = {"aspect_ratio": "aspectRatio", "image_size": "imageSize"}
    return {camel.get(name, name): value for name, value in config.items()}
