"""Synchronous images: the answer, the parameters and what of them reaches the upstream (facts F6.10 to F6.16)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.judging.chat_answer import array, is_whole_number, shown, string
from llmapi_conformance.judging.image_answer import (
    asked,
    asked_format,
    asked_number,
    asked_size,
    decoded,
    entries_of,
    has_picture,
    received,
)
from llmapi_conformance.judging.message_answer import object_of
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.chat import is_unix_time, span_of
from llmapi_conformance.judging.oracles.envelopes import error_message, error_type

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

OPERATIONS: Final = ("generateImage", "editImage")
PLAIN: Final = On(operations=OPERATIONS, mode="plain")
DEFAULT_MODEL: Final = "gpt-image-2"
NO_IMAGE_MODEL: Final = "images endpoint requires an image model"
_FORWARDED: Final = (
    "size",
    "quality",
    "background",
    "output_format",
    "output_compression",
    "moderation",
    "style",
)


@oracle("IMG-P01")
def a_missing_prompt_is_refused(exchange: Exchange) -> Judgement:
    """``prompt`` is required: 400 without it (F6.11, F9.11)."""
    yield from _refused(exchange, "a request without prompt", (400,))


@oracle("IMG-P02")
def an_empty_prompt_is_refused(exchange: Exchange) -> Judgement:
    """An empty prompt is as good as none (F6.11)."""
    yield from _refused(exchange, "an empty prompt", (400,))


@oracle("IMG-P03")
def the_default_model_is_used(exchange: Exchange, log: Exchange) -> Judgement:
    """Without ``model`` the upstream is asked for gpt-image-2 (F6.11)."""
    yield from uses_the_default_model(exchange, log)


@oracle("IMG-P04")
def a_text_model_gets_the_documented_body(exchange: Exchange) -> Judgement:
    """A model that makes no images is told so in the documented words (F6.15)."""
    yield Examined("request for a model that makes no images")
    if not exchange.refused:
        yield Deviation(f'a refusal with "{NO_IMAGE_MODEL}"', f"status {exchange.status}")
        return
    found = (error_type(exchange.json), error_message(exchange.json))
    if found != ("invalid_request_error", NO_IMAGE_MODEL):
        yield Deviation(f'invalid_request_error: "{NO_IMAGE_MODEL}"', shown(f"{found[0]}: {found[1]}"))


@oracle("IMG-P05")
def a_text_model_is_400(exchange: Exchange) -> Judgement:
    """That refusal is 400 (F6.15)."""
    if exchange.refused:
        yield from _refused(exchange, "a model that makes no images", (400,))


@oracle("IMG-P06")
def n_is_above_zero(exchange: Exchange) -> Judgement:
    """``n`` must be above 0 (F6.11)."""
    yield from _refused(exchange, f"n {shown(asked(exchange).get('n'))}", tuple(range(400, 500)))


@oracle("IMG-P07")
def a_wrong_type_is_refused_with_400(exchange: Exchange) -> Judgement:
    """A parameter of the wrong JSON type is 400 (F9.11)."""
    yield from _refused(exchange, exchange.label, (400,))


@oracle("IMG-P08")
def one_image_is_the_default(exchange: Exchange) -> Judgement:
    """Without ``n`` one image comes back (F6.11)."""
    if "n" in asked(exchange) or not exchange.succeeded:
        return
    yield Examined("answer to a request without n")
    found = len(array(exchange.json, "data"))
    if found != 1:
        yield Deviation("one image", f"{found} in data", span_of(exchange, "data"))


@oracle("IMG-P09")
def options_reach_the_upstream(exchange: Exchange, log: Exchange) -> Judgement:
    """size, quality, background and the other native options arrive as sent (F6.11, defect M33)."""
    got = received(log)
    if got is None:
        return
    for name in _FORWARDED:
        wanted = asked(exchange).get(name)
        if wanted is None:
            continue
        yield Examined(name)
        if got.get(name) != wanted:
            yield Deviation(f"{name} {shown(wanted)} at the upstream", f"{name} {shown(got.get(name))}")


@oracle("IMG-P10")
def image2_is_a_name_of_tasks(exchange: Exchange) -> Judgement:
    """The synchronous routes demand a ``gpt-image-`` model, which image2 is not (F6.11, tension C3)."""
    yield from _refused(exchange, "the model image2", tuple(range(400, 500)))


@oracle("IMG-P11")
def geminis_body_is_refused(exchange: Exchange) -> Judgement:
    """A body of Gemini's protocol belongs to /v1beta (F6.16)."""
    yield from _refused(exchange, "a body of Gemini's protocol", tuple(range(400, 500)))


@oracle("IMG-N01", on=PLAIN)
def the_answer_is_a_list_of_images(exchange: Exchange) -> Judgement:
    """``created`` in whole Unix seconds and ``data``, an array (F6.13, I-response)."""
    yield Examined("answer")
    body = object_of(exchange.json)
    if not isinstance(body.get("data"), list):
        found = exchange.body[:120].decode("utf-8", "replace")
        yield Deviation('{"created", "data": [...]}', shown(found), (0, min(120, len(exchange.body))))
    elif not is_unix_time(body.get("created")):
        yield Deviation(
            "created in whole Unix seconds", f"created {shown(body.get('created'))}", span_of(exchange, "created")
        )


@oracle("IMG-N02", on=PLAIN)
def there_are_n_images(exchange: Exchange) -> Judgement:
    """As many entries as asked for, each with one of b64_json and url (I-N1)."""
    if not isinstance(exchange.json, dict) or not isinstance(exchange.json.get("data"), list):
        return
    yield Examined("data")
    wanted, found = asked_number(exchange), len(exchange.json["data"])
    if found != wanted:
        yield Deviation(f"{wanted} images, as asked for", f"{found}", span_of(exchange, "data"))
    for entry in exchange.json["data"]:
        told = [name for name in ("b64_json", "url") if string(object_of(entry).get(name))]
        if len(told) != 1:
            yield Deviation(
                "an entry with either b64_json or url",
                f"{' and '.join(told) or 'neither'}: {shown(sorted(object_of(entry)))}",
                span_of(exchange, "data"),
            )
            return


@oracle("IMG-N03", on=PLAIN)
def the_data_is_an_image_of_the_format(exchange: Exchange) -> Judgement:
    """``b64_json`` decodes to an image of the format asked for, png being the default (I-N1)."""
    wanted = asked_format(exchange)
    for entry in entries_of(exchange):
        if "b64_json" not in entry or entry["b64_json"] is None:
            continue
        yield Examined("image")
        picture = decoded(entry["b64_json"])
        if picture is None:
            yield Deviation("base64 of an image that decodes", shown(entry["b64_json"]), span_of(exchange, "b64_json"))
            return
        if wanted and picture.format != wanted:
            yield Deviation(f"an image in {wanted}", f"one in {picture.format}", span_of(exchange, "b64_json"))
            return


@oracle("IMG-N04", on=PLAIN)
def the_image_has_the_size(exchange: Exchange) -> Judgement:
    """Width and height are those asked for (I-N1, defect M33)."""
    size = asked_size(exchange)
    if size is None:
        return
    for entry in entries_of(exchange):
        picture = decoded(entry.get("b64_json"))
        if picture is None:
            continue
        yield Examined("image")
        if (picture.width, picture.height) != size:
            yield Deviation(
                f"an image of {size[0]}x{size[1]} pixels",
                f"one of {picture.width}x{picture.height}",
                span_of(exchange, "b64_json"),
            )
            return


@oracle("IMG-N05", on=PLAIN)
def usage_adds_up(exchange: Exchange) -> Judgement:
    """``total_tokens`` is input and output; the details add up to them (I-N2)."""
    usage = object_of(exchange.json).get("usage")
    if usage is not None:
        yield from judged_usage(usage, span_of(exchange, "usage"))


@oracle("IMG-N06", on=PLAIN)
def the_images_come_in_the_answer(exchange: Exchange) -> Judgement:
    """The answer of the same request has them: no task, no empty list (F6.10)."""
    if not isinstance(exchange.json, dict):
        return
    yield Examined("answer")
    if exchange.status != 200 or not has_picture(exchange):
        yield Deviation(
            "200 with the images", f"status {exchange.status} with {shown(sorted(exchange.json))}", (0, 120)
        )


@oracle("IMG-N07")
def the_documented_request_is_served(exchange: Exchange) -> Judgement:
    """The request of the page gets an image as b64_json (F6.12)."""
    yield Examined("documented request")
    if not exchange.succeeded:
        yield Deviation("an image", answer_in_words(exchange))
    elif not any(string(entry.get("b64_json")) for entry in entries_of(exchange)):
        yield Deviation("b64_json, since response_format asks for it", shown(exchange.body[:120].decode("latin-1")))


def uses_the_default_model(exchange: Exchange, log: Exchange) -> Judgement:
    """A request without model reaches the upstream as one for the documented default."""
    got = received(log)
    if "model" in asked(exchange):
        return
    yield Examined("request without model")
    if not exchange.succeeded:
        yield Deviation("an image, since model has a default", answer_in_words(exchange))
    elif got is not None and got.get("model") != DEFAULT_MODEL:
        yield Deviation(f"model {DEFAULT_MODEL} at the upstream", f"model {shown(got.get('model'))}")


def judged_usage(usage: Any, span: tuple[int, int] | None) -> Judgement:
    """Whether a usage object of images adds up (I-N2)."""
    yield Examined("usage")
    told: dict[str, Any] = {
        name: object_of(usage).get(name) for name in ("input_tokens", "output_tokens", "total_tokens")
    }
    if not all(is_whole_number(value) for value in told.values()):
        yield Deviation("input_tokens, output_tokens and total_tokens", shown(usage), span)
        return
    if told["total_tokens"] != told["input_tokens"] + told["output_tokens"]:
        wanted = f"{told['input_tokens']} + {told['output_tokens']}"
        yield Deviation(f"total_tokens {wanted}", f"total_tokens {told['total_tokens']}", span)
    for whole in ("input_tokens", "output_tokens"):
        details = usage.get(f"{whole}_details")
        parts: list[Any] = [object_of(details).get(name) for name in ("text_tokens", "image_tokens")]
        if all(is_whole_number(part) for part in parts) and sum(parts) != told[whole]:
            yield Deviation(f"{whole} {sum(parts)}, as the details add up", f"{whole} {told[whole]}", span)


def answer_in_words(exchange: Exchange) -> str:
    """Status and error of an answer, for a report."""
    told = ": ".join(part for part in (error_type(exchange.json), error_message(exchange.json)) if part)
    return f"status {exchange.status}" + (f" ({told[:160]})" if told else "")


def _refused(exchange: Exchange, what: str, statuses: tuple[int, ...]) -> Judgement:
    yield Examined("bad request")
    if exchange.status not in statuses:
        wanted = "4xx" if len(statuses) > 9 else " or ".join(map(str, statuses))
        yield Deviation(f"{wanted} for {what}", answer_in_words(exchange))
