"""No event and no answer, however odd, makes a judge of task events raise, and what it finds can be written down."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.judging.check import Check, checking, judge
from llmapi_conformance.judging.oracle import ORACLES, Oracle
from llmapi_conformance.judging.oracles import tasks_heard as heard
from tests.judging.task_cases import EVENT, canceling, detail, ended, judged, listener, log, submitted, task
from tests.judging.test_hostile import ODD, odd_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange

FED = [one for one in vars(heard).values() if isinstance(one, Oracle)]
BYTES = {
    "nothing": b"",
    "no event": b"\n\n\n",
    "no data": f"event: {EVENT}\n\n".encode(),
    "empty data": f"event: {EVENT}\ndata\ndata:\n\n".encode(),
    "a nought in the id": f"id: a\0b\nevent: {EVENT}\ndata: {{}}\n\n".encode(),
    "broken UTF-8": b'event: \xff\xfe\ndata: {"id": "\xc3", "status": "queued"}\n: \xff\n\nretry: \xff\n\n',
    "a byte order mark": b"\xef\xbb\xbfdata: \xef\xbb\xbf{}\n\n",
    "a very long line": b"data: " + b"[" * 200_000 + b"\n\n",
    "a very long comment": b": " + b"x" * 200_000 + b"\n\n",
    "another protocol": b"HTTP/1.1 200 OK\r\n\r\n\0\0\0",
}


def answers_with(body: Any) -> list[Exchange]:
    """Submissions, readings and cancellings around a stream that begins at second 0, all with this answer."""
    made = [submitted(body, at=-9), detail(body, at=-5), canceling(body, at=-4), submitted(body, at=1)]
    return [*made, detail(body, at=2), canceling(body, at=3)]


def judge_all(stream: Exchange, answers: list[Exchange], logs: list[Exchange]) -> None:
    """Every rule of streams and every rule of what must have been heard."""
    given: dict[str, tuple[Any, ...]] = {oracle.name: (stream, answers) for oracle in FED}
    given["each_stream_brings_all_events"] = ([stream, stream, *answers, listener(task(), left=30)],)
    given["a_heartbeat_keeps_coming"] = (stream, 1.0)
    given["each_change_of_a_task_is_told"] = (stream, answers, logs)
    given |= {one.name: (stream,) for one in ORACLES.values() if one.on and one.on.covers(stream)}
    assert len(given) > len(FED) + 7
    for name, subjects in given.items():
        check = Check("made by hand", (ORACLES[name].clause,))
        with checking(check):
            judge(ORACLES[name], *subjects)
        for found in check.observed:
            assert found.deviation.expected
            assert (found.deviation.expected + found.deviation.observed).encode()


def odd_tasks(start: int) -> Iterator[str]:
    """Tasks with each member replaced by something odd, and oddities in the place of a task."""
    yield from odd_documents(task(progress={"percent": [1]}), start)
    yield from odd_documents(ended("failed"), start)
    yield from (json.dumps(one) for one in ODD[start::3])


@pytest.mark.parametrize("start", range(0, len(ODD), 3))
def test_no_odd_task_makes_a_judge_raise(start: int) -> None:
    for text in odd_tasks(start):
        stream = listener(task(), (EVENT, text), (None, text), ended(), left=30)
        judge_all(stream, answers_with(text.encode()), [log(), log({"nonce": "n1"})])


@pytest.mark.parametrize("ending", list(Ending))
@pytest.mark.parametrize("name", BYTES)
def test_no_odd_stream_makes_a_judge_raise(name: str, ending: Ending) -> None:
    for left in (0, 30):
        stream = listener(BYTES[name], task(), ending=ending, left=left)
        if ending is not Ending.ABORTED:
            judge_all(stream, answers_with(BYTES[name]), [])


def test_tasks_without_end_are_compared_in_time() -> None:
    told = [task(task_id=f"{number:032x}") for number in range(5_000)]
    began = time.process_time()
    two = [listener(*told, left=900), listener(*told, left=900)]
    assert judged(heard.each_stream_brings_all_events, two) == (10_000, [])
    assert time.process_time() - began < 30  # what looks through one stream for each task of the other takes hours
