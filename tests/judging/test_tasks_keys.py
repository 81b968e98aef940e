"""Whose a task is, judged offline: its own key, general keys, a second key, another tenant; and the aliases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracles import aliases
from llmapi_conformance.judging.oracles import tasks_keys as oracles
from tests.judging.build import JSON_HEADERS
from tests.judging.task_cases import (
    EVENT,
    ID,
    OTHER_ID,
    bad,
    broken,
    canceling,
    detail,
    ended,
    judged,
    listed,
    listener,
    submitted,
    task,
    unknown,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

GENERAL: dict[str, Any] = {"role": "general:openai"}
LENT: dict[str, Any] = {"request_headers": (("Authorization", "Bearer [[key:general:gemini]]"),)}
"""A general key in a scenario of an image key."""


def refused(status: int = 403) -> dict[str, Any]:
    return bad(status, "forbidden")


@pytest.mark.parametrize("key", [GENERAL, LENT])
def test_a_general_key_that_gets_at_tasks_is_told(key: dict[str, Any]) -> None:
    for clause, good, wrong in (
        ("TASK-P03", submitted(**refused(), **key), submitted(**key)),
        ("TASK-P03", submitted(**refused(404), **key), submitted(**refused(503), **key)),
        ("TASK-D07", detail(**refused(), **key), detail(**key)),
        ("TASK-D07", listed(**key), listed(task(), **key)),
        ("TASK-E02", listener("heartbeat", **key), listener("heartbeat", task(), **key)),
    ):
        assert clause not in broken(good, "TASK-")
        assert clause in broken(wrong, "TASK-")


def test_an_image_key_breaks_no_rule_of_general_keys() -> None:
    for one in (submitted(), detail(), listed(task()), listener(task())):
        assert not broken(one, "TASK-") & {"TASK-P03", "TASK-D07", "TASK-E02"}


def test_rules_of_general_keys_are_content_with_refusals_only() -> None:
    assert judged(oracles.a_general_key_submits_no_task, submitted(**refused(), **GENERAL)) == (1, [])
    assert judged(oracles.a_general_key_reads_no_task, detail(**refused(), **GENERAL)) == (1, [])
    assert judged(oracles.a_general_key_is_told_of_no_task, refused_listener()) == (1, [])
    assert judged(oracles.a_general_key_is_told_of_no_task, listener(**GENERAL)) == (0, [])
    assert judged(oracles.a_general_key_reads_no_task, listed(**GENERAL)) == (0, [])


def refused_listener(**extra: Any) -> Exchange:
    body = b'{"error": {"type": "permission_error", "message": "no"}}'
    return listener(body, status=403, headers=JSON_HEADERS, **(GENERAL | extra))


def test_a_general_key_hears_of_no_living_task() -> None:
    oracle = oracles.a_general_key_hears_of_no_living_task
    own = listener(task(), ended("canceled"))
    assert judged(oracle, submitted(), own, refused_listener()) == (1, [])
    assert judged(oracle, submitted(), own, listener("heartbeat", **GENERAL)) == (1, [])
    assert len(judged(oracle, submitted(), own, listener("heartbeat", task(), **GENERAL))[1]) == 1
    assert len(judged(oracle, submitted(), own, listener(task(task_id=OTHER_ID), **GENERAL))[1]) == 1
    assert judged(oracle, submitted(), listener("heartbeat"), listener(**GENERAL)) == (0, [])


def whole(**changes: Any) -> dict[str, Exchange]:
    done = {"submitted": submitted(), "read": detail(), "cancelled": canceling(), "events": listener(task())}
    return done | changes


def test_an_image_key_does_all_with_its_task() -> None:
    oracle = oracles.an_image_key_does_all_with_its_task
    assert judged(oracle, whole()) == (4, [])
    assert judged(oracle, whole(cancelled=canceling(**bad(409)))) == (4, [])
    for wrong in (
        {"read": detail(**bad(403))},
        {"cancelled": canceling(**bad(404))},
        {"events": refused_listener(role="image:batch")},
        {"events": listener("heartbeat")},
        {"events": listener(task(task_id=OTHER_ID))},
    ):
        assert len(judged(oracle, whole(**wrong))[1]) == 1
    none = {"submitted": submitted(**bad(403)), "events": listener("heartbeat")}
    assert judged(oracle, none)[1] == ["status 403 (invalid_request_error: no)"]


def test_an_unknown_id_is_404() -> None:
    oracle = oracles.an_unknown_task_is_404
    assert judged(oracle, detail(task_id=OTHER_ID, **unknown())) == (1, [])
    assert judged(oracle, canceling(task_id=OTHER_ID, **unknown())) == (1, [])
    for wrong in (detail(), detail(**bad(400)), canceling(status=200), detail(**bad(500))):
        assert len(judged(oracle, wrong)[1]) == 1


NOBODY = detail(task_id=OTHER_ID, **unknown(OTHER_ID))
LIKE = (oracles.a_task_of_another_tenant_is_as_good_as_unknown, oracles.a_task_of_another_key_is_as_good_as_unknown)


def with_headers(*headers: tuple[str, str]) -> dict[str, Any]:
    return unknown(ID) | {"headers": (*JSON_HEADERS, *headers)}


@pytest.mark.parametrize("oracle", LIKE)
def test_a_foreign_id_is_answered_like_an_unknown_one(oracle: Any) -> None:
    for same in (
        detail(**unknown(ID)),
        detail(**with_headers(("x-request-id", "r2"), ("date", "now"), ("content-length", "90"))),
    ):
        assert judged(oracle, detail(), same, NOBODY) == (1, [])
    for unlike in (
        detail(),
        detail(**bad(403, "not_found", f"There is no task {ID}.")),
        detail(**bad(404, "not_found", "This task belongs to somebody else.")),
        detail(**bad(404, "foreign", f"There is no task {ID}.")),
        detail(**with_headers(("etag", '"17"'))),
        detail(**with_headers(("location", f"/v1/images/tasks/{ID}"))),
        detail(status=404, headers=(("content-type", "text/plain"),), body=b"no such task"),
    ):
        assert len(judged(oracle, detail(), unlike, NOBODY)[1]) == 1
    assert judged(oracle, detail(**bad(500)), detail(), NOBODY) == (0, [])


def test_members_of_the_request_may_differ() -> None:
    bodies = [{"error": {"message": "no"}, "request_id": name, "details": [{"Timestamp": name}]} for name in "ab"]
    foreign, nobody = (detail(body, status=404) for body in bodies)
    assert judged(LIKE[0], detail(), foreign, nobody) == (1, [])


def test_a_request_may_have_a_mark_in_the_message_and_in_the_tag() -> None:
    def marked(task_id: str, mark: str) -> Exchange:
        message = f"There is no task {task_id} (request id: {mark}, 2026-11-27T10:00:{mark[:2]}Z)"
        given = bad(404, "not_found", message)
        return detail(task_id=task_id, **given | {"headers": (*JSON_HEADERS, ("etag", f'W/"9e-{mark}"'))})

    assert judged(LIKE[0], detail(), marked(ID, "20261127a8f3kq"), marked(OTHER_ID, "31261127zz91mb")) == (1, [])
    long = "a" * 1_000_000
    assert len(judged(LIKE[0], detail(), detail(**bad(404, "x", long)), NOBODY)[1]) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_who_is_busy_says_nothing_of_a_key_or_an_id(status: int) -> None:
    busy, busy_cancel = detail(**bad(status)), canceling(**bad(status))
    for foreign, nobody in ((busy, NOBODY), (detail(**unknown(ID)), busy)):
        assert judged(LIKE[0], detail(), foreign, nobody) == (0, [])
    gone, nobody = canceling(**unknown(ID)), canceling(task_id=OTHER_ID, **unknown(OTHER_ID))
    assert judged(HARM[0], detail(), gone, nobody, busy) == (1, [])
    assert judged(oracles.an_unknown_task_is_404, busy) == (0, [])
    assert judged(oracles.an_image_key_does_all_with_its_task, whole(read=busy)) == (1, [])
    assert judged(oracles.an_image_key_does_all_with_its_task, whole(cancelled=busy_cancel)) == (2, [])
    assert judged(oracles.a_general_key_submits_no_task, submitted(**bad(429), **GENERAL)) == (0, [])


HARM = (oracles.a_task_of_another_tenant_is_not_cancelled, oracles.a_second_key_harms_no_task)


@pytest.mark.parametrize("oracle", HARM)
def test_a_foreign_task_is_not_cancelled(oracle: Any) -> None:
    foreign, nobody = canceling(**unknown(ID)), canceling(task_id=OTHER_ID, **unknown(OTHER_ID))
    assert judged(oracle, detail(), foreign, nobody, detail(task("running"))) == (1, [])
    assert judged(oracle, detail(), foreign, nobody, detail(ended())) == (1, [])
    assert judged(oracle, detail(ended("canceled")), foreign, nobody, detail(ended("canceled"))) == (1, [])
    assert len(judged(oracle, detail(), canceling(), nobody, detail(ended("canceled")))[1]) == 2
    assert len(judged(oracle, detail(), foreign, nobody, detail(ended("canceled")))[1]) == 1
    assert len(judged(oracle, detail(), canceling(**bad(409)), nobody, detail())[1]) == 1
    assert len(judged(oracle, detail(), foreign, nobody, detail(**unknown(ID)))[1]) == 1
    assert judged(oracle, detail(**bad(500)), foreign, nobody, detail()) == (0, [])


def test_a_list_holds_no_foreign_task() -> None:
    oracle = oracles.a_list_holds_no_foreign_task
    mine = task(task_id=OTHER_ID)
    assert judged(oracle, submitted(), listed()) == (1, [])
    assert judged(oracle, submitted(), listed(mine)) == (1, [])
    assert judged(oracle, submitted(), listed(body=[mine])) == (1, [])
    assert len(judged(oracle, submitted(), listed(mine, task()))[1]) == 1
    assert len(judged(oracle, submitted(), listed(body={"tasks": [], "next": f"/v1/images/tasks?after={ID}"}))[1]) == 1
    assert judged(oracle, submitted(), listed(**bad(404))) == (0, [])
    assert judged(oracle, submitted(**bad()), listed(mine)) == (0, [])


def test_a_listener_hears_of_no_foreign_task() -> None:
    oracle = oracles.a_listener_hears_of_no_foreign_task
    mine = task(task_id=OTHER_ID)
    own = submitted(mine)
    assert judged(oracle, submitted(), own, listener("heartbeat", mine)) == (1, [])
    assert len(judged(oracle, submitted(), own, listener(task(), mine))[1]) == 1
    assert len(judged(oracle, submitted(), own, listener((EVENT, {"task_id": ID})))[1]) == 1
    assert judged(oracle, submitted(), own, listener("heartbeat")) == (0, [])  # it may have been deaf
    assert judged(oracle, submitted(), own, refused_listener(role="image:batch")) == (0, [])
    assert judged(oracle, submitted(**bad()), own, listener(mine)) == (0, [])
    assert judged(oracle, submitted(), submitted(**bad()), listener("heartbeat")) == (0, [])


def test_tasks_without_v1_are_served() -> None:
    oracle = aliases.tasks_without_v1_are_served
    other: dict[str, Any] = {"operation": "getImageTaskAlias", "path": f"/images/tasks/{ID}"}
    assert judged(oracle, whole(), whole(read=detail(**other))) == (4, [])
    gone: dict[str, Any] = {"operation": "cancelImageTaskAlias", "path": f"/images/tasks/{ID}/cancel"}
    assert judged(oracle, whole(), whole(cancelled=canceling(**gone, **bad(409)))) == (4, [])
    page: dict[str, Any] = {"headers": (("content-type", "text/html"),), "body": b"<!DOCTYPE html><html></html>"}
    for wrong in (
        whole(read=detail(**other, **bad(404))),
        whole(read=detail(**other, **page)),
        whole(events=refused_listener()),
        {"submitted": submitted(**bad(405))},
    ):
        assert len(judged(oracle, whole(), wrong)[1]) == 1
    assert judged(oracle, {"submitted": submitted(**bad(403))}, {"submitted": submitted(**bad(404))}) == (0, [])


def test_the_alias_of_the_events_is_no_task_id() -> None:
    oracle = aliases.alias_of_the_events_is_no_task_id
    alias: dict[str, Any] = {"operation": "streamImageTaskEventsAlias", "path": "/images/tasks/events"}
    assert judged(oracle, listener("heartbeat", **alias)) == (1, [])
    for status, body in ((404, unknown("events")["body"]), (200, task(task_id="events"))):
        one = listener(json.dumps(body).encode(), status=status, headers=JSON_HEADERS, **alias)
        assert len(judged(oracle, one)[1]) == 1
        assert "ALI-P07" in broken(one, "ALI-")
