"""What is registered without /v1 and for Codex, and what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import aliases as oracles
from llmapi_conformance.judging.oracles import websocket_turns as turns

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("ALI-R01", "ALI-R06")
def test_responses_is_served_without_v1_and_for_codex(alias_responses: dict[str, Exchange]) -> None:
    judge(oracles.responses_without_v1_is_served, alias_responses["/responses"])
    judge(oracles.codex_responses_is_served, alias_responses["/backend-api/codex/responses"])


@clause("ALI-R02", "ALI-R08", "WS-T01", "WS-T02")
def test_the_websocket_opens_without_v1_and_for_codex(alias_socket: Exchange) -> None:
    codex = alias_socket.request.path.startswith("/backend-api/")
    judge(oracles.codex_socket_opens if codex else oracles.responses_socket_without_v1_opens, alias_socket)
    judge(turns.each_turn_has_one_end, alias_socket)
    judge(turns.events_follow_the_grammar_of_the_stream, alias_socket)


@clause("ALI-R03")
def test_chat_is_served_without_v1(alias_charged: dict[str, Any]) -> None:
    judge(oracles.chat_without_v1_is_served, alias_charged["alias"])


@clause("ALI-R04")
def test_images_are_served_without_v1(alias_images: dict[str, Exchange]) -> None:
    judge(oracles.images_without_v1_are_served, alias_images["/images/generations"])
    judge(oracles.images_without_v1_are_served, alias_images["/images/edits"])


@clause("ALI-R07")
def test_subpaths_of_codex_are_those_of_responses(alias_subpaths: dict[str, Exchange]) -> None:
    standard, codex = alias_subpaths["/v1/responses"], alias_subpaths["/backend-api/codex/responses"]
    judge(oracles.codex_subpath_is_that_of_responses, standard, codex)


@clause("ALI-X01", "ALI-X02", "ALI-X03")
def test_what_is_not_registered_is_not_served(paths_without_alias: dict[str, list[Exchange]]) -> None:
    for exchange in paths_without_alias["unregistered"]:
        judge(oracles.models_and_usage_have_no_alias, exchange)
        judge(oracles.unregistered_path_is_404_in_json, exchange)
    for exchange in paths_without_alias["unlisted"]:
        judge(oracles.unlisted_path_is_noted, exchange)
