from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from llmapi_conformance.evidence.exchange import Ending, Exchange, Stall
from llmapi_conformance.judging.oracle import ORACLES, Deviation, Examined, Oracle
from llmapi_conformance.judging.oracles import sse as oracles
from tests.judging.build import JSON_HEADERS, exchange, sse

EVENTS: list[tuple[str | None, Any]] = [
    ("message_start", {"type": "message_start"}),
    ("ping", {"type": "ping"}),
    ("content_block_delta", {"type": "content_block_delta", "delta": {"text": "Grüße 漢字 😀 \u2028"}}),
    ("message_stop", {"type": "message_stop"}),
]
SOUND = sse(EVENTS)
CHAT = sse([(None, {"choices": [{"delta": {"content": "Hello"}}]}), (None, "[DONE]")])
FRAMING = [one for one in ORACLES.values() if one.clause.startswith("HTTP-F")]


def stream(body: bytes, **options: Any) -> Exchange:
    return exchange(mode="stream", body=body, **options)


def judged(oracle: Oracle, *subjects: object) -> tuple[int, list[Deviation]]:
    """Number of subjects examined, and the deviations."""
    items = list(oracle(*subjects))
    return sum(item.count for item in items if isinstance(item, Examined)), [
        i for i in items if isinstance(i, Deviation)
    ]


def paced(*times: float) -> Exchange:
    chunks = [(at, sse([("ping", {"type": "ping"})])) for at in times]
    return exchange(mode="stream", chunks=chunks)


LEGAL = {
    "as most send it": SOUND,
    "an unnamed stream with [DONE]": CHAT,
    "no space after the colon (C1)": SOUND.replace(b": ", b":"),
    "CRLF line ends (C2)": SOUND.replace(b"\n", b"\r\n"),
    "CR line ends": SOUND.replace(b"\n", b"\r"),
    "comments (C3)": b": hello\n\n" + SOUND.replace(b"event: message_stop", b": ping\n\nevent: message_stop"),
    "unknown events (C5)": SOUND + sse([("acme:new", {"type": "acme:new"})]),
    "data over several lines": b'data: {"a":\ndata: 1}\n\n' + SOUND,
    "escaped characters": sse([(None, json.dumps({"text": "漢😀"}))]),
    "[DONE] with white space": b"data: {}\n\ndata:  [DONE] \n\n",
    "more blank lines": SOUND.replace(b"\n\n", b"\n\n\n"),
    "a comment at the very end": SOUND + b": bye",
    "white space at the very end": SOUND + b"  ",
}


@pytest.mark.parametrize("body", LEGAL.values(), ids=LEGAL.keys())
@pytest.mark.parametrize("oracle", FRAMING, ids=lambda one: one.name)
def test_a_legal_framing_is_examined_and_has_no_deviation(oracle: Oracle, body: bytes) -> None:
    examined, deviations = judged(oracle, stream(body))
    assert examined > 0
    assert deviations == []


@pytest.mark.parametrize("size", [1, 3, 7, 4096])
@pytest.mark.parametrize("oracle", FRAMING, ids=lambda one: one.name)
def test_the_borders_of_chunks_do_not_matter(oracle: Oracle, size: int) -> None:
    pieces = [(0.1 + at / 1e4, SOUND[at : at + size]) for at in range(0, len(SOUND), size)]
    assert judged(oracle, exchange(mode="stream", chunks=pieces))[1] == []


BROKEN: list[tuple[Oracle, bytes]] = [
    (oracles.a_stream_is_utf8, SOUND.replace("漢".encode(), "漢".encode()[:2])),
    (oracles.a_stream_starts_without_a_byte_order_mark, b"\xef\xbb\xbf" + SOUND),
    (oracles.a_blank_line_follows_the_last_event, SOUND.rstrip(b"\n") + b"\n"),
    (oracles.a_blank_line_follows_the_last_event, SOUND + b"data: {}"),
    (oracles.every_data_payload_is_json_or_done, SOUND + b"data: : PING\n\n"),
    (oracles.every_data_payload_is_json_or_done, SOUND + b'data: {"a":\n\n'),
    (oracles.every_data_payload_is_json_or_done, SOUND + b"data: [done]\n\n"),
    (oracles.every_data_payload_is_json_or_done, SOUND + b"data: NaN\n\n"),
    (oracles.every_data_payload_is_json_or_done, SOUND + b"data\n\n"),
    (oracles.no_named_event_goes_without_data, b"event: ping\n\n" + SOUND),
    (oracles.no_named_event_goes_without_data, b"event:ping\r\n\r\n" + SOUND.replace(b"\n", b"\r\n")),
    (oracles.a_stream_has_no_id_or_retry_fields, b"retry: 3000\n\n" + SOUND),
    (oracles.a_stream_has_no_id_or_retry_fields, b"id: 7\n" + SOUND),
    (oracles.a_stream_has_no_unknown_fields, b"time: 7\n" + SOUND),
    (oracles.a_stream_brings_an_event, b": heartbeat\n\n"),
    (oracles.a_stream_brings_an_event, b""),
]


@pytest.mark.parametrize(("oracle", "body"), BROKEN)
def test_a_broken_framing_has_a_deviation(oracle: Oracle, body: bytes) -> None:
    made = stream(body)
    examined, deviations = judged(oracle, made)
    assert examined > 0
    assert deviations
    for deviation in deviations:
        if deviation.span is not None:
            assert 0 <= deviation.span[0] < deviation.span[1] <= len(body)


@pytest.mark.parametrize(("oracle", "body"), BROKEN)
def test_a_broken_framing_is_the_finding_of_one_clause_only(oracle: Oracle, body: bytes) -> None:
    made = stream(body)
    assert {one.clause for one in FRAMING if judged(one, made)[1]} == {oracle.clause}


def test_each_framing_clause_has_a_violating_stream() -> None:
    assert {oracle for oracle, _ in BROKEN} == set(FRAMING)


@pytest.mark.parametrize("oracle", FRAMING, ids=lambda one: one.name)
def test_a_json_answer_to_a_stream_request_has_no_framing(oracle: Oracle) -> None:
    document = exchange(mode="stream", headers=JSON_HEADERS, body={"error": {}})
    page = exchange(mode="stream", headers=(("content-type", "text/html"),), body=b"<html>\n<body>\n")
    assert judged(oracle, document) == (0, [])
    assert judged(oracle, page) == (0, [])


def test_a_stream_without_its_media_type_is_still_framed() -> None:
    made = exchange(mode="stream", headers=JSON_HEADERS, body=SOUND + b"data: : PING\n\n")
    assert judged(oracles.every_data_payload_is_json_or_done, made)[1]


def test_a_cut_stream_may_end_within_an_event_and_a_character() -> None:
    cut = stream(SOUND + 'data: {"text":"漢'.encode()[:-1], ending=Ending.CUT)
    assert judged(oracles.a_stream_is_utf8, cut) == (1, [])
    assert judged(oracles.a_blank_line_follows_the_last_event, cut) == (0, [])


EVEN = paced(*(0.1 + 0.08 * k for k in range(10)))
HELD = paced(*([0.9] * 10))


def test_a_paced_stream_arrives_over_time() -> None:
    assert judged(oracles.a_paced_stream_arrives_as_it_is_made, [EVEN], [0.72]) == (1, [])
    assert judged(oracles.a_stream_arrives_in_pieces, [EVEN]) == (1, [])


def test_a_stream_may_bring_two_events_in_one_segment() -> None:
    pairs = paced(*(0.1 + 0.16 * (k // 2) for k in range(10)))
    assert judged(oracles.a_paced_stream_arrives_as_it_is_made, [pairs], [0.72]) == (1, [])
    assert judged(oracles.a_stream_arrives_in_pieces, [pairs]) == (1, [])


def test_a_stream_that_was_held_back_arrives_at_once() -> None:
    held = [HELD, HELD, HELD]
    assert len(judged(oracles.a_paced_stream_arrives_as_it_is_made, held, [0.72, 1.44, 2.88])[1]) == 1
    assert len(judged(oracles.a_stream_arrives_in_pieces, held)[1]) == 1


def test_a_stream_that_a_stall_pushed_together_once_is_progressive() -> None:
    assert judged(oracles.a_paced_stream_arrives_as_it_is_made, [HELD, EVEN], [0.72, 0.72]) == (2, [])
    assert judged(oracles.a_stream_arrives_in_pieces, [HELD, EVEN]) == (2, [])


def test_a_stream_that_a_stall_of_ours_pushed_together_is_not_judged_by_pace() -> None:
    stalled = replace(HELD, stalls=(Stall(0.1, 0.9),))
    assert judged(oracles.a_paced_stream_arrives_as_it_is_made, [stalled], [0.72]) == (0, [])
    assert judged(oracles.a_stream_arrives_in_pieces, [stalled]) == (0, [])
    assert len(judged(oracles.a_paced_stream_arrives_as_it_is_made, [HELD, stalled], [0.72, 0.72])[1]) == 1
    assert len(judged(oracles.a_stream_arrives_in_pieces, [HELD, stalled])[1]) == 1


def test_a_stream_with_a_head_start_and_a_flush_is_not_paced() -> None:
    flushed = paced(0.1, 0.104, *([0.12] * 8))
    assert len(judged(oracles.a_paced_stream_arrives_as_it_is_made, [flushed], [0.72])[1]) == 1


def test_a_stream_that_nobody_paced_is_not_judged_by_pace() -> None:
    assert judged(oracles.a_paced_stream_arrives_as_it_is_made, [HELD], [0.0]) == (0, [])
    assert judged(oracles.a_paced_stream_arrives_as_it_is_made, [HELD], []) == (0, [])


def test_a_short_stream_is_not_judged_by_its_pieces() -> None:
    assert judged(oracles.a_stream_arrives_in_pieces, [paced(*[0.1] * 9)]) == (0, [])
    assert len(judged(oracles.a_stream_arrives_in_pieces, [paced(*[0.1] * 10)])[1]) == 1


def test_an_answer_that_is_no_stream_has_no_arrival() -> None:
    assert oracles.arrival(exchange(mode="stream", body={"error": {}})) is None
