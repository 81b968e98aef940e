"""A stream that we left: neither cut nor complete, and what came of it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.judging.oracle import ORACLES, Deviation, Examined, Judgement, On
from llmapi_conformance.judging.oracles import grammar, http, sse
from tests.judging.build import STREAM_HEADERS, exchange

if TYPE_CHECKING:
    from llmapi_conformance.judging.oracle import Oracle

ON = On(operations=("streamImageTaskEvents",), mode="stream")
EVENT = b'event: image_task.updated\ndata: {"id":"a"}\n\n'
HEADERS = (
    *STREAM_HEADERS,
    ("x-accel-buffering", "no"),
    ("date", "Fri, 27 Nov 2026 22:00:00 GMT"),
    ("x-content-type-options", "nosniff"),
    ("x-request-id", "r-1"),
)


def left(body: bytes = EVENT, ending: Ending = Ending.LEFT) -> Exchange:
    return exchange(
        operation="streamImageTaskEvents",
        mode="stream",
        method="GET",
        path="/v1/images/tasks/events",
        headers=HEADERS,
        body=body,
        request_headers=(("Accept", "text/event-stream"),),
        ending=ending,
    )


def judged(oracle: Oracle, one: Exchange) -> tuple[int, int]:
    """How much was examined, how much deviates."""
    judgement: Judgement = oracle(one)
    items = list(judgement)
    return sum(isinstance(item, Examined) for item in items), sum(isinstance(item, Deviation) for item in items)


def test_it_is_seen_and_neither_complete_nor_hollow() -> None:
    one = left(b"")
    assert ON.covers(one)
    assert not ON.covers(left(ending=Ending.ABORTED))
    assert not one.complete
    assert not one.hollow
    assert left(b"", Ending.COMPLETE).hollow
    assert not grammar.ended_by_itself(one)


@pytest.mark.parametrize(
    "rest", [b"", b"event: image_task.updated\ndata: {", b"data: \xe2\x82", b": heart", b"event: x\n", b"\xe2"]
)
@pytest.mark.parametrize("before", [EVENT, b""])
def test_what_had_not_come_yet_is_nobodys_fault(before: bytes, rest: bytes) -> None:
    one = left(before + rest)
    # What an event holds (HTTP-G) is not what these events are about.
    of_http = [oracle for oracle in ORACLES.values() if oracle.clause.startswith("HTTP-") and oracle.on]
    framing = [oracle for oracle in of_http if not oracle.clause.startswith("HTTP-G")]
    covering = [oracle for oracle in framing if oracle.on and oracle.on.covers(one)]
    assert len(covering) > 10
    assert [oracle.name for oracle in covering if judged(oracle, one)[1]] == []


def test_its_end_is_not_judged() -> None:
    for oracle in (http.a_body_arrives_whole, sse.a_blank_line_follows_the_last_event, sse.a_stream_brings_an_event):
        assert judged(oracle, left()) == (0, 0), oracle.name
    with_length = exchange(
        operation="streamImageTaskEvents", mode="stream", headers=(("content-length", "900"),), ending=Ending.LEFT
    )
    assert judged(http.content_length_is_the_length, with_length) == (0, 0)


def test_what_came_is_judged() -> None:
    assert judged(sse.every_data_payload_is_json_or_done, left(b"data: {\n\n")) == (1, 1)
    assert judged(sse.a_stream_is_utf8, left(b"data: \xff\n\n" + EVENT)) == (1, 1)
