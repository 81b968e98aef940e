from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracles import responses_content as oracles
from llmapi_conformance.judging.oracles import responses_refusals as refusals
from tests.judging.response_cases import (
    ARGUMENTS,
    TOOLS,
    USAGE,
    call,
    cut_response,
    found,
    judged,
    message,
    plain,
    question,
    reasoning,
    refusal,
    response,
    scripted,
    stream,
    streamed,
    told_arguments,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.judging.oracle import Oracle

ECHO = question(scripted("echo", "Hello there"))
TWO = response(call(0), call(1))
REFUSED = {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": None}}


@pytest.mark.parametrize(
    "oracle",
    [
        oracles.text_as_input_is_answered,
        oracles.items_as_input_are_answered,
        oracles.reasoning_is_taken,
        oracles.the_documented_example_is_answered,
        oracles.null_counts_as_not_there,
    ],
)
def test_a_correct_request_has_to_be_answered(oracle: Oracle) -> None:
    assert judged(oracle, plain(None, ECHO)) == (1, [])
    assert judged(oracle, plain()) == (1, [])
    assert judged(oracle, plain({"object": "list"}, ECHO)) == (1, [])  # the finding of another clause
    for wrong in (plain(REFUSED, ECHO, status=400), plain(response(message("What?")), ECHO)):
        assert found(oracle, wrong) == 1


def test_a_model_that_cannot_reason_is_no_deviation_on_a_live_gateway() -> None:
    assert judged(oracles.reasoning_is_taken, plain(REFUSED, question("Is 91 a prime?"), status=400)) == (0, [])


def test_a_stream_that_was_not_asked_for_is_no_answer_to_the_example() -> None:
    body = plain(streamed(), ECHO, headers=(("content-type", "text/event-stream"),))
    assert found(oracles.the_documented_example_is_answered, body) == 1


def test_without_stream_there_is_one_document() -> None:
    oracle = oracles.absent_stream_is_stream_false
    assert judged(oracle, plain()) == (1, [])
    assert found(oracle, plain(b"data: {}\n\n")) == 1
    assert judged(oracle, plain(None, question(stream=False))) == (0, [])


def test_every_call_has_to_arrive_in_order() -> None:
    oracle = oracles.every_function_call_arrives
    asked = question(told_arguments(), tools=TOOLS)
    assert judged(oracle, plain(TWO, asked)) == (1, [])
    assert judged(oracle, stream(streamed(TWO), asked)) == (1, [])
    for wrong in (
        plain(response(call(0)), asked),
        plain(response(call(1), call(0)), asked),
        plain(response(), asked),
        plain(REFUSED, asked, status=400),
    ):
        assert found(oracle, wrong) == 1


def test_arguments_have_to_be_exact_to_the_character() -> None:
    oracle = oracles.call_arguments_are_exact
    asked = question(told_arguments(), tools=TOOLS)
    assert judged(oracle, plain(TWO, asked)) == (2, [])
    assert judged(oracle, stream(streamed(TWO), asked)) == (2, [])
    other = ARGUMENTS.replace("1.0", "1")
    assert found(oracle, plain(response(call(0, other), call(1)), asked)) == 1
    assert found(oracle, stream(streamed(response(call(0), call(1, other))), asked)) == 1
    assert judged(oracle, plain(response(call(0, "{")), asked)) == (0, [])


@pytest.mark.parametrize("oracle", [oracles.the_text_is_the_upstreams, oracles.characters_outlive_any_cut])
def test_the_text_has_to_be_the_upstreams(oracle: Oracle) -> None:
    assert judged(oracle, plain(None, ECHO)) == (11, [])
    assert judged(oracle, stream(None, ECHO)) == (11, [])
    assert judged(oracle, plain(cut_response(), ECHO)) == (0, [])
    assert judged(oracle, plain()) == (0, [])
    for text in ("Hello there.", "Hello", "", "Hello\ufffdthere"):
        assert found(oracle, plain(response(message(text)), ECHO)) == 1
        assert found(oracle, stream(streamed(response(message(text))), ECHO)) == 1


ASKED = question(scripted("echo", "x"))
SAME: dict[str, Any] = {
    "text": response(),
    "two parts": response(message("Hello", " there")),
    "calls": TWO,
    "everything": response(reasoning(), message(), call(), refusal() | {"id": "msg_2"}),
    "cut": cut_response(),
}


@pytest.mark.parametrize("name", SAME)
def test_a_stream_that_adds_up_to_the_plain_response_is_found_good(name: str) -> None:
    examined, deviations = judged(
        oracles.stream_says_what_the_plain_response_says, plain(SAME[name], ASKED), stream(streamed(SAME[name]), ASKED)
    )
    assert examined == 7
    assert not deviations


OTHER: dict[str, tuple[Any, Any]] = {
    "another text": (response(), response(message("Hello"))),
    "an item less": (response(reasoning(), message()), response(message())),
    "an item in another place": (response(message(), call()), response(call(), message())),
    "other arguments": (TWO, response(call(0), call(1, "{}"))),
    "another name": (TWO, response(call(0), call(1, name="other"))),
    "another summary": (response(reasoning()), response(reasoning("No."))),
    "a refusal in the place of text": (response(), response(refusal("Hello there"))),
    "another status": (response(), cut_response()),
    "another reason": (cut_response(), cut_response("content_filter")),
}


@pytest.mark.parametrize("name", OTHER)
def test_a_stream_that_says_something_else_is_found(name: str) -> None:
    one, other = OTHER[name]
    oracle = oracles.stream_says_what_the_plain_response_says
    assert found(oracle, plain(one, ASKED), stream(streamed(other), ASKED)) == 1


def test_live_answers_are_not_compared() -> None:
    live = plain(), stream(streamed(response(message("Something else"))))
    assert judged(oracles.stream_says_what_the_plain_response_says, *live) == (0, [])
    assert judged(oracles.stream_counts_like_the_plain_response, *live) == (0, [])


def test_a_stream_that_broke_off_is_not_compared() -> None:
    broken = stream(streamed()[:6], ASKED)
    assert judged(oracles.stream_says_what_the_plain_response_says, plain(None, ASKED), broken) == (0, [])


@pytest.mark.parametrize(
    ("words", "wrong"), [("usage=17,5,4", 0), ("usage=17,6,4", 1), ("usage=9,9,9", 3), ("echo", 0)]
)
def test_the_counts_have_to_be_the_upstreams(words: str, wrong: int) -> None:
    asked = question(scripted(words))
    assert found(oracles.counts_are_those_of_the_upstream, plain(None, asked)) == wrong
    assert found(oracles.counts_are_those_of_the_upstream, stream(None, asked)) == wrong


def test_cached_tokens_that_are_none_need_not_be_told() -> None:
    bare = {"input_tokens": 17, "output_tokens": 5, "total_tokens": 22}
    asked = question(scripted("usage=17,5"))
    assert found(oracles.counts_are_those_of_the_upstream, plain(response(usage=bare), asked)) == 0
    cached = question(scripted("usage=17,5,4"))
    assert found(oracles.counts_are_those_of_the_upstream, plain(response(usage=bare), cached)) == 1


def test_a_stream_has_to_count_like_the_plain_response() -> None:
    oracle = oracles.stream_counts_like_the_plain_response
    assert judged(oracle, plain(None, ASKED), stream(None, ASKED)) == (1, [])
    twice = response(usage=USAGE | {"input_tokens": 34, "total_tokens": 39})
    assert found(oracle, plain(None, ASKED), stream(streamed(twice), ASKED)) == 2


def test_an_answer_that_is_cut_has_to_say_so() -> None:
    oracle = oracles.the_limit_is_told_as_incomplete
    for good in (plain(cut_response()), stream(streamed(cut_response()))):
        assert judged(oracle, good) == (1, [])
    for wrong in (plain(), stream(), plain(cut_response("content_filter")), plain(response(status="failed"))):
        assert found(oracle, wrong) == 1


def test_what_a_model_of_its_own_accord_keeps_short_is_not_cut() -> None:
    oracle = oracles.the_limit_is_told_as_incomplete
    short, long = response(usage=USAGE | {"output_tokens": 5}), response(usage=USAGE | {"output_tokens": 16})
    asked = question("Count from 1 to 50 in words.", max_output_tokens=16)
    told = question(scripted("echo", "one two three " * 20), max_output_tokens=16)
    assert judged(oracle, plain(short, asked)) == (0, [])
    assert found(oracle, plain(long, asked)) == 1
    assert found(oracle, plain(short, told)) == 1


def test_a_filtered_answer_has_to_say_so() -> None:
    oracle = oracles.filtered_response_says_so
    asked = question(scripted("stop=filtered"))
    for good in (plain(cut_response("content_filter"), asked), plain(response(refusal()), asked)):
        assert judged(oracle, good) == (1, [])
    for wrong in (plain(None, asked), plain(cut_response(), asked)):
        assert found(oracle, wrong) == 1
    assert judged(oracle, plain()) == (0, [])


def status(code: int, label: str = "") -> Exchange:
    del label
    return plain(REFUSED, status=code)


@pytest.mark.parametrize(
    ("oracle", "good"),
    [
        (refusals.a_response_without_model_is_refused, {400, 404, 422}),
        (refusals.a_response_without_input_is_refused, {400, 404, 422}),
        (refusals.a_wrong_type_in_a_response_is_400, {400}),
    ],
)
def test_a_bad_request_has_to_be_refused(oracle: Oracle, good: set[int]) -> None:
    assert {code for code in (200, 400, 404, 422, 500, 502) if not found(oracle, status(code))} == good
