"""What a run's exchanges tell of the image tasks that it submitted."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest

from llmapi_conformance.evidence.exchange import Chunk, Ending, Exchange, Headers, Request, Response
from llmapi_conformance.evidence.tasks import CLEANUP, Holder, SubmittedTask, submitted_tasks

ROLE = "image:batch"
LONE = "\ud800"
TASKS = "/v1/images/tasks"


class Story:
    """Exchanges one after another, each a second after the one before."""

    def __init__(self) -> None:
        self.told: list[Exchange] = []

    def add(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any,
        *,
        status: int = 200,
        key: str = f"[[key:{ROLE}]]",
        scenario: str = "one",
        parameters: str = "",
        headers: Headers | None = None,
        after: float = 0.1,
        failure: str = "",
    ) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = Response(status, (), 0.05, (Chunk(after, data),), Ending.COMPLETE, "", after, len(data), "")
        sent = headers if headers is not None else (("Authorization", f"Bearer {key}"),)
        number = len(self.told) + 1
        request = Request(method, path, sent)
        self.told.append(
            Exchange(
                scenario,
                parameters,
                number,
                operation,
                "plain",
                ROLE,
                request,
                response if status else None,
                "" if status else failure,
                started_at=1000.0 + number,
            )
        )

    def submit(self, name: str, **more: Any) -> None:
        self.add("submitImageTask", "POST", TASKS, {"id": name, "status": "queued"}, **{"status": 202, **more})

    def read(self, name: str, state: str, **more: Any) -> None:
        self.add("getImageTask", "GET", f"{TASKS}/{name}", {"id": name, "status": state}, **more)

    def cancel(self, name: str, state: str, **more: Any) -> None:
        self.add("cancelImageTask", "POST", f"{TASKS}/{name}/cancel", {"id": name, "status": state}, **more)


def only(story: Story) -> SubmittedTask:
    (task,) = submitted_tasks(story.told).tasks
    return task


@pytest.mark.parametrize("state", ["succeeded", "failed", "timeout", "canceled"])
def test_a_task_has_ended_when_it_was_last_seen_final(state: str) -> None:
    story = Story()
    story.submit("a")
    assert only(story) == SubmittedTask("a", Holder(ROLE), "queued")
    story.read("a", "running")
    assert (only(story).final, only(story).seen) == (False, "last seen running")
    story.read("a", state)
    assert only(story).final
    assert submitted_tasks(story.told).left == ()
    story.read("a", "running")
    assert not only(story).final


@pytest.mark.parametrize(
    ("operation", "method", "path", "body"),
    [
        ("getImageTaskAlias", "GET", "/images/tasks/a", {"task_id": "a", "status": "succeeded"}),
        ("cancelImageTaskAlias", "POST", "/images/tasks/a/cancel", {"id": "a", "status": "canceled"}),
        ("listImageTasks", "GET", TASKS, {"data": [1, {"id": "b"}, {"id": "a", "status": "failed"}]}),
        ("listImageTasks", "GET", TASKS, [{"id": "a", "status": "failed"}]),
        ("streamImageTaskEvents", "GET", f"{TASKS}/events", b'data: {"id":"a","status":"timeout"}\n\n'),
        ("submitImageTask", "POST", TASKS, {"id": "a", "status": "failed"}),
    ],
)
def test_every_kind_of_answer_shows_that(operation: str, method: str, path: str, body: Any) -> None:
    story = Story()
    story.submit("a")
    story.add(operation, method, path, body)
    assert only(story).final


def test_an_event_counts_at_its_own_time_though_its_stream_ended_last() -> None:
    story = Story()
    story.submit("a")
    heard = b'data: {"id":"a","status":"running"}\n\n'
    story.add("streamImageTaskEvents", "GET", f"{TASKS}/events", heard, after=0.5)
    story.read("a", "succeeded")
    assert only(story).final


def test_the_order_of_the_exchanges_does_not_matter() -> None:
    story = Story()
    for name in "abc":
        story.submit(name)
        story.read(name, "running")
    story.cancel("b", "canceled")
    expected = submitted_tasks(story.told)
    assert [(task.id, task.final) for task in expected.tasks] == [("a", False), ("b", True), ("c", False)]
    shuffled = list(story.told)
    for _ in range(20):
        random.shuffle(shuffled)
        assert submitted_tasks(shuffled) == expected


@pytest.mark.parametrize(
    ("headers", "holder"),
    [
        ((("Authorization", "Bearer [[key:image:batch]]"),), Holder(ROLE)),
        ((("x-api-key", "[[key:image:batch+second_key]]"),), Holder("image:batch+second_key")),
        ((("authorization", "[[key:image:batch:truncated]]"),), Holder(ROLE)),
        (
            (("Authorization", "Bearer [[key:image:batch+other_tenant:own]]"),),
            Holder("image:batch+other_tenant", "x[p]"),
        ),
        ((("x-api-key", "[[key:general:openai]]"), ("Authorization", "Bearer [[key:image:batch]]")), Holder(ROLE)),
        ((), Holder(ROLE)),
    ],
)
def test_a_task_belongs_to_the_key_that_submitted_it(headers: Headers, holder: Holder) -> None:
    story = Story()
    story.submit("a", headers=headers, scenario="x", parameters="p")
    assert only(story).holder == holder


def test_what_another_key_sees_of_an_id_says_nothing() -> None:
    story = Story()
    story.submit("a")
    story.read("a", "succeeded", key="[[key:image:batch+second_key]]")
    story.read("a", "", status=404, key="[[key:image:batch:own]]")
    assert only(story) == SubmittedTask("a", Holder(ROLE), "queued")


def test_the_clean_up_looks_with_the_key_of_the_scenario_that_submitted() -> None:
    own = "[[key:image:batch:own]]"
    story = Story()
    story.submit("a", key=own, scenario="x", parameters="p")
    story.read("a", "succeeded", key=own, scenario=CLEANUP, parameters="y")
    assert submitted_tasks(story.told).left
    story.read("a", "canceled", key=own, scenario=CLEANUP, parameters="x[p]")
    assert not submitted_tasks(story.told).left


def test_an_id_of_two_keys_is_two_tasks_and_an_id_twice_is_one() -> None:
    story = Story()
    own = "[[key:image:batch:own]]"
    for scenario, key in itertools.product(("x", "y"), (f"[[key:{ROLE}]]", own)):
        story.submit("a", scenario=scenario, key=key)
    assert {task.holder for task in submitted_tasks(story.told).tasks} == {
        Holder(ROLE),
        Holder(ROLE, "x"),
        Holder(ROLE, "y"),
    }


def test_one_that_the_gateway_no_longer_knows_is_left_unless_it_had_ended() -> None:
    story = Story()
    story.submit("a/b")
    story.add("getImageTask", "GET", f"{TASKS}/a%2Fb", {"error": {}}, status=404)
    assert (only(story).final, only(story).seen) == (False, "the gateway no longer knows it")
    story.read("a/b", "running")
    assert only(story).seen == "last seen running"
    story.read("a/b", "succeeded")
    story.add("getImageTask", "GET", f"{TASKS}/a%2Fb", {"error": {}}, status=404)
    assert only(story).final


def test_refused_and_senseless_submissions_are_no_tasks_and_unanswered_ones_are_counted() -> None:
    story = Story()
    story.submit("a", status=429)
    story.submit("a", status=0, failure="the connection was closed before a response head was complete")
    story.submit("a", status=0, failure="the connection was refused: nothing listens there")
    senseless: tuple[Any, ...] = ({}, {"id": 7}, [], "a", None, b"{", {"id": ""})
    for body in senseless:
        story.add("submitImageTask", "POST", TASKS, body, status=202)
    found = submitted_tasks(story.told)
    assert (found.tasks, found.unanswered) == ((), 1)


def test_only_what_the_clean_up_cancelled_was_cancelled_at_the_end() -> None:
    story = Story()
    for name in "abcd":
        story.submit(name)
    story.cancel("a", "canceled")
    story.cancel("b", "canceled", scenario=CLEANUP)
    story.cancel("c", "running", scenario=CLEANUP)
    story.cancel("d", "running", scenario=CLEANUP)
    story.read("d", "succeeded", scenario=CLEANUP)
    found = submitted_tasks(story.told)
    assert found.cancelled_at_end == 1
    assert [task.id for task in found.left] == ["c"]


def test_what_can_not_be_written_is_neither_an_id_nor_a_state() -> None:
    story = Story()
    story.add("submitImageTask", "POST", TASKS, {"id": LONE, "status": "queued"}, status=202)
    assert submitted_tasks(story.told).tasks == ()
    story.add("submitImageTask", "POST", TASKS, {"id": LONE, "task_id": "a", "status": LONE}, status=202)
    assert submitted_tasks(story.told).tasks == (SubmittedTask("a", Holder(ROLE)),)
