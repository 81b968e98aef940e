"""Cancelling, judged offline: each state, twice, in a race."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracles import tasks_cancelling as cancelling
from tests.judging.build import exchange
from tests.judging.task_cases import ID, bad, canceling, detail, ended, judged, log, task

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

QUEUED, RUNNING = detail(task()), detail(task("running"))
SUCCEEDED, CANCELED = detail(ended()), detail(ended("canceled"))
ACCEPTED = canceling({"ok": True}, status=202)
CONFLICT = canceling(**bad(409))


def entries(**changes: Any) -> Exchange:
    """The upstream's log with one request."""
    body = {"requests": [{"finished": False, "disconnected": True} | changes]}
    return exchange(operation="upstream:log", method="GET", path="/log", body=body, role="")


def test_the_route_exists() -> None:
    oracle = cancelling.a_task_can_be_cancelled
    for fine in (canceling(), ACCEPTED, CONFLICT):
        assert judged(oracle, [RUNNING], fine) == (1, [])
    for status in (404, 405, 501):
        assert len(judged(oracle, [RUNNING], canceling(**bad(status)))[1]) == 1
    assert judged(oracle, [RUNNING], canceling(**bad(503))) == (0, [])


def test_a_task_that_nobody_has_found_yet_may_be_unknown_to_the_one_that_cancels() -> None:
    oracle = cancelling.a_task_can_be_cancelled
    assert judged(oracle, [], canceling(**bad(404))) == (0, [])
    assert judged(oracle, [detail(**bad(404))], canceling(**bad(404))) == (0, [])
    assert len(judged(oracle, [], canceling(**bad(405)))[1]) == 1


@pytest.mark.parametrize(
    ("oracle", "before", "other"),
    [
        (cancelling.a_queued_task_is_canceled, QUEUED, RUNNING),
        (cancelling.a_running_task_is_canceled, RUNNING, QUEUED),
    ],
)
def test_what_was_cancelled_is_canceled(oracle: Any, before: Exchange, other: Exchange) -> None:
    assert judged(oracle, before, ACCEPTED, [RUNNING, CANCELED]) == (1, [])
    for wrong in (RUNNING, SUCCEEDED, detail(ended("failed"))):
        assert len(judged(oracle, before, canceling(), [wrong])[1]) == 1
    assert judged(oracle, other, ACCEPTED, [SUCCEEDED]) == (0, [])
    assert judged(oracle, before, CONFLICT, [SUCCEEDED]) == (0, [])
    assert judged(oracle, before, ACCEPTED, [detail(task("cancelled"))]) == (0, [])


def test_a_cancelled_task_does_not_have_its_turn() -> None:
    oracle = cancelling.a_canceled_task_never_reaches_the_upstream
    assert judged(oracle, QUEUED, canceling(), log()) == (1, [])
    assert len(judged(oracle, QUEUED, canceling(), log({"a": 1}))[1]) == 1
    assert judged(oracle, RUNNING, canceling(), log({"a": 1})) == (0, [])
    assert len(judged(oracle, QUEUED, canceling(at=10.0), entries(at=11.0))[1]) == 1
    assert judged(oracle, QUEUED, canceling(at=10.0), entries(at=9.9)) == (0, [])  # its turn came before
    assert judged(oracle, QUEUED, CONFLICT, log({"a": 1})) == (0, [])


@pytest.mark.parametrize(
    ("answer", "after", "examined", "wrong"),
    [
        (canceling(), CANCELED, 1, 0),
        (canceling(ended()), SUCCEEDED, 1, 0),
        (ACCEPTED, SUCCEEDED, 1, 0),
        (ACCEPTED, CANCELED, 1, 0),
        (canceling(), SUCCEEDED, 1, 1),
        (canceling(), RUNNING, 1, 1),
        (ACCEPTED, RUNNING, 1, 1),
        (CONFLICT, SUCCEEDED, 0, 0),
    ],
)
def test_whoever_wins_the_answer_holds(answer: Exchange, after: Exchange, examined: int, wrong: int) -> None:
    found = judged(cancelling.an_accepted_cancelling_holds, answer, [RUNNING, after])
    assert (found[0], len(found[1])) == (examined, wrong)


def test_a_finished_task_is_a_conflict() -> None:
    oracle = cancelling.a_finished_task_is_not_cancelled
    for state in ("succeeded", "failed", "timeout"):
        assert judged(oracle, detail(ended(state)), CONFLICT) == (1, [])
        for wrong in (canceling(), canceling(**bad(400)), canceling(**bad(500))):
            assert len(judged(oracle, detail(ended(state)), wrong)[1]) == 1
    for before in (CANCELED, RUNNING, detail(**bad(404))):
        assert judged(oracle, before, canceling()) == (0, [])


def test_twice_is_as_once() -> None:
    oracle = cancelling.cancelling_twice_leaves_it_canceled
    for again in (CONFLICT, canceling(), canceling(**bad(503))):
        assert judged(oracle, [RUNNING, CANCELED], again, [CANCELED]) == (1, [])
    assert len(judged(oracle, [CANCELED], CONFLICT, [SUCCEEDED])[1]) == 1
    assert len(judged(oracle, [CANCELED], canceling(**bad(500)), [CANCELED])[1]) == 1
    assert judged(oracle, [SUCCEEDED], CONFLICT, [SUCCEEDED]) == (0, [])
    assert judged(oracle, [CANCELED], CONFLICT, [detail(**bad(404))]) == (0, [])


@pytest.mark.parametrize(
    ("kept", "wrong"),
    [({}, 0), ({"disconnected": False}, 1), ({"finished": True}, 1), ({"finished": True, "disconnected": False}, 1)],
)
def test_the_upstream_request_is_broken_off(kept: dict[str, Any], wrong: int) -> None:
    oracle = cancelling.cancelling_ends_the_upstream_request
    assert len(judged(oracle, RUNNING, canceling(), entries(**kept))[1]) == wrong
    assert judged(oracle, QUEUED, canceling(), entries(**kept)) == (0, [])
    assert judged(oracle, RUNNING, CONFLICT, entries(**kept)) == (0, [])
    assert judged(oracle, RUNNING, canceling(), log()) == (0, [])


def test_a_conflict_means_finished() -> None:
    oracle = cancelling.a_conflict_means_finished
    for after in (SUCCEEDED, CANCELED):
        assert judged(oracle, CONFLICT, [after]) == (1, [])
    for after in (detail(**bad(404)), detail(task("cancelled"))):
        assert judged(oracle, CONFLICT, [after]) == (0, [])
    for state in ("queued", "running"):
        late = detail(task(state), at=5.0)
        assert len(judged(oracle, CONFLICT, [late])[1]) == 1
        assert judged(oracle, canceling(), [late]) == (1, [])
        # What a copy that lags behind says at once is no proof.
        assert judged(oracle, CONFLICT, [detail(task(state), at=0.2)]) == (0, [])
        assert judged(oracle, CONFLICT, [detail(task(state), at=0.2), SUCCEEDED]) == (1, [])
    assert judged(oracle, canceling(**bad(404)), [QUEUED]) == (0, [])
    assert judged(oracle, canceling({"id": ID}), [CANCELED]) == (1, [])
