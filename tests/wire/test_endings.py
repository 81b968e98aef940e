from __future__ import annotations

import asyncio
import gzip
import hashlib
import time
import zlib

import pytest

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.wire.http import HttpSender
from llmapi_conformance.wire.message import FailureKind, WireRequest
from tests.wire.servers import (
    BOTH,
    HURRIED,
    HURRIED_BODY,
    HURRIED_HEAD,
    PATIENT,
    Handler,
    Send,
    answer_of,
    answering,
    body_of,
    endless,
    exchange_with,
    failure_of,
    serving,
)

both_ways = pytest.mark.parametrize("send", BOTH, ids=["httpx2", "raw"])

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FIVE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"

ENDINGS = [
    ("a whole length", answering(FIVE + b"hello"), Ending.COMPLETE, b"hello", ""),
    ("whole chunks", answering(CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), Ending.COMPLETE, b"hello", ""),
    ("chunks with a trailer", answering(CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\n\r\n"), Ending.COMPLETE, b"hello", ""),
    ("until close", answering(UNTIL_CLOSE + b"hello"), Ending.COMPLETE, b"hello", ""),
    ("an old version", answering(b"HTTP/1.0 200 OK\r\n\r\nhello"), Ending.COMPLETE, b"hello", ""),
    ("no body", answering(b"HTTP/1.1 204 No Content\r\n\r\n"), Ending.COMPLETE, b"", ""),
    ("a short length", answering(FIVE + b"hel"), Ending.CUT, b"hel", "closed before the body was complete"),
    ("no last chunk", answering(CHUNKED + b"5\r\nhello\r\n"), Ending.CUT, b"hello", "closed before"),
    ("half a chunk", answering(CHUNKED + b"5\r\nhel"), Ending.CUT, b"hel", "closed before"),
    ("half a last chunk", answering(CHUNKED + b"5\r\nhello\r\n0\r\n"), Ending.CUT, b"hello", "closed before"),
    ("a reset", answering(FIVE + b"hel", 0.05, then="reset"), Ending.RESET, b"hel", "reset"),
    ("a reset until close", answering(UNTIL_CLOSE + b"hel", 0.05, then="reset"), Ending.RESET, b"hel", "reset"),
    ("a wrong chunk size", answering(CHUNKED + b"2\r\nhe\r\nzz\r\nllo"), Ending.RESET, b"he", "size of a chunk"),
    ("a negative chunk size", answering(CHUNKED + b"2\r\nhe\r\n-3\r\nllo"), Ending.RESET, b"he", "size of a chunk"),
    ("a wrong chunk end", answering(CHUNKED + b"2\r\nheXX3\r\nllo"), Ending.RESET, b"he", "end of a chunk"),
    ("silence", answering(FIVE + b"hel", then="hang"), Ending.TIMEOUT, b"hel", "for 0.3 s"),
    ("silence at once", answering(FIVE, then="hang"), Ending.TIMEOUT, b"", "for 0.3 s"),
]


@both_ways
@pytest.mark.parametrize(("handler", "ending", "body", "detail"), [e[1:] for e in ENDINGS], ids=[e[0] for e in ENDINGS])
def test_each_ending_is_told_and_what_had_arrived_is_kept(
    send: Send, handler: Handler, ending: Ending, body: bytes, detail: str
) -> None:
    deadlines = HURRIED_BODY if ending is Ending.TIMEOUT else PATIENT
    answer = answer_of(exchange_with(handler, send, WireRequest("GET", "/", deadlines=deadlines)))
    assert answer.ending is ending
    assert body_of(answer) == body
    assert detail in answer.detail
    assert bool(answer.detail) == (ending is not Ending.COMPLETE)
    assert answer.wire_length == len(body)
    assert answer.wire_digest == hashlib.sha256(body).hexdigest()


FAILURES = [
    ("closes", answering(), FailureKind.RESET, "closed before"),
    ("resets", answering(then="reset"), FailureKind.RESET, "before a response head"),
    ("half a head", answering(b"HTTP/1.1 200 OK\r\nContent-"), FailureKind.RESET, "closed before"),
    ("never answers", answering(then="hang"), FailureKind.FIRST_BYTE_TIMEOUT, "within 0.3 s"),
    ("half a head, then silence", answering(b"HTTP/1.1 2", then="hang"), FailureKind.FIRST_BYTE_TIMEOUT, "0.3 s"),
    ("no status line", answering(b"<html>an old server</html>\r\n\r\n"), FailureKind.NOT_HTTP, "no status line"),
    ("another protocol", answering(b"SSH-2.0-x\r\nfoo\r\n\r\n"), FailureKind.NOT_HTTP, "no HTTP/1.1"),
    ("a bad header", answering(b"HTTP/1.1 200 OK\r\nsecret value\r\n\r\n"), FailureKind.NOT_HTTP, "header line"),
    (
        "two lengths",
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi"),
        FailureKind.NOT_HTTP,
        "disagree",
    ),
    (
        "a length of words",
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nhi"),
        FailureKind.NOT_HTTP,
        "number",
    ),
    (
        "an endless head",
        endless(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"y" * 4000 + b"\r\n"),
        FailureKind.NOT_HTTP,
        "end",
    ),
    ("an endless line", endless(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 4000), FailureKind.NOT_HTTP, "end"),
    ("endless 1xx", endless(b"", b"HTTP/1.1 103 Early\r\n\r\n", 0.005), FailureKind.FIRST_BYTE_TIMEOUT, "0.3 s"),
    ("a dripping head", endless(b"HTTP/1.1 200 OK\r\nX: ", b"y", 0.02), FailureKind.FIRST_BYTE_TIMEOUT, "0.3 s"),
]


@both_ways
@pytest.mark.parametrize(("handler", "kind", "words"), [f[1:] for f in FAILURES], ids=[f[0] for f in FAILURES])
def test_a_server_without_a_response_head_is_a_failure_in_one_sentence(
    send: Send, handler: Handler, kind: FailureKind, words: str
) -> None:
    deadlines = HURRIED_HEAD if kind is FailureKind.FIRST_BYTE_TIMEOUT else PATIENT
    started = time.perf_counter()
    failure = failure_of(exchange_with(handler, send, WireRequest("GET", "/", deadlines=deadlines)))
    assert failure.kind is kind
    assert words in failure.sentence
    assert "secret" not in failure.sentence
    assert time.perf_counter() - started < 20


@both_ways
def test_a_body_that_drips_is_ended_by_the_total_deadline(send: Send) -> None:
    request = WireRequest("GET", "/", deadlines=HURRIED)
    answer = answer_of(exchange_with(endless(UNTIL_CLOSE, b"x", 0.02), send, request))
    assert answer.ending is Ending.TIMEOUT
    assert "after 2 s" in answer.detail
    assert answer.chunks
    assert answer.ended_at < 20


@both_ways
def test_an_endless_body_is_capped(send: Send) -> None:
    request = WireRequest("GET", "/", deadlines=PATIENT, body_limit=100_000)
    answer = answer_of(exchange_with(endless(UNTIL_CLOSE, b"x" * 10_000), send, request))
    assert answer.ending is Ending.CAPPED
    assert "100000 bytes" in answer.detail
    assert len(body_of(answer)) == answer.wire_length == 100_000


@both_ways
def test_a_body_of_exactly_the_limit_is_complete(send: Send) -> None:
    request = WireRequest("GET", "/", deadlines=PATIENT, body_limit=5)
    assert answer_of(exchange_with(answering(FIVE + b"hello"), send, request)).ending is Ending.COMPLETE


@both_ways
def test_a_compressed_bomb_is_capped_after_decoding(send: Send) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    request = WireRequest("GET", "/", deadlines=PATIENT, body_limit=100_000)
    answer = answer_of(exchange_with(answering(head + bomb), send, request))
    assert answer.ending is Ending.CAPPED
    assert len(body_of(answer)) == 100_000
    assert answer.wire_length <= len(bomb)


@both_ways
@pytest.mark.parametrize(
    ("coding", "encoded", "detail"),
    [
        ("gzip", gzip.compress(b"hello", mtime=0), ""),
        ("X-GZip", gzip.compress(b"hel", mtime=0) + gzip.compress(b"lo", mtime=0), ""),
        ("deflate", zlib.compress(b"hello"), ""),
        ("deflate", zlib.compress(b"hello", wbits=-15), ""),
        ("identity", b"hello", ""),
        ("gzip", gzip.compress(b"hello", mtime=0)[:-3], "incomplete"),
        ("gzip", b"hello", "not valid gzip"),
        ("utf-8", b"hello", "kept as received"),
    ],
    ids=["gzip", "members", "zlib", "raw deflate", "identity", "incomplete", "not gzip", "unknown"],
)
def test_a_content_coding_is_removed_or_told(send: Send, coding: str, encoded: bytes, detail: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(encoded)}\r\n\r\n".encode()
    pieces: list[bytes | float] = [head]
    for index in range(0, len(encoded), 7):
        pieces += [encoded[index : index + 7], 0.001]
    answer = answer_of(exchange_with(answering(*pieces), send))
    assert answer.ending is Ending.COMPLETE
    assert body_of(answer) == b"hello"
    assert detail in answer.detail
    assert bool(answer.detail) == bool(detail)
    assert answer.wire_digest == hashlib.sha256(encoded).hexdigest()


@both_ways
@pytest.mark.parametrize(
    ("coding", "encoded", "kept", "detail"),
    [
        ("br", b"\x0b\x02\x80hello\x03", b"", "only its length and digest are kept"),
        ("zstd", b"(\xb5/\xfd\x04X)\x00\x00hello", b"", "only its length and digest are kept"),
        (
            "gzip, gzip",
            gzip.compress(gzip.compress(b"hello", mtime=0), mtime=0),
            b"",
            "only its length and digest are kept",
        ),
        (
            "gzip",
            gzip.compress(b"hel", mtime=0) + b"lo" + gzip.compress(b"hello", mtime=0),
            b"hel",
            "what follows is not kept",
        ),
    ],
    ids=["brotli", "zstandard", "several", "behind a fault"],
)
def test_what_could_hide_a_key_in_compressed_bytes_is_not_kept(
    send: Send, coding: str, encoded: bytes, kept: bytes, detail: str
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(encoded)}\r\n\r\n".encode()
    answer = answer_of(exchange_with(answering(head, encoded[:9], 0.001, encoded[9:]), send))
    assert answer.ending is Ending.COMPLETE
    assert body_of(answer) == kept
    assert detail in answer.detail
    assert (answer.wire_length, answer.wire_digest) == (len(encoded), hashlib.sha256(encoded).hexdigest())


def test_surplus_bytes_are_told_by_the_raw_sender() -> None:
    answer = answer_of(exchange_with(answering(FIVE + b"hello world"), BOTH[1]))
    assert answer.ending is Ending.COMPLETE
    assert body_of(answer) == b"hello"
    assert "6 bytes" in answer.detail


@both_ways
def test_an_interim_response_is_passed_over(send: Send) -> None:
    answer = answer_of(exchange_with(answering(b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" + FIVE + b"hello"), send))
    assert (answer.status, body_of(answer)) == (200, b"hello")


@both_ways
def test_the_answer_to_head_has_no_body(send: Send) -> None:
    answer = answer_of(exchange_with(answering(FIVE, then="hang"), send, WireRequest("HEAD", "/", deadlines=PATIENT)))
    assert (answer.ending, answer.chunks) == (Ending.COMPLETE, ())


@both_ways
def test_an_answer_before_the_whole_request_was_read_is_taken(send: Send) -> None:
    request = WireRequest("POST", "/", body=b"x" * 5_000_000, deadlines=PATIENT)
    refuse = answering(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno", 0.2)

    async def run() -> int:
        async with serving(refuse, unread=True) as server, HttpSender(server.url) as sender:
            return answer_of(await send(sender, request)).status

    assert asyncio.run(run()) == 413
