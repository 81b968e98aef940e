"""Turns over the Responses WebSocket: their events, one after the other, and how one continues another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import websocket as frames
from llmapi_conformance.judging.oracles import websocket_ends as ends
from llmapi_conformance.judging.oracles import websocket_turns as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

ALWAYS = (
    frames.accept_is_computed_from_the_key,
    frames.nothing_is_picked_that_was_not_offered,
    frames.each_message_is_one_json_object,
    frames.no_message_is_binary,
    frames.no_message_is_written_like_sse,
    frames.frames_are_well_formed,
    oracles.each_turn_has_one_end,
    oracles.events_follow_the_grammar_of_the_stream,
    oracles.deltas_and_outputs_of_a_turn_agree,
    ends.no_normal_close_in_a_turn,
    ends.close_is_answered_with_a_close,
)


@clause("WS-T03", "WS-T04", *(oracle.clause for oracle in ALWAYS))
def test_several_turns_run_on_one_connection(websocket_turns: dict[str, Any]) -> None:
    socket = websocket_turns["socket"]
    for oracle in ALWAYS:
        judge(oracle, socket)
    judge(oracles.several_turns_run_on_one_connection, socket)
    judge(oracles.the_connection_stays_open_behind_a_turn, socket)


@clause("WS-T05")
def test_the_same_turn_has_the_same_events_over_sse(
    websocket_turns: dict[str, Any], websocket_turns_over_sse: list[Exchange]
) -> None:
    for number, stream in enumerate(websocket_turns_over_sse):
        judge(oracles.the_same_turn_has_the_same_events, stream, websocket_turns["socket"], number)


@clause("WS-C01")
def test_a_turn_continues_an_earlier_one_of_its_connection(websocket_turns: dict[str, Any]) -> None:
    if websocket_turns["log"] is not None:
        judge(
            oracles.a_turn_continues_an_earlier_one,
            websocket_turns["socket"],
            websocket_turns["log"],
            websocket_turns["canary"],
        )


@clause("WS-T04", "WS-T10", "WS-C02", "WS-E01", "WS-T03")
def test_mistakes_are_told_and_the_connection_goes_on(websocket_mistakes: Exchange) -> None:
    judge(oracles.the_connection_stays_open_behind_a_turn, websocket_mistakes)
    judge(oracles.what_makes_no_sense_is_answered_with_an_error, websocket_mistakes)
    judge(oracles.unknown_previous_response_is_told_as_such, websocket_mistakes)
    judge(ends.error_message_says_what_went_wrong, websocket_mistakes)
    judge(oracles.several_turns_run_on_one_connection, websocket_mistakes)


@clause("WS-T06", "WS-T08", "WS-T09", "WS-T01", "WS-T02")
def test_options_of_a_turn_mean_what_they_say(websocket_options: Exchange) -> None:
    judge(oracles.stream_id_stands_in_every_event, websocket_options)
    judge(oracles.stream_and_background_change_nothing, websocket_options)
    judge(oracles.nothing_is_generated_where_nothing_is_asked_for, websocket_options)
    judge(oracles.each_turn_has_one_end, websocket_options)
    judge(oracles.events_follow_the_grammar_of_the_stream, websocket_options)


@clause("WS-F04", "WS-F05", "WS-T07", "WS-T12", "WS-H06")
def test_fragments_pings_and_turns_at_once_are_understood(websocket_frames: Exchange) -> None:
    judge(frames.message_in_fragments_is_taken, websocket_frames)
    judge(frames.ping_is_answered_with_its_content, websocket_frames)
    judge(oracles.responses_do_not_mix, websocket_frames)
    judge(oracles.second_turn_is_queued, websocket_frames)
    judge(frames.nothing_is_picked_that_was_not_offered, websocket_frames)


@clause("WS-T11")
def test_each_delta_is_passed_on_at_once(websocket_progressive: dict[str, Any]) -> None:
    judge(oracles.events_are_passed_on_at_once, websocket_progressive["socket"], websocket_progressive["held"])
