"""Oracles of the aliases: they are what they stand for, and nothing else is there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.contract.access import access_matrix
from llmapi_conformance.judging.oracles import aliases as oracles
from tests.judging import chat_cases, response_cases
from tests.judging.build import exchange
from tests.judging.response_cases import found, judged
from tests.judging.websocket_cases import handshake, socket

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

CHAT: dict[str, Any] = {"operation": "createChatCompletionAlias", "path": "/chat/completions"}
CODEX: dict[str, Any] = {"operation": "createResponseCodexAlias", "path": "/backend-api/codex/responses"}
PAGE: dict[str, Any] = {"headers": (("content-type", "text/html"),), "body": b"<!DOCTYPE html><html></html>"}
BAD_KEY = {"type": "error", "error": {"type": "authentication_error", "message": "Invalid API key"}}
ECHO = chat_cases.question(chat_cases.scripted("echo", "Hello there"))
ASKED = response_cases.question(response_cases.scripted("echo", "Hello there"))


def other(one: Exchange, **change: Any) -> Exchange:
    """An exchange as if another path had been asked."""
    path = change.pop("path")
    return replace(one, request=replace(one.request, target=path), **change)


def usage(requests: int, cost: float, balance: float | None = None) -> Exchange:
    total = {"requests": requests, "total_tokens": requests * 22, "actual_cost": cost}
    body = {"mode": "unrestricted", "remaining": 50 - cost, "usage": {"today": total, "total": total}}
    if balance is not None:
        body |= {"balance": balance, "remaining": balance}
    return exchange(operation="getUsage", method="GET", path="/v1/usage", body=body)


SERVED = (
    oracles.responses_without_v1_is_served,
    oracles.chat_without_v1_is_served,
    oracles.images_without_v1_are_served,
    oracles.codex_responses_is_served,
)


@pytest.mark.parametrize("oracle", SERVED)
def test_an_alias_that_is_not_served_is_found(oracle: Any) -> None:
    assert judged(oracle, other(chat_cases.plain(), **CHAT)) == (1, [])
    assert found(oracle, exchange(**CHAT, status=404, body={"error": {"type": "x", "message": "no"}})) == 1
    assert found(oracle, exchange(**CHAT, **PAGE)) == 1


@pytest.mark.parametrize("oracle", [oracles.responses_socket_without_v1_opens, oracles.codex_socket_opens])
def test_an_alias_that_opens_no_websocket_is_found(oracle: Any) -> None:
    assert judged(oracle, socket(operation="connectResponsesAlias", path="/responses")) == (1, [])
    assert found(oracle, handshake(404, {"error": {}})) == 1
    assert found(oracle, handshake(426, {"error": {}})) == 1


def test_a_codex_subpath_is_served_where_that_of_responses_is() -> None:
    oracle = oracles.codex_subpath_is_that_of_responses
    served, refused = exchange(body={"input_tokens": 9}), exchange(status=404, body={"error": {}})
    assert judged(oracle, served, served) == (1, [])
    assert found(oracle, served, refused) == 1
    assert judged(oracle, refused, refused) == (0, [])


@pytest.mark.parametrize(
    "body",
    [
        {"object": "list", "data": [{"id": "gpt-5.1"}]},
        {"mode": "unrestricted", "remaining": 4},
        {"usage": {"total": {}}},
    ],
)
def test_models_or_usage_without_v1_are_found(body: Any) -> None:
    oracle = oracles.models_and_usage_have_no_alias
    assert found(oracle, exchange(operation="", method="GET", path="/models", body=body)) == 1
    assert judged(oracle, exchange(operation="", method="GET", path="/models", status=404, body=body)) == (1, [])
    assert judged(oracle, exchange(operation="", method="GET", path="/models", **PAGE)) == (1, [])


def test_an_unregistered_path_is_404_in_json() -> None:
    oracle = oracles.unregistered_path_is_404_in_json
    assert judged(oracle, exchange(operation="", status=404, body={"error": {}})) == (1, [])
    assert found(oracle, exchange(operation="", status=404, body=b"not found")) == 1
    assert found(oracle, exchange(operation="", **PAGE)) == 1


def test_an_unlisted_path_that_is_served_is_noted() -> None:
    assert judged(oracles.unlisted_path_is_noted, exchange(operation="", status=404, body={})) == (1, [])
    assert found(oracles.unlisted_path_is_noted, exchange(operation="", body={"type": "message"})) == 1


def test_an_alias_answers_like_its_standard_path() -> None:
    oracle = oracles.alias_answers_like_its_standard
    standard = chat_cases.plain(asked=ECHO)
    assert judged(oracle, standard, other(standard, **CHAT)) == (1, [])
    said = chat_cases.completion(message=chat_cases.message(content="Other"))
    for unlike in (
        chat_cases.plain(said, asked=ECHO),
        chat_cases.plain(chat_cases.completion("length"), asked=ECHO),
        chat_cases.plain(asked=ECHO, status=500),
        chat_cases.plain(asked=ECHO, headers=(("content-type", "text/plain"),)),
        chat_cases.plain({"type": "message", "content": []}, asked=ECHO),
        chat_cases.stream(asked=ECHO),
    ):
        assert found(oracle, standard, other(unlike, **CHAT)) == 1
    assert judged(oracle, standard, exchange(**CHAT, **PAGE)) == (0, [])


def test_an_alias_refuses_in_the_envelope_of_its_standard_path() -> None:
    oracle = oracles.alias_answers_like_its_standard
    openai = {"error": {"message": "no", "type": "invalid_request_error", "param": "messages", "code": None}}
    standard = chat_cases.plain(openai, status=400)
    worded = {"error": openai["error"] | {"message": "another wording"}}
    assert judged(oracle, standard, other(chat_cases.plain(worded, status=400), **CHAT)) == (1, [])
    anthropic = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
    assert found(oracle, standard, other(chat_cases.plain(anthropic, status=400), **CHAT)) == 1


def test_two_live_answers_need_not_be_the_same() -> None:
    one, two = (
        chat_cases.plain(chat_cases.completion(message=chat_cases.message(content=text))) for text in ("Hi", "Hello")
    )
    assert judged(oracles.alias_answers_like_its_standard, one, other(two, **CHAT)) == (1, [])


def test_a_stream_of_an_alias_keeps_the_grammar_that_its_standard_keeps() -> None:
    oracle = oracles.stream_of_an_alias_keeps_the_grammar
    standard = chat_cases.stream(asked=ECHO)
    broken = chat_cases.stream(chat_cases.text_events()[:-1], asked=ECHO)
    assert judged(oracle, standard, other(standard, **CHAT))[1] == []
    assert found(oracle, standard, other(broken, **CHAT)) >= 1
    examined, deviations = judged(oracle, broken, other(broken, **CHAT))
    assert examined
    assert deviations == []
    response = response_cases.stream(asked=ASKED)
    cut = response_cases.stream(response_cases.streamed()[:-1], asked=ASKED)
    assert judged(oracle, response, other(response, **CODEX))[1] == []
    assert found(oracle, response, other(cut, **CODEX)) >= 1


def test_an_alias_opens_to_the_keys_of_its_standard_path() -> None:
    oracle = oracles.alias_opens_to_the_same_keys
    refused = exchange(**CHAT, role="image:batch", status=403, body={"error": {}})
    assert judged(oracle, access_matrix(), refused) == (1, [])
    assert (
        found(oracle, access_matrix(), replace(chat_cases.plain(role="image:batch"), operation=CHAT["operation"])) == 1
    )
    mine = replace(chat_cases.plain(role="general:openai"), operation=CHAT["operation"])
    assert judged(oracle, access_matrix(), mine) == (1, [])
    assert found(oracle, access_matrix(), exchange(**CHAT, role="general:openai", status=403, body={})) == 1


def test_an_alias_without_a_key_is_401() -> None:
    oracle = oracles.alias_without_a_key_is_401
    assert judged(oracle, exchange(**CHAT, status=401, body=BAD_KEY)) == (1, [])
    assert found(oracle, exchange(**CHAT, status=401, body={"error": {}})) == 1
    assert found(oracle, exchange(**CHAT, status=403, body=BAD_KEY)) == 1
    assert found(oracle, other(chat_cases.plain(), **CHAT)) == 1
    assert judged(oracle, exchange(**CHAT, status=404, body={})) == (0, [])


def test_a_page_for_browsers_is_found_wherever_an_alias_answers_it() -> None:
    oracle = oracles.alias_is_no_page
    page = exchange(**CHAT, **PAGE)
    assert oracle.on is not None
    assert oracle.on.covers(page)
    assert not oracle.on.covers(exchange(operation="createChatCompletion", **PAGE))
    assert found(oracle, page) == 1
    assert found(oracle, exchange(**CHAT, body=b"  <HTML>")) == 1
    assert judged(oracle, other(chat_cases.plain(), **CHAT)) == (1, [])


def test_a_call_by_an_alias_costs_what_it_costs_by_the_standard_path() -> None:
    oracle = oracles.alias_is_charged_like_its_standard
    standard, alias = chat_cases.plain(), other(chat_cases.plain(), **CHAT)
    assert judged(oracle, [usage(1, 0.1), usage(2, 0.3), usage(3, 0.5)], standard, alias)[1] == []
    wallet = [usage(number, 0.2 * number, balance=money) for number, money in ((1, 49.8), (2, 49.6), (3, 12.0))]
    assert judged(oracle, wallet, standard, alias)[1] == []
    assert found(oracle, [usage(1, 0.1), usage(2, 0.3), usage(2, 0.3)], standard, alias) >= 1
    assert judged(oracle, [usage(1, 0.1), usage(2, 0.3), usage(2, 0.3)], standard, exchange(**CHAT, status=404)) == (
        0,
        [],
    )
