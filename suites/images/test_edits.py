"""Edits: a form with one file, with several, and JSON with addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import images_access as access
from llmapi_conformance.judging.oracles import images_edits as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("IMG-A01", "IMG-E01", "IMG-E05", "IMG-E13", "IMG-E14")
def test_a_form_is_served_with_all_its_parts(edit_with_one_file: dict[str, Any]) -> None:
    answer, log = edit_with_one_file["answer"], edit_with_one_file["log"]
    judge(access.an_openai_key_gets_images, answer)
    judge(oracles.edits_take_a_form, answer)
    if log is not None:
        judge(oracles.options_of_a_form_reach_the_upstream, answer, log)
        judge(oracles.the_default_model_edits, answer, log)
        judge(oracles.files_reach_the_upstream_unchanged, answer, log)


@clause("IMG-E03", "IMG-E04", "IMG-E14")
def test_several_images_all_arrive(edit_with_two_files: dict[str, Any]) -> None:
    answer, log = edit_with_two_files["answer"], edit_with_two_files["log"]
    judge(oracles.repeated_image_parts_all_arrive, answer, log)
    judge(oracles.bracketed_image_parts_all_arrive, answer, log)
    if log is not None:
        judge(oracles.files_reach_the_upstream_unchanged, answer, log)


@clause("IMG-E02", "IMG-E12", "IMG-E13")
def test_json_with_an_address_is_served(edit_by_url: dict[str, Exchange]) -> None:
    judge(oracles.the_documented_edit_is_served, edit_by_url["documented"])
    for name in ("documented", "default"):
        judge(oracles.edits_take_json, edit_by_url[name])
    judge(oracles.the_default_model_edits, edit_by_url["default"], edit_by_url["log"])
