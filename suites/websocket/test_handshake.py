"""The handshake of the Responses WebSocket: who gets in, and how the others are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import websocket as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("WS-H01")
def test_an_upgrade_with_a_good_key_is_accepted(websocket_turns: dict[str, Any]) -> None:
    judge(oracles.upgrade_with_a_good_key_is_accepted, websocket_turns["socket"])


@clause("WS-H02")
def test_a_bad_key_is_refused_before_the_upgrade(websocket_with_bad_keys: list[Exchange]) -> None:
    for exchange in websocket_with_bad_keys:
        judge(oracles.bad_key_is_refused_before_the_upgrade, exchange)


@clause("WS-H03", "WS-H05", "WS-H06", "WS-E06")
def test_each_of_the_three_headers_opens_the_connection(websocket_by_each_header: dict[str, Exchange]) -> None:
    judge(oracles.each_key_header_opens_the_connection, websocket_by_each_header)


@clause("WS-H04")
def test_a_get_without_upgrade_is_told_to_upgrade(websocket_not_asked_for: Exchange) -> None:
    judge(oracles.get_without_upgrade_is_told_to_upgrade, websocket_not_asked_for)


@clause("WS-H07")
def test_a_version_that_nobody_speaks_is_refused(websocket_of_another_version: Exchange) -> None:
    judge(oracles.unknown_version_is_refused, websocket_of_another_version)


@clause("WS-A04")
def test_other_routes_open_no_websocket(websocket_elsewhere: Exchange) -> None:
    judge(oracles.other_routes_open_no_websocket, websocket_elsewhere)
