from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.judging.oracles import messages_gateway as oracles
from tests.judging.message_cases import (
    HEADERS,
    TEXT,
    disturbed,
    entry,
    events_of,
    judged,
    log,
    message,
    plain,
    question,
    scripted,
    stream,
    streamed,
    thinking_block,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.judging.oracle import Oracle

ERROR = ("error", {"type": "error", "error": {"type": "api_error", "message": "broken"}})
PART = events_of(message())[:5]


def test_a_client_key_at_the_provider_is_found() -> None:
    assert judged(oracles.the_clients_key_stays_at_the_gateway, log(entry())) == (1, [])
    leaked = entry(headers=[["authorization", "Bearer [[key:general:openai]]"]])
    assert judged(oracles.the_clients_key_stays_at_the_gateway, log(leaked))[1]
    assert judged(oracles.the_clients_key_stays_at_the_gateway, plain(b"")) == (0, [])


OF_THE_PROVIDER = (
    oracles.the_providers_key_stays_at_the_gateway,
    oracles.the_providers_headers_and_address_stay_at_the_gateway,
)


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("[[upstream-key]]", "MSG-G02"),
        ("[[upstream-header]]", "MSG-G15"),
        ("1.1 [[upstream-host]]", "MSG-G15"),
    ],
)
def test_what_is_the_providers_is_found_in_a_header_and_in_a_body(text: str, clause: str) -> None:
    for one in (plain(headers=(*HEADERS, ("x-own-name", text))), plain(message(note=text))):
        assert {oracle.clause for oracle in OF_THE_PROVIDER if judged(oracle, one)[1]} == {clause}


@pytest.mark.parametrize("header", [("set-cookie", "__cf_bm=own"), ("x-internal-host", "edge-7"), ("server", "nginx")])
def test_headers_of_the_gateways_own_are_not_the_providers(header: tuple[str, str]) -> None:
    for oracle in OF_THE_PROVIDER:
        assert judged(oracle, plain(headers=(*HEADERS, header))) == (1, [])
        assert judged(oracle, plain(b"")) == (0, [])


def asked(**extra: Any) -> Exchange:
    headers = (("anthropic-version", "2023-06-01"), ("anthropic-beta", "one-2025,two-2026"))
    return plain(request=question(**extra), request_headers=headers)


def test_version_and_beta_must_be_forwarded() -> None:
    same = [["Anthropic-Version", "2023-06-01"], ["anthropic-beta", "two-2026, one-2025, added"]]
    assert judged(oracles.version_and_beta_headers_are_forwarded, asked(), log(entry(headers=same))) == (2, [])
    for received in ([["anthropic-version", "2023-06-01"]], [["anthropic-version", "2022-01-01"], same[1]], "none"):
        assert judged(oracles.version_and_beta_headers_are_forwarded, asked(), log(entry(headers=received)))[1]


def test_an_unknown_member_must_be_forwarded_or_refused() -> None:
    one = asked(new_member={"a": 1})
    assert judged(
        oracles.unknown_members_reach_the_provider, one, log(entry({"new_member": {"a": 1}})), "new_member"
    ) == (1, [])
    assert judged(oracles.unknown_members_reach_the_provider, one, log(entry({})), "new_member")[1]
    refused = plain({"type": "error"}, status=400)
    assert judged(oracles.unknown_members_reach_the_provider, refused, log(), "new_member") == (1, [])
    assert judged(oracles.an_unknown_member_is_no_server_error, refused)[1] == []
    assert judged(oracles.an_unknown_member_is_no_server_error, one)[1] == []
    assert judged(oracles.an_unknown_member_is_no_server_error, plain({}, status=500))[1]


@pytest.mark.parametrize(
    ("oracle", "name"),
    [(oracles.the_system_prompt_keeps_its_shape, "system"), (oracles.the_conversation_keeps_its_shape, "messages")],
)
def test_what_must_not_change_on_its_way(oracle: Oracle, name: str) -> None:
    blocks = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    sent = question(blocks, system=blocks)
    one = plain(request=sent)
    assert judged(oracle, one, log(entry(sent))) == (1, [])
    assert judged(oracle, one, log(entry(sent | {name: "Be brief."})))[1]
    assert judged(oracle, one, log()) == (0, [])


def test_a_thinking_block_of_the_history_must_not_change() -> None:
    def conversation(block: dict[str, Any]) -> dict[str, Any]:
        return question() | {"messages": [{"role": "assistant", "content": [block]}]}

    one = plain(request=conversation(thinking_block()))
    oracle = oracles.a_thinking_block_goes_back_to_the_provider_untouched
    assert judged(oracle, one, log(entry(conversation(thinking_block())))) == (1, [])
    assert judged(oracle, one, log(entry(conversation(thinking_block() | {"signature": "changed"}))))[1]
    assert judged(oracle, one, log(entry(question())))[1]


@pytest.mark.parametrize(
    "oracle",
    [
        oracles.the_current_version_is_accepted,
        oracles.the_new_version_is_accepted,
        oracles.a_missing_version_is_accepted,
        oracles.unknown_beta_values_are_tolerated,
        oracles.a_query_does_not_change_the_route,
        oracles.system_turns_among_the_messages_are_accepted,
    ],
    ids=lambda oracle: oracle.clause,
)
def test_what_clients_send_must_be_served(oracle: Oracle) -> None:
    assert judged(oracle, plain()) == (1, [])
    assert judged(oracle, plain({"type": "error", "error": {"message": "no"}}, status=400))[1]
    assert judged(oracle, plain(b"")) == (0, [])


def test_a_stream_that_was_held_back_is_found() -> None:
    oracle = oracles.each_delta_is_passed_on_before_the_next_one
    assert judged(oracle, streamed(message()), -1)[1] == []
    assert judged(oracle, streamed(message()), 0)[1]
    assert judged(oracle, stream([]), -1) == (0, [])


def test_a_hang_up_that_the_provider_does_not_notice_is_found() -> None:
    oracle = oracles.a_hang_up_reaches_the_provider
    paced = question(scripted("echo chunks=100 every=50ms"))
    left = stream(PART, paced, ending=Ending.ABORTED)
    assert judged(oracle, left, log(entry(finished=False, disconnected=True))) == (1, [])
    assert judged(oracle, left, log(entry(finished=True)))[1]
    assert judged(oracle, left, log(entry(finished=False)))[1]
    assert judged(oracle, stream(PART, paced), log(entry())) == (0, [])
    late = stream(PART, paced, ending=Ending.ABORTED, chunks=[(6.0, left.body)])
    assert judged(oracle, late, log(entry())) == (0, [])


def broken(*tail: tuple[str | None, Any], ending: Ending = Ending.COMPLETE) -> Exchange:
    return disturbed(stream([*PART, *tail], ending=ending))


@pytest.mark.parametrize(
    ("one", "clauses"),
    [
        (broken(ERROR), set()),
        (broken(ending=Ending.CUT), {"MSG-F03"}),
        (broken(ending=Ending.RESET), {"MSG-F03"}),
        (broken(), {"MSG-F02", "MSG-F03"}),
        (disturbed(streamed(message())), {"MSG-F01", "MSG-F02", "MSG-F03"}),
        (broken(*events_of(message())[-2:], ERROR), {"MSG-F01"}),
        (disturbed(stream([])), {"MSG-F02", "MSG-F03"}),
    ],
    ids=["error event", "cut", "reset", "silent end", "dressed up", "both", "nothing"],
)
def test_the_end_of_a_broken_answer(one: Exchange, clauses: set[str]) -> None:
    ends = (
        oracles.a_broken_answer_is_not_dressed_up,
        oracles.a_client_can_tell_that_the_message_broke_off,
        oracles.a_broken_message_ends_with_an_error_event,
    )
    assert {oracle.clause for oracle in ends if judged(oracle, one)[1]} == clauses
    assert all(judged(oracle, one)[0] for oracle in ends if one.body)
    assert not any(judged(oracle, replace(one, response=None))[0] for oracle in ends)


def test_what_came_before_the_failure_must_arrive() -> None:
    oracle = oracles.what_came_before_the_failure_is_passed_on
    assert judged(oracle, broken(ERROR), TEXT, 1) == (1, [])
    assert judged(oracle, broken(ERROR), "Something else", 1)[1]
    silent = [*PART[:3], ERROR]
    assert judged(oracle, disturbed(stream(silent)), TEXT, 1)[1]
    assert judged(oracle, disturbed(stream(silent, question(scripted("echo eof after=3")))), TEXT, 3)[1]
    assert judged(oracle, disturbed(stream(silent, question(scripted("echo cut after=3")))), TEXT, 3) == (0, [])


LIMITED = {"type": "error", "error": {"type": "rate_limit_error", "message": "Later"}}


def test_a_rate_limit_of_the_provider() -> None:
    good = plain(LIMITED, status=429, headers=(*HEADERS, ("Retry-After", "7")))
    checks = (
        oracles.a_rate_limit_of_the_provider_keeps_its_status,
        oracles.a_rate_limit_is_told_in_anthropics_envelope,
        oracles.a_rate_limit_says_when_to_come_back,
    )
    for oracle in checks:
        assert judged(oracle, good) == (1, [])
    assert judged(checks[0], plain(LIMITED))[1]
    assert judged(checks[0], plain(LIMITED, status=502))[1]
    assert judged(checks[1], plain({"error": {"type": "rate_limit_error", "message": "m"}}, status=429))[1]
    assert judged(checks[1], plain({"type": "error", "error": {"type": "None", "message": "m"}}, status=429))[1]
    assert judged(checks[2], plain(LIMITED, status=429))[1]
