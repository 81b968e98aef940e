from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapi_conformance.evidence.arriving import ArrivingEvents
from llmapi_conformance.evidence.sse import Comment, EventStream, parse_event_stream
from llmapi_conformance.wire.counting import EventCounter

LINES = [b"data", b"data:", b"data: x", b"event: e", b":", b": c", b"id: 1", b"retry: 5", b"datax: 1", b"d", b"ata:"]
OTHERS = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n",
    b" ",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x82\xac",
    b"\xe2\x80\xa8",
    b"\xc2\x85",
]
BODIES = st.lists(st.sampled_from([*LINES, *OTHERS]), max_size=30).map(b"".join)


def parsed(body: bytes) -> EventStream:
    return parse_event_stream([(0.0, body)])


def handed(body: bytes) -> list[tuple[str, str]]:
    """What a client would be handed: names and data."""
    return [(event.name, event.data) for event in parsed(body).events]


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b"data: a\n\n", [("message", "a")]),
        (b"data:a\n\n", [("message", "a")]),
        (b"data:  a \n\n", [("message", " a ")]),
        (b"data: a\r\n\r\n", [("message", "a")]),
        (b"data: a\r\r", [("message", "a")]),
        (b"data: a\r\n\rdata: b\n\r\n", [("message", "a"), ("message", "b")]),
        (b"data: a\ndata: b\ndata:\n\n", [("message", "a\nb\n")]),
        (b"data\n\n", [("message", "")]),
        (b"data:\n\n", [("message", "")]),
        (b"event: x\nevent: y\ndata: a\n\n", [("y", "a")]),
        (b"event: x\n\ndata: a\n\n", [("message", "a")]),
        (b"event:\ndata: a\n\n", [("message", "a")]),
        (b"Data: a\nDATA: b\n\n", []),
        (b"id: 1\n\n", []),
        (b": comment\n\n", []),
        (b"\n\n\n", []),
        (b"", []),
        (b"data: a\n", []),
        (b"data: a\n\ndata: b", [("message", "a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("message", "a")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
        ("data: a\u2028b\u2029c\u0085d\x0be\x0cf\n\n".encode(), [("message", "a\u2028b\u2029c\u0085d\x0be\x0cf")]),
        (b"data: a\xffb\n\n", [("message", "a\ufffdb")]),
        (b'data: {"a:b": 1}\n\n', [("message", '{"a:b": 1}')]),
    ],
)
def test_events_are_what_the_standard_hands_a_client(body: bytes, events: list[tuple[str, str]]) -> None:
    assert handed(body) == events


def test_what_the_standard_throws_away_is_kept() -> None:
    body = b"\xef\xbb\xbf: hello\n\nevent: x\nfoo: 1\nbar\n\nretry: 10\nretry: x\nid: 7\ndata: a\n\ndata: \xff"
    stream = parsed(body)
    assert stream.bom
    assert [comment.text for comment in stream.comments] == [" hello"]
    assert body[stream.comments[0].start :].startswith(b": hello")
    assert [body[start:][:8] for start in stream.dataless] == [b"event: x"]
    assert [name for name, _ in stream.unknown_fields] == ["foo", "bar"]
    assert body[stream.unknown_fields[1][1] :].startswith(b"bar\n")
    assert stream.retries == ("10", "x")
    assert stream.events[0].id == "7"
    assert stream.incomplete == b"data: \xff"
    assert stream.invalid_utf8 == len(body) - 1


def test_an_id_with_a_nul_is_ignored() -> None:
    assert parsed(b"id: 1\nid: 2\x003\ndata: a\n\n").events[0].id == "1"


def test_the_offsets_of_an_event_cut_its_block_out_of_the_body() -> None:
    body = b": c\n\nevent: x\ndata: a\n\ndata: b\r\n\r\n"
    assert [body[event.start : event.end] for event in parsed(body).events] == [
        b"event: x\ndata: a\n\n",
        b"data: b\r\n\r\n",
    ]


def test_an_event_has_the_time_of_the_byte_that_dispatched_it() -> None:
    stream = parse_event_stream([(0.1, b"data: a\n"), (0.2, b""), (0.3, b"\n: c"), (0.4, b"\ndata: b\n\n")])
    assert [event.at for event in stream.events] == [0.3, 0.4]
    assert [comment.at for comment in stream.comments] == [0.4]


def test_a_large_event_is_no_trouble() -> None:
    assert handed(b"data: " + b"x" * 5_000_000 + b"\n\n") == [("message", "x" * 5_000_000)]


@given(BODIES)
def test_chunk_borders_do_not_matter_to_the_parser(body: bytes) -> None:
    assert parse_event_stream([(0.0, body[index : index + 1]) for index in range(len(body))]) == parsed(body)


@given(BODIES, st.integers(1, 5))
def test_the_counter_agrees_with_the_parser_whatever_the_chunks(body: bytes, size: int) -> None:
    counter = EventCounter()
    counted = sum(counter.feed(body[index : index + size]) for index in range(0, len(body), size))
    assert counted == counter.count == len(parsed(body).events)


@given(st.binary())
def test_no_bytes_make_the_parser_raise(body: bytes) -> None:
    stream = parsed(body)
    for event in stream.events:
        event.payload()


@given(BODIES, st.lists(st.integers(0, 80), max_size=12))
def test_events_are_the_same_while_they_arrive_and_afterwards(body: bytes, borders: list[int]) -> None:
    cuts = [0, *sorted(min(border, len(body)) for border in borders), len(body)]
    chunks = [(float(number), body[cuts[number] : cuts[number + 1]]) for number in range(len(cuts) - 1)]
    arriving = ArrivingEvents()
    found = [one for at, data in chunks for one in arriving.feed(at, data)]
    stream = parse_event_stream(chunks)
    comments = [(one.text, one.start) for one in found if isinstance(one, Comment)]
    assert comments == [(one.text, one.start) for one in stream.comments]
    # A line feed that comes behind its carriage return moves the end, and with it the time.
    events = [(one.name, one.named, one.data, one.id, one.start) for one in found if not isinstance(one, Comment)]
    assert events == [(one.name, one.named, one.data, one.id, one.start) for one in stream.events]


def test_an_event_has_the_time_of_the_byte_that_completes_it() -> None:
    arriving = ArrivingEvents()
    assert arriving.feed(1.0, b": c\ndata: a\n") == [Comment(" c", 0, 1.0)]
    (event,) = arriving.feed(2.0, b"\nda")
    assert event == dataclasses.replace(parsed(b": c\ndata: a\n\n").events[0], at=2.0)


def test_a_long_line_in_small_pieces_is_read_in_linear_time() -> None:
    arriving = ArrivingEvents()
    for _ in range(200_000):
        assert not arriving.feed(0.0, b"data: 0123456789")
    assert len(arriving.feed(0.0, b"\n\n")) == 1
