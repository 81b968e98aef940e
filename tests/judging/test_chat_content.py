from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracles import chat_content as oracles
from llmapi_conformance.judging.oracles import chat_tools as tools
from llmapi_conformance.judging.oracles import chat_usage as usage
from tests.judging.chat_cases import (
    ARGUMENTS,
    TOOLS,
    USAGE,
    WITH_USAGE,
    Events,
    calls,
    chunk,
    completion,
    cut,
    fragment,
    judged,
    message,
    plain,
    question,
    scripted,
    stream,
    text_events,
    told_arguments,
    tool_events,
    usage_chunk,
)

if TYPE_CHECKING:
    from llmapi_conformance.judging.oracle import Oracle

HARD = "\U0001f468\u200d\U0001f469 e\u0301 \u6f22\u2028\ufeff"
ECHO = question(scripted("echo usage=17,5,4", HARD))
STREAM_ECHO = ECHO | WITH_USAGE


def said(text: str, reason: str = "stop", **changes: Any) -> dict[str, Any]:
    return completion(reason, message=message(content=text), **changes)


@pytest.mark.parametrize(
    "oracle", [oracles.plain_text_is_exact, oracles.streamed_text_is_exact, oracles.characters_survive_any_cut]
)
def test_text_is_compared_to_the_code_point(oracle: Oracle) -> None:
    assert judged(oracle, plain(said(HARD), ECHO)) == (len(HARD), [])
    assert judged(oracle, stream(text_events(*HARD), ECHO)) == (len(HARD), [])
    for wrong in (HARD.replace("\u6f22", "\ufffd"), HARD.replace("e\u0301", "\u00e9"), HARD[:-1], HARD + " ", ""):
        assert len(judged(oracle, plain(said(wrong), ECHO))[1]) == 1
        assert len(judged(oracle, stream(text_events(*wrong or [""]), ECHO))[1]) == 1


def test_text_of_a_live_model_is_not_compared() -> None:
    assert judged(oracles.plain_text_is_exact, plain(said("hi"), question("Say hi"))) == (0, [])


def test_a_stream_that_broke_off_is_not_compared() -> None:
    assert judged(oracles.streamed_text_is_exact, cut(text_events("a")[:2], asked=ECHO)) == (0, [])


def test_text_is_read_from_the_last_part_of_the_last_message() -> None:
    asked = question("")
    asked["messages"] = [
        {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": scripted("echo", "yes")}]}
    ]
    assert judged(oracles.parts_are_read_like_text, plain(said("yes"), asked)) == (1, [])
    assert len(judged(oracles.parts_are_read_like_text, plain(said("no"), asked))[1]) == 1
    assert len(judged(oracles.parts_are_read_like_text, plain({"error": {}}, asked, status=400))[1]) == 1


def test_stream_and_plain_answer_are_compared() -> None:
    one = plain(said(HARD), ECHO)
    same = stream(text_events(*HARD, usage=True), STREAM_ECHO)
    comparisons = (
        oracles.stream_says_what_the_plain_answer_says,
        oracles.stream_ends_like_the_plain_answer,
        usage.stream_counts_like_the_plain_answer,
    )
    for oracle in comparisons:
        assert judged(oracle, one, same) == (1, [])
    twice = stream(text_events(*HARD, HARD[-1]), ECHO)
    assert len(judged(oracles.stream_says_what_the_plain_answer_says, one, twice)[1]) == 1
    longer = stream([*text_events(HARD)[:-2], (None, chunk({}, "length")), (None, "[DONE]")], ECHO)
    assert len(judged(oracles.stream_ends_like_the_plain_answer, one, longer)[1]) == 1
    summed = usage_chunk(usage=USAGE | {"prompt_tokens": 34, "total_tokens": 39})
    dearer = stream([*text_events(HARD)[:-1], (None, summed), (None, "[DONE]")], STREAM_ECHO)
    assert len(judged(usage.stream_counts_like_the_plain_answer, one, dearer)[1]) == 2


def test_a_live_stream_has_to_say_something_when_the_plain_answer_does() -> None:
    one, empty = plain(said("hi"), question("Say hi")), stream(text_events(""), question("Say hi"))
    assert len(judged(oracles.stream_says_what_the_plain_answer_says, one, empty)[1]) == 1
    other = stream(text_events("hello"), question("Say hi"))
    assert judged(oracles.stream_says_what_the_plain_answer_says, one, other) == (1, [])


@pytest.mark.parametrize(
    ("changes", "findings"),
    [
        ({}, 0),
        ({"usage": USAGE | {"prompt_tokens": 21}}, 1),
        ({"usage": USAGE | {"prompt_tokens": 13, "completion_tokens": 6}}, 2),
        ({"usage": USAGE | {"completion_tokens": None}}, 1),
    ],
)
def test_usage_has_to_be_the_upstreams(changes: dict[str, Any], findings: int) -> None:
    examined, found = judged(usage.usage_is_what_the_upstream_counted, plain(said(HARD, **changes), ECHO))
    assert (examined, len(found)) == (1, findings)


def test_cached_tokens_have_to_be_told() -> None:
    assert judged(usage.cached_tokens_are_told, plain(said(HARD), ECHO)) == (1, [])
    for details in ({}, {"cached_tokens": 0}, None):
        answer = plain(said(HARD, usage=USAGE | {"prompt_tokens_details": details}), ECHO)
        assert len(judged(usage.cached_tokens_are_told, answer)[1]) == 1
    none_cached = plain(said(HARD), question(scripted("echo usage=17,5", HARD)))
    assert judged(usage.cached_tokens_are_told, none_cached) == (0, [])


@pytest.mark.parametrize("oracle", [oracles.max_tokens_cuts_the_answer, oracles.max_completion_tokens_cuts_the_answer])
def test_a_limit_has_to_cut(oracle: Oracle) -> None:
    assert judged(oracle, plain(said("one two", "length"))) == (1, [])
    assert len(judged(oracle, plain(said("one two three", "stop")))[1]) == 1


@pytest.mark.parametrize("stop", ["END", ["never", "END"]])
def test_a_stop_text_has_to_cut(stop: Any) -> None:
    asked = question(scripted("echo", "alpha END beta"), stop=stop)
    assert judged(oracles.stop_text_cuts_the_answer, plain(said("alpha "), asked)) == (1, [])
    assert judged(oracles.stop_text_cuts_the_answer, stream(text_events("alpha", " "), asked)) == (1, [])
    for text, reason in (("alpha END beta", "stop"), ("alpha ", "length"), ("alpha", "stop"), ("alpha END", "stop")):
        assert len(judged(oracles.stop_text_cuts_the_answer, plain(said(text, reason), asked))[1]) == 1


def test_a_filtered_answer_has_to_say_so() -> None:
    asked = question(scripted("echo stop=filtered", "half"))
    oracle = oracles.filtered_answer_says_so
    assert judged(oracle, plain(said("half", "content_filter"), asked)) == (1, [])
    assert judged(oracle, plain(completion(message=message(content=None, refusal="No.")), asked)) == (1, [])
    assert len(judged(oracle, plain(said("half", "stop"), asked))[1]) == 1


@pytest.mark.parametrize("oracle", [oracles.conversation_is_answered, oracles.null_counts_as_absent])
def test_a_request_has_to_be_taken_and_understood(oracle: Oracle) -> None:
    asked = question(scripted("echo", "yes"), temperature=None)
    assert judged(oracle, plain(said("yes"), asked)) == (1, [])
    assert len(judged(oracle, plain(said("Hello from the upstream."), asked))[1]) == 1
    assert len(judged(oracle, plain({"error": {"message": "no"}}, asked, status=400))[1]) == 1


def called(*arguments: str, **changes: Any) -> dict[str, Any]:
    return completion("tool_calls", message=message(content=None, tool_calls=calls(*arguments), **changes))


ASKED_TOOLS = question(told_arguments(), tools=TOOLS)


def test_every_call_has_to_arrive() -> None:
    assert judged(tools.every_call_arrives, plain(called(ARGUMENTS, ARGUMENTS), ASKED_TOOLS)) == (2, [])
    assert judged(tools.every_call_arrives, stream(tool_events(), ASKED_TOOLS)) == (2, [])
    assert len(judged(tools.every_call_arrives, plain(called(ARGUMENTS), ASKED_TOOLS))[1]) == 1
    assert len(judged(tools.every_call_arrives, plain(said("none"), ASKED_TOOLS))[1]) == 1


def test_argument_text_of_an_openai_group_is_compared_to_the_character() -> None:
    oracle = tools.arguments_are_exact_to_the_character
    assert judged(oracle, plain(called(ARGUMENTS), ASKED_TOOLS)) == (1, [])
    assert judged(oracle, stream(tool_events(), ASKED_TOOLS)) == (2, [])
    for wrong in (ARGUMENTS.replace(" ", ""), ARGUMENTS.replace("1.0", "1"), ARGUMENTS + " "):
        assert len(judged(oracle, plain(called(wrong), ASKED_TOOLS))[1]) == 1
    assert judged(oracle, plain(called("{}"), ASKED_TOOLS, role="general:anthropic")) == (0, [])


@pytest.mark.parametrize(
    ("arguments", "findings"),
    [
        ('{"a":12345678901234567890,"b":1}', 0),
        ('{"b":1.0,"a":12345678901234567000}', 1),
        ('{"b":1.0,"a":1.2345678901234567e19}', 1),
        ('{"b":true,"a":12345678901234567890}', 1),
        ('{"b":1.0}', 1),
        ("{}", 1),
        ("{", 0),
    ],
)
def test_arguments_keep_their_value(arguments: str, findings: int) -> None:
    answer = plain(called(arguments), ASKED_TOOLS, role="general:anthropic")
    assert len(judged(tools.arguments_have_the_same_value, answer)[1]) == findings


def text_then_call(*texts: str, arguments: str = "{}") -> Events:
    first = chunk({"role": "assistant", "content": ""})
    body: Events = [(None, first), *((None, chunk({"content": text})) for text in texts)]
    if arguments != "no call":
        body.append((None, chunk(fragment(0, arguments, first=True))))
    return [*body, (None, chunk({}, "tool_calls")), (None, "[DONE]")]


def test_text_and_a_call_have_to_arrive_together() -> None:
    asked = question(scripted("echo text_then_tools tool_calls=1 arguments=e30", "I will."), tools=TOOLS[:1])
    oracle = tools.text_before_the_calls_is_kept
    assert judged(oracle, stream(text_then_call("I ", "will."), asked)) == (1, [])
    assert len(judged(oracle, stream(text_then_call(), asked))[1]) == 1
    assert len(judged(oracle, stream(text_then_call("I will.", arguments="no call"), asked))[1]) == 1


def test_no_arguments_are_an_empty_object() -> None:
    asked = question(scripted("tool_calls=1 arguments=e30"), tools=TOOLS[:1])
    oracle = tools.call_without_arguments_has_an_empty_object
    assert judged(oracle, stream(text_then_call(arguments="{}"), asked)) == (1, [])
    for wrong in ("", "null", '{"input":{}}'):
        assert len(judged(oracle, stream(text_then_call(arguments=wrong), asked))[1]) == 1


def test_calls_of_stream_and_plain_answer_are_compared() -> None:
    oracle = oracles.stream_calls_what_the_plain_answer_calls
    one = plain(called(ARGUMENTS, ARGUMENTS), ASKED_TOOLS)
    assert judged(oracle, one, stream(tool_events(), ASKED_TOOLS)) == (1, [])
    assert len(judged(oracle, one, stream(text_then_call(arguments=ARGUMENTS), ASKED_TOOLS))[1]) == 1
    assert len(judged(oracle, one, stream(text_events(), ASKED_TOOLS))[1]) == 1
