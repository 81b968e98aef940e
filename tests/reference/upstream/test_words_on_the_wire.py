"""Each directive word changes the wire as it says, in both protocols."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.reference.upstream.talking import (
    Document,
    RawAnswer,
    Talk,
    anthropic,
    completion,
    delta_text,
    events,
    message,
    openai,
    raw_answer,
    raw_request,
    spoken,
    text_deltas,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

TERMINALS = ("message_stop", "message_delta", "[DONE]", '"finish_reason":"')


def raw_both(talk: Talk, words: str, payload: str = "", *, stream: bool = True) -> list[RawAnswer]:
    text = f"@upstream {words}\n{payload}"
    return [
        raw_answer(
            talk.upstream.base_url,
            raw_request("/v1/messages", message(text, stream=stream, max_tokens=99), anthropic()),
        ),
        raw_answer(
            talk.upstream.base_url, raw_request("/v1/chat/completions", completion(text, stream=stream), openai())
        ),
    ]


def texts_of(answer: RawAnswer) -> list[str]:
    return [text for event in events(b"".join(answer.chunks)) if (text := delta_text(event))]


@pytest.mark.parametrize("stream", [True, False])
def test_echo_says_the_payload_to_the_code_point(talk: Talk, stream: bool) -> None:  # noqa: FBT001 - a parameter
    payload = "🥊\u2028\ufeffé́\x00\x7f\t\u05e9\u05dc\u05d5\u05dd\r\n\u0085 end "
    for answer in talk.both("echo", payload, stream=stream):
        assert spoken(answer) == payload


@pytest.mark.parametrize(("count", "given"), [(1, 1), (7, 7), (40, 26)])
def test_chunks_sets_the_number_of_text_deltas(talk: Talk, count: int, given: int) -> None:
    for answer in talk.both(f"echo chunks={count}", "abcdefghijklmnopqrstuvwxyz", stream=True):
        assert len(text_deltas(answer)) == given


def test_without_chunks_a_short_text_comes_in_three_deltas(talk: Talk) -> None:
    for answer in talk.both("echo", "abcd", stream=True):
        assert text_deltas(answer) == ["a", "b", "cd"]


def test_every_pauses_between_deltas(talk: Talk) -> None:
    started = time.monotonic()
    talk.messages(message("@upstream echo chunks=4 every=30ms\nabcd", stream=True))
    assert time.monotonic() - started >= 0.09


def test_delay_comes_before_the_first_byte(talk: Talk) -> None:
    url, request = talk.upstream.base_url, message("@upstream delay=80ms", stream=True)
    started = time.monotonic()
    with talk.client.stream("POST", url + "/v1/messages", json=request, headers=anthropic()):
        assert time.monotonic() - started >= 0.08


def test_split_cuts_inside_characters_and_lines(talk: Talk) -> None:
    for split in raw_both(talk, "echo split=utf8", "zwölf 🥊"):
        assert any(0x80 <= chunk[0] < 0xC0 for chunk in split.chunks)
        assert sum(chunk.endswith(b"\n\n") for chunk in split.chunks) < len(split.chunks) / 2
        assert "".join(texts_of(split)) == "zwölf 🥊"
    for plain in raw_both(talk, "echo", "zwölf 🥊"):
        assert all(chunk.endswith(b"\n\n") for chunk in plain.chunks)


@pytest.mark.parametrize("sizes", [(1,), (1, 7, 3), (64, 2)])
def test_pieces_cuts_the_bytes_into_these_sizes_wherever_events_end(talk: Talk, sizes: tuple[int, ...]) -> None:
    for cut in raw_both(talk, f"echo pieces={','.join(map(str, sizes))}", "zw\u00f6lf \U0001f94a"):
        found = [len(chunk) for chunk in cut.chunks]
        wanted = [size for size, _ in zip(itertools.cycle(sizes), found, strict=False)]
        assert found[:-1] == wanted[:-1]
        assert 0 < found[-1] <= wanted[-1]
        assert "".join(texts_of(cut)) == "zw\u00f6lf \U0001f94a"


def test_pieces_cuts_a_plain_answer_too(talk: Talk) -> None:
    for answer in talk.both("echo pieces=1,2", "zw\u00f6lf", stream=False):
        assert spoken(answer) == "zw\u00f6lf"


def test_a_directive_may_be_spelled_with_escapes(talk: Talk) -> None:
    body = json.dumps(message("@upstream echo nonce=n-escaped\nzw\u00f6lf")).replace(
        "@upstream", "\\u0040upstre\\u0061m"
    )
    body = body.replace("n-escaped", "n-esc\\u0061ped")
    answer = talk.client.post(talk.upstream.base_url + "/v1/messages", content=body, headers=anthropic())
    assert spoken(answer) == "zw\u00f6lf"
    assert [entry["nonce"] for entry in talk.log("n-escaped")] == ["n-escaped"]


def test_status_answers_the_vendors_error_in_both_modes(talk: Talk) -> None:
    for stream in (True, False):
        first, second = talk.both("status=429 retry-after=7", stream=stream)
        assert (first.status_code, second.status_code) == (429, 429)
        assert (first.headers["retry-after"], second.headers["retry-after"]) == ("7", "7")
        assert first.json()["error"]["type"] == "rate_limit_error"
        assert first.json()["request_id"] == first.headers["request-id"]
        assert second.json()["error"].keys() == {"message", "type", "param", "code"}
        assert second.json()["error"]["code"] == "rate_limit_exceeded"


def test_an_error_may_be_a_page_or_nothing(talk: Talk) -> None:
    for answer in talk.both("status=502 body=html"):
        assert answer.status_code == 502
        assert answer.headers["content-type"] == "text/html"
        assert answer.text.startswith("<html>")
    for answer in talk.both("status=503 body=empty"):
        assert (answer.status_code, answer.content) == (503, b"")
        assert "retry-after" not in answer.headers


def test_an_error_in_the_stream_ends_it_without_a_terminal(talk: Talk) -> None:
    first, second = talk.both("echo chunks=5 error=529 after=2", "abcde", stream=True)
    assert (text_deltas(first), text_deltas(second)) == (["a", "b"], ["a", "b"])
    event = events(first.content)[-1]
    assert event.name == "error"
    assert event.document["error"]["type"] == "overloaded_error"
    assert "error" in events(second.content)[-1].document
    for answer in (first, second):
        assert not any(word in answer.text for word in TERMINALS)
    for answer in talk.both("echo error=529 after=2", "abcde"):
        assert answer.status_code == 529


@pytest.mark.parametrize(("after", "texts"), [(0, []), (2, ["a", "b"]), (9, ["a", "b", "c"])])
def test_cut_resets_the_connection_after_so_many_deltas(talk: Talk, after: int, texts: list[str]) -> None:
    for answer in raw_both(talk, f"echo chunks=3 cut after={after}", "abc"):
        assert answer.reset
        assert answer.head.startswith(b"HTTP/1.1 200")
        assert b"x-relay" not in answer.head
        assert texts_of(answer) == texts
        assert not answer.terminated
        assert not any(word.encode() in answer.body for word in TERMINALS)


def test_cut_resets_before_an_answer_that_is_not_streamed(talk: Talk) -> None:
    for answer in raw_both(talk, "cut", stream=False):
        assert answer.reset
        assert answer.head == b""


def test_eof_ends_a_stream_cleanly_without_a_terminal(talk: Talk) -> None:
    for answer in raw_both(talk, "echo chunks=3 eof after=2", "abc"):
        assert not answer.reset
        assert answer.terminated
        assert texts_of(answer) == ["a", "b"]
        assert not any(word.encode() in answer.body for word in TERMINALS)
    for whole in talk.both("eof"):
        assert (whole.status_code, whole.content) == (200, b"")


@contextlib.contextmanager
def streaming(talk: Talk, text: str) -> Iterator[Iterator[str]]:
    """The text deltas of a stream as they come."""
    request = message(text, stream=True)
    url = talk.upstream.base_url + "/v1/messages"

    def deltas(answer: httpx2.Response) -> Iterator[str]:
        rest = b""
        for received in answer.iter_raw():
            rest += received
            while b"\n\n" in rest:
                block, _, rest = rest.partition(b"\n\n")
                if text := "".join(map(delta_text, events(block + b"\n\n"))):
                    yield text

    with talk.client.stream("POST", url, json=request, headers=anthropic()) as answer:
        yield deltas(answer)


def test_hold_until_waits_after_the_first_delta(talk: Talk) -> None:
    with streaming(talk, "@upstream echo nonce=held chunks=3 hold-until=tok-1\nabc") as deltas:
        assert next(deltas) == "a"
        (entry,) = talk.log("held")
        assert (entry["deltas_sent"], entry["finished"]) == (1, False)
        assert talk.release("tok-1") == 1
        assert list(deltas) == ["b", "c"]


def test_step_waits_before_every_further_delta(talk: Talk) -> None:
    with streaming(talk, "@upstream echo nonce=stepped chunks=3 step=tok-2\nabc") as deltas:
        for sent, text in enumerate("abc", start=1):
            assert next(deltas) == text
            assert talk.log("stepped")[0]["deltas_sent"] == sent
            assert talk.release("tok-2") == sent
        assert list(deltas) == []


def test_hold_until_holds_back_an_answer_that_is_not_streamed(talk: Talk) -> None:
    answers: list[httpx2.Response] = []
    body = message("@upstream nonce=whole hold-until=tok-3")
    thread = threading.Thread(target=lambda: answers.append(talk.messages(body)))
    thread.start()
    entry = wait_for_entry(talk, "whole", "id")
    assert not entry["finished"]
    assert not answers
    talk.release("tok-3")
    thread.join(30)
    assert answers[0].status_code == 200


def wait_for_entry(talk: Talk, nonce: str, field: str) -> Document:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        entries = talk.log(nonce)
        if entries and entries[0][field]:
            return entries[0]
        time.sleep(0.005)
    raise AssertionError(f"the log has no entry {nonce} with {field}")


def test_a_client_that_goes_away_is_noticed(talk: Talk) -> None:
    with streaming(talk, "@upstream echo nonce=leaves chunks=3 hold-until=never\nabc") as deltas:
        assert next(deltas) == "a"
    entry = wait_for_entry(talk, "leaves", "disconnected")
    assert (entry["deltas_sent"], entry["finished"]) == (1, False)


def test_leak_headers_sends_what_the_control_surface_names_as_secret(talk: Talk) -> None:
    secrets = talk.client.get(talk.upstream.control_url + "/secrets").json()
    names = ("x-goog-api-key", "set-cookie", "server", "x-internal-host")
    for words in ("leak-headers", "leak-headers status=500"):
        for answer in talk.both(words):
            assert [answer.headers[name] for name in names] == secrets["headers"]
    for answer in talk.both("echo"):
        assert not answer.headers.keys() & set(names)
    assert secrets["headers"][0].startswith("AIza")
    assert secrets["headers"][0] in secrets["keys"]
    assert talk.upstream.base_url.endswith(secrets["hosts"][0])


def test_pings_are_sprinkled_into_messages(talk: Talk) -> None:
    plain, _ = talk.both("echo chunks=5", "abcde", stream=True)
    pinged, chat = talk.both("echo chunks=5 ping", "abcde", stream=True)
    assert plain.text.count("event: ping\n") == 1
    assert pinged.text.count("event: ping\n") > 5
    assert "ping" not in chat.text
    assert spoken(pinged) == spoken(chat) == "abcde"


def test_comments_are_sprinkled_between_events(talk: Talk) -> None:
    for answer in talk.both("echo chunks=5 comments", "abcde", stream=True):
        assert answer.text.count(": keep-alive\n\n") > 5
        assert spoken(answer) == "abcde"


def test_thinking_precedes_the_text_in_messages_only(talk: Talk) -> None:
    first, second = talk.both("echo thinking", "abc")
    assert [block["type"] for block in first.json()["content"]] == ["thinking", "text"]
    assert second.json()["choices"][0]["message"]["content"] == "abc"
    assert text_deltas(talk.both("echo thinking", "abc", stream=True)[0]) == ["a", "b", "c"]


def test_an_unknown_word_is_refused_by_name(talk: Talk) -> None:
    for stream in (True, False):
        for answer in talk.both("ecko", stream=stream):
            assert answer.status_code == 400
            assert "ecko" in answer.json()["error"]["message"]
