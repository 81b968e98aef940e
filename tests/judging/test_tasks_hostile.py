"""No answer, however odd, makes an oracle of submitting, of parameters or of keys raise."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.check import Check, checking, judge
from llmapi_conformance.judging.oracle import ORACLES, Oracle
from llmapi_conformance.judging.oracles import aliases, tasks, tasks_keys, tasks_parameters
from tests.judging.task_cases import ID, bad, canceling, detail, ended, listed, listener, log, submitted, task
from tests.judging.test_hostile import ODD
from tests.judging.test_messages_hostile import paths, replaced

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

MODULES = {one.__name__ for one in (tasks, tasks_keys, tasks_parameters)}
JUDGES = [one for one in ORACLES.values() if one.function.__module__ in MODULES or one.clause == "ALI-R05"]
GEMINI = {"generationConfig": {"imageConfig": {"imageSize": "1K", "aspectRatio": "3:2"}}}
REFUSAL = bad()["body"] | {"reason": "IMAGE_TASK_INVALID_REQUEST", "request_id": "r"}
ASKED: dict[str, Any] = {"model": "image2", "prompt": "x", "size": "1536x1024", "n": 2, "stream": False}
DOCUMENTS: dict[str, Any] = {
    "task": task(),
    "end": ended(),
    "failure": ended("failed"),
    "list": {"object": "list", "data": [task()], "has_more": False},
    "refusal": REFUSAL,
    "log": {"requests": [{"body": GEMINI | {"model": "gpt-image-2", "size": "1x1"}, "headers": [["a", "b"]]}]},
    "usage": {"usage": {"total": {"total_tokens": 3, "actual_cost": 0.1}}},
}
SOUND = {"answer": submitted(), "before": detail(), "own": listener(task()), "readings": [detail(ended())]}


def odd_exchanges(body: Any) -> list[Exchange]:
    """A document as the answer of each operation, as an event, and as a refusal; once of a general key."""
    text = json.dumps(body).encode()
    events = b"event: image_task.updated\ndata: " + text + b"\n\n"
    asked = replaced(ASKED, ("size",), body) if isinstance(body, str) else ASKED
    return [
        submitted(text, asked),
        submitted(text, {}, role="general:openai"),
        submitted(text, ASKED, status=400),
        detail(text),
        detail(text, status=404, role="general:openai"),
        canceling(text, status=409),
        listed(body=text),
        listener(events),
        listener(events, role="general:openai"),
    ]


def feeds(oracle: Oracle, odd: Exchange) -> list[tuple[Any, ...]]:
    """The odd exchange in each place where an oracle takes one, sound ones in the others; and in all places."""
    parameters = inspect.signature(oracle.function).parameters.values()

    def given(name: str, kind: str, *, hostile: bool) -> Any:
        one = odd if hostile else SOUND.get(name, odd)
        if kind.startswith("Sequence"):
            return one if isinstance(one, list) else [one, one, one]
        if kind.startswith("Mapping"):
            return {"submitted": submitted(), "read": one, "cancelled": one, "events": one}
        return one

    kinds = [(parameter.name, str(parameter.annotation)) for parameter in parameters]
    one_by_one = [tuple(given(name, kind, hostile=name == chosen) for name, kind in kinds) for chosen, _ in kinds]
    return [*one_by_one, tuple(given(name, kind, hostile=True) for name, kind in kinds)]


@pytest.mark.parametrize("start", range(0, len(ODD), 4))
@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_oddity_makes_an_oracle_raise(name: str, start: int) -> None:
    for number, path in enumerate(paths(DOCUMENTS[name])):
        for odd in odd_exchanges(replaced(DOCUMENTS[name], path, ODD[(number + start) % len(ODD)])):
            for oracle in JUDGES:
                check = Check("made by hand", (oracle.clause,))
                with checking(check):
                    for subjects in feeds(oracle, odd):
                        judge(oracle, *subjects)
                for found in check.observed:
                    assert (found.deviation.expected + found.deviation.observed).encode()


def test_odd_ids_are_ids_too() -> None:
    odd = [submitted(task(task_id=one)) for one in ("\ud800", "", "0", "\ud800\ud801", "/", ID * 1000)]
    for oracle in (tasks.ids_of_tasks_differ, tasks.ids_of_tasks_are_not_counted):
        assert list(oracle([*odd, *odd]))
    for one in odd:
        assert list(tasks_keys.a_list_holds_no_foreign_task(one, listed(one.json))) or one.json["id"] == ""


def test_the_log_may_hold_anything() -> None:
    for odd in ODD:
        for made in (log(odd), log({"generationConfig": odd}), log({"generationConfig": {"imageConfig": odd}})):
            asked = submitted(asked=ASKED)
            for oracle in (
                tasks_parameters.size_reaches_openai,
                tasks_parameters.size_reaches_gemini,
                tasks_parameters.looks_reach_openai,
            ):
                list(oracle(asked, made))


def test_every_judge_of_these_modules_was_fed() -> None:
    assert len(JUDGES) > 30
    assert aliases.tasks_without_v1_are_served in JUDGES
