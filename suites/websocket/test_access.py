"""Keys over the Responses WebSocket: the rules are those of HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.contract.access import access_matrix
from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import access
from llmapi_conformance.judging.oracles import websocket_ends as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

CELL = (
    access.what_the_group_has_is_served,
    access.an_image_key_is_refused_at_general_operations,
    access.a_key_that_is_no_longer_good_is_refused,
    access.a_key_that_is_no_longer_good_gets_401,
)


@clause("WS-A01", "WS-A02", "WS-A03")
def test_a_key_that_is_refused_gets_no_turn(websocket_of_refused_role: dict[str, Exchange | None]) -> None:
    http, socket = websocket_of_refused_role["http"], websocket_of_refused_role["socket"]
    if socket is None:
        return
    if socket.role.endswith("+exhausted"):
        judge(oracles.key_without_money_is_served_no_turn, socket)
    elif socket.role.endswith("+rate_limited"):
        judge(oracles.key_over_its_rate_is_served_no_turn, socket)
    else:
        judge(oracles.key_refused_over_http_is_served_no_turn, access_matrix(), http, socket)


@clause(*(one.clause for one in CELL))
def test_a_refused_role_gets_what_the_matrix_says(websocket_of_refused_role: dict[str, Exchange | None]) -> None:
    for one in CELL:
        judge(one, access_matrix(), websocket_of_refused_role["socket"])


@clause("ACC-A01")
def test_an_openai_group_has_the_websocket(websocket_turns: dict[str, Any]) -> None:
    judge(access.what_the_group_has_is_served, access_matrix(), websocket_turns["socket"])
