"""The grammar of plain Chat answers (rules C-N and C-S)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.reference.upstream.talking import (
    FUNCTION_TOOLS,
    Document,
    Event,
    Talk,
    base64url,
    completion,
    events,
    spoken,
)


def fold(stream: list[Event], choices: int = 1) -> Document:
    """Put a stream together again, and check its grammar on the way."""
    assert {event.name for event in stream} == {None}
    assert [event.data for event in stream].index("[DONE]") == len(stream) - 1
    *chunks, totals = [event.document for event in stream[:-1]]
    assert totals["choices"] == []
    assert {chunk["usage"] for chunk in chunks} == {None}
    constant = {(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in [*chunks, totals]}
    assert len(constant) == 1
    assert totals["object"] == "chat.completion.chunk"
    parts = [chunk["choices"][0] for chunk in chunks]
    folded = [fold_choice(index, [part for part in parts if part["index"] == index]) for index in range(choices)]
    return {**totals, "object": "chat.completion", "choices": folded}


def fold_choice(index: int, parts: list[Document]) -> Document:
    opening, *middle, last = parts
    assert opening["delta"]["role"] == "assistant"
    assert all("role" not in part["delta"] and part["finish_reason"] is None for part in middle)
    assert last["delta"] == {}
    message: Document = {**opening["delta"], "annotations": []}
    calls: list[Document] = []
    for part in middle:
        if "content" in part["delta"]:
            message["content"] += part["delta"]["content"]
        for fragment in part["delta"].get("tool_calls", ()):
            if "id" in fragment:
                assert fragment["index"] == len(calls)
                calls.append({name: value for name, value in fragment.items() if name != "index"})
            else:
                assert fragment.keys() == {"index", "function"}
                assert fragment["function"].keys() == {"arguments"}
                calls[fragment["index"]]["function"]["arguments"] += fragment["function"]["arguments"]
    if calls:
        message["tool_calls"] = calls
    return {"index": index, "message": message, "logprobs": None, "finish_reason": last["finish_reason"]}


def normal(document: Any) -> Any:
    """Leave out what differs between two answers."""
    if isinstance(document, dict):
        return {name: normal(value) for name, value in document.items() if name not in {"id", "created"}}
    return [normal(value) for value in document] if isinstance(document, list) else document


@pytest.mark.parametrize(
    "text",
    [
        "hi",
        "@upstream echo\n",
        "@upstream echo\nZwölf Boxkämpfer 🥊 jagen\u2028Viktor\x00",
        "@upstream echo usage=17,5,3 thinking\nabc",
        "@upstream tool_calls=2",
        "@upstream echo tool_calls=3 chunks=2\nabc",
        "@upstream tool_calls=1 arguments=",
        "@upstream tool_calls=1 arguments=" + base64url('{ "b":1.0,"a":9007199254740993 , "a":"é"}'),
        "@upstream echo stop=filtered\nabc",
        "@upstream echo stop=length\nabc",
        "@upstream echo\nbefore STOP after",
    ],
)
@pytest.mark.parametrize("choices", [1, 2])
def test_a_stream_folds_to_the_answer_that_is_not_streamed(talk: Talk, text: str, choices: int) -> None:
    fields = {"tools": FUNCTION_TOOLS, "stop": "STOP", "n": choices}
    whole = talk.chat(completion(text, **fields)).json()
    stream = talk.chat(completion(text, stream=True, stream_options={"include_usage": True}, **fields))
    assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert normal(fold(events(stream.content), choices)) == normal(whole)
    assert abs(whole["created"] - time.time()) < 60
    for choice in whole["choices"]:
        assert (choice["finish_reason"] == "tool_calls") == ("tool_calls" in choice["message"])


def test_there_is_no_usage_chunk_unless_it_is_asked_for(talk: Talk) -> None:
    chunks = [event.document for event in events(talk.chat(completion("hi", stream=True)).content)[:-1]]
    assert all(chunk["choices"] and "usage" not in chunk for chunk in chunks)


def test_the_prompt_includes_what_was_cached(talk: Talk) -> None:
    usage = talk.chat(completion("@upstream usage=17,5,3")).json()["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (17, 5, 22)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 3


def test_thoughts_are_counted_but_not_shown(talk: Talk) -> None:
    answer = talk.chat(completion("@upstream echo thinking usage=30,20,3\nabc")).json()
    assert answer["choices"][0]["message"]["content"] == "abc"
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 12
    assert answer["usage"]["completion_tokens"] == 20


def test_argument_text_is_carried_to_the_character(talk: Talk) -> None:
    text = '{ "b":1.0,\n"b":1e400 }'
    body = completion("@upstream tool_calls=1 arguments=" + base64url(text), tools=FUNCTION_TOOLS)
    call = talk.chat(body).json()["choices"][0]["message"]["tool_calls"][0]
    assert call["function"] == {"name": "look_up", "arguments": text}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("echo", "stop"),
        ("stop=length", "length"),
        ("stop=stop_sequence", "stop"),
        ("stop=filtered", "content_filter"),
        ("tool_calls=1", "tool_calls"),
    ],
)
def test_each_end_has_openais_word(talk: Talk, words: str, reason: str) -> None:
    answer = talk.chat(completion(f"@upstream {words}", tools=FUNCTION_TOOLS, stop=["END"])).json()
    assert answer["choices"][0]["finish_reason"] == reason


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_either_limit_is_honoured(talk: Talk, limit: str) -> None:
    answer = talk.chat(completion("@upstream echo\n123456789", **{limit: 2})).json()
    assert answer["choices"][0]["message"]["content"] == "12345678"
    assert answer["usage"]["completion_tokens"] == 2


def test_the_usage_grows_with_messages_system_and_tools(talk: Talk) -> None:
    plain = completion("hello there")
    system = {"role": "system", "content": "You are terse."}
    bodies = [plain, {**plain, "messages": [system, *plain["messages"]]}, {**plain, "tools": FUNCTION_TOOLS}]
    first, *others = [talk.chat(body).json()["usage"]["prompt_tokens"] for body in bodies]
    assert all(other > first for other in others)


def test_the_text_of_a_tool_message_may_hold_the_directive(talk: Talk) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    turns: list[Document] = [
        {"role": "user", "content": "@upstream tool_calls=1"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "@upstream echo\nfrom the tool"},
    ]
    assert spoken(talk.chat({"model": "gpt-5.1", "messages": turns})) == "from the tool"
    turns[-1]["tool_call_id"] = "call_2"
    assert talk.chat({"model": "gpt-5.1", "messages": turns}).status_code == 400
