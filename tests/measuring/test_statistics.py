"""Statistics of answers made by hand, and objectives held against them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.measuring.objectives import Held, held_objectives, status_with
from llmapi_conformance.measuring.samples import (
    Sample,
    Series,
    ended_by_its_terminal,
    failure,
    first_token,
    series_of,
    task_end,
    tokens_per_second,
    total,
)
from llmapi_conformance.measuring.statistics import Measured, statistics
from llmapi_conformance.measuring.tools import invalid_calls
from llmapi_conformance.target.objectives import Objective
from tests.judging import chat_cases, gemini_cases, message_cases, response_cases, task_cases, websocket_cases
from tests.judging.build import exchange, sse
from tests.measuring.kinds import image, readings, socket, submission, turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.measuring.samples import Purpose

TOOL = {
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def timed(*, first: float = 0.2, last: float = 1.0, events: Any = None, **extra: Any) -> Exchange:
    """A Chat stream whose role comes at once, its text at a time, and its end at another."""
    told = [sse([event]) for event in events or chat_cases.text_events(usage=True)]
    chunks = [(0.05, told[0]), (first, told[1]), (last, b"".join(told[2:]))]
    return chat_cases.stream(chunks=chunks, **extra)


def series(exchanges: Iterable[Exchange], purpose: Purpose = "stream", lag: float = 0.0) -> Series:
    samples = tuple(Sample(purpose, one, lag=lag) for one in exchanges)
    return Series(samples[0].operation, purpose, samples)


def only(found: Iterable[Measured], statistic: str) -> Measured:
    return next(one for one in found if one.statistic == statistic)


def test_the_first_token_is_the_first_event_that_bears_content() -> None:
    assert first_token(timed(first=0.2)) == 0.2
    assert first_token(chat_cases.stream([(None, chat_cases.chunk({"role": "assistant", "content": ""}))])) is None


def test_tokens_per_second_count_from_the_request_to_the_end() -> None:
    assert tokens_per_second(timed(last=2.0)) == 2.5
    assert tokens_per_second(timed(events=chat_cases.text_events())) is None


@pytest.mark.parametrize(
    "stream",
    [
        chat_cases.stream(),
        message_cases.streamed(message_cases.message(message_cases.text_block())),
        exchange(
            operation="createResponse",
            path="/v1/responses",
            mode="stream",
            events=response_cases.streamed(),
            request_json=response_cases.question(stream=True),
        ),
        gemini_cases.sse(),
    ],
    ids=lambda one: one.operation,
)
def test_a_stream_ends_by_its_terminal_until_that_is_taken_away(stream: Exchange) -> None:
    assert stream.response is not None
    assert not failure(stream)
    assert ended_by_its_terminal(stream)
    assert first_token(stream) is not None
    events = stream.events.events
    shortened = exchange(
        operation=stream.operation,
        path=stream.request.path,
        mode="stream",
        body=stream.body[: events[-1].start],
        request_json=stream.request.json,
    )
    assert not ended_by_its_terminal(shortened)
    cut = exchange(
        operation=stream.operation,
        path=stream.request.path,
        mode="stream",
        body=stream.body,
        request_json=stream.request.json,
        ending=Ending.CUT,
    )
    assert not ended_by_its_terminal(cut)
    assert failure(cut)


def test_a_tool_call_is_valid_when_it_fits_the_schema_that_was_sent() -> None:
    asked = chat_cases.question(tools=[{"type": "function", "function": TOOL}])

    def answered(arguments: str, name: str = "get_weather") -> str:
        call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
        said = chat_cases.message(content=None, tool_calls=[call])
        return invalid_calls(chat_cases.plain(chat_cases.completion("tool_calls", message=said), asked))

    assert not answered('{"city": "Paris"}')
    assert "no JSON" in answered('{"city": "Pa')
    assert "schema" in answered("{}")
    assert "schema" in answered('{"city": 7}')
    assert "not on offer" in answered('{"city": "Paris"}', "get_time")
    assert "no tool" in invalid_calls(chat_cases.plain(asked=asked))


def test_a_time_that_our_own_loop_may_have_made_is_left_out() -> None:
    found = only(
        statistics([series([timed(last=0.1)] * 8, lag=0.02)]),
        "first_token_ms",
    )
    assert (found.samples, found.dropped) == (0, 8)
    # 20 ms of ten seconds are not worth a word.
    slow = only(statistics([series([timed(first=5.0, last=10.0)] * 8, lag=0.02)]), "first_token_ms")
    assert (slow.samples, slow.dropped) == (8, 0)


def test_a_lag_is_held_against_what_was_measured_and_not_against_the_whole_stream() -> None:
    found = statistics([series([timed(first=0.2, last=10.0)] * 8, lag=0.4)])
    first, speed = only(found, "first_token_ms"), only(found, "tokens_per_second")
    assert (first.samples, first.dropped) == (0, 8)  # 0.4 s of 0.2 s may be ours
    assert (speed.samples, speed.dropped) == (8, 0)


def test_a_lost_terminal_in_ten_is_a_missed_objective() -> None:
    whole, lost = chat_cases.stream(), chat_cases.stream(chat_cases.text_events()[:-1])
    found = statistics([series([whole] * 90 + [lost] * 10)])
    rate = only(found, "stream_terminal_rate")
    assert (rate.successes, rate.samples) == (90, 100)
    held = held_objectives([Objective("stream_terminal_rate", 0.99)], found)[0]
    assert held.held is Held.MISSED


def test_errors_are_counted_by_level_of_the_load() -> None:
    good, bad = timed(first=0.3), chat_cases.plain(status=503, body={"error": {"message": "busy"}})
    samples = [Sample("load", good, 1), Sample("load", good, 1), Sample("load", good, 8), Sample("load", bad, 8)]
    found = only(statistics([Series("createChatCompletion", "load", tuple(samples), "stopped early")]), "error_rate")
    assert (found.successes, found.samples) == (1, 4)
    assert [(one.at_once, one.samples, one.errors) for one in found.levels] == [(1, 2, 0), (8, 2, 1)]
    assert found.levels[0].first_token_ms == 300
    assert "status 503" in found.note
    assert "stopped early" in found.note


def test_two_operations_are_also_told_together() -> None:
    plain = series([message_cases.plain()] * 3, "plain")
    found = statistics([series([chat_cases.plain()] * 4, "plain"), plain])
    assert {one.operation: one.samples for one in found if one.statistic == "total_ms"} == {
        "createChatCompletion": 4,
        "createMessage": 3,
        "": 7,
    }


def quantity(*values: float) -> list[Measured]:
    return [Measured("first_token_ms", "createMessage", values, 0, len(values))]


@pytest.mark.parametrize(
    ("bound", "held"),
    [(40.0, Held.MET), (30.0, Held.MET), (29.0, Held.UNDECIDED), (9.5, Held.UNDECIDED), (9.0, Held.MISSED)],
)
def test_an_objective_is_decided_when_the_whole_interval_is_on_one_side(bound: float, held: Held) -> None:
    # The interval of the median of 30 is from the 10th to the 21st.
    values = [2.0] * 9 + [9.5] + [20.0] * 10 + [30.0] + [31.0] * 9
    one = held_objectives([Objective("first_token_p50_ms", bound)], quantity(*values))[0]
    assert one.held is held
    assert bool(one.reason) is (held is Held.UNDECIDED)


def test_a_quantile_without_an_upper_limit_can_be_missed_but_not_met() -> None:
    values = [float(value) for value in range(100, 130)]
    missed = held_objectives([Objective("first_token_p95_ms", 50.0)], quantity(*values))[0]
    assert missed.held is Held.MISSED
    undecided = held_objectives([Objective("first_token_p95_ms", 500.0)], quantity(*values))[0]
    assert undecided.held is Held.UNDECIDED
    assert "n too small: 30 of the 72" in undecided.reason
    assert "about 72 samples would decide" in undecided.reason


def test_what_was_not_measured_is_undecided() -> None:
    held = held_objectives([Objective("total_p50_ms", 50.0, "createMessage")], quantity(1.0))[0]
    assert (held.held, held.reason) == (Held.UNDECIDED, "nothing was measured")


def test_a_bound_is_not_met_by_leaving_out_what_never_came_in_time() -> None:
    objective = Objective("total_p50_ms", 1_500.0)
    quick = [response_cases.plain()] * 8
    slow = [response_cases.plain(ending=Ending.TIMEOUT)] * 6
    sentences = (
        "no complete response head arrived within 60 s",
        "no response head was complete after 600 s, the limit for the whole exchange",
    )
    silent = [replace(response_cases.plain(), response=None, failure=one) for one in sentences] * 3
    away = [replace(response_cases.plain(), response=None, failure="the connection was refused")] * 6
    refused = [response_cases.plain(status=503)] * 6

    def held(*taken: Exchange) -> Held:
        return held_objectives([objective], statistics([series(taken, "plain")]))[0].held

    assert held(*quick) is Held.MET
    assert held(*quick, *refused, *away) is Held.MET  # the error rate is about these
    assert held(*quick, *slow) is held(*quick, *silent) is Held.UNDECIDED
    assert held(*quick * 4, slow[0]) is Held.MET
    text = held_objectives([objective], statistics([series([*quick, *slow], "plain")]))[0].reason
    assert text == "6 more never came in the time that we wait, and counted as the worst they leave it open"


def test_a_task_that_never_ended_is_none_that_was_quick() -> None:
    quick = (submission(), readings((1.0, "succeeded")))
    stuck = (submission(), readings((1.0, "running"), (60.0, "running")))
    objective = Objective("task_end_p50_ms", 2_000.0)
    assert held_objectives([objective], statistics([tasks(*[quick] * 8)]))[0].held is Held.MET
    assert held_objectives([objective], statistics([tasks(*[quick] * 8, *[stuck] * 6)]))[0].held is Held.UNDECIDED


def test_a_turn_that_we_ceased_to_wait_for_is_late_and_one_that_the_gateway_cut_is_not() -> None:
    silent = turns(turn(asked=0.0), turn(asked=3.0, end=False))
    assert only(statistics([silent]), "turn_total_ms").late == 1
    assert only(statistics([silent]), "first_token_ms").late == 0
    shell = websocket_cases.socket(turn(asked=0.0, end=False), closed="gateway")
    level = {"at_once": 1, "samples": [{"exchange": shell, "lags": [0.0]}], "stopped": ""}
    cut = series_of({"purpose": "turns", "levels": [level]})
    assert cut is not None
    assert only(statistics([cut]), "turn_total_ms").late == 0


def test_a_missed_objective_is_a_finding_and_an_undecided_one_is_not() -> None:
    missed = held_objectives([Objective("first_token_p95_ms", 50.0)], quantity(*[100.0] * 80))
    undecided = held_objectives([Objective("total_p50_ms", 50.0)], [])
    assert [status_with(status, missed) for status in (0, 1, 2, 3)] == [1, 1, 2, 1]
    assert [status_with(status, undecided) for status in (0, 1, 2, 3)] == [3, 1, 2, 3]
    assert [status_with(status, ()) for status in (0, 1, 2, 3)] == [0, 1, 2, 3]


def test_other_results_of_scenarios_are_no_samples() -> None:
    assert series_of({"purpose": "other", "levels": []}) is None
    assert series_of([1]) is None


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_response_that_failed_is_a_failure_though_it_came_whole_with_200(status: str) -> None:
    final = response_cases.response(status=status)
    streamed = response_cases.stream(response_cases.streamed(final))
    plain = response_cases.plain(final)
    found = statistics([series([streamed, response_cases.stream()], "load"), series([plain], "plain")])
    assert (only(found, "error_rate").successes, only(found, "error_rate").samples) == (1, 2)
    assert f"the response {'was ' * (status == 'cancelled')}{status}" in only(found, "error_rate").note
    assert only(found, "total_ms").samples == 0
    failing = websocket_cases.turn(websocket_cases.identified(900, status=status))
    assert only(statistics([turns(failing, turn(asked=9.0))]), "turn_total_ms").samples == 1


def turns(*told: Any, lags: Iterable[float] = ()) -> Series:
    """The turns of one connection, as a measuring scenario gives them."""
    one = socket(*told)
    level = {"at_once": 1, "samples": [{"exchange": one, "lags": list(lags) or [0.0] * len(told)}], "stopped": ""}
    found = series_of({"purpose": "turns", "levels": [level]})
    assert found is not None
    return found


def test_each_turn_of_a_connection_is_a_sample_whose_times_begin_when_it_was_asked_for() -> None:
    found = turns(turn(asked=1.0, first=0.25, last=0.5), turn(asked=7.0, first=0.5, last=2.0))
    assert found.operation == "connectResponses"
    assert [first_token(one.exchange) for one in found.samples] == [0.25, 0.5]
    assert [total(one.exchange) for one in found.samples] == [0.5, 2.0]
    assert not any(failure(one.exchange) for one in found.samples)
    told = statistics([found])
    assert {one.statistic for one in told} == {
        *("first_token_ms", "turn_total_ms", "tokens_per_second", "stream_terminal_rate")
    }
    assert {one.operation for one in told} == {"connectResponses"}
    assert sorted(only(told, "turn_total_ms").values) == [500.0, 2000.0]


def test_our_own_lateness_spoils_the_turn_it_fell_into_and_no_other() -> None:
    found = turns(turn(asked=0.0), turn(asked=3.0), turn(asked=6.0), lags=[0.0, 0.9, 0.0])
    one = only(statistics([found]), "turn_total_ms")
    assert (one.samples, one.dropped) == (2, 1)


def test_a_turn_without_end_is_a_stream_without_its_terminal() -> None:
    found = statistics([turns(turn(asked=0.0), turn(asked=3.0, end=False))])
    rate = only(found, "stream_terminal_rate")
    assert (rate.successes, rate.samples) == (1, 2)
    assert only(found, "turn_total_ms").samples == 1


def test_a_turn_that_is_refused_owes_no_terminal_and_has_no_time() -> None:
    found = statistics([turns(turn(asked=0.0), turn(asked=3.0, refused=429))])
    rate = only(found, "stream_terminal_rate")
    assert (rate.successes, rate.samples) == (1, 1)
    assert "status 429" in only(found, "turn_total_ms").note


def test_a_connection_that_is_refused_is_a_sample_without_a_value() -> None:
    refused = exchange(operation="connectResponses", mode="websocket", status=503, body=b"")
    level = {"at_once": 1, "samples": [{"exchange": refused, "lags": []}], "stopped": ""}
    found = series_of({"purpose": "turns", "levels": [level]})
    assert found is not None
    one = only(statistics([found]), "first_token_ms")
    assert (one.samples, one.note) == (0, "1 without a value: status 503")


def test_an_image_that_does_not_decode_has_failed() -> None:
    good, link = image(), image(url="https://storage.example/1.png")
    bad, none = image(data="data:image/png;base64,AAAA"), image(status=503)
    found = statistics([series([good, link, bad, none], "images")])
    rate = only(found, "image_error_rate")
    assert (rate.successes, rate.samples, rate.operation) == (2, 4, "generateImage")
    assert "no picture that could be read" in rate.note
    assert "status 503" in rate.note
    assert only(found, "image_total_ms").samples == 2


def test_images_are_never_held_against_what_is_stated_of_text() -> None:
    found = statistics([series([image()] * 8, "images")])
    text, pictures = held_objectives([Objective("total_p50_ms", 1.0), Objective("image_total_p50_ms", 60_000.0)], found)
    assert text.held is Held.UNDECIDED
    assert pictures.held is Held.MET


def tasks(*taken: tuple[Exchange, Sequence[Exchange]], later_lag: float = 0.0) -> Series:
    samples = [{"exchange": one, "readings": seen, "lag": 0.0, "later_lag": later_lag} for one, seen in taken]
    found = series_of({"purpose": "tasks", "levels": [{"at_once": 2, "samples": samples, "stopped": ""}]})
    assert found is not None
    return found


def test_a_task_has_ended_when_a_reading_first_shows_it() -> None:
    seen = readings((1.0, "running"), (3.0, "succeeded"), (4.0, "succeeded"))
    state, at, gap = task_end(submission(), seen) or ("", 0.0, 0.0)
    assert (state, at, round(gap, 6)) == ("succeeded", 3.0, 2.1)
    assert task_end(submission(), readings((1.0, "queued"), (2.0, "running"))) is None


def test_a_reading_that_is_refused_does_not_show_that_a_task_still_ran() -> None:
    refused = task_cases.detail(status=503, at=2.0)
    seen = [*readings((1.0, "running")), refused, *readings((3.0, "succeeded"))]
    state, at, gap = task_end(submission(), seen) or ("", 0.0, 0.0)
    assert (state, at, round(gap, 6)) == ("succeeded", 3.0, 2.1)


def test_tasks_that_end_that_fail_and_that_do_neither() -> None:
    good = (submission(), readings((1.0, "running"), (3.0, "succeeded")))
    quick = (submission(), readings((0.5, "failed")))
    stuck = (submission(), readings((1.0, "running"), (20.0, "running")))
    refused: tuple[Exchange, Sequence[Exchange]] = (submission(status=429), ())
    found = statistics([tasks(good, quick, stuck, refused)])
    ends, errors = only(found, "task_end_rate"), only(found, "task_error_rate")
    assert (ends.successes, ends.samples) == (2, 3)
    assert "as failed" in ends.note
    assert (errors.successes, errors.samples) == (3, 4)
    assert only(found, "task_submission_ms").samples == 3
    end = only(found, "task_end_ms")
    assert end.values == (3000.0,)  # a task that fails at once is not quick
    assert "2,100 ms late" in end.note


def test_an_acceptance_without_an_id_is_none() -> None:
    nameless = submission(body={"object": "image.task", "status": "queued"})
    found = statistics([tasks((submission(), readings((3.0, "succeeded"))), (nameless, []))])
    assert (only(found, "task_submission_ms").samples, only(found, "task_end_rate").samples) == (1, 1)
    assert "not accepted: no id of a task" in only(found, "task_error_rate").note


def test_a_late_loop_spoils_the_time_to_the_end_only() -> None:
    found = statistics([tasks((submission(), readings((3.0, "succeeded"))), later_lag=0.5)])
    assert (only(found, "task_end_ms").samples, only(found, "task_end_ms").dropped) == (0, 1)
    assert only(found, "task_submission_ms").samples == 1
