"""Submitting image tasks, judged offline: answers, refusals with their reasons, ids, a full queue."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracles import tasks as oracles
from tests.judging.build import exchange
from tests.judging.task_cases import ID, OTHER_ID, bad, broken, detail, ended, judged, submitted, task

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

GEMINI = {"model": "gemini-3.1-flash-image", "prompt": "a bottle"}
ALIAS: dict[str, Any] = {"operation": "submitImageTaskAlias", "path": "/images/tasks"}


def rules(one: Exchange) -> set[str]:
    return broken(one, "TASK-P")


@pytest.mark.parametrize(
    "body",
    [
        task(),
        task("running"),
        {"id": ID},
        {"task_id": ID, "status": "queued"},
        {"id": ID, "task_id": None, "poll_url": "/v1/images/tasks/x"},
    ],
)
def test_any_202_with_an_id_is_an_answer(body: Any) -> None:
    assert rules(submitted(body)) == set()
    assert rules(submitted(body, **ALIAS)) == set()


@pytest.mark.parametrize(
    ("clause", "answer"),
    [
        ("TASK-P01", submitted(status=200)),
        ("TASK-P01", submitted(status=201)),
        ("TASK-P01", submitted(b"accepted")),
        ("TASK-P01", submitted(headers=(("content-type", "text/html"),))),
        ("TASK-P02", submitted({"status": "queued"})),
        ("TASK-P02", submitted({"id": 17})),
        ("TASK-P02", submitted({"data": {"id": ID}})),
        ("TASK-P02", submitted([task()])),
    ],
)
def test_an_answer_without_202_json_or_id_is_told(clause: str, answer: Exchange) -> None:
    assert clause in rules(answer)


def test_a_refusal_is_no_answer_to_a_submission() -> None:
    assert rules(submitted(**bad())) == set()


FEATURE = "IMAGE_TASK_UNSUPPORTED_FEATURE"
MODEL = "IMAGE_TASK_UNSUPPORTED_MODEL"


@pytest.mark.parametrize(
    ("oracle", "good", "wrong"),
    [
        (oracles.a_model_of_no_group_is_refused, [bad(404), bad(400), bad(403)], [{}, bad(503)]),
        (oracles.a_task_without_prompt_is_refused, [bad()], [{}, bad(422), bad(500)]),
        (oracles.a_task_with_an_empty_prompt_is_refused, [bad()], [{}, bad(404)]),
        (oracles.a_task_of_no_images_is_refused, [bad(), bad(422)], [{}, bad(500)]),
        (oracles.a_task_of_too_many_images_is_refused, [bad(), bad(413)], [{}, bad(502)]),
        (oracles.a_streamed_task_is_refused, [bad()], [{}, {"status": 200}]),
        (oracles.a_nickname_is_refused, [bad(), bad(404)], [{}, bad(500)]),
        (oracles.a_member_of_the_wrong_type_is_refused, [bad()], [{}, bad(500), bad(422)]),
        (oracles.an_invalid_task_is_told_so, [bad()], [{}, bad(422), bad(code="invalid"), bad(code=FEATURE)]),
        (oracles.a_model_without_images_is_told_so, [bad(code=MODEL)], [{}, bad(), bad(404, MODEL)]),
        (oracles.a_feature_that_tasks_lack_is_told_so, [bad(code=FEATURE)], [{}, bad(), bad(501, FEATURE)]),
    ],
)
def test_what_is_no_task_is_refused(oracle: Any, good: list[dict[str, Any]], wrong: list[dict[str, Any]]) -> None:
    for answer in good:
        assert judged(oracle, submitted(**answer, label="a bad one")) == (1, [])
    for answer in wrong:
        assert len(judged(oracle, submitted(**answer, label="a bad one"))[1]) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"type": FEATURE, "message": "no"}},
        {"error": {"type": "invalid_request_error", "message": f"{FEATURE}: no streams"}},
        {"reason": FEATURE, "error": {"message": "no"}},
        {"error": {"message": "no", "details": [{"reason": FEATURE}]}},
    ],
)
def test_a_reason_may_stand_anywhere(body: Any) -> None:
    assert judged(oracles.a_feature_that_tasks_lack_is_told_so, submitted(body, status=400)) == (1, [])


def test_the_example_makes_a_task() -> None:
    assert judged(oracles.the_example_is_accepted, submitted()) == (1, [])
    assert len(judged(oracles.the_example_is_accepted, submitted(**bad()))[1]) == 1


def test_stream_false_is_as_good_as_none() -> None:
    oracle = oracles.stream_false_is_accepted
    asked = GEMINI | {"stream": False}
    assert judged(oracle, submitted(asked=asked)) == (1, [])
    assert len(judged(oracle, submitted(asked=asked, **bad(400, FEATURE)))[1]) == 1
    assert judged(oracle, submitted(asked=GEMINI, **bad())) == (0, [])


def test_one_path_takes_both_platforms() -> None:
    oracle = oracles.tasks_of_both_platforms_are_taken
    openai, gemini = submitted(), submitted(asked=GEMINI)
    assert judged(oracle, openai, gemini) == (2, [])
    assert len(judged(oracle, openai, submitted(asked=GEMINI, **bad(404)))[1]) == 1
    assert len(judged(oracle, submitted(**bad(404)), gemini)[1]) == 1


def test_a_full_queue_is_429() -> None:
    oracle = oracles.a_full_queue_is_429
    taken = [submitted(task(task_id=str(number))) for number in range(3)]
    full = submitted(**bad(429, "queue_full"))
    active = [detail(task("running")), detail(task())]
    assert judged(oracle, [*taken, full], active) == (1, [])
    assert judged(oracle, [*taken, full, full], active) == (2, [])  # fewer places than stated: still told as 429
    assert len(judged(oracle, taken, active)[1]) == 1
    assert len(judged(oracle, [*taken, submitted(**bad(503))], active)[1]) == 1
    assert len(judged(oracle, [submitted(**bad(400)), full], active)[1]) == 1
    assert judged(oracle, [], []) == (0, [])


def test_a_queue_is_not_full_when_a_task_has_ended_meanwhile() -> None:
    oracle = oracles.a_full_queue_is_429
    taken = [submitted(task(task_id=str(number))) for number in range(3)]
    assert judged(oracle, taken, [detail(task("running")), detail(ended("timeout"))]) == (0, [])
    assert judged(oracle, [taken[0], submitted(**bad(502)), taken[1]], [detail(task("running"))]) == (0, [])


def submissions(*ids: str) -> list[Exchange]:
    return [submitted(task(task_id=one), at=float(number)) for number, one in enumerate(ids)]


def test_an_id_that_comes_twice_is_told() -> None:
    oracle = oracles.ids_of_tasks_differ
    others = [exchange(body=task()), submitted(**bad())]
    assert judged(oracle, [*submissions(ID, OTHER_ID), *others]) == (2, [])
    assert len(judged(oracle, submissions(ID, OTHER_ID, ID))[1]) == 1
    assert judged(oracle, others) == (0, [])


@pytest.mark.parametrize(
    "ids",
    [
        ["1", "2", "3"],
        ["41998", "42000"],
        ["task_17", "task_18", "task_19"],
        [f"{number:032x}" for number in range(0x1A4, 0x1B0)],
        [f"8b17fd33b0e947a08cb417e8{number:08x}" for number in range(12)],
        [f"img-{number}-8b17fd33" for number in range(7, 11)],
    ],
)
def test_counted_ids_are_told(ids: list[str]) -> None:
    examined, deviations = judged(oracles.ids_of_tasks_are_not_counted, submissions(*ids))
    assert examined == len(ids)
    assert len(deviations) == 1


def uuid7(moment: int) -> str:
    """An id that begins with its time and ends with chance."""
    chance = secrets.token_hex(9)
    return f"{moment:08x}-{chance[:4]}-7{chance[4:7]}-8{chance[7:10]}-{chance[6:18]}"


@pytest.mark.parametrize("number", [2, 12, 60])
def test_ids_drawn_by_chance_are_not_counted(number: int) -> None:
    oracle = oracles.ids_of_tasks_are_not_counted
    for made in (
        [secrets.token_hex(16) for _ in range(number)],
        [f"task_{secrets.token_urlsafe(16)}" for _ in range(number)],
        [uuid7(0x0199A1B2 + count) for count in range(number)],
    ):
        assert judged(oracle, submissions(*made)) == (len(made), [])
    assert judged(oracle, submissions(ID)) == (0, [])
    assert judged(oracle, submissions(ID, ID)) == (0, [])  # one id only: another clause says so
