from __future__ import annotations

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from llmapi_conformance.evidence.encoding import encode_exchange
from llmapi_conformance.evidence.exchange import Chunk, Exchange, Frame
from llmapi_conformance.evidence.redaction import Redactor
from llmapi_conformance.wire.capture import (
    LONGEST_KEPT,
    captured_frames,
    captured_raw_request,
    captured_request,
    captured_response,
)
from llmapi_conformance.wire.message import Origin, WireRequest, complete_headers
from tests.wire.servers import PATIENT, answering, exchange_with

KEY = "key-0123456789"
REDACTOR = Redactor({KEY: "[[key:x]]", "upstream.internal": "[[upstream-host]]"})
ORIGIN = Origin("http", "gateway.example", 80)


def test_what_is_kept_of_an_exchange_holds_no_secret() -> None:
    request = WireRequest(
        "POST", f"/v1/x?key={KEY}", (("Authorization", f"Bearer {KEY}"),), f'["{KEY}"]'.encode(), deadlines=PATIENT
    )
    head = f"HTTP/1.1 200 OK\r\nX-Key: {KEY}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    pieces = (b"8\r\nso key-0\r\n", 0.05, b"11\r\n123456789 at upst\r\n", 0.05, b"d\r\nream.internal\r\n0\r\n\r\n")
    outcome = exchange_with(answering(head, *pieces), request=request)
    response, failure = captured_response(outcome, REDACTOR)
    kept = Exchange(
        scenario="hello",
        parameters="",
        step=1,
        operation="",
        mode="plain",
        role="x",
        request=captured_request(request, complete_headers(request, ORIGIN), REDACTOR),
        response=response,
        failure=failure,
    )
    text = json.dumps(encode_exchange(kept))
    assert KEY not in text
    assert "upstream.internal" not in text
    assert kept.request.target == "/v1/x?key=[[key:x]]"
    assert kept.request.headers == (
        ("Host", "gateway.example"),
        ("User-Agent", kept.request.headers[1][1]),
        ("Accept-Encoding", "identity"),
        ("Authorization", "Bearer [[key:x]]"),
        ("Content-Length", str(len(request.body))),
    )
    assert kept.request.body == b'["[[key:x]]"]'
    assert kept.header("x-key") == "[[key:x]]"
    assert [chunk.data for chunk in kept.response.chunks] == [  # type: ignore[union-attr]  # the answer came
        b"so [[key:x]]",
        b" at [[upstream-host]]",
        b"",
    ]


def test_times_are_those_that_a_recording_keeps() -> None:
    response, _ = captured_response(exchange_with(answering(b"HTTP/1.1 200 OK\r\n\r\nhello")), REDACTOR)
    assert response is not None
    assert response.chunks == (Chunk(round(response.chunks[0].at, 6), b"hello"),)
    assert response.headers_at == round(response.headers_at, 6)
    assert response.ended_at == round(response.ended_at, 6)


def test_a_failure_is_one_sentence() -> None:
    response, failure = captured_response(exchange_with(answering()), REDACTOR)
    assert (response, failure) == (None, "the connection was closed before a response head was complete")


def test_raw_bytes_are_kept_as_a_request_as_well_as_they_can_be_read() -> None:
    raw = f"GET /a b HTTP/1.1\r\nHost: x\r\nX-Key:  {KEY} \r\nodd\r\n\r\nbody\r\n\r\n{KEY}".encode()
    request = captured_raw_request(raw, REDACTOR)
    assert (request.method, request.target) == ("GET", "/a b")
    assert request.headers == (("Host", "x"), ("X-Key", "[[key:x]]"), ("odd", ""))
    assert request.body == b"body\r\n\r\n[[key:x]]"
    assert captured_raw_request(b"\xff", REDACTOR).method == "\u00ff"


@given(st.data())
def test_no_split_of_frames_leaves_a_secret_behind(data: st.DataObject) -> None:
    text = f'{{"echo":"{KEY}"}}'.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    pieces = [text[a:b] for a, b in itertools.pairwise([0, *cuts, len(text)])]
    sent = data.draw(st.booleans())
    between = Frame(0.0, sent=not sent, kind="text", data=b"unrelated")
    ping = Frame(0.0, sent=sent, kind="ping", data=b"p")
    frames: list[Frame] = []
    for number, piece in enumerate(pieces, start=1):
        final = number == len(pieces) or data.draw(st.booleans())
        frames += [Frame(0.1 * number, sent=sent, kind="text", data=piece, final=final), between, ping]
    kept = captured_frames(frames, REDACTOR)
    assert b"".join(one.data for one in kept if one.kind == "text" and one.sent == sent) == b'{"echo":"[[key:x]]"}'
    assert [(one.sent, one.kind, one.final) for one in kept] == [(one.sent, one.kind, one.final) for one in frames]
    assert {one.data for one in kept if one.sent != sent} == {b"unrelated"}


def test_secrets_in_control_frames_go_too() -> None:
    frames = [
        Frame(0, sent=False, kind="ping", data=KEY.encode()),
        Frame(0, sent=False, kind="close", data=b"from upstream.internal", code=1011),
    ]
    assert [one.data for one in captured_frames(frames, REDACTOR)] == [b"[[key:x]]", b"from [[upstream-host]]"]


def test_a_reason_that_is_cut_within_a_key_is_redacted_also_in_our_answer_to_the_close() -> None:
    reason = b"no: upstream.inter"
    frames = [Frame(0, sent=sent, kind="close", data=reason, code=1008) for sent in (False, True)]
    kept = captured_frames(frames, Redactor({"upstream.internal": "[[upstream-host]]"}))
    assert [frame.data for frame in kept] == [b"no: [[upstream-host]]"] * 2


def test_of_a_message_that_was_sent_for_its_length_the_beginning_is_kept() -> None:
    long = b"x" * (LONGEST_KEPT + 1)
    ours, theirs = captured_frames([Frame(0, sent=s, kind="text", data=long) for s in (True, False)], REDACTOR)
    assert len(ours.data) < 2000
    assert f"{len(long)} bytes in all".encode() in ours.data
    assert theirs.data == long
