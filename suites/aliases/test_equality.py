"""An alias is its standard path: in what it answers, in its streams, in its keys and in its price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.contract.access import access_matrix
from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import aliases as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


def judge_aliases(answers: dict[str, Exchange], standard: str, *aliases: str) -> None:
    """Each alias beside its standard path, and none of them a page for browsers."""
    for alias in aliases:
        judge(oracles.alias_answers_like_its_standard, answers[standard], answers[alias])
        judge(oracles.alias_is_no_page, answers[alias])


@clause("ALI-P01", "ALI-P05")
def test_an_alias_of_responses_answers_like_it(alias_responses: dict[str, Exchange]) -> None:
    judge_aliases(alias_responses, "/v1/responses", "/responses", "/backend-api/codex/responses")


@clause("ALI-P01", "ALI-P05")
def test_an_alias_of_chat_answers_like_it(alias_charged: dict[str, Any]) -> None:
    judge_aliases(alias_charged, "standard", "alias")


@clause("ALI-P01", "ALI-P05")
def test_an_alias_of_images_answers_like_them(alias_images: dict[str, Exchange]) -> None:
    for path in ("/images/generations", "/images/edits"):
        judge_aliases(alias_images, f"/v1{path}", path)


@clause("ALI-P01", "ALI-P05")
def test_an_alias_of_a_subpath_answers_like_it(alias_subpaths: dict[str, Exchange]) -> None:
    judge_aliases(alias_subpaths, "/v1/responses", "/responses", "/backend-api/codex/responses")


@clause("ALI-P01", "ALI-P05")
def test_an_alias_refuses_a_bad_request_like_its_standard(alias_bad_requests: dict[str, Exchange]) -> None:
    judge_aliases(alias_bad_requests, "/v1/chat/completions", "/chat/completions")
    judge_aliases(alias_bad_requests, "/v1/responses", "/backend-api/codex/responses")


@clause("ALI-P01", "ALI-P02")
def test_a_stream_of_the_chat_alias_keeps_the_grammar(alias_chat_stream: dict[str, Exchange]) -> None:
    standard, alias = alias_chat_stream["/v1/chat/completions"], alias_chat_stream["/chat/completions"]
    judge(oracles.alias_answers_like_its_standard, standard, alias)
    judge(oracles.stream_of_an_alias_keeps_the_grammar, standard, alias)


@clause("ALI-P02")
def test_a_stream_of_a_responses_alias_keeps_the_grammar(alias_responses: dict[str, Exchange]) -> None:
    for path in ("/responses", "/backend-api/codex/responses"):
        judge(oracles.stream_of_an_alias_keeps_the_grammar, alias_responses["/v1/responses"], alias_responses[path])


@clause("ALI-P03")
def test_an_alias_opens_to_no_key_that_its_standard_refuses(aliases_with_an_image_key: list[Exchange]) -> None:
    for exchange in aliases_with_an_image_key:
        judge(oracles.alias_opens_to_the_same_keys, access_matrix(), exchange)


@clause("ALI-P04", "ALI-P05")
def test_no_alias_leads_around_the_key(aliases_without_a_key: list[Exchange]) -> None:
    for exchange in aliases_without_a_key:
        judge(oracles.alias_without_a_key_is_401, exchange)
        if not exchange.upgraded:
            judge(oracles.alias_is_no_page, exchange)


@clause("ALI-P06")
def test_a_call_by_an_alias_is_charged_alike(alias_charged: dict[str, Any]) -> None:
    judge(
        oracles.alias_is_charged_like_its_standard,
        alias_charged["readings"],
        alias_charged["standard"],
        alias_charged["alias"],
    )
