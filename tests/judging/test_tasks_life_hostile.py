"""No answer, however odd, makes an oracle of lives, results, readings or cancelling raise."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.check import Check, checking, judge
from llmapi_conformance.judging.oracle import ORACLES, Oracle
from llmapi_conformance.judging.oracles import tasks_cancelling, tasks_life, tasks_reading, tasks_results
from tests.judging.task_cases import canceling, detail, ended, listed, listener, pixels, submitted, task
from tests.judging.test_hostile import ODD
from tests.judging.test_messages_hostile import paths, replaced

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

MODULES = {one.__name__ for one in (tasks_cancelling, tasks_life, tasks_reading, tasks_results)}
JUDGES = [one for one in ORACLES.values() if one.function.__module__ in MODULES]
ASKED: dict[str, Any] = {"model": "gpt-image-2", "prompt": "x", "size": "64x32", "n": 1}
USAGE = {"usage": {"total": {"requests": 1, "total_tokens": 3, "actual_cost": 0.1}}}
DOCUMENTS: dict[str, Any] = {
    "task": task("running"),
    "end": ended(data=[{"b64_json": pixels(), "url": "https://x.example/a.png?a=1"}]),
    "failure": ended("failed"),
    "list": {"object": "list", "data": [ended()], "has_more": False},
    "log": {"requests": [{"finished": True, "disconnected": False}]},
    "usage": USAGE,
}
SOUND: dict[str, Any] = {
    "submitted": submitted(asked=ASKED),
    "submissions": submitted(asked=ASKED),
    "before": detail(task("running")),
    "canceling": canceling(),
    "readings": detail(ended()),
    "between": detail(ended("canceled")),
    "stream": listener(task(), ended()),
    "lives": detail(ended()),
    "usage": detail(USAGE),
}


def odd_exchanges(body: Any) -> list[Exchange]:
    """A document as the answer of each operation, and as an event between sound ones."""
    text = json.dumps(body).encode()
    event = b"event: image_task.updated\ndata: " + text + b"\n\n"
    return [
        submitted(text, ASKED),
        submitted(text, {"size": body, "n": body}),
        detail(text),
        detail(text, status=404),
        canceling(text),
        canceling(text, status=409),
        listed(body=text),
        listener(event),
        listener(task(), event, ended()),
    ]


def feeds(oracle: Oracle, odd: Exchange) -> list[tuple[Any, ...]]:
    """The odd exchange in each place where an oracle takes one, sound ones in the others; and in all places."""
    kinds = [(one.name, str(one.annotation)) for one in inspect.signature(oracle.function).parameters.values()]

    def given(name: str, kind: str, *, hostile: bool) -> Any:
        one = odd if hostile else SOUND.get(name, odd)
        if kind == "int":
            return 3
        if kind.startswith("Sequence[Sequence"):
            return [[one, one], [odd]]
        return [one, one, one] if kind.startswith("Sequence") else one

    one_by_one = [tuple(given(name, kind, hostile=name == chosen) for name, kind in kinds) for chosen, _ in kinds]
    return [*one_by_one, tuple(given(name, kind, hostile=True) for name, kind in kinds)]


@pytest.mark.parametrize("start", range(0, len(ODD), 3))
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


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"null", b"[]", b"[[]]", b'"x"', b"data: 1\n\n", pytest.param(b"[" * 3000, id="deep")],
)
def test_what_is_no_document_makes_no_oracle_raise(body: bytes) -> None:
    for odd in (detail(body), listed(body=body), canceling(body), submitted(body), listener(body)):
        for oracle in JUDGES:
            check = Check("made by hand", (oracle.clause,))
            with checking(check):
                for subjects in feeds(oracle, odd):
                    judge(oracle, *subjects)


def test_every_judge_of_these_modules_was_fed() -> None:
    assert len(JUDGES) > 25
