"""Traces of tasks made by hand: what the model of the life cycle allows, where it parts, and how that reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracle import Deviation
from llmapi_conformance.judging.oracles.tasks_machine import (
    each_answer_is_the_one_that_the_state_asks_for,
    states_are_named_and_final_ones_stay,
)
from llmapi_conformance.judging.task_traces import in_one_line, steps_of, told_of
from tests.judging.task_cases import (
    ID,
    OTHER_ID,
    bad,
    canceling,
    detail,
    ended,
    listed,
    listener,
    submitted,
    task,
    unknown,
)
from tests.judging.test_hostile import ODD
from tests.judging.test_messages_hostile import paths, replaced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.judging.oracle import Oracle

BOTH = (states_are_named_and_final_ones_stay, each_answer_is_the_one_that_the_state_asks_for)
SURE = 6.0
RUNNING = task("running")
QUEUED = task("queued")
CANCELED = ended("canceled")
SUCCEEDED = ended("succeeded")
LATER = 60.0
"""A time at which nothing is sure any more."""


def step(action: str, name: str = "", *answers: Exchange, at: float = 1.0, **heard: int) -> dict[str, Any]:
    """A step that ended at a time; how many events each listener had heard by then."""
    kind = "listener" if action in ("listen", "disconnect") else "task"
    named = {"task": "", "listener": ""} | {kind: name}
    return {"action": action, **named, "answers": list(answers), "heard": heard, "began": at - 0.1, "ended": at}


def submit(name: str = "t1", body: Any = None, task_id: str = ID) -> dict[str, Any]:
    return step("submit", name, submitted(task("queued", task_id) if body is None else body))


def read(body: Any, *, at: float = 1.0, heard: dict[str, int] | None = None) -> dict[str, Any]:
    """A reading of the first task; a refusal is given as ``bad`` and ``unknown`` make it."""
    refused = isinstance(body, dict) and "body" in body
    return step("read", "t1", detail(**body) if refused else detail(body), at=at, **(heard or {}))


def trace(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"steps": list(steps)}


def finals(*steps: dict[str, Any]) -> list[tuple[str, str]]:
    """What TASK-L19 says to a trace."""
    return said(states_are_named_and_final_ones_stay, trace(*steps))


def others(*steps: dict[str, Any]) -> list[tuple[str, str]]:
    """What TASK-L20 says to a trace."""
    return said(each_answer_is_the_one_that_the_state_asks_for, trace(*steps))


def said(oracle: Oracle, whole: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.expected, one.observed) for one in deviations(oracle, whole)]


def deviations(oracle: Oracle, whole: dict[str, Any]) -> list[Deviation]:
    return [one for one in oracle(whole, SURE) if isinstance(one, Deviation)]


CANCEL = step("cancel", "t1", canceling(CANCELED))
RELEASE = step("release", "t1", detail(RUNNING), detail(SUCCEEDED))
SOUND = {
    "cancelled and read": (submit(), read(RUNNING), CANCEL, read(CANCELED)),
    "a poller that misses running": (submit(), RELEASE, read(SUCCEEDED)),
    "an end that nobody asked for, late": (submit(), read(ended("timeout"), at=LATER)),
    "a cancelling that takes its time": (
        submit(),
        step("cancel", "t1", canceling({}), detail(RUNNING), detail(CANCELED)),
    ),
    "a cancelling without a word": (submit(), step("cancel", "t1", canceling(b"", status=204), detail(CANCELED))),
    "cancelled twice, refused": (submit(), CANCEL, step("cancel", "t1", canceling(**bad(409)))),
    "cancelled twice, accepted": (submit(), CANCEL, step("cancel", "t1", canceling(CANCELED))),
    "too late to cancel": (
        submit(),
        step("release", "t1"),
        step("cancel", "t1", canceling(**bad(409))),
        read(SUCCEEDED),
    ),
    "no place yet": (submit(), read(QUEUED), step("release", "t1", detail(QUEUED)), read(RUNNING), read(SUCCEEDED)),
    "listed": (submit(), step("list", "", listed(RUNNING)), CANCEL, step("list", "", listed(CANCELED))),
    "a list that goes on": (submit(), step("list", "", listed(body={"data": [], "has_more": True}))),
    "no list here": (submit(), step("list", "", listed(**bad(404)))),
    "another's task in the list": (submit(), step("list", "", listed(RUNNING, task("running", OTHER_ID)))),
    "followed": (
        submit(),
        step("listen", "l1", listener(RUNNING, CANCELED), l1=1),
        step("cancel", "t1", canceling(CANCELED), l1=2),
        step("disconnect", "l1", l1=2),
        step("listen", "l2", listener(), l2=0),
    ),
    "followed late": (submit(), step("listen", "l1", listener(), at=LATER, l1=0)),
    "not followed": (submit(), step("listen", "l1", listener(**bad(404)), l1=0)),
    "a submission without a state": (submit(body={"task_id": ID}), read(RUNNING)),
    "no task": (step("submit", "t1", submitted(**bad(429))), step("release", "t1")),
}


@pytest.mark.parametrize("name", SOUND)
def test_what_the_life_cycle_allows_is_left_alone(name: str) -> None:
    for oracle in BOTH:
        assert not deviations(oracle, trace(*SOUND[name]))


def test_a_task_that_comes_back_is_found_and_told_in_one_line() -> None:
    (found,) = finals(submit(), CANCEL, submit("t2", task_id=OTHER_ID), read(QUEUED), read(CANCELED))
    assert found == (
        "at step 4: t1 canceled for good",
        "queued: 1 submit t1: queued; 2 cancel t1: canceled; 3 submit t2: queued; 4 read t1: queued",
    )
    assert not others(submit(), CANCEL, submit("t2", task_id=OTHER_ID), read(QUEUED))


def test_an_end_that_becomes_another_is_found_whoever_was_told() -> None:
    stream = step("listen", "l1", listener(RUNNING, SUCCEEDED), l1=1)
    (found,) = finals(submit(), stream, step("cancel", "t1", canceling(CANCELED), l1=2))
    assert found[0] == "at step 3: t1 canceled for good"
    assert found[1].startswith("l1: succeeded: 1 submit t1: queued; 2 listen l1: t1 running; ")
    assert finals(submit(), RELEASE, step("list", "", listed(CANCELED)))
    assert finals(submit(), RELEASE, read(ended("failed")))


def test_what_a_listener_was_told_last_shows_where_it_stands() -> None:
    stream = listener(CANCELED, QUEUED)
    steps = (submit(), step("listen", "l1", stream, at=LATER, l1=1), read(CANCELED, at=LATER, heard={"l1": 2}))
    (deviation,) = deviations(states_are_named_and_final_ones_stay, trace(*steps))
    assert deviation.exchange is stream
    assert deviation.span is not None
    assert b'"queued"' in stream.body[slice(*deviation.span)]


@pytest.mark.parametrize("status", ["cancelled", "done", "", 7, None, ["running"]])
def test_a_state_that_nobody_named_is_found(status: Any) -> None:
    odd = {"id": ID, "status": status}
    assert finals(submit(), read(odd))
    assert finals(submit(), step("listen", "l1", listener(odd), l1=1))
    assert finals(submit(), step("list", "", listed(odd)))


OTHERS = {
    "a task that is gone": (submit(), read(unknown())),
    "no task at all": (submit(), read({"ok": True})),
    "another task": (submit(), read(task("running", OTHER_ID))),
    "back to the queue": (submit(), read(RUNNING), read(QUEUED)),
    "an end by itself": (submit(), read(SUCCEEDED)),
    "a failure by itself": (submit(), read(RUNNING), read(ended("failed"))),
    "cancelled by nobody": (submit(), submit("t2", task_id=OTHER_ID), read(CANCELED)),
    "an active task that can't be cancelled": (submit(), step("cancel", "t1", canceling(**bad(409)))),
    "an active task that is unknown to the cancelling": (submit(), step("cancel", "t1", canceling(**unknown()))),
    "an ended task that is cancelled": (submit(), RELEASE, step("cancel", "t1", canceling(SUCCEEDED))),
    "an ended task that is unknown to the cancelling": (
        submit(),
        RELEASE,
        step("cancel", "t1", canceling(**unknown())),
    ),
    "a cancelling that only pretends": (
        submit(),
        step("cancel", "t1", canceling({}), detail(RUNNING), detail(RUNNING)),
    ),
    "a cancelling that fails": (submit(), step("cancel", "t1", canceling({}), detail(ended("failed")))),
    "a conflict without an end": (
        submit(),
        step("release", "t1"),
        step("cancel", "t1", canceling(**bad(409))),
        read(RUNNING),
    ),
    "a list without it": (submit(), step("list", "", listed(task("running", OTHER_ID)))),
    "a list that is behind": (submit(), CANCEL, step("list", "", listed(RUNNING))),
    "a list that is ahead": (submit(), step("list", "", listed(SUCCEEDED))),
    "no snapshot": (submit(), step("listen", "l1", listener(), l1=0)),
    "a snapshot of another task": (submit(), step("listen", "l1", listener(task("running", OTHER_ID)), l1=1)),
    "a snapshot of what has ended": (submit(), CANCEL, step("listen", "l1", listener(CANCELED), l1=1)),
    "a listener that hears of an end too early": (submit(), step("listen", "l1", listener(SUCCEEDED), l1=1)),
    "a listener that hears of a way back": (
        submit(),
        step("listen", "l1", listener(RUNNING, QUEUED), l1=1),
        read(RUNNING, heard={"l1": 2}),
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_an_answer_that_the_state_does_not_ask_for_is_found(name: str) -> None:
    (found,) = others(*OTHERS[name])
    assert found[0].startswith(f"at step {len(OTHERS[name])}: ")
    assert not finals(*OTHERS[name])


def test_only_the_first_place_is_shown_since_others_may_follow_from_it() -> None:
    (found,) = others(submit(), read(SUCCEEDED), read(unknown()), step("list", "", listed()))
    assert found[0] == "at step 2: t1 queued or running"


def test_nothing_is_examined_in_a_trace_without_a_task() -> None:
    for oracle in BOTH:
        assert list(oracle(trace(step("submit", "t1", submitted(**bad(429)))), SURE)) == []


def test_a_line_names_the_tasks_of_the_trace_only() -> None:
    steps = (
        submit(),
        submit("t2", task_id=OTHER_ID),
        step("list", "", listed(task("running", "f" * 32), task("running", OTHER_ID), CANCELED)),
        step("listen", "l1", listener(RUNNING, task("queued", OTHER_ID)), l1=2),
        step("cancel", "t1", canceling(**bad(409))),
        step("disconnect", "l1"),
        RELEASE,
    )
    whole = trace(*steps)
    assert in_one_line(steps_of(whole), told_of(whole)) == (
        "1 submit t1: queued; 2 submit t2: queued; 3 list: t1 canceled, t2 running; "
        "4 listen l1: t1 running, t2 queued; 5 cancel t1: 409; 6 disconnect l1; 7 release t1: running, then succeeded"
    )


def odd_traces(text: bytes) -> Iterator[dict[str, Any]]:
    """A document in each place of a trace where the gateway says something."""
    event = b"event: image_task.updated\ndata: " + text + b"\n\n"
    yield trace(step("submit", "t1", submitted(text)), read(RUNNING), step("listen", "l1", listener(RUNNING), l1=1))
    yield trace(submit(), read(text), read(text), CANCEL)
    yield trace(submit(), step("cancel", "t1", canceling(text), detail(text)), step("cancel", "t1", canceling(text)))
    yield trace(submit(), step("list", "", listed(body=text)), CANCEL, step("list", "", listed(body=text)))
    yield trace(submit(), step("listen", "l1", listener(event, RUNNING, event), l1=3), CANCEL)


DOCUMENTS = {"task": RUNNING, "end": SUCCEEDED, "list": {"data": [CANCELED], "has_more": False, "total": 1}}


@pytest.mark.parametrize("start", range(len(ODD)))
@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_oddity_of_a_gateway_makes_the_model_raise(name: str, start: int) -> None:
    document = DOCUMENTS[name]
    for number, path in enumerate(paths(document)):
        text = json.dumps(replaced(document, path, ODD[(number + start) % len(ODD)])).encode()
        for whole in odd_traces(text):
            for oracle in BOTH:
                for deviation in deviations(oracle, whole):
                    assert deviation.expected
                    assert (deviation.expected + deviation.observed).encode()


@pytest.mark.parametrize("body", [b"", b"[", b"[" * 5_000, b"null", b"\xff", b'{"id":"' + ID.encode() + b'"'])
def test_no_bytes_of_a_gateway_make_the_model_raise(body: bytes) -> None:
    for whole in odd_traces(body):
        for oracle in BOTH:
            deviations(oracle, whole)
