"""Images from a prompt: the answer, its defaults, its options, its streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import images as oracles
from llmapi_conformance.judging.oracles import images_access as access
from llmapi_conformance.judging.oracles import images_stream as streams

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

ANSWER = (
    oracles.the_answer_is_a_list_of_images,
    oracles.there_are_n_images,
    oracles.the_data_is_an_image_of_the_format,
    oracles.the_image_has_the_size,
    oracles.usage_adds_up,
    oracles.the_images_come_in_the_answer,
)
EVENTS = (
    streams.a_stream_is_answered_with_events,
    streams.partial_images_then_the_completed_one,
    streams.partial_images_are_numbered,
    streams.events_carry_their_members,
    streams.events_say_how_the_image_looks,
    streams.no_done_follows,
)


@clause("IMG-A01", "IMG-N07", *(oracle.clause for oracle in ANSWER))
def test_the_documented_request_gets_an_image(image_documented: Exchange) -> None:
    judge(access.an_openai_key_gets_images, image_documented)
    judge(oracles.the_documented_request_is_served, image_documented)
    for oracle in ANSWER:
        judge(oracle, image_documented)


@clause("IMG-P03", "IMG-P08")
def test_a_prompt_is_enough(image_by_default: dict[str, Any]) -> None:
    if image_by_default["log"] is not None:
        judge(oracles.the_default_model_is_used, image_by_default["answer"], image_by_default["log"])
    judge(oracles.one_image_is_the_default, image_by_default["answer"])


@clause("IMG-P09", *(oracle.clause for oracle in ANSWER))
def test_options_take_effect(image_options: dict[str, Any]) -> None:
    judge(oracles.options_reach_the_upstream, image_options["answer"], image_options["log"])
    for oracle in ANSWER:
        judge(oracle, image_options["answer"])


@clause("IMG-N03", "IMG-N04")
def test_a_tall_jpeg_is_one(image_as_jpeg: Exchange) -> None:
    judge(oracles.the_data_is_an_image_of_the_format, image_as_jpeg)
    judge(oracles.the_image_has_the_size, image_as_jpeg)


@clause("IMG-S06", "IMG-S11", "IMG-A01", *(oracle.clause for oracle in EVENTS))
def test_a_stream_brings_partial_images_and_then_the_image(image_streams: dict[str, Exchange]) -> None:
    judge(
        streams.the_completed_event_brings_what_the_plain_answer_brings, image_streams["plain"], image_streams["stream"]
    )
    for name in ("stream", "edit"):
        judge(streams.asking_for_a_stream_is_no_server_error, image_streams["plain"], image_streams[name])
        judge(access.an_openai_key_gets_images, image_streams[name])
        for oracle in EVENTS:
            judge(oracle, image_streams[name])


@clause("IMG-S07", "IMG-S08")
def test_odd_streams_end_as_they_should(image_stream_oddities: dict[str, Exchange]) -> None:
    judge(streams.several_images_in_a_stream, image_stream_oddities["two"])
    judge(streams.an_error_in_mid_stream_is_told, image_stream_oddities["broken"])
