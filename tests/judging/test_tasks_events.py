"""The events of tasks: what every stream must be, and what a listener must have heard."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.exchange import Ending, Stall
from llmapi_conformance.judging.oracle import ORACLES, Deviation, Oracle
from llmapi_conformance.judging.oracles import sse  # noqa: F401 - registers the rules of framing
from llmapi_conformance.judging.oracles import tasks_events as oracles
from llmapi_conformance.judging.oracles import tasks_heard as heard
from tests.judging.build import JSON_HEADERS
from tests.judging.task_cases import (
    EVENT,
    HEARTBEAT,
    OTHER_ID,
    bad,
    canceling,
    detail,
    ended,
    judged,
    listener,
    log,
    submitted,
    task,
    unknown,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

ON_EVERY_STREAM = [one for one in vars(oracles).values() if isinstance(one, Oracle)]
LIFE = (task(), task("running"), ended())


def bytes_of(*tasks: Any, event: str = f"event: {EVENT}\n") -> bytes:
    return "".join(f"{event}data: {json.dumps(one)}\n\n" for one in tasks).encode()


SOUND: dict[str, Exchange] = {
    "a whole life": listener(*LIFE, left=2),
    "with heartbeats": listener(HEARTBEAT, task(), HEARTBEAT, task("running"), ended(), HEARTBEAT, left=2),
    "other comments": listener("hello", task(), "", ended("canceled"), left=2),
    "no space after the colon": listener(bytes_of(*LIFE).replace(b": ", b":", 2), left=2),
    "CRLF": listener(bytes_of(*LIFE).replace(b"\n", b"\r\n"), left=2),
    "each state twice": listener(*(one for one in LIFE for _ in range(2)), left=2),
    "a missed start": listener(task(), ended(), left=2),
    "two tasks at once": listener(
        task(), task(task_id=OTHER_ID), ended(), task("running", OTHER_ID), ended("failed", OTHER_ID), left=2
    ),
    "only task_id": listener(task(id=None), ended(id=None), left=2),
    "other members": listener(task(progress={"percent": 10}), ended(eta=None), left=2),
    "an unknown state": listener(task(), task("paused"), task("running"), ended(), left=2),
    "the data first": listener(f"data: {json.dumps(task())}\nevent: {EVENT}\n\n".encode(), *LIFE, left=2),
    "left within an event": listener(*LIFE, b"event: image_task.up", left=2),
    "a charset in capitals": listener(*LIFE, left=2, headers=(("Content-Type", "Text/Event-Stream;charset=UTF-8"),)),
}


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("oracle", ON_EVERY_STREAM, ids=lambda one: one.name)
def test_a_sound_stream_is_examined_and_has_no_deviation(oracle: Oracle, name: str) -> None:
    examined, deviations = judged(oracle, SOUND[name])
    assert examined > 0
    assert deviations == []


@pytest.mark.parametrize("oracle", ON_EVERY_STREAM, ids=lambda one: one.name)
def test_a_stream_without_an_event_is_legal(oracle: Oracle) -> None:
    assert judged(oracle, listener())[1] == []
    assert judged(oracle, listener(HEARTBEAT, left=20))[1] == []


RECONNECTING = listener(b"retry: 3000\n\n", bytes_of(*LIFE, event=f"id: 7\nevent: {EVENT}\n"), left=2)


@pytest.mark.parametrize("made", [*SOUND.values(), RECONNECTING, listener(ending=Ending.COMPLETE)])
def test_no_rule_of_other_streams_forbids_what_task_events_may_be(made: Exchange) -> None:
    framing = [one for one in ORACLES.values() if one.clause.startswith("HTTP-F") and one.on and one.on.covers(made)]
    assert len(framing) == 8
    assert [one.name for one in framing if judged(one, made)[1]] == []


JSON: dict[str, Any] = {"headers": JSON_HEADERS, "ending": Ending.COMPLETE}
PAGE: dict[str, Any] = {"headers": (("content-type", "text/html"),), "ending": Ending.COMPLETE}
BROKEN: list[tuple[Oracle, Exchange]] = [
    (oracles.task_events_are_an_event_stream, listener(*LIFE, left=2, headers=(("content-type", "text/plain"),))),
    (oracles.task_events_are_an_event_stream, listener(*LIFE, left=2, headers=())),
    (oracles.task_events_are_an_event_stream, listener(b"<html>", **PAGE)),
    (oracles.every_task_event_has_the_one_name, listener(task(), ("image_task.created", task()), left=2)),
    (oracles.every_task_event_has_the_one_name, listener(task(), (None, ended()), left=2)),
    (oracles.every_task_event_has_the_one_name, listener(("message", task()), left=2)),
    (oracles.every_task_event_has_the_one_name, listener((EVENT.upper(), task()), left=2)),
    (oracles.every_task_event_has_the_one_name, listener(task(), ("ping", {"type": "ping"}), left=2)),
    (oracles.every_task_event_has_the_one_name, listener(*LIFE, (None, "[DONE]"), left=2)),
    (oracles.the_data_of_an_event_is_one_line_with_a_task, listener((EVENT, '{"id":"a",\ndata: "status":"queued"}'))),
    (oracles.the_data_of_an_event_is_one_line_with_a_task, listener((EVENT, [task()]))),
    (oracles.the_data_of_an_event_is_one_line_with_a_task, listener((EVENT, "no JSON"))),
    (oracles.the_data_of_an_event_is_one_line_with_a_task, listener((EVENT, {"task": task()}))),
    (oracles.the_data_of_an_event_is_one_line_with_a_task, listener((EVENT, task() | {"status": None}))),
    (oracles.the_data_of_an_event_is_one_line_with_a_task, listener((EVENT, task(task_id="")))),
    (oracles.task_events_have_neither_id_nor_retry, listener(bytes_of(task(), event=f"id: 7\nevent: {EVENT}\n"))),
    (oracles.task_events_have_neither_id_nor_retry, listener(b"retry: 3000\n\n", task())),
    (oracles.the_path_of_the_events_is_no_task_id, listener(**unknown("events"), ending=Ending.COMPLETE)),
    (oracles.the_path_of_the_events_is_no_task_id, listener(**bad(400, "bad_id", "no id"), ending=Ending.COMPLETE)),
    (oracles.the_events_of_a_task_come_in_order, listener(task("running"), task(), left=2)),
    (oracles.the_events_of_a_task_come_in_order, listener(task(), ended(), task("running"), left=2)),
    (oracles.the_events_of_a_task_come_in_order, listener(ended("failed"), ended("succeeded"), left=2)),
    (oracles.the_events_of_a_task_come_in_order, listener(*LIFE, task("paused"), task("queued"), left=2)),
    (oracles.a_stream_of_events_stays_open, listener(*LIFE, ending=Ending.COMPLETE)),
    (oracles.a_stream_of_events_stays_open, listener(HEARTBEAT, ending=Ending.CUT)),
    (oracles.a_stream_of_events_stays_open, listener(ending=Ending.RESET)),
]


@pytest.mark.parametrize(("oracle", "made"), BROKEN)
def test_a_broken_stream_has_a_deviation(oracle: Oracle, made: Exchange) -> None:
    assert oracle.on
    assert oracle.on.covers(made)
    items = list(oracle(made))
    deviations = [item for item in items if isinstance(item, Deviation)]
    assert len(items) > len(deviations) > 0
    for one in deviations:
        if one.span is not None:
            assert 0 <= one.span[0] < one.span[1] <= len(made.body)


@pytest.mark.parametrize(("oracle", "made"), BROKEN)
def test_a_broken_stream_is_the_finding_of_one_clause_only(oracle: Oracle, made: Exchange) -> None:
    found = {one.clause for one in ON_EVERY_STREAM if one.on and one.on.covers(made) and judged(one, made)[1]}
    assert found == {oracle.clause}


def test_each_rule_of_every_stream_has_a_violating_one() -> None:
    assert {oracle for oracle, _ in BROKEN} == set(ON_EVERY_STREAM)


def test_a_task_in_the_place_of_the_stream_was_taken_for_an_id() -> None:
    answer = listener(json.dumps(task(task_id="events")).encode(), **JSON)
    assert judged(oracles.the_path_of_the_events_is_no_task_id, answer)[1]
    assert judged(oracles.task_events_are_an_event_stream, answer)[1]


def test_who_asks_for_json_may_get_a_list_or_a_refusal() -> None:
    accepts: dict[str, Any] = {"request_headers": (("Accept", "application/json"),)}
    answers = [
        listener(json.dumps({"object": "list", "data": [task()]}).encode(), **JSON, **accepts),
        listener(**bad(406, "not_acceptable"), ending=Ending.COMPLETE, **accepts),
    ]
    for one in answers:
        assert judged(oracles.the_path_of_the_events_is_no_task_id, one)[1] == []
        assert judged(oracles.task_events_are_an_event_stream, one) == (0, [])


def test_who_asks_for_json_may_be_told_that_this_is_wrong() -> None:
    accepts: dict[str, Any] = {"request_headers": (("Accept", "application/json"),)}
    refusal = bad(400, "invalid_request", "Accept must be text/event-stream.")
    oracle = oracles.the_path_of_the_events_is_no_task_id
    assert judged(oracle, listener(**refusal, ending=Ending.COMPLETE, **accepts)) == (0, [])
    assert judged(oracle, listener(**bad(400, "bad", "bad task id"), ending=Ending.COMPLETE, **accepts))[1]
    assert judged(oracle, listener(**refusal, ending=Ending.COMPLETE))[1]


def test_an_alias_that_does_not_exist_is_no_task_id() -> None:
    alias: dict[str, Any] = {"operation": "streamImageTaskEventsAlias", "path": "/images/tasks/events"}
    oracle = oracles.the_path_of_the_events_is_no_task_id
    nothing = listener(**bad(404, "not_found", "No route /images/tasks/events"), **alias, ending=Ending.COMPLETE)
    assert judged(oracle, nothing) == (0, [])
    assert judged(oracle, listener(**unknown("events"), **alias, ending=Ending.COMPLETE))[1]


@pytest.mark.parametrize("status", [401, 403, 405, 429, 500, 503])
def test_another_refusal_does_not_take_the_path_for_an_id(status: int) -> None:
    refused = listener(**bad(status), ending=Ending.COMPLETE)
    assert judged(oracles.the_path_of_the_events_is_no_task_id, refused) == (0, [])


@pytest.mark.parametrize("role", ["general:openai", "image:batch+disabled", "", "image:batch+no_images"])
def test_a_key_that_has_no_tasks_may_be_told_404_and_may_be_hung_up_on(role: str) -> None:
    refused = listener(**unknown("events"), ending=Ending.COMPLETE, role=role)
    assert judged(oracles.the_path_of_the_events_is_no_task_id, refused) == (0, [])
    assert judged(oracles.a_stream_of_events_stays_open, listener(ending=Ending.COMPLETE, role=role)) == (0, [])


def test_a_moment_of_listening_does_not_show_that_a_stream_stays_open() -> None:
    assert judged(oracles.a_stream_of_events_stays_open, listener(task(), left=0.3)) == (0, [])
    assert judged(oracles.a_stream_of_events_stays_open, listener(task(), left=30, ending=Ending.TIMEOUT)) == (0, [])


# What was told, against what other answers prove. The listener asks at second 0 unless it says otherwise.
BEFORE = [submitted(at=-5.0)]
ACTIVE = [*BEFORE, detail(task("running"), at=1.0)]
FINISHED = [*BEFORE, detail(ended(), at=-2.0)]
OTHER = submitted(task(task_id=OTHER_ID), at=1.0)


def test_a_task_submitted_later_is_heard_of() -> None:
    oracle = heard.a_stream_follows_tasks_submitted_later
    later = [submitted(at=1.0)]
    assert judged(oracle, listener((1.2, task()), left=9), later) == (1, [])
    assert judged(oracle, listener((1.2, ended()), left=9), later) == (1, [])
    assert judged(oracle, listener((1.2, task(task_id=OTHER_ID)), left=9), later)[0] == 1
    assert judged(oracle, listener((1.2, task(task_id=OTHER_ID)), left=9), later)[1]
    assert judged(oracle, listener(HEARTBEAT, left=9), later)[1]


def test_a_stream_that_ended_too_early_shows_nothing_about_later_tasks() -> None:
    oracle = heard.a_stream_follows_tasks_submitted_later
    for short in (
        listener(left=2),
        listener(left=2, ending=Ending.CUT),
        listener(left=0.5, ending=Ending.COMPLETE),
        listener(**bad(403), ending=Ending.COMPLETE, left=60),
        listener(b"{}", **JSON, left=60),
    ):
        assert judged(oracle, short, [submitted(at=1.0)]) == (0, [])
    assert judged(oracle, listener(left=60), BEFORE) == (0, [])
    assert judged(oracle, listener(left=60), [submitted(**bad(429), at=1.0)]) == (0, [])


def test_a_stream_that_was_cut_long_after_shows_what_was_missing() -> None:
    oracle = heard.a_stream_follows_tasks_submitted_later
    assert judged(oracle, listener(left=9, ending=Ending.CUT), [submitted(at=1.0)])[1]


SNAPSHOTS = (heard.active_tasks_are_told_first, heard.who_comes_back_hears_of_active_tasks_only)
FINISHED_RULES = (heard.finished_tasks_are_not_told, heard.who_comes_back_hears_of_active_tasks_only)


@pytest.mark.parametrize("oracle", SNAPSHOTS, ids=lambda one: one.name)
def test_active_tasks_are_told_at_once(oracle: Oracle) -> None:
    other = [*ACTIVE, OTHER]
    for sound in (
        listener(task("running"), left=9),
        listener(HEARTBEAT, task(), task("running"), (1.2, task(task_id=OTHER_ID)), left=9),
        listener(ended(), left=9),  # it may have ended in the moment in which the stream began
        listener(task(task_id="unknown to us"), task("running"), left=9),  # which may be active as well
    ):
        assert judged(oracle, sound, other) == (1, [])
    for broken in (
        listener(left=9),
        listener((1.2, task(task_id=OTHER_ID)), left=9),
        listener((1.2, task(task_id=OTHER_ID)), (1.3, task("running")), left=9),
        listener((6.0, ended()), left=9),
    ):
        examined, deviations = judged(oracle, broken, other)
        assert examined == 1
        assert deviations


@pytest.mark.parametrize("oracle", SNAPSHOTS, ids=lambda one: one.name)
def test_a_task_that_may_have_ended_before_needs_no_snapshot(oracle: Oracle) -> None:
    assert judged(oracle, listener(left=9), [*BEFORE, detail(ended(), at=1.0)]) == (0, [])
    assert judged(oracle, listener(left=9), [*BEFORE, detail(task("running"), at=-1.0)]) == (0, [])
    assert judged(oracle, listener(left=9), BEFORE) == (0, [])
    assert judged(oracle, listener(left=1), ACTIVE) == (0, [])
    assert judged(oracle, listener(left=9), [submitted(at=0.02), detail(task("running"), at=1.0)]) == (0, [])


@pytest.mark.parametrize("oracle", FINISHED_RULES, ids=lambda one: one.name)
def test_finished_tasks_are_not_told(oracle: Oracle) -> None:
    assert judged(oracle, listener(left=9), FINISHED) == (1, [])
    assert judged(oracle, listener((0.2, task(task_id=OTHER_ID)), left=0.5), FINISHED) == (1, [])
    for broken in (ended(), ended("canceled"), task("running")):
        assert judged(oracle, listener(broken, (1.2, task(task_id=OTHER_ID)), left=2), FINISHED)[1]
        assert judged(oracle, listener(broken, left=9), FINISHED)[1]
    cancelled = [*BEFORE, canceling(at=-2.0)]
    assert judged(oracle, listener(ended("canceled"), left=9), cancelled)[1]


@pytest.mark.parametrize("oracle", FINISHED_RULES, ids=lambda one: one.name)
def test_a_task_that_ended_meanwhile_may_be_told(oracle: Oracle) -> None:
    assert judged(oracle, listener(ended(), left=9), [*BEFORE, detail(ended(), at=0.5)]) == (0, [])
    assert judged(oracle, listener(left=0.5), FINISHED) == (0, [])


LATER = submitted(at=1.0)
READ_RUNNING, READ_ENDED = detail(task("running"), at=2.0), detail(ended(), at=3.0)
ALL_READ = [LATER, READ_RUNNING, READ_ENDED]


def test_another_instance_may_tell_some_seconds_later() -> None:
    life = [(6.0, task()), (6.1, task("running")), (8.0, ended())]
    for made in (listener(*life, left=20), listener(*life[:2], left=8)):
        assert judged(heard.each_change_of_a_task_is_told, made, ALL_READ)[1] == []
    assert judged(heard.a_stream_follows_tasks_submitted_later, listener(left=6.5), ALL_READ) == (0, [])


def test_each_change_is_told() -> None:
    oracle = heard.each_change_of_a_task_is_told
    created, running, over = (1.2, task()), (2.0, task("running")), (3.0, ended())
    assert judged(oracle, listener(created, running, over, left=9), ALL_READ) == (3, [])
    assert judged(oracle, listener(running, over, left=9), ALL_READ) == (3, [])  # a free place, no queue
    assert judged(oracle, listener(created, running, left=4), ALL_READ) == (2, [])
    assert judged(oracle, listener(created, left=3), [LATER]) == (1, [])
    cancelled = [LATER, canceling(at=2.0)]
    assert judged(oracle, listener(created, (2.1, ended("canceled")), left=9), cancelled) == (2, [])
    assert judged(oracle, listener(created, (2.1, ended("failed")), left=9), [LATER]) == (2, [])  # it may not have run
    assert judged(oracle, listener(left=99), ALL_READ) == (0, [])  # TASK-E03
    assert judged(oracle, listener(over, left=99), [submitted(at=-1.0), READ_RUNNING, READ_ENDED]) == (0, [])


START, END = "began to run", "ended"
CHANGES_MISSING: dict[str, tuple[Exchange, list[str]]] = {
    "creation": (listener((9.0, task("running")), (9.1, ended()), left=20), ["was created"]),
    "start": (listener((1.2, task()), (3.0, ended()), left=20), [START]),
    "start, though created twice": (listener((1.2, task()), (2.0, task()), (3.0, ended()), left=20), [START]),
    "end": (listener((1.2, task()), (2.0, task("running")), left=20), [END]),
    "start and end": (listener((1.2, task()), left=20), [START, END]),
}


@pytest.mark.parametrize("name", CHANGES_MISSING)
def test_a_change_that_is_not_told_is_a_deviation(name: str) -> None:
    made, missing = CHANGES_MISSING[name]
    found = [one.expected for one in heard.each_change_of_a_task_is_told(made, ALL_READ) if isinstance(one, Deviation)]
    assert len(found) == len(missing)
    assert all(words in expected for words, expected in zip(missing, found, strict=True))


def test_a_task_that_only_a_reader_was_told_to_run_may_have_waited() -> None:
    waited = listener((1.2, task()), (3.0, ended("canceled")), left=20)
    assert judged(heard.each_change_of_a_task_is_told, waited, [LATER, READ_RUNNING, canceling(at=2.9)]) == (2, [])


def test_what_the_upstream_saw_has_run() -> None:
    oracle = heard.each_change_of_a_task_is_told
    failed = listener((1.2, task()), (3.0, ended("failed")), left=20)
    seen = log({"nonce": "n1"})
    seen = replace(seen, request=replace(seen.request, target="/log?nonce=n1"))
    assert judged(oracle, failed, [LATER], [seen])[1]
    nothing = replace(seen, request=replace(seen.request, target="/log?nonce=other"))
    assert judged(oracle, failed, [LATER], [nothing])[1] == []


def beating(*times: float, left: float, text: str = HEARTBEAT) -> Exchange:
    return listener(*((at, text) for at in times), left=left)


def test_a_heartbeat_comes_about_as_often_as_promised() -> None:
    oracle = heard.a_heartbeat_keeps_coming
    assert judged(oracle, beating(15, 30, left=32), 15.0) == (2, [])
    assert judged(oracle, beating(29, 58, left=60), 15.0) == (2, [])
    assert judged(oracle, beating(*range(1, 20), left=20), 15.0) == (19, [])
    assert judged(oracle, beating(left=30), 15.0) == (0, [])
    assert judged(oracle, listener((1, "hello"), (2, HEARTBEAT), (3, task()), (4, HEARTBEAT), left=5), 1.0) == (2, [])
    assert judged(oracle, listener((1, b":heartbeat\n\n"), left=2), 1.0) == (1, [])
    # Events of somebody else's tasks keep a connection alive as well.
    assert judged(oracle, listener((20, task()), (40, task()), (60, HEARTBEAT), left=62), 15.0) == (1, [])
    assert judged(oracle, listener((20, task()), (40, task()), left=62), 15.0) == (0, [])


@pytest.mark.parametrize(
    "made",
    [
        beating(left=34),
        beating(15, left=60),
        beating(40, 55, left=56),
        beating(15, 30, left=34, text="ping"),
        beating(15, 30, left=34, text="heartbeat 17"),
        beating(15, 30, left=34, text="Heartbeat"),
        listener(*((at, ("heartbeat", {})) for at in (1, 2)), left=36),
        listener((20, task()), left=54),
        listener(*((at, b": heartbeat") for at in (15, 30)), left=60),
    ],
)
def test_a_heartbeat_that_is_missing_is_a_deviation(made: Exchange) -> None:
    assert judged(heard.a_heartbeat_keeps_coming, made, 15.0)[1]


def test_what_was_seen_late_since_we_stood_still_is_not_judged_by_time() -> None:
    late = listener((20, task()), (60, HEARTBEAT), left=62)
    assert judged(heard.a_heartbeat_keeps_coming, late, 15.0) != (0, [])
    stalled = replace(late, stalls=(Stall(25.0, 59.0),))
    assert judged(heard.a_heartbeat_keeps_coming, stalled, 15.0) == (0, [])


def test_two_streams_bring_the_same() -> None:
    oracle = heard.each_stream_brings_all_events
    life = [(1.2, task()), (2.0, task("running")), (3.0, ended())]
    whole = listener(*life, left=20)
    assert judged(oracle, [whole, whole]) == (0, [])  # a stream is not compared with itself
    assert judged(oracle, [whole, listener(*life, left=20)]) == (2, [])
    assert judged(oracle, [whole, listener(life[0], life[2], left=20)])[1] == []
    assert judged(oracle, [whole, listener(left=1.5)]) == (0, [])
    assert judged(oracle, [whole, listener(left=3, ending=Ending.CUT)]) == (0, [])
    assert judged(oracle, [whole, listener(at=5, left=20)]) == (0, [])
    assert len(judged(oracle, [whole, listener(left=20)])[1]) == 1
    assert len(judged(oracle, [listener(left=20), whole])[1]) == 1
    assert len(judged(oracle, [whole, listener(*life[:2], left=20)])[1]) == 1
    assert len(judged(oracle, [whole, listener((1.2, task(task_id=OTHER_ID)), left=20)])[1]) == 2


LEFT_RUNNING = listener((0.2, task("running")), left=1)
PROOF = [submitted(task(task_id=OTHER_ID), at=-9.0), detail(ended(task_id=OTHER_ID), at=-5.0)]
"""Another task of the same script succeeded."""


@pytest.mark.parametrize("later", [task("running"), task(), ended(), ended("timeout")])
def test_a_task_goes_on_without_its_listener(later: dict[str, Any]) -> None:
    answers = [*PROOF, *BEFORE, detail(later, at=2.0)]
    assert judged(heard.a_listener_that_leaves_changes_no_task, LEFT_RUNNING, answers) == (1, [])


@pytest.mark.parametrize("status", ["canceled", "failed"])
def test_a_task_that_ends_when_its_listener_leaves_is_a_deviation(status: str) -> None:
    oracle = heard.a_listener_that_leaves_changes_no_task
    fallen = [*BEFORE, detail(ended(status), at=2.0)]
    assert len(judged(oracle, LEFT_RUNNING, [*PROOF, *fallen])[1]) == 1
    assert judged(oracle, LEFT_RUNNING, fallen) == (0, [])  # perhaps none succeeds here
    assert judged(oracle, LEFT_RUNNING, [*PROOF, *fallen, canceling(at=1.5)]) == (0, [])
    assert judged(oracle, listener(left=1), [*PROOF, *fallen]) == (0, [])
    assert judged(oracle, listener((0.2, ended(status)), left=1), [*PROOF, *fallen]) == (0, [])
