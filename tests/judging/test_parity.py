"""Oracles of parity: key headers, protocols, and the examples of the documentation."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.any_answer import any_answer
from llmapi_conformance.judging.oracles import examples, parity
from tests.judging import chat_cases, response_cases
from tests.judging.build import exchange
from tests.judging.response_cases import found, judged

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

ASKED = "@upstream echo nonce=n1\nHello there"
CALLS = [("get_weather", {"city": "Z\u00fcrich", "n": 3})]
Answer = dict[str, Any]
CHAT_ENDS = {"natural": "stop", "length": "length", "tools": "tool_calls", "filtered": "content_filter"}
MESSAGE_ENDS = {"natural": "end_turn", "length": "max_tokens", "tools": "tool_use", "filtered": "refusal"}
GEMINI_ENDS = {"natural": "STOP", "length": "MAX_TOKENS", "tools": "STOP", "filtered": "SAFETY"}


def told(**changes: Any) -> Answer:
    """What is said, in no protocol."""
    return {"text": "Hello there", "calls": [], "end": "natural", "input": 17, "cached": 4, "output": 5} | changes


def through_chat(answer: Answer, role: str = "general:openai") -> Exchange:
    calls = [
        {"id": f"call_{k}", "type": "function", "function": {"name": name, "arguments": json.dumps(value)}}
        for k, (name, value) in enumerate(answer["calls"])
    ]
    message = chat_cases.message(content=answer["text"], **({"tool_calls": calls} if calls else {}))
    usage = {
        "prompt_tokens": answer["input"],
        "completion_tokens": answer["output"],
        "total_tokens": answer["input"] + answer["output"],
        "prompt_tokens_details": {"cached_tokens": answer["cached"]},
    }
    body = chat_cases.completion(CHAT_ENDS[answer["end"]], message=message, usage=usage)
    return chat_cases.plain(body, chat_cases.question(ASKED), role=role)


def through_messages(answer: Answer) -> Exchange:
    blocks = [{"type": "text", "text": answer["text"]}]
    blocks += [{"type": "tool_use", "id": "toolu_1", "name": name, "input": value} for name, value in answer["calls"]]
    usage = {
        "input_tokens": answer["input"] - answer["cached"],
        "cache_read_input_tokens": answer["cached"],
        "cache_creation_input_tokens": 0,
        "output_tokens": answer["output"],
    }
    body = {"type": "message", "content": blocks, "stop_reason": MESSAGE_ENDS[answer["end"]], "usage": usage}
    return exchange(body=body, request_json={"messages": [{"role": "user", "content": ASKED}]})


def through_responses(answer: Answer) -> Exchange:
    items = [response_cases.message(answer["text"])]
    items += [response_cases.call(k, json.dumps(value), name=name) for k, (name, value) in enumerate(answer["calls"])]
    usage = {
        "input_tokens": answer["input"],
        "input_tokens_details": {"cached_tokens": answer["cached"]},
        "output_tokens": answer["output"],
        "total_tokens": answer["input"] + answer["output"],
    }
    reason = {"length": "max_output_tokens", "filtered": "content_filter"}.get(answer["end"])
    ended = {"status": "incomplete", "incomplete_details": {"reason": reason}} if reason else {}
    body = response_cases.response(*items, usage=usage, **ended)
    return response_cases.plain(body, response_cases.question(ASKED))


def through_gemini(answer: Answer) -> Exchange:
    parts = [{"text": answer["text"]}]
    parts += [{"functionCall": {"name": name, "args": value}} for name, value in answer["calls"]]
    usage = {
        "promptTokenCount": answer["input"],
        "cachedContentTokenCount": answer["cached"],
        "candidatesTokenCount": answer["output"] - 2,
        "thoughtsTokenCount": 2,
    }
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": GEMINI_ENDS[answer["end"]]}
    body = {"candidates": [candidate], "usageMetadata": usage}
    asked = {"contents": [{"role": "user", "parts": [{"text": ASKED}]}]}
    return exchange(
        operation="generateGeminiContent", path="/v1beta/models/g:generateContent", body=body, request_json=asked
    )


PROTOCOLS = {
    "MSG": through_messages,
    "CHAT": lambda answer: through_chat(answer, "general:anthropic"),
    "RSP": through_responses,
    "GEM": through_gemini,
}
SAME = {
    "MSG": (
        parity.messages_carries_the_same_text,
        parity.messages_carries_the_same_calls,
        parity.messages_ends_for_the_same_reason,
        parity.messages_counts_the_same_tokens,
    ),
    "CHAT": (
        parity.chat_carries_the_same_text,
        parity.chat_carries_the_same_calls,
        parity.chat_ends_for_the_same_reason,
        parity.chat_counts_the_same_tokens,
    ),
    "RSP": (
        parity.responses_carries_the_same_text,
        parity.responses_carries_the_same_calls,
        parity.responses_ends_for_the_same_reason,
        parity.responses_counts_the_same_tokens,
    ),
    "GEM": (
        parity.gemini_carries_the_same_text,
        parity.gemini_carries_the_same_calls,
        parity.gemini_ends_for_the_same_reason,
        parity.gemini_counts_the_same_tokens,
    ),
}
BROKEN: list[tuple[int, Answer, Answer]] = [
    (0, told(), told(text="Hello")),
    (1, told(calls=CALLS, end="tools"), told(end="tools", calls=[("get_time", CALLS[0][1])])),
    (1, told(calls=CALLS, end="tools"), told(calls=[("get_weather", {"city": "Z\u00fcrich"})], end="tools")),
    (1, told(calls=CALLS, end="tools"), told(calls=[("get_weather", {"city": "Z\u00fcrich", "n": True})], end="tools")),
    (2, told(end="length"), told()),
    (2, told(end="filtered"), told()),
    (3, told(), told(input=21)),
    (3, told(), told(cached=0)),
    (3, told(), told(output=3)),
]


@pytest.mark.parametrize("protocol", SAME)
@pytest.mark.parametrize("answer", [told(), told(calls=CALLS, end="tools"), told(end="length"), told(end="filtered")])
def test_a_turn_that_is_the_same_everywhere_is_not_accused(protocol: str, answer: Answer) -> None:
    for oracle in SAME[protocol]:
        assert judged(oracle, through_chat(answer), PROTOCOLS[protocol](answer))[1] == []


@pytest.mark.parametrize("protocol", SAME)
@pytest.mark.parametrize(("number", "native", "other"), BROKEN)
def test_what_a_protocol_carries_otherwise_is_found(protocol: str, number: int, native: Answer, other: Answer) -> None:
    one, two = through_chat(native), PROTOCOLS[protocol](other)
    assert [oracle.clause for oracle in SAME[protocol] if found(oracle, one, two)] == [f"{protocol}-Q0{number + 1}"]


SCRIPT = "@upstream echo {words} nonce=n1\nHello there"


@pytest.mark.parametrize("protocol", SAME)
@pytest.mark.parametrize(
    ("number", "words", "chat"),
    [
        (0, "", told(text="Hello from the gateway")),
        (1, "tool_calls=1", told(calls=[*CALLS, *CALLS], end="tools")),
        (2, "stop=length", told()),
        (2, "tool_calls=1", told(calls=CALLS)),
        (3, "usage=17,5,4", told(input=439)),
        (3, "usage=17,5,4", told(cached=0)),
    ],
)
def test_a_turn_that_chat_itself_got_wrong_is_no_measure(protocol: str, number: int, words: str, chat: Answer) -> None:
    asked = chat_cases.question(SCRIPT.format(words=words))
    one = chat_cases.plain(through_chat(chat).json, asked, role="general:openai")
    right = (
        told(calls=CALLS, end="tools")
        if "tool_calls" in words
        else told(end="length" if "length" in words else "natural")
    )
    assert judged(SAME[protocol][number], one, PROTOCOLS[protocol](right)) == (0, [])


@pytest.mark.parametrize("protocol", SAME)
def test_a_text_that_a_filter_stopped_may_be_withheld(protocol: str) -> None:
    one = through_chat(told(end="filtered"))
    assert judged(SAME[protocol][0], one, PROTOCOLS[protocol](told(end="filtered", text=""))) == (1, [])
    assert found(SAME[protocol][0], one, PROTOCOLS[protocol](told(text=""))) == 1
    assert found(SAME[protocol][0], one, PROTOCOLS[protocol](told(end="filtered", text="Hell"))) == 1


def test_what_a_live_model_says_is_not_compared() -> None:
    live = exchange(body={"type": "message", "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"})
    for oracle in SAME["MSG"]:
        assert judged(oracle, through_chat(told()), live) == (0, [])


def test_a_blocked_prompt_of_gemini_counts_as_filtered() -> None:
    body = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 17}}
    blocked = exchange(operation="generateGeminiContent", path="/v1beta/models/g:generateContent", body=body)
    answer = any_answer(blocked)
    assert answer is not None
    assert (answer.end, answer.counts.input) == ("filtered", 17)


def test_a_refusal_counts_as_filtered() -> None:
    refused = chat_cases.completion("stop", message=chat_cases.message(content=None, refusal="No."))
    response = response_cases.response(response_cases.refusal())
    for one in (chat_cases.plain(refused), response_cases.plain(response)):
        answer = any_answer(one)
        assert answer is not None
        assert answer.end == "filtered"


def test_hostile_bodies_are_no_answers() -> None:
    operations = (
        "createMessage",
        "createChatCompletion",
        "createResponse",
        "generateGeminiContent",
        "createResponseAlias",
    )
    for operation in operations:
        for body in (b"", b"null", b"[]", b"[1]", b"\xff", b'{"choices":[{"message":{"tool_calls":[7]}}],"usage":[]}'):
            for mode in ("plain", "stream"):
                any_answer(exchange(operation=operation, mode=mode, body=body))


def test_an_answer_that_depends_on_the_key_header_is_found() -> None:
    oracle = parity.answer_is_the_same_under_every_key_header
    usual = through_chat(told())
    assert judged(oracle, {"Authorization": usual, "x-api-key": through_chat(told())}) == (1, [])
    for other in (
        through_chat(told(text="Hello")),
        replace(through_messages(told()), operation="createChatCompletion"),
        chat_cases.plain(headers=(("content-type", "text/plain"),), asked=chat_cases.question(ASKED)),
    ):
        assert found(oracle, {"Authorization": usual, "x-api-key": other}) == 1
    refused = chat_cases.plain({"error": {}}, status=401)
    assert judged(oracle, {"Authorization": usual, "x-api-key": refused}) == (0, [])


@pytest.mark.parametrize(
    ("oracle", "good"),
    [
        (examples.the_messages_example_is_answered, through_messages(told())),
        (examples.the_responses_example_is_answered, through_responses(told())),
        (examples.the_chat_example_is_answered, through_chat(told())),
    ],
)
def test_an_example_that_is_not_answered_as_printed_is_found(oracle: Any, good: Exchange) -> None:
    assert judged(oracle, good) == (1, [])
    response = good.response
    assert response is not None
    assert found(oracle, replace(good, response=replace(response, status=400))) == 1
    assert found(oracle, replace(good, response=replace(response, headers=(("content-type", "text/html"),)))) == 1
    empty = through_chat(told(text="")) if good.operation == "createChatCompletion" else None
    for bad in (replace(good, response=replace(response, chunks=())), empty):
        assert bad is None or found(oracle, bad) == 1
