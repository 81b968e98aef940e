"""The grammar of plain Messages answers (rules A-N and A-S)."""

from __future__ import annotations

import json

import pytest

from tests.reference.upstream.talking import (
    CUSTOM_TOOLS,
    Document,
    Event,
    Talk,
    base64url,
    events,
    message,
    spoken,
)


def fold(stream: list[Event]) -> Document:
    """Put a stream together again, and check its grammar on the way."""
    assert [event.name for event in stream] == [event.document["type"] for event in stream]
    rest = [event.document for event in stream if event.name != "ping"]
    start, *blocks, delta, stop = rest
    assert start["type"] == "message_start"
    folded: Document = start["message"]
    assert (folded["content"], folded["stop_reason"], folded["stop_sequence"]) == ([], None, None)
    for index, block in enumerate(split_blocks(blocks)):
        assert {part["index"] for part in block} == {index}
        folded["content"].append(fold_block(block))
    assert delta["type"] == "message_delta"
    assert stop == {"type": "message_stop"}
    assert delta["usage"]["output_tokens"] >= folded["usage"]["output_tokens"]
    return {**folded, **delta["delta"], "usage": {**folded["usage"], **delta["usage"]}}


def split_blocks(parts: list[Document]) -> list[list[Document]]:
    blocks: list[list[Document]] = []
    for part in parts:
        if part["type"] == "content_block_start":
            blocks.append([])
        blocks[-1].append(part)
    assert all(block[-1]["type"] == "content_block_stop" for block in blocks)
    return blocks


def fold_block(block: list[Document]) -> Document:
    start, *middle, _ = block
    folded: Document = start["content_block"]
    deltas = [part["delta"] for part in middle]
    kinds = {delta["type"] for delta in deltas}
    match folded["type"]:
        case "text":
            assert folded["text"] == ""
            assert kinds == {"text_delta"}
            folded["text"] = "".join(delta["text"] for delta in deltas)
        case "thinking":
            assert (folded["thinking"], folded["signature"]) == ("", "")
            *thoughts, signature = deltas
            assert {delta["type"] for delta in thoughts} == {"thinking_delta"}
            folded["thinking"] = "".join(delta["thinking"] for delta in thoughts)
            folded["signature"] = signature["signature"]
        case "tool_use":
            assert folded["input"] == {}
            assert kinds == {"input_json_delta"}
            folded["input"] = json.loads("".join(delta["partial_json"] for delta in deltas) or "{}")
    return folded


def normal(document: Document) -> Document:
    """Leave out what differs between two answers."""
    content = [{name: value for name, value in block.items() if name != "id"} for block in document["content"]]
    return {**document, "id": None, "content": content}


@pytest.mark.parametrize(
    "text",
    [
        "hi",
        "@upstream echo\n",
        "@upstream echo\nZwölf Boxkämpfer 🥊 jagen\u2028Viktor\x00",
        "@upstream echo thinking usage=17,5,3\nabc",
        "@upstream tool_calls=2",
        "@upstream echo thinking tool_calls=3 chunks=2\nabc",
        "@upstream tool_calls=1 arguments=",
        "@upstream tool_calls=1 arguments=" + base64url('{"big": 9007199254740993, "deep": [[[1.0, "é"]]]}'),
        "@upstream echo stop=filtered\nabc",
        "@upstream echo stop=length\nabc",
        "@upstream echo\nbefore STOP after",
        "@upstream usage=0,0",
    ],
)
def test_a_stream_folds_to_the_answer_that_is_not_streamed(talk: Talk, text: str) -> None:
    fields = {"tools": CUSTOM_TOOLS, "stop_sequences": ["STOP"]}
    whole = talk.messages(message(text, **fields)).json()
    stream = talk.messages(message(text, stream=True, **fields))
    assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "content-length" not in stream.headers
    assert normal(fold(events(stream.content))) == normal(whole)
    assert whole["type"] == "message"
    assert (whole["stop_sequence"] is not None) == (whole["stop_reason"] == "stop_sequence")
    assert (whole["stop_reason"] == "tool_use") == any(block["type"] == "tool_use" for block in whole["content"])


def test_total_input_is_split_into_cached_and_not_cached(talk: Talk) -> None:
    usage = talk.messages(message("@upstream usage=17,5,3")).json()["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (14, 3, 0)
    assert usage["output_tokens"] == 5


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("echo", "end_turn"),
        ("stop=length", "max_tokens"),
        ("stop=stop_sequence", "stop_sequence"),
        ("stop=filtered", "refusal"),
        ("tool_calls=1", "tool_use"),
    ],
)
def test_each_end_has_anthropics_word(talk: Talk, words: str, reason: str) -> None:
    body = message(f"@upstream {words}\nabc", tools=CUSTOM_TOOLS, stop_sequences=["END"])
    assert talk.messages(body).json()["stop_reason"] == reason


def test_tokens_are_counted_as_the_same_request_would_be_charged(talk: Talk) -> None:
    plain = message("hello there")
    bodies = [
        plain,
        {**plain, "system": "You are terse. " * 20},
        {**plain, "tools": CUSTOM_TOOLS},
        {**plain, "messages": [*plain["messages"], {"role": "assistant", "content": "Hi."}, plain["messages"][0]]},
        message("@upstream usage=17,5,3"),
    ]
    counts = []
    for body in bodies:
        usage = talk.messages(body).json()["usage"]
        without_limit = {name: value for name, value in body.items() if name != "max_tokens"}
        counted = talk.count(without_limit)
        assert counted.json() == {"input_tokens": usage["input_tokens"] + usage["cache_read_input_tokens"]}
        counts.append(counted.json()["input_tokens"])
    assert all(count > counts[0] for count in counts[1:])


def test_a_string_counts_as_one_text_block(talk: Talk) -> None:
    blocks = message([{"type": "text", "text": "hello"}], system=[{"type": "text", "text": "terse"}])
    assert talk.count(blocks).json() == talk.count(message("hello", system="terse")).json()


def test_the_text_of_a_tool_result_may_hold_the_directive(talk: Talk) -> None:
    turns: list[Document] = [
        {"role": "user", "content": "look it up"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {}}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [{"type": "text", "text": "@upstream echo\nfrom the tool"}],
                }
            ],
        },
    ]
    body = {**message(""), "messages": turns, "tools": CUSTOM_TOOLS}
    assert spoken(talk.messages(body)) == "from the tool"
    turns[-1]["content"].append({"type": "text", "text": "@upstream echo\nfrom the text after it"})
    assert spoken(talk.messages(body)) == "from the text after it"


def test_a_thought_must_come_back_as_it_was(talk: Talk) -> None:
    first = talk.messages(message("@upstream thinking"))
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": first.json()["content"]},
        {"role": "user", "content": "go on"},
    ]
    assert talk.messages({**message(""), "messages": turns}).status_code == 200
    turns[1]["content"][0]["thinking"] += "!"
    assert talk.messages({**message(""), "messages": turns}).status_code == 400


def test_both_versions_of_the_protocol_are_served(talk: Talk) -> None:
    assert talk.messages(message("hi"), anthropic_version="2026-10-21").status_code == 200
    warm = message("hi", temperature=1)
    assert talk.messages(warm).status_code == 200
    refused = talk.messages(warm, anthropic_version="2026-10-21")
    assert refused.status_code == 400
    assert "temperature" in refused.json()["error"]["message"]
