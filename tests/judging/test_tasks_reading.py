"""Reading tasks, judged offline: at once, beside their events, in the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracles import tasks_reading as reading
from tests.judging.task_cases import (
    ID,
    OTHER_ID,
    bad,
    detail,
    ended,
    judged,
    listed,
    listener,
    pixels,
    submitted,
    task,
    unknown,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


def test_a_task_is_there_at_once() -> None:
    oracle = reading.a_task_can_be_read_at_once
    assert judged(oracle, submitted(), detail()) == (1, [])
    assert judged(oracle, submitted({"task_id": ID}), detail({"id": ID, "status": "queued"})) == (1, [])
    assert judged(oracle, submitted(), detail(**bad(503))) == (0, [])
    assert judged(oracle, submitted(**bad(400)), detail(**unknown())) == (0, [])
    for wrong in (detail(**unknown()), detail(task(task_id=OTHER_ID)), detail({"data": task()})):
        assert len(judged(oracle, submitted(), wrong)[1]) == 1


def test_what_an_event_names_is_there_at_once() -> None:
    oracle = reading.what_an_event_names_can_be_read
    assert judged(oracle, submitted(), [detail()]) == (1, [])
    assert len(judged(oracle, submitted(), [detail(**unknown()), detail()])[1]) == 1
    # That of another scenario, or of another key.
    assert judged(oracle, submitted(), [detail(**unknown(), task_id=OTHER_ID)]) == (0, [])


END = ended(data=[{"b64_json": pixels()}])


@pytest.mark.parametrize(
    ("told", "read", "shown", "all_members"),
    [
        (END, END, 0, 0),
        (END, END | {"note": None}, 0, 0),
        (END | {"n": 2}, END, 1, 1),
        (END, END | {"model": "gpt-image-1"}, 1, 1),
        (END, ended("failed"), 1, 1),
        (END, ended(data=None), 0, 1),
        (END, END | {"finished_at": 5}, 0, 1),
        (ended("failed"), ended("failed", error={"code": "upstream_error", "message": "in other words"}), 0, 0),
        (ended("failed"), ended("failed", error={"code": "upstream_error", "message": ""}), 0, 1),
        (ended("failed"), ended("failed", error={"code": "other", "message": "no"}), 0, 1),
        (END | {"n": True}, END, 1, 1),
        (ended(data=[{"url": "/a.png?sig=1"}]), ended(data=[{"url": "/a.png?sig=2"}]), 0, 0),
        (ended(data=[{"url": "/a.png?sig=1"}]), ended(data=[{"url": "/b.png?sig=1"}]), 0, 1),
    ],
)
def test_detail_and_event_are_one_object(told: Any, read: Any, shown: int, all_members: int) -> None:
    stream, answers = listener(task(), told, task(task_id=OTHER_ID)), [detail(), detail(read)]
    assert len(judged(reading.the_detail_is_what_the_events_carry, stream, submitted(), answers)[1]) == shown
    members = judged(reading.the_detail_holds_what_the_last_event_holds, stream, submitted(), answers)
    assert (members[0], len(members[1])) == (1, all_members)


@pytest.mark.parametrize(
    ("stream", "answers"),
    [
        (listener(task()), [detail(END)]),
        (listener(END), [detail()]),
        (listener(ended(task_id=OTHER_ID)), [detail(END)]),
        (listener(**bad(403)), [detail(END)]),
    ],
)
def test_views_that_did_not_both_see_the_end_are_not_compared(stream: Exchange, answers: list[Exchange]) -> None:
    for oracle in (reading.the_detail_is_what_the_events_carry, reading.the_detail_holds_what_the_last_event_holds):
        assert judged(oracle, stream, submitted(), answers) == (0, [])


@pytest.mark.parametrize(
    ("one", "examined", "wrong"),
    [
        (listed(task(task_id=OTHER_ID), task()), 1, 0),
        (listed(body=[{"task_id": ID}]), 1, 0),
        (listed(body={"tasks": [{"id": ID}], "total": 1}), 1, 0),
        (listed(task(task_id=OTHER_ID)), 1, 1),
        (listed(), 1, 1),
        (listed(body={"data": [task(task_id=OTHER_ID)], "has_more": True}), 0, 0),
        (listed(body={"data": [task(task_id=OTHER_ID)], "total": 5000, "page": 1}), 0, 0),
        (listed(body={"data": [task(task_id=OTHER_ID)], "nextPageToken": "abc"}), 0, 0),
        (listed(body={"data": [task(task_id=OTHER_ID)], "pagination": {"next_cursor": "abc"}}), 0, 0),
        (listed(body={"data": [task(task_id=OTHER_ID)], "total": 1, "next": None}), 1, 1),
        (listed(body={"object": "list"}), 1, 1),
        (listed(**bad(404)), 1, 1),
        (listed(**bad(503)), 0, 0),
    ],
)
def test_the_list_has_the_task(one: Exchange, examined: int, wrong: int) -> None:
    found = judged(reading.the_list_holds_a_submitted_task, submitted(), one)
    assert (found[0], len(found[1])) == (examined, wrong)


@pytest.mark.parametrize(
    ("one", "examined", "wrong"),
    [
        (listed(ended(data=None), task(task_id=OTHER_ID)), 1, 0),
        (listed(task("running")), 1, 1),
        (listed({"id": ID}), 0, 0),
        (listed(task("running", OTHER_ID)), 0, 0),
        (listed(**bad(404)), 0, 0),
    ],
)
def test_the_list_shows_the_end(one: Exchange, examined: int, wrong: int) -> None:
    found = judged(reading.the_list_shows_the_end, submitted(), [detail(), detail(END)], one)
    assert (found[0], len(found[1])) == (examined, wrong)
    assert judged(reading.the_list_shows_the_end, submitted(), [detail()], one) == (0, [])
