"""Edits of images: both forms of the request, what is refused, and what reaches the upstream (facts F6.17 to F6.23)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmapi_conformance.judging.chat_answer import array, shown
from llmapi_conformance.judging.image_answer import asked, form_of, has_picture, received, received_files
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.envelopes import error_message
from llmapi_conformance.judging.oracles.images import answer_in_words, uses_the_default_model

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

URL_REQUIRED: Final = "images[].image_url is required"
_FORWARDED: Final = ("size", "n", "response_format", "input_fidelity")


@oracle("IMG-E01")
def edits_take_a_form(exchange: Exchange) -> Judgement:
    """multipart/form-data with an image is served (F6.18)."""
    yield from _served(exchange, "a form with an image")


@oracle("IMG-E02")
def edits_take_json(exchange: Exchange) -> Judgement:
    """JSON with ``image_url`` is served (F6.18, F6.20)."""
    yield from _served(exchange, "JSON with image_url")


@oracle("IMG-E03")
def repeated_image_parts_all_arrive(exchange: Exchange, log: Exchange | None) -> Judgement:
    """Several ``image`` parts are several images (F6.19)."""
    yield from _all_images(exchange, log, "image")


@oracle("IMG-E04")
def bracketed_image_parts_all_arrive(exchange: Exchange, log: Exchange | None) -> Judgement:
    """Several ``image[]`` parts are several images (F6.19)."""
    yield from _all_images(exchange, log, "image[]")


@oracle("IMG-E05")
def options_of_a_form_reach_the_upstream(exchange: Exchange, log: Exchange) -> Judgement:
    """mask, size, n, response_format and input_fidelity arrive (F6.19)."""
    got = received(log)
    if got is None:
        return
    fields = asked(exchange)
    for name in _FORWARDED:
        if name not in fields:
            continue
        yield Examined(name)
        if str(got.get(name)) != str(fields[name]):
            yield Deviation(f"{name} {shown(fields[name])} at the upstream", f"{name} {shown(got.get(name))}")
    if any(part.name == "mask" for part in form_of(exchange)):
        yield Examined("mask")
        if not any(str(each.get("name")).startswith("mask") for each in received_files(log)):
            yield Deviation("the mask at the upstream", "it is not there")


@oracle("IMG-E06")
def a_missing_url_is_named(exchange: Exchange) -> Judgement:
    """JSON images without ``image_url`` are told so in the documented words (F6.23)."""
    yield Examined("image without image_url")
    if not exchange.refused or error_message(exchange.json) != URL_REQUIRED:
        yield Deviation(f'a refusal with "{URL_REQUIRED}"', answer_in_words(exchange))


@oracle("IMG-E07")
def a_file_id_is_refused(exchange: Exchange) -> Judgement:
    """``file_id`` is not supported in images (F6.21)."""
    yield from _refused(exchange, "a file_id in images")


@oracle("IMG-E08")
def a_file_id_of_the_mask_is_refused(exchange: Exchange) -> Judgement:
    """``file_id`` is not supported in the mask (F6.21)."""
    yield from _refused(exchange, "a file_id in the mask")


@oracle("IMG-E09")
def an_edit_needs_a_prompt(exchange: Exchange) -> Judgement:
    """``prompt`` is required in both forms (F6.19, F6.20)."""
    yield from _refused(exchange, "an edit without prompt")


@oracle("IMG-E10")
def a_form_needs_an_image(exchange: Exchange) -> Judgement:
    """``image`` is required in a form (F6.19)."""
    yield from _refused(exchange, "a form without image")


@oracle("IMG-E12")
def the_documented_edit_is_served(exchange: Exchange) -> Judgement:
    """The JSON request of the page is served (F6.22)."""
    yield from _served(exchange, "the documented request")


@oracle("IMG-E13")
def the_default_model_edits(exchange: Exchange, log: Exchange) -> Judgement:
    """Without ``model`` gpt-image-2 is used, in both forms (F6.19, F6.20)."""
    yield from uses_the_default_model(exchange, log)


@oracle("IMG-E14")
def files_reach_the_upstream_unchanged(exchange: Exchange, log: Exchange) -> Judgement:
    """Each uploaded file arrives byte for byte (RFC 7578 section 4)."""
    found = [(str(each.get("name"))[:4], each.get("sha256")) for each in received_files(log)]
    if not found:
        return
    for part in form_of(exchange):
        if part.filename is None:
            continue
        yield Examined("uploaded file")
        if (part.name[:4], part.sha256) not in found:
            yield Deviation(
                f"{part.name} {part.filename} at the upstream: {len(part.content)} bytes, SHA-256 {part.sha256[:16]}…",
                f"{shown([each.get('size') for each in received_files(log)])} bytes, another digest",
            )
            return


def _served(exchange: Exchange, what: str) -> Judgement:
    yield Examined("edit")
    if not has_picture(exchange):
        yield Deviation(f"an image for {what}", answer_in_words(exchange))


def _refused(exchange: Exchange, what: str) -> Judgement:
    yield Examined("bad request")
    if not 400 <= exchange.status < 500:
        yield Deviation(f"4xx for {what}", answer_in_words(exchange))


def _all_images(exchange: Exchange, log: Exchange | None, name: str) -> Judgement:
    sent = [part for part in form_of(exchange) if part.name == name]
    if len(sent) < 2:
        return
    yield Examined("form with several images")
    if not has_picture(exchange):
        yield Deviation(f"an image for {len(sent)} parts called {name}", answer_in_words(exchange))
        return
    if log is not None and array(log.json, "requests"):
        found = [each for each in received_files(log) if str(each.get("name")).startswith("image")]
        if len(found) != len(sent):
            yield Deviation(f"{len(sent)} images at the upstream", f"{len(found)}")
