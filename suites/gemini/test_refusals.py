"""What Gemini's own paths refuse, and how; whose keys open them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import gemini as answers
from llmapi_conformance.judging.oracles import gemini_errors as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

ENVELOPE = (
    oracles.an_error_is_in_googles_envelope,
    oracles.the_code_is_the_status,
    oracles.the_status_word_belongs_to_the_code,
)


@clause("GEM-A06", *(oracle.clause for oracle in ENVELOPE))
def test_errors_are_googles(gemini_bad_requests: dict[str, Exchange]) -> None:
    for one in gemini_bad_requests.values():
        for oracle in ENVELOPE:
            judge(oracle, one)
    judge(oracles.a_401_is_in_googles_envelope, gemini_bad_requests["wrong key"])


@clause("GEM-P05", "GEM-S10")
def test_contents_are_required_in_each_form(gemini_bad_requests: dict[str, Exchange]) -> None:
    judge(answers.contents_are_required, gemini_bad_requests["no contents"])
    for name in ("no contents, sse", "no contents, array"):
        judge(oracles.a_failure_before_the_first_piece_is_a_status, gemini_bad_requests[name])


@clause("GEM-M03")
def test_an_unknown_model_is_not_found(gemini_bad_requests: dict[str, Exchange]) -> None:
    for name, one in gemini_bad_requests.items():
        if name.startswith("unknown"):
            judge(answers.an_unknown_model_is_not_found, one)


@clause("GEM-A03")
def test_a_key_in_the_query_is_taken_or_refused(gemini_key_in_the_query: Exchange) -> None:
    judge(oracles.a_key_in_the_query_is_taken_or_refused, gemini_key_in_the_query)


@clause("GEM-A01", "GEM-A08", *(oracle.clause for oracle in ENVELOPE))
def test_other_keys_open_nothing(gemini_of_each_role: dict[str, dict[str, Any]]) -> None:
    for cell in gemini_of_each_role.values():
        judge(oracles.another_platforms_key_is_refused, cell["answer"])
        judge(oracles.an_image_key_is_refused, cell["answer"])
        for oracle in ENVELOPE:
            judge(oracle, cell["answer"])
