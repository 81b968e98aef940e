"""What the conversions make of single requests and answers; whole conversations are in test_text."""

from __future__ import annotations

from typing import Any

import pytest

from llmapi_conformance.reference.gateway.convert.chat_answer import chat_to_message
from llmapi_conformance.reference.gateway.convert.chat_request import chat_to_messages
from llmapi_conformance.reference.gateway.convert.common import call_id, finish_reason, stop_reason, toolu_id
from llmapi_conformance.reference.gateway.convert.messages_answer import message_to_chat
from llmapi_conformance.reference.gateway.convert.messages_request import messages_to_chat
from llmapi_conformance.reference.gateway.refusals import Refusal

PNG = "iVBORw0KGgo="
INLINE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
LINKED = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
INLINE_URL = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
LINKED_URL = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
TEXT = {"type": "text", "text": "look"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
USE = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}


def messages(*turns: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, "messages": list(turns), **fields}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def test_text_and_pictures_change_places_unchanged() -> None:
    there = messages_to_chat(messages(user([TEXT, INLINE, LINKED])))["messages"]
    assert there == [user([TEXT, INLINE_URL, LINKED_URL])]
    assert chat_to_messages({"model": "m", "messages": there})["messages"] == [user([TEXT, INLINE, LINKED])]


def test_instructions_become_what_the_other_protocol_calls_them() -> None:
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    for system in ("be brief", blocks):
        assert messages_to_chat(messages(user("x"), system=system))["messages"][0] == {
            "role": "system",
            "content": system,
        }
        chat = {"model": "m", "messages": [{"role": "developer", "content": system}, user("x")]}
        assert chat_to_messages(chat)["system"] == system
    inner = messages_to_chat(messages(user("x"), {"role": "system", "content": "y"}))["messages"]
    assert inner[1] == {"role": "system", "content": "y"}
    two = [{"role": "system", "content": "a"}, user("x"), {"role": "system", "content": "b"}]
    assert chat_to_messages({"model": "m", "messages": two})["system"] == blocks


def test_tool_results_come_before_the_rest_of_their_turn() -> None:
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [TEXT, INLINE]}
    plain = {"type": "tool_result", "tool_use_id": "toolu_2", "content": "2"}
    empty = {"type": "tool_result", "tool_use_id": "toolu_3"}
    turns = messages_to_chat(messages(user([result, plain, empty, {"type": "text", "text": "go"}])))["messages"]
    assert turns == [
        {"role": "tool", "tool_call_id": "call_1", "content": [TEXT]},
        {"role": "tool", "tool_call_id": "call_2", "content": "2"},
        {"role": "tool", "tool_call_id": "call_3", "content": ""},
        user([INLINE_URL, {"type": "text", "text": "go"}]),
    ]


def test_results_of_parallel_calls_and_the_words_behind_them_make_one_turn() -> None:
    chat = [
        user("x"),
        {"role": "assistant", "content": None, "tool_calls": [CALL, CALL | {"id": "other"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "1"},
        {"role": "tool", "tool_call_id": "other", "content": [TEXT]},
        user("go"),
        user("on"),
    ]
    assert chat_to_messages({"model": "m", "messages": chat})["messages"] == [
        user("x"),
        {"role": "assistant", "content": [USE, USE | {"id": "other"}]},
        user(
            [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "1"},
                {"type": "tool_result", "tool_use_id": "other", "content": [TEXT]},
                {"type": "text", "text": "go"},
            ]
        ),
        user("on"),
    ]


def test_an_assistant_turn_keeps_text_and_calls_and_loses_thinking() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    turn = {"role": "assistant", "content": [thought, TEXT, USE]}
    converted = messages_to_chat(messages(user("x"), turn))["messages"][1]
    assert converted == {"role": "assistant", "content": "look", "tool_calls": [CALL]}
    back = chat_to_messages({"model": "m", "messages": [user("x"), converted]})["messages"][1]
    assert back == {"role": "assistant", "content": [TEXT, USE]}


@pytest.mark.parametrize(
    ("choice", "converted"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "tool", "name": "f"}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
        (
            {"type": "auto", "disable_parallel_tool_use": True},
            {"tool_choice": "auto", "parallel_tool_calls": False},
        ),
    ],
)
def test_the_choice_of_tools_is_converted_both_ways(choice: dict[str, Any], converted: dict[str, Any]) -> None:
    tool = {"name": "f", "description": "d", "input_schema": {"type": "object"}}
    chat = messages_to_chat(messages(user("x"), tools=[tool], tool_choice=choice))
    assert {name: chat[name] for name in converted} == converted
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    assert chat["tools"] == [{"type": "function", "function": function}]
    back = chat_to_messages(chat)
    assert (back["tools"], back["tool_choice"]) == ([tool], choice)


def test_limits_and_the_like_are_converted_both_ways() -> None:
    body = messages(user("x"), temperature=0.3, top_p=0.5, stop_sequences=["a"], metadata={"user_id": "u"}, stream=True)
    chat = messages_to_chat(body)
    assert chat["max_completion_tokens"] == 9
    assert (chat["temperature"], chat["top_p"], chat["stop"], chat["user"]) == (0.3, 0.5, ["a"], "u")
    assert chat["stream_options"] == {"include_usage": True}
    assert chat_to_messages(chat) == body
    hot = chat_to_messages({"model": "m", "messages": [user("x")], "temperature": 1.7, "stop": "s"})
    assert (hot["temperature"], hot["stop_sequences"], hot["max_tokens"]) == (1.0, ["s"], 4096)


def test_a_schema_for_the_answer_is_converted_both_ways() -> None:
    wanted = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    chat = messages_to_chat(messages(user("x"), output_config=wanted))
    assert chat["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert chat_to_messages(chat)["output_config"] == wanted


@pytest.mark.parametrize(
    "body",
    [
        messages(user([{"type": "search_result"}])),
        messages(user([{"type": "image", "source": {"type": "file", "file_id": "x"}}])),
        messages(user("x"), tools=[{"type": "web_search_20250305", "name": "web_search"}]),
        messages(user("x"), tools=[{"name": "f", "input_schema": {}}], tool_choice={"type": "perhaps"}),
        messages({"role": "assistant", "content": [{"type": "server_tool_use"}]}),
    ],
)
def test_what_chat_cannot_say_is_a_400(body: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        messages_to_chat(body)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "change",
    [
        {"n": 2},
        {"messages": [user([{"type": "input_audio"}])]},
        {"messages": [{"role": "system", "content": "alone"}]},
        {"messages": [{"role": "function", "name": "f", "content": "x"}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {}}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [CALL | {"function": {"name": "f", "arguments": "[1]"}}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [CALL | {"function": {"name": "f", "arguments": "{"}}]}]},
        {"tools": [{"type": "custom"}]},
        {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "perhaps"},
    ],
)
def test_what_messages_cannot_say_is_a_400(change: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        chat_to_messages({"model": "m", "messages": [user("x")]} | change)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("anthropic", "openai"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
        (None, "stop"),
    ],
)
def test_end_reasons_follow_the_table(anthropic: str | None, openai: str) -> None:
    assert finish_reason(anthropic, has_calls=openai == "tool_calls") == openai


def test_an_answer_with_calls_never_ends_as_if_it_had_none() -> None:
    assert finish_reason("end_turn", has_calls=True) == "tool_calls"
    assert stop_reason("stop", has_calls=True) == "tool_use"
    assert stop_reason("length", has_calls=True) == "max_tokens"
    assert stop_reason("stop", has_calls=False, matched="x") == "stop_sequence"
    assert stop_reason("function_call", has_calls=True) == "tool_use"


def test_call_ids_find_their_way_back() -> None:
    for name in ("call_1", "other-1"):
        assert call_id(toolu_id(name)) == name


def completion(message: dict[str, Any], finish: str, **choice: Any) -> dict[str, Any]:
    choices = [{"index": 0, "message": message, "finish_reason": finish, **choice}]
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    return {"model": "m", "choices": choices, "usage": usage}


def test_a_completion_becomes_a_message() -> None:
    request = messages(user("x"), stop_sequences=["END"])
    called = chat_to_message(completion({"content": "look", "tool_calls": [CALL]}, "stop"), request)
    assert called is not None
    assert (called["content"], called["stop_reason"]) == ([TEXT, USE], "tool_use")
    assert (called["usage"]["input_tokens"], called["usage"]["cache_read_input_tokens"]) == (6, 4)
    refused = chat_to_message(completion({"content": None, "refusal": "no"}, "stop"), request)
    assert refused is not None
    assert (refused["content"], refused["stop_reason"]) == ([{"type": "text", "text": "no"}], "refusal")
    stopped = chat_to_message(completion({"content": "a"}, "stop", stop_reason="END"), request)
    assert stopped is not None
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", "END")
    half = CALL | {"function": {"name": "f", "arguments": '{"a":'}}
    assert chat_to_message(completion({"content": None, "tool_calls": [half]}, "tool_calls"), request) is None
    cut = chat_to_message(completion({"content": None, "tool_calls": [half]}, "length"), request)
    assert cut is not None
    assert (cut["content"], cut["stop_reason"]) == ([], "max_tokens")
    bare = CALL | {"function": {"name": "f", "arguments": ""}}
    no_arguments = chat_to_message(completion({"content": None, "tool_calls": [bare]}, "tool_calls"), request)
    assert no_arguments is not None
    assert no_arguments["content"] == [USE | {"input": {}}]
    assert chat_to_message({"choices": []}, request) is None


def test_a_message_becomes_a_completion() -> None:
    usage = {
        "input_tokens": 6,
        "cache_creation_input_tokens": 1,
        "cache_read_input_tokens": 3,
        "output_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 5},
    }
    message = {"type": "message", "model": "m", "content": [USE], "stop_reason": "tool_use", "usage": usage}
    converted = message_to_chat(message, "m")
    assert converted is not None
    assert converted["choices"][0]["message"]["content"] is None
    assert converted["choices"][0]["message"]["tool_calls"] == [CALL]
    assert converted["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 7,
        "total_tokens": 17,
        "prompt_tokens_details": {"cached_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    assert message_to_chat({"type": "error"}, "m") is None
