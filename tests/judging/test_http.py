from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from typing import Any

import pytest

import llmapi_conformance.judging.oracles  # noqa: F401 - registers every oracle
from llmapi_conformance.evidence.exchange import Ending, Exchange, Headers
from llmapi_conformance.judging.oracle import ORACLES, Deviation, Examined, Oracle
from llmapi_conformance.judging.oracles import http
from llmapi_conformance.wire.decoding import Decoder
from tests.judging.build import JSON_HEADERS, STREAM_HEADERS, exchange

ANSWER = exchange(body={"id": "msg_1"})
STREAM = exchange(mode="stream", events=[("message_stop", {"type": "message_stop"})])
GZIP_ASKED = (("content-type", "application/json"), ("accept-encoding", "gzip, deflate"))


def judged(oracle: Oracle, *subjects: object) -> tuple[int, list[Deviation]]:
    """Number of subjects examined, and the deviations."""
    items = list(oracle(*subjects))
    return sum(item.count for item in items if isinstance(item, Examined)), [
        i for i in items if isinstance(i, Deviation)
    ]


def answer(*headers: tuple[str, str], **options: Any) -> Exchange:
    return exchange(headers=(*JSON_HEADERS, *headers), **{"body": {"id": "msg_1"}, **options})


def stream(*headers: tuple[str, str], replacing: str = "") -> Exchange:
    kept: Headers = tuple(field for field in STREAM_HEADERS if field[0] != replacing)
    return exchange(mode="stream", headers=(*kept, *headers), events=[("ping", {"type": "ping"})])


def ended(ending: Ending, made: Exchange = ANSWER) -> Exchange:
    assert made.response is not None
    return replace(made, response=replace(made.response, ending=ending))


def detailed(detail: str, made: Exchange) -> Exchange:
    assert made.response is not None
    return replace(made, response=replace(made.response, detail=detail))


HEAD = exchange(method="HEAD", path="/v1/models", body=b"")
SURPLUS = (("content-type", "application/json"), ("content-length", "3"))

# oracle, conforming subjects, violating subjects
CASES: list[tuple[Oracle, tuple[object, ...], tuple[object, ...]]] = [
    (http.a_stream_is_text_event_stream, (STREAM,), (exchange(mode="stream", headers=JSON_HEADERS, body={}),)),
    (
        http.the_charset_of_a_stream_is_utf8,
        (STREAM,),
        (stream(("content-type", "text/event-stream; charset=gbk"), replacing="content-type"),),
    ),
    (
        http.the_charset_of_a_stream_is_utf8,
        (stream(("content-type", "Text/Event-Stream"), replacing="content-type"),),
        (stream(("content-type", 'text/event-stream;charset="latin1"'), replacing="content-type"),),
    ),
    (http.a_stream_has_no_content_length, (STREAM,), (stream(("Content-Length", "20")),)),
    (http.a_stream_is_not_cached, (STREAM,), (stream(replacing="cache-control"),)),
    (
        http.a_stream_is_not_cached,
        (stream(("cache-control", "private, no-store"), replacing="cache-control"),),
        (stream(("cache-control", "max-age=60"), replacing="cache-control"),),
    ),
    (http.a_stream_tells_proxies_not_to_buffer, (stream(("X-Accel-Buffering", "no")),), (STREAM,)),
    (
        http.a_json_answer_is_application_json,
        (answer(),),
        (exchange(headers=(("content-type", "text/plain"),), body={}),),
    ),
    (
        http.a_json_answer_is_application_json,
        (exchange(headers=(("Content-Type", "Application/JSON; charset=utf-8"),), body={}),),
        (exchange(headers=(), body={}),),
    ),
    (http.a_plain_answer_is_one_json_document, (ANSWER,), (exchange(body=b"<html></html>"),)),
    (http.a_plain_answer_is_one_json_document, (ANSWER,), (exchange(body=b'{"text":"\xff"}'),)),
    (http.a_plain_answer_is_one_json_document, (ANSWER,), (exchange(body=b'{"n":NaN}'),)),
    (http.a_body_arrives_whole, (ANSWER,), (ended(Ending.CUT),)),
    (http.a_body_arrives_whole, (STREAM,), (ended(Ending.RESET, STREAM),)),
    (http.a_body_arrives_whole, (ended(Ending.CAPPED),), (ended(Ending.TIMEOUT, STREAM),)),
    (
        http.a_body_arrives_whole,
        (exchange(status=413, body={}),),
        (ended(Ending.RESET, exchange(status=400, body={})),),
    ),
    (
        http.content_length_is_the_length,
        (answer(("content-length", "15")),),
        (exchange(headers=SURPLUS, body=b'{"a":"b"}'),),
    ),
    (
        http.content_length_is_the_length,
        (answer(("content-length", "15")),),
        (ended(Ending.CUT, answer(("content-length", "900"))),),
    ),
    (http.content_length_is_the_length, (answer(("content-length", "15")),), (answer(("content-length", "many")),)),
    (http.no_content_coding_goes_unasked, (ANSWER,), (answer(("Content-Encoding", "gzip")),)),
    (
        http.no_content_coding_goes_unasked,
        (answer(("content-encoding", "gzip"), request_headers=GZIP_ASKED),),
        (answer(("content-encoding", "br"), request_headers=GZIP_ASKED),),
    ),
    (
        http.a_declared_coding_decodes,
        (answer(("content-encoding", "gzip"), request_headers=GZIP_ASKED),),
        (
            detailed(
                "the body is not valid gzip: it is kept as received from there on",
                answer(("content-encoding", "gzip"), request_headers=GZIP_ASKED),
            ),
        ),
    ),
    (
        http.a_declared_coding_decodes,
        (answer(request_headers=GZIP_ASKED),),
        (detailed("the gzip data is incomplete", answer(("content-encoding", "gzip"))),),
    ),
    (http.single_fields_come_once, (ANSWER,), (answer(("Content-Type", "text/html")),)),
    (
        http.length_and_transfer_coding_exclude_each_other,
        (STREAM,),
        (answer(("content-length", "15"), ("transfer-encoding", "chunked")),),
    ),
    (http.a_body_has_a_media_type, (ANSWER,), (exchange(headers=(), body={}),)),
    (http.an_answer_carries_a_request_id, (answer(("request-id", "req_1")),), (ANSWER,)),
    (http.an_answer_carries_a_request_id, (answer(("X-Request-Id", "7")),), (answer(("x-request-id", " ")),)),
    (
        http.a_request_id_is_one,
        (answer(("request-id", "a"), ("x-request-id", "b")),),
        (answer(("X-Request-Id", "a"), ("x-request-id", "b")),),
    ),
    (
        http.request_ids_differ,
        ([answer(("request-id", "a")), answer(("request-id", "b"))],),
        ([answer(("request-id", "a")), answer(("request-id", "a"))],),
    ),
    (http.an_answer_is_dated, (answer(("date", "Mon, 23 Nov 2026 04:00:00 GMT")),), (ANSWER,)),
    (http.an_answer_forbids_content_sniffing, (answer(("X-Content-Type-Options", "nosniff")),), (ANSWER,)),
    (http.an_api_answer_sets_no_cookie, (ANSWER,), (answer(("set-cookie", "session=1")),)),
    (
        http.headers_of_the_upstream_are_not_passed_on,
        (answer(("server", "nginx"), ("set-cookie", "own=1")),),
        (answer(("x-internal-host", "a:1")),),
    ),
    (http.headers_of_the_upstream_are_not_passed_on, (ANSWER,), (answer(("server", "[[upstream-header]]")),)),
    (http.headers_of_the_upstream_are_not_passed_on, (ANSWER,), (answer(("x-own-server", "[[upstream-header]]")),)),
    (http.the_standard_route_is_served, (ANSWER,), (exchange(status=404, body={}),)),
    (http.a_json_request_is_taken, (ANSWER,), (exchange(status=415, body={}),)),
    (http.a_json_request_with_a_charset_is_taken, (ANSWER,), (exchange(status=400, body={}),)),
    (http.an_answer_to_head_has_no_body, (HEAD,), (exchange(method="HEAD", body=b"<html>"),)),
    (
        http.an_answer_to_head_has_no_body,
        (HEAD,),
        (ended(Ending.RESET, detailed("the body is no valid HTTP/1.1", HEAD)),),
    ),
    (
        http.an_odd_method_is_no_server_error,
        (exchange(method="OPTIONS", status=405, body=b""),),
        (exchange(method="HEAD", status=500),),
    ),
    (
        http.an_odd_method_is_no_server_error,
        (exchange(method="OPTIONS", status=501, body=b""),),
        (exchange(method="OPTIONS", status=502),),
    ),
]


@pytest.mark.parametrize(("oracle", "conforming", "_"), CASES)
def test_a_conforming_answer_is_examined_and_has_no_deviation(
    oracle: Oracle, conforming: tuple[object, ...], _: tuple[object, ...]
) -> None:
    examined, deviations = judged(oracle, *conforming)
    if conforming[0] != ended(Ending.CAPPED):
        assert examined > 0
    assert deviations == []


@pytest.mark.parametrize(("oracle", "_", "violating"), CASES)
def test_a_violating_answer_has_a_deviation(
    oracle: Oracle, _: tuple[object, ...], violating: tuple[object, ...]
) -> None:
    examined, deviations = judged(oracle, *violating)
    assert examined > 0
    assert deviations


def test_every_oracle_of_the_surface_has_a_case() -> None:
    here = {oracle.name for oracle, _, _ in CASES}
    named = {name for name, one in ORACLES.items() if one.function.__module__ == http.__name__}
    assert named - here == set()


def test_a_body_shorter_than_announced_is_the_finding_of_one_clause_only() -> None:
    short = ended(Ending.CUT, answer(("content-length", "900")))
    assert judged(http.a_body_arrives_whole, short)[1] == []
    assert len(judged(http.content_length_is_the_length, short)[1]) == 1


def test_a_body_that_is_still_encoded_is_the_finding_of_one_clause_only() -> None:
    made = exchange(headers=(*JSON_HEADERS, ("content-encoding", "gzip")), body=b"\x00\x01", request_headers=GZIP_ASKED)
    broken = detailed("the body is not valid gzip: it is kept as received from there on", made)
    assert judged(http.a_plain_answer_is_one_json_document, broken) == (0, [])
    assert len(judged(http.a_declared_coding_decodes, broken)[1]) == 1


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b'{"id":"msg_1"}'),
        ("deflate", b'{"id":"msg_1"}'),
        ("gzip", gzip.compress(b'{"id":"msg_1"}' * 9, mtime=0)[:-9]),
        ("deflate", zlib.compress(b"{}") + b"{}"),
    ],
)
def test_what_the_wire_says_of_a_wrong_coding_is_understood(coding: str, body: bytes) -> None:
    decoder = Decoder(coding, 4096)
    decoded = decoder.feed(body)
    made = exchange(headers=(*JSON_HEADERS, ("content-encoding", coding)), body=decoded, request_headers=GZIP_ASKED)
    assert len(judged(http.a_declared_coding_decodes, detailed(decoder.finish(), made))[1]) == 1


def test_a_page_instead_of_json_is_the_finding_of_one_clause_only() -> None:
    page = exchange(headers=(("content-type", "text/html"),), body=b"<!doctype html><html></html>")
    assert judged(http.a_json_answer_is_application_json, page) == (0, [])
    assert len(judged(http.a_plain_answer_is_one_json_document, page)[1]) == 1


def test_a_chunked_json_answer_without_content_length_is_legal() -> None:
    chunked = answer(("transfer-encoding", "chunked"))
    assert judged(http.content_length_is_the_length, chunked) == (0, [])
    assert judged(http.length_and_transfer_coding_exclude_each_other, chunked) == (1, [])


def test_the_content_length_of_an_answer_to_head_counts_what_get_would_send() -> None:
    head = exchange(method="HEAD", headers=(*JSON_HEADERS, ("content-length", "900")), body=b"")
    assert judged(http.content_length_is_the_length, head) == (0, [])
    assert judged(http.an_answer_to_head_has_no_body, head) == (1, [])


def test_an_event_stream_announced_as_json_has_no_charset_to_judge() -> None:
    wrong = exchange(mode="stream", headers=JSON_HEADERS, events=[(None, {})])
    assert judged(http.the_charset_of_a_stream_is_utf8, wrong) == (0, [])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "an empty body"),
        (b" \n", "white space"),
        (b"\n<!DOCTYPE html>", "a page"),
        (b'data: {"error":{}}\n\n', "server-sent events"),
        (b'{"a":1}{"b":2}', "something behind it"),
        (b'{"a":1}\n\ndata: {}\n\n', "something behind it"),
        (b"Internal Server Error", "no JSON"),
        (b'{"a":"\xff"}', "no UTF-8"),
    ],
)
def test_what_is_no_json_is_said_in_words(body: bytes, words: str) -> None:
    assert words in http.body_in_words(exchange(body=body))
