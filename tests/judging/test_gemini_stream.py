"""Streams and errors of Gemini, judged offline."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from llmapi_conformance.evidence.exchange import Ending, Exchange, Stall
from llmapi_conformance.judging.gemini_answer import pieces_of
from llmapi_conformance.judging.oracles import gemini_errors, gemini_stream
from tests.judging.build import JSON_HEADERS
from tests.judging.gemini_cases import (
    TEXT,
    USAGE,
    answer,
    broken,
    call,
    judged,
    listed,
    log,
    plain,
    question,
    refusal,
    scripted,
    sse,
    streamed,
)

ERROR: dict[str, Any] = {"error": {"code": 503, "message": "gone", "status": "UNAVAILABLE"}}


def disturbed(one: Exchange) -> Exchange:
    return replace(one, disturbed=True)


@pytest.mark.parametrize("form", [sse, listed])
def test_a_good_stream_breaks_nothing(form: Any) -> None:
    assert broken(form()) == set()
    assert broken(form([answer(call(), reason=None), answer({"text": ""})])) == set()


def test_the_elements_of_an_array_stand_where_they_are_said_to() -> None:
    one = listed(body=f"[{json.dumps(answer())},\r\n{json.dumps(answer({'text': 'Ä'}))}]".encode())
    stream = pieces_of(one)
    assert stream is not None
    assert [one.body[event.start : event.end].decode() for event in stream.events] == [e.data for e in stream.events]
    assert len(stream.events) == 2


def test_an_index_that_is_left_out_is_nought() -> None:
    pieces = streamed()
    del pieces[1]["candidates"][0]["index"]
    assert broken(sse(pieces)) == set()


@pytest.mark.parametrize("form", [sse, listed])
@pytest.mark.parametrize(
    ("clause", "pieces"),
    [
        ("GEM-S05", streamed()[:-1]),
        ("GEM-S05", [answer(), *streamed()]),
        ("GEM-S06", [streamed()[0] | {"responseId": "r9"}, *streamed()[1:]]),
        ("GEM-S06", [streamed()[0], *[piece | {"modelVersion": "other"} for piece in streamed()[1:]]]),
        ("GEM-S07", [{k: v for k, v in streamed()[0].items() if k != "usageMetadata"}, *streamed()[1:]]),
        ("GEM-S07", [streamed()[0] | {"usageMetadata": USAGE | {"promptTokenCount": 4}}, *streamed()[1:]]),
        ("GEM-S07", [answer(reason=None), streamed()[1], answer()]),
        ("GEM-S09", [answer({"functionCall": {"name": "f", "partialArgs": []}}, reason=None), answer()]),
        ("GEM-S09", [answer({"functionCall": {"args": {"a": 1}}}, reason=None), answer()]),
    ],
)
def test_a_broken_stream_is_told_in_both_forms(form: Any, clause: str, pieces: Any) -> None:
    assert clause in broken(form(pieces))


def framed(*blocks: str) -> Exchange:
    data = json.dumps(answer())
    return sse(body="".join(blocks).replace("PIECE", data).encode())


@pytest.mark.parametrize(
    ("clause", "blocks"),
    [
        ("GEM-S03", (": ping\n\n", "data: PIECE\n\n")),
        ("GEM-S03", ("event: message\ndata: PIECE\n\n",)),
        ("GEM-S03", ("id: 1\ndata: PIECE\n\n",)),
        ("GEM-S03", ("retry: 5\n\n", "data: PIECE\n\n")),
        ("GEM-S03", ("\ufeffdata: PIECE\n\n",)),
        ("GEM-S03", ("data: PIECE\n\n", "data: [DONE]\n\n")),
        ("GEM-S04", ("data:PIECE\n\n",)),
        ("GEM-S04", ("data: PIECE\n\n", "data: PIECE\n")),
        ("GEM-S04", ('data: {"a":\ndata: 1}\n\n',)),
    ],
)
def test_a_foreign_line_is_told(clause: str, blocks: tuple[str, ...]) -> None:
    assert clause in broken(framed(*blocks))


def test_crlf_is_a_line_end_like_another() -> None:
    assert broken(framed("data: PIECE\r\n\r\n")) == set()


def test_the_wrong_form_is_told() -> None:
    assert "GEM-S01" in broken(sse(body=json.dumps([answer()]).encode(), headers=JSON_HEADERS))
    assert broken(listed(body=b"data: {}\n\n")) == {"GEM-S02"}
    assert broken(listed(body=json.dumps(answer()).encode())) == {"GEM-S02"}


def test_a_stream_that_says_something_else_is_told() -> None:
    asked = question(scripted("echo usage=41,23,8"))
    oracle = gemini_stream.the_stream_adds_up_to_the_plain_answer
    assert judged(oracle, plain(asked=asked), sse(asked=asked)) == (1, [])
    for pieces in (
        streamed()[1:],
        [answer({"text": TEXT}, reason=None), answer({"text": ""}, reason="MAX_TOKENS")],
        [answer({"text": TEXT}, call())],
        [answer({"text": TEXT}, usageMetadata=USAGE | {"candidatesTokenCount": 1})],
        [answer({"text": TEXT, "thought": True}), answer({"text": TEXT})],
    ):
        assert judged(oracle, plain(asked=asked), sse(pieces, asked))[1]


def test_an_error_ends_the_stream_and_has_a_code() -> None:
    assert broken(disturbed(sse([streamed()[0], ERROR]))) == set()
    assert broken(disturbed(listed([streamed()[0], ERROR]))) == set()
    assert broken(disturbed(sse([ERROR, streamed()[0]]))) == {"GEM-S11"}
    assert broken(disturbed(sse([streamed()[0], {"error": {"message": "gone"}}]))) == {"GEM-S11"}


def test_held_pieces_are_told() -> None:
    assert judged(gemini_stream.pieces_are_passed_on_at_once, sse(), -1) == (3, [])
    assert len(judged(gemini_stream.pieces_are_passed_on_at_once, sse(), 0)[1]) == 1


def test_an_invented_end_is_told() -> None:
    oracle = gemini_stream.a_broken_answer_gets_no_finish_reason
    assert judged(oracle, sse(streamed()[:-1])) == (1, [])
    assert len(judged(oracle, sse())[1]) == 1
    assert judged(oracle, refusal(502)) == (0, [])


def test_a_silent_end_is_told() -> None:
    oracle = gemini_stream.a_client_can_tell_that_the_answer_broke_off
    assert judged(oracle, sse([streamed()[0], ERROR])) == (1, [])
    assert judged(oracle, sse(streamed()[:-1], ending=Ending.CUT)) == (1, [])
    assert len(judged(oracle, sse(streamed()[:-1]))[1]) == 1


def test_an_upstream_that_goes_on_after_a_hang_up_is_told() -> None:
    oracle = gemini_stream.hanging_up_ends_the_upstreams_request
    gone = sse(ending=Ending.ABORTED)
    assert judged(oracle, gone, log(question(), disconnected=True, finished=False)) == (1, [])
    assert len(judged(oracle, gone, log(question(), disconnected=False, finished=True, deltas_sent=9))[1]) == 1
    assert judged(oracle, sse(), log(question(), finished=True)) == (0, [])


def test_an_array_that_comes_at_once_every_time_is_told() -> None:
    body = json.dumps([answer(), answer(), answer(), answer()]).encode()
    cut = [body[:20], body[20:400], body[400:900], body[900:]]
    paced = listed(body=b"", chunks=[(0.1 * number, part) for number, part in enumerate(cut, 1)])
    oracle = gemini_stream.the_array_is_written_as_the_pieces_come
    at_once = listed(body=body)
    assert judged(oracle, [paced], [0.3]) == (1, [])
    assert judged(oracle, [at_once, paced], [0.3, 0.3]) == (2, [])
    assert len(judged(oracle, [at_once, at_once], [0.3, 0.9])[1]) == 1
    stalled = replace(at_once, stalls=(Stall(0.0, 9.0),))
    assert judged(oracle, [stalled], [0.3]) == (0, [])


ANTHROPIC: dict[str, Any] = {"type": "error", "error": {"type": "authentication_error", "message": "Invalid API key"}}
OPENAI: dict[str, Any] = {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": None}}


@pytest.mark.parametrize(
    ("status", "body", "clauses"),
    [
        (400, None, set()),
        (401, None, set()),
        (401, ANTHROPIC, {"GEM-A06"}),
        (401, OPENAI, {"GEM-A04", "GEM-A06"}),
        (400, OPENAI, {"GEM-A04"}),
        (400, {"error": {"message": "no", "status": "INVALID_ARGUMENT"}}, {"GEM-A04"}),
        (400, {"error": {"code": 500, "message": "no", "status": "INVALID_ARGUMENT"}}, {"GEM-A05"}),
        (404, {"error": {"code": 404, "message": "no", "status": "INVALID_ARGUMENT"}}, {"GEM-A07"}),
        (400, b"<html></html>", set()),
    ],
)
def test_errors_are_told_apart(status: int, body: Any, clauses: set[str]) -> None:
    assert broken(refusal(status, body)) == clauses


def test_an_error_in_an_array_of_one_is_googles() -> None:
    wrapped = [{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}]
    assert broken(listed(status=400, body=wrapped)) == set()


@pytest.mark.parametrize(
    ("oracle", "good", "bad"),
    [
        (
            gemini_errors.another_platforms_key_is_refused,
            refusal(400, role="general:openai"),
            plain(role="general:openai"),
        ),
        (gemini_errors.each_header_opens_geminis_paths, plain(), refusal(401)),
        (gemini_errors.a_key_in_the_query_is_taken_or_refused, refusal(401), refusal(404)),
        (gemini_errors.an_image_key_is_refused, refusal(403, role="image:batch"), plain(role="image:batch")),
        (gemini_errors.a_failure_before_the_first_piece_is_a_status, refusal(400), sse([ERROR])),
        (gemini_errors.a_rate_limit_of_the_upstream_stays_one, refusal(429), refusal(502)),
        (
            gemini_errors.geminis_rate_limit_says_when_to_come_back,
            refusal(429, headers=(("retry-after", "7"),)),
            refusal(429),
        ),
    ],
)
def test_a_refusal_that_is_wrong_is_told(oracle: Any, good: Exchange, bad: Exchange) -> None:
    assert judged(oracle, good) == (1, [])
    assert len(judged(oracle, bad)[1]) == 1


def test_roles_of_other_clauses_are_left_to_them() -> None:
    assert judged(gemini_errors.another_platforms_key_is_refused, plain()) == (0, [])
    assert judged(gemini_errors.an_image_key_is_refused, plain(role="general:openai")) == (0, [])
