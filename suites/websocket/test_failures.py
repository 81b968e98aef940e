"""Turns that fail, clients that hang up, and responses of others, over the Responses WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import websocket_ends as oracles
from llmapi_conformance.judging.oracles import websocket_turns as turns

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("WS-E04", "WS-E07", "WS-E02")
def test_a_turn_whose_upstream_fails_is_told_as_failed(websocket_failing_turn: Exchange) -> None:
    judge(oracles.failing_turn_is_not_dressed_up, websocket_failing_turn)
    judge(oracles.failing_turn_is_told, websocket_failing_turn)
    judge(oracles.no_normal_close_in_a_turn, websocket_failing_turn)


@clause("WS-E05")
def test_a_client_that_hangs_up_ends_the_upstreams_work(websocket_hang_up: dict[str, Exchange]) -> None:
    judge(oracles.hanging_up_in_a_turn_reaches_the_upstream, websocket_hang_up["socket"], websocket_hang_up["log"])


@clause("WS-C03", "WS-C02")
def test_a_response_of_another_tenant_is_like_an_unknown_one(websocket_foreign_response: dict[str, Any]) -> None:
    socket, log = websocket_foreign_response["socket"], websocket_foreign_response["log"]
    if log is not None:
        judge(turns.a_foreign_response_is_like_an_unknown_one, socket, log, websocket_foreign_response["canary"])
    judge(turns.unknown_previous_response_is_told_as_such, socket)
