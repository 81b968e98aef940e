"""Oracles of the turns over the Responses WebSocket, and of how they end."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.contract.access import access_matrix
from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.judging.oracles import websocket_ends as ends
from llmapi_conformance.judging.oracles import websocket_turns as oracles
from llmapi_conformance.judging.websocket_turns import creates_of, turns_of, type_of
from tests.judging.response_cases import (
    call,
    cut_response,
    found,
    judged,
    log,
    message,
    plain,
    question,
    response,
    scripted,
    stream,
    streamed,
)
from tests.judging.websocket_cases import (
    NOT_FOUND,
    ask,
    broken,
    changed,
    frame,
    handshake,
    identified,
    say,
    seen,
    socket,
    told,
    turn,
    without,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Frame

UNKNOWN = "resp_unknown1"
FAILED = response(status="failed", error={"code": "server_error", "message": "It failed."}, output=[])


def test_messages_go_to_the_turn_that_they_name() -> None:
    second = told(identified(2))
    first = told(identified(1))
    mixed = [one for pair in zip(first, second, strict=True) for one in pair]
    turns = turns_of(socket(ask(), ask(), mixed))
    # Until a message names its response, it goes to the first turn that waits.
    assert [type_of(one.messages[-1]) for one in turns] == ["response.completed", "response.completed"]
    lanes = turns_of(socket(ask(stream_id="a"), ask(stream_id="b"), told(identified(2), stream_id="b")))
    assert [len(one.messages) for one in lanes] == [0, len(second)]


def test_an_error_in_a_turn_goes_to_the_next_one_when_the_turn_goes_on() -> None:
    messages = told()
    turns = turns_of(socket(ask(), ask(), [*messages[:4], say(NOT_FOUND), *messages[4:]]))
    assert [type_of(one.end) if one.end else "" for one in turns] == ["response.completed", "error"]
    alone = turns_of(socket(ask(), [*messages[:4], say(NOT_FOUND)]))
    assert alone[0].refused


def test_behind_a_turn_that_never_ended_nothing_is_told() -> None:
    assert len(creates_of(socket(ask(), told()[:3], ask(), closed="gateway"))) == 1


@pytest.mark.parametrize(
    ("frames", "clauses"),
    [
        ([ask(), *without(told(), "response.completed")], {"WS-T01"}),
        ([ask()], {"WS-T01"}),
        ([*turn(), told()[-1]], {"WS-T01"}),
        ([*turn(), say(NOT_FOUND)], {"WS-T01"}),
        ([ask(), *changed(told(), "response.in_progress", sequence_number=7)], {"WS-T02"}),
        ([ask(), *without(told(), "response.created")], {"WS-T02"}),
        ([ask(), *without(told(), "response.content_part.added")], {"WS-T02"}),
        ([ask(), *changed(told(), "response.output_item.added", output_index=1)], {"WS-T02"}),
        ([ask(), *changed(told(), "response.output_text.delta", item_id="msg_other")], {"WS-T02"}),
        ([ask(), *changed(told(), "response.output_text.done", text="Hello")], {"WS-T13"}),
        ([ask(), *changed(told(), "response.completed", response=response(message("Other")))], {"WS-T13"}),
        (
            [ask(), *changed(told(response(call())), "response.function_call_arguments.done", arguments="{}")],
            {"WS-T13"},
        ),
    ],
)
def test_turns_that_break_the_grammar_are_found(frames: list[Frame], clauses: set[str]) -> None:
    assert broken(socket(frames)) == clauses


def test_the_second_turn_is_judged_like_the_first() -> None:
    second = [say(json.loads(one.data) | {"sequence_number": number + 9}) for number, one in enumerate(told())]
    assert broken(socket(turn(identified(2)), ask(), second)) == {"WS-T02"}
    assert broken(socket(turn(), ask(), closed="gateway", code=1011)) == {"WS-T01", "WS-T03"}


def test_a_span_shows_the_message_in_the_body() -> None:
    bad = socket(ask(), changed(told(), "response.in_progress", sequence_number=7))
    (deviation,) = judged(oracles.events_follow_the_grammar_of_the_stream, bad)[1]
    assert deviation.span is not None
    assert b"response.in_progress" in bad.body[slice(*deviation.span)]
    assert deviation.exchange is None


def test_a_failed_response_behind_an_error_is_tolerated() -> None:
    both = [ask(), *told(FAILED)[:-1], say(NOT_FOUND), told(FAILED)[-1]]
    assert "WS-T01" not in broken(socket(both))


def test_a_connection_that_is_closed_behind_a_turn_is_found() -> None:
    oracle = oracles.the_connection_stays_open_behind_a_turn
    assert judged(oracle, socket(turn(), turn(identified(2)))) == (2, [])
    assert found(oracle, socket(turn(), closed="gateway")) == 1
    assert found(oracle, socket(turn(), ask(), closed="gateway", code=1008)) == 1
    assert found(oracle, socket(ask(), say(NOT_FOUND), closed="gateway", code=1008)) == 1
    assert found(oracle, socket(turn(), closed="nobody", ending=Ending.CUT)) == 1


def test_the_same_turn_over_sse_has_the_same_events() -> None:
    oracle = oracles.the_same_turn_has_the_same_events
    over_sse = stream(asked=question(scripted("echo", "Hello there")))
    assert judged(oracle, over_sse, socket(), 0) == (1, [])
    assert judged(oracle, over_sse, socket(), 1) == (0, [])
    assert found(oracle, over_sse, socket(ask(), without(told(), "response.content_part.added")), 0) == 1
    assert found(oracle, over_sse, socket(turn(response(message("Other text")))), 0) == 1
    usage = response(usage={"input_tokens": 1, "output_tokens": 1, "total_tokens": 2})
    assert found(oracle, over_sse, socket(turn(usage)), 0) == 1
    live = [ask("Say hello"), *told(response(message("Hi!")))]
    assert judged(oracle, stream(asked=question("Say hello")), socket(live), 0) == (1, [])
    assert found(oracle, stream(asked=question("Say hello")), socket([ask("Say hello"), *told(cut_response())]), 0) == 1


def test_more_deltas_of_the_same_text_are_the_same_events() -> None:
    oracle = oracles.the_same_turn_has_the_same_events
    events = [data for _, data in streamed()]
    at = next(number for number, data in enumerate(events) if data["type"].endswith(".delta"))
    whole = events[at]["delta"]
    split = [*events[:at], events[at] | {"delta": whole[:2]}, events[at] | {"delta": whole[2:]}, *events[at + 1 :]]
    again = [say(data | {"sequence_number": number}) for number, data in enumerate(split)]
    over_sse = stream(asked=question(scripted("echo", "Hello there")))
    assert judged(oracle, over_sse, socket(ask(), again), 0) == (1, [])


def test_a_stream_id_stands_in_every_event_or_is_found() -> None:
    named = socket(ask(stream_id="a.1"), told(stream_id="a.1"))
    assert broken(named) == set()
    assert "WS-T06" in seen(named)
    assert broken(socket(ask(stream_id="a.1"), told())) == {"WS-T06"}
    assert broken(socket(ask(stream_id="a.1"), say(NOT_FOUND))) == {"WS-T06"}


def test_responses_that_mix_are_found() -> None:
    oracle = oracles.responses_do_not_mix
    first, second = told(identified(1)), told(identified(2))
    assert judged(oracle, socket(ask(), ask(), first, second)) == (1, [])
    assert judged(oracle, socket(turn(), turn(identified(2)))) == (0, [])
    late = [*first[:2], *second[:2], *first[2:], *second[2:]]
    starts = [say(json.loads(one.data)) for one in late]
    assert found(oracle, socket(ask(), ask(), starts)) == 1


def test_a_second_turn_is_queued_or_found() -> None:
    oracle = oracles.second_turn_is_queued
    first = told(identified(1))
    assert judged(oracle, socket(ask(), ask(), first, told(identified(2)))) == (1, [])
    assert found(oracle, socket(ask(), ask(), [*first[:3], say(NOT_FOUND), *first[3:]])) == 1
    assert found(oracle, socket(ask(), ask(), first, closed="gateway")) == 1
    assert judged(oracles.responses_do_not_mix, socket(ask(), ask(), [*first[:3], say(NOT_FOUND), *first[3:]])) == (
        0,
        [],
    )


def test_stream_and_background_are_ignored_or_refused() -> None:
    oracle = oracles.stream_and_background_change_nothing
    assert judged(oracle, socket(ask(stream=False), told())) == (1, [])
    assert judged(oracle, socket(ask(background=False), say(NOT_FOUND))) == (1, [])
    assert judged(oracle, socket(turn())) == (0, [])
    assert found(oracle, socket(ask(stream=False), told()[-1])) == 1
    assert found(oracle, socket(ask(stream=False), closed="gateway")) == 1


def test_a_warm_up_brings_no_output() -> None:
    oracle = oracles.nothing_is_generated_where_nothing_is_asked_for
    nothing = response()
    nothing["output"] = []
    assert judged(oracle, socket(ask(generate=False), told(nothing))) == (1, [])
    assert found(oracle, socket(ask(generate=False), told())) == 1
    assert found(oracle, socket(ask(generate=False), say(NOT_FOUND))) == 1
    assert found(oracle, socket(ask(generate=False), told(nothing)[:2], closed="gateway")) == 1


@pytest.mark.parametrize("text", ["no JSON", '{"type":"unknown"}', "[]"])
def test_what_makes_no_sense_is_answered_with_an_error(text: str) -> None:
    oracle = oracles.what_makes_no_sense_is_answered_with_an_error
    nonsense = frame(text, sent=True)
    assert judged(oracle, socket(nonsense, say(NOT_FOUND), turn())) == (1, [])
    assert found(oracle, socket(nonsense, turn())) == 1
    assert found(oracle, socket(nonsense, closed="gateway", code=1008)) == 1
    # The turn behind it is judged for itself.
    assert broken(socket(nonsense, turn())) == set()


def test_events_that_were_held_back_are_found() -> None:
    assert judged(oracles.events_are_passed_on_at_once, socket(), -1)[1] == []
    assert found(oracles.events_are_passed_on_at_once, socket(), 0) == 1
    assert judged(oracles.events_are_passed_on_at_once, socket(ask(), say(NOT_FOUND)), 0) == (0, [])


def test_a_turn_continues_another_with_what_was_said() -> None:
    oracle = oracles.a_turn_continues_an_earlier_one
    again = [*turn(), ask(previous_response_id="resp_1"), *told(identified(2))]
    heard = log({"input": [{"content": "canary1"}]})
    assert judged(oracle, socket(again), heard, "canary1") == (1, [])
    assert judged(oracle, socket(again), log({"previous_response_id": "resp_up"}), "canary1") == (1, [])
    assert found(oracle, socket(again), log({"input": "alone"}), "canary1") == 1
    assert found(oracle, socket(turn(), ask(previous_response_id="resp_1"), say(NOT_FOUND)), log(), "canary1") == 1
    assert judged(oracle, socket(), log(), "canary1") == (0, [])


def test_an_unknown_previous_response_is_told_as_such() -> None:
    good = socket(ask(previous_response_id=UNKNOWN), say(NOT_FOUND))
    assert broken(good) == set()
    assert "WS-C02" in seen(good)
    other = NOT_FOUND | {"error": {"code": "invalid", "message": "No."}}
    assert broken(socket(ask(previous_response_id=UNKNOWN), say(other))) == {"WS-C02"}
    assert broken(socket(ask(previous_response_id=UNKNOWN), told())) == {"WS-C02"}


def test_a_response_of_another_tenant_is_answered_like_an_unknown_one() -> None:
    oracle = oracles.a_foreign_response_is_like_an_unknown_one

    def pair(first: Any) -> Any:
        foreign = [ask(previous_response_id="resp_theirs"), *(first if isinstance(first, list) else [first])]
        return socket(foreign, ask(previous_response_id=UNKNOWN), say(NOT_FOUND))

    named = NOT_FOUND | {"error": NOT_FOUND["error"] | {"message": "Not found"}}
    assert judged(oracle, pair(say(named)), log(), "canary1") == (1, [])
    assert found(oracle, pair(told()), log(), "canary1") == 1
    forbidden = NOT_FOUND | {"status": 403}
    assert found(oracle, pair(say(forbidden)), log(), "canary1") == 1
    assert found(oracle, pair(say(named)), log({"input": "canary1"}), "canary1") == 1


@pytest.mark.parametrize(
    "error",
    [
        {"type": "error", "error": {"code": "a", "message": "b"}},
        {"type": "error", "status": 200, "error": {"code": "a", "message": "b"}},
        {"type": "error", "status": "400", "error": {"code": "a", "message": "b"}},
        {"type": "error", "status": 400, "error": {"message": "b"}},
        {"type": "error", "status": 400, "code": "a", "message": "b"},
    ],
)
def test_an_error_without_status_code_or_message_is_found(error: Any) -> None:
    assert broken(socket(ask(), say(error))) == {"WS-E01"}


def test_a_normal_close_in_a_turn_is_found() -> None:
    assert broken(socket(ask(), told()[:5], closed="gateway")) == {"WS-E02", "WS-T01"}
    assert broken(socket(ask(), told()[:5], closed="gateway", code=1011)) == {"WS-T01"}


def test_a_failing_turn_is_told_as_failed() -> None:
    dressed, told_by = ends.failing_turn_is_not_dressed_up, ends.failing_turn_is_told
    for good in (socket(ask(), told(FAILED)), socket(ask(), [*told()[:5], say(NOT_FOUND)])):
        assert judged(dressed, good) == (1, [])
        assert judged(told_by, good) == (1, [])
    for final in (response(), cut_response()):
        assert found(dressed, socket(ask(), told(final))) == 1
    broken_off = socket(ask(), told()[:5], closed="gateway", code=1011)
    assert judged(dressed, broken_off) == (1, [])
    assert found(told_by, broken_off) == 1
    assert found(dressed, socket(ask(), told()[:5], closed="gateway")) == 1
    assert found(dressed, socket(ask(), told()[:5])) == 1
    assert judged(dressed, socket(ask(), told()[:5], closed="nobody", ending=Ending.CUT)) == (1, [])


def test_a_client_that_hung_up_is_noticed_by_the_upstream_or_found() -> None:
    oracle = ends.hanging_up_in_a_turn_reaches_the_upstream
    long = scripted("echo chunks=100 every=100ms", "word " * 100)
    for given in (long, [{"role": "user", "content": [{"type": "input_text", "text": long}]}]):
        gone = socket(ask(given), told()[:5], closed="nobody", ending=Ending.ABORTED)
        assert judged(oracle, gone, log({}, finished=False, disconnected=True)) == (1, [])
    assert found(oracle, gone, log({}, finished=True, disconnected=False)) == 1
    assert found(oracle, gone, log({}, finished=False, disconnected=False)) == 1
    assert judged(oracle, socket(), log({}, finished=True)) == (0, [])
    late = socket(ask(), told()[:5], closed="nobody", ending=Ending.ABORTED)
    assert judged(oracle, late, log({}, finished=True)) == (0, [])


def test_a_close_that_is_not_answered_is_found() -> None:
    alone = frame(b"", sent=True, kind="close", code=1000)
    bad = socket(turn(), alone, closed="nobody", ending=Ending.TIMEOUT, detail="no close within 5 s")
    assert broken(bad) == {"WS-E06"}
    own = frame(b"", sent=True, kind="close", code=1002)
    assert "WS-E06" not in seen(socket(turn(), own, closed="nobody", ending=Ending.RESET))


def test_a_refused_key_that_is_served_a_turn_is_found() -> None:
    served = socket(role="image:batch")
    refused = handshake(403, {"error": {}}, role="image:batch")
    oracle = ends.key_refused_over_http_is_served_no_turn
    assert judged(oracle, access_matrix(), None, refused) == (1, [])
    assert found(oracle, access_matrix(), None, served) == 1
    assert judged(oracle, access_matrix(), None, socket()) == (0, [])
    theirs = socket(role="general:anthropic")
    assert found(oracle, access_matrix(), plain(status=404), theirs) == 1
    assert judged(oracle, access_matrix(), plain(), theirs) == (0, [])
    on_the_turn = replace(socket(ask(), say(NOT_FOUND)), role="image:batch")
    assert judged(oracle, access_matrix(), None, on_the_turn) == (1, [])


def test_a_key_without_money_or_over_its_rate_that_is_served_a_turn_is_found() -> None:
    for oracle in (ends.key_without_money_is_served_no_turn, ends.key_over_its_rate_is_served_no_turn):
        assert judged(oracle, handshake(429, {"error": {}})) == (1, [])
        assert judged(oracle, socket(ask(), say(NOT_FOUND))) == (1, [])
        assert judged(oracle, socket(ask(), told(FAILED))) == (1, [])
        assert found(oracle, socket()) == 1
        assert found(oracle, socket(ask(), told()[:4], closed="gateway")) == 1


def test_what_cannot_be_read_is_told_once() -> None:
    binary = [replace(one, kind="binary") for one in told()]
    assert broken(socket(ask(), binary)) == {"WS-F02"}
    joined = told()
    pair = say([json.loads(one.data) for one in joined[3:5]])
    assert broken(socket(ask(), [*joined[:3], pair, *joined[5:]])) == {"WS-F01"}
    whole = socket(ask(), [*joined[:3], pair, *joined[5:]])
    over_sse = stream(asked=question(scripted("echo", "Hello there")))
    assert judged(oracles.the_same_turn_has_the_same_events, over_sse, whole, 0) == (0, [])
    assert judged(oracles.events_are_passed_on_at_once, whole, 3) == (0, [])


def test_an_error_is_no_answer_to_nonsense_that_was_asked_before_something_else() -> None:
    nonsense = frame("no JSON", sent=True)
    turns = turns_of(socket(nonsense, ask(previous_response_id=UNKNOWN), say(NOT_FOUND)))
    assert [one.refused for one in turns] == [False, True]
