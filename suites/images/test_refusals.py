"""What the image routes refuse: bad requests, other platforms, other keys; and that it costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import images as oracles
from llmapi_conformance.judging.oracles import images_access as access
from llmapi_conformance.judging.oracles import images_edits as edits
from llmapi_conformance.judging.oracles import images_stream as streams

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

BY_ROLE = (
    access.images_that_are_switched_off_are_403,
    access.another_platform_gets_the_documented_body,
    access.another_platform_gets_404,
    access.another_platform_is_told_why,
    access.an_image_key_gets_no_synchronous_images,
)


@clause("IMG-P01", "IMG-P02", "IMG-A08")
def test_a_prompt_is_required(image_refusals: dict[str, Any]) -> None:
    calls = image_refusals["calls"]
    judge(oracles.a_missing_prompt_is_refused, calls["no prompt"])
    judge(oracles.an_empty_prompt_is_refused, calls["an empty prompt"])
    for one in calls.values():
        judge(access.image_errors_have_their_envelope, one)


@clause("IMG-P04", "IMG-P05", "IMG-P10", "IMG-S10")
def test_an_image_model_is_required(image_refusals: dict[str, Any]) -> None:
    calls = image_refusals["calls"]
    judge(oracles.a_text_model_gets_the_documented_body, calls["a text model"])
    judge(oracles.a_text_model_is_400, calls["a text model"])
    judge(oracles.image2_is_a_name_of_tasks, calls["image2"])
    judge(streams.a_refused_stream_is_refused_by_status, calls["a text model, streamed"])


@clause("IMG-P06", "IMG-P07", "IMG-P11")
def test_wrong_parameters_are_refused(image_refusals: dict[str, Any]) -> None:
    calls = image_refusals["calls"]
    for name in ("n of 0", "n below 0"):
        judge(oracles.n_is_above_zero, calls[name])
    for name in ("n as a string", "prompt as a number", "size as a number", "stream as a string"):
        judge(oracles.a_wrong_type_is_refused_with_400, calls[name])
    judge(oracles.geminis_body_is_refused, calls["a body of Gemini"])


@clause("IMG-A07")
def test_refused_calls_cost_nothing(image_refusals: dict[str, Any]) -> None:
    calls = list(image_refusals["calls"].values())
    if image_refusals["log"] is not None:
        judge(access.a_refused_call_reaches_no_upstream, calls[0], image_refusals["log"])
    judge(
        access.refused_calls_charge_nothing,
        image_refusals["before"],
        image_refusals["still"],
        calls,
        image_refusals["after"],
    )


@clause("IMG-E06", "IMG-E07", "IMG-E08", "IMG-E09", "IMG-E10", "IMG-A08")
def test_bad_edits_are_refused(edit_refusals: dict[str, Exchange]) -> None:
    judge(edits.a_missing_url_is_named, edit_refusals["no URL"])
    judge(edits.a_file_id_is_refused, edit_refusals["file_id"])
    judge(edits.a_file_id_of_the_mask_is_refused, edit_refusals["mask.file_id"])
    for name in ("no prompt", "no prompt, form"):
        judge(edits.an_edit_needs_a_prompt, edit_refusals[name])
    judge(edits.a_form_needs_an_image, edit_refusals["no image"])
    for one in edit_refusals.values():
        judge(access.image_errors_have_their_envelope, one)


@clause("IMG-E11", *(oracle.clause for oracle in BY_ROLE))
def test_other_keys_get_no_images(images_of_each_role: dict[str, dict[str, Any]]) -> None:
    for cell in images_of_each_role.values():
        judge(access.edits_are_checked_too, cell["answer"])
        for oracle in BY_ROLE:
            judge(oracle, cell["answer"])
