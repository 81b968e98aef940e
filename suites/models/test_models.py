"""GET /v1/models: what the list looks like and what it is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import models as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("MOD-D01", "MOD-S01", "MOD-S02", "MOD-S03", "MOD-S04", "MOD-S07")
def test_a_general_key_lists_the_models_of_its_group(models_called: dict[str, Any]) -> None:
    listed = models_called["list"]
    judge(oracles.general_key_gets_the_list, listed)
    judge(oracles.list_is_an_array_of_models, listed)
    judge(oracles.list_says_that_it_is_one, listed)
    judge(oracles.models_are_listed_once, listed)
    judge(oracles.working_key_has_a_model, listed)
    judge(oracles.list_tells_nothing_of_what_is_behind, listed)


@clause("MOD-D02")
def test_each_listed_text_model_can_be_called(models_called: dict[str, Any]) -> None:
    judge(oracles.listed_models_can_be_called, models_called["list"], models_called["calls"])


@clause("MOD-D03")
def test_the_models_that_the_key_is_known_for_are_listed(models_called: dict[str, Any]) -> None:
    judge(oracles.known_models_are_listed, models_called["list"], models_called["known"])


@clause("MOD-K01", "MOD-S05")
def test_the_list_is_the_same_under_all_three_headers(models_by_header: list[Exchange]) -> None:
    usual, *others = models_by_header
    judge(oracles.list_is_the_same_under_every_header, usual, *others)
    judge(oracles.openai_models_are_written_like_openais, usual)


@clause("MOD-K02", "MOD-S06")
def test_the_list_serves_anthropic_clients(models_for_anthropic_clients: dict[str, Exchange]) -> None:
    usual, claude = models_for_anthropic_clients["usual"], models_for_anthropic_clients["claude"]
    judge(oracles.list_is_the_same_for_other_vendors_clients, usual, claude)
    judge(oracles.anthropic_models_are_written_like_anthropics, claude)
