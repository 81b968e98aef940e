"""Messages and Chat for groups whose upstream speaks Gemini."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.reference.gateway.convert.gemini_answer import gemini_to_message
from llmapi_conformance.reference.gateway.convert.gemini_request import chat_to_gemini, messages_to_gemini
from llmapi_conformance.reference.gateway.refusals import Refusal
from tests.reference.gateway.test_gemini import USAGE, piece

if TYPE_CHECKING:
    from tests.reference.gateway.fake_upstream import FakeUpstream

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
GEMINI, ANTIGRAVITY = "general:gemini", "general:antigravity"
TOOL = {"name": "look", "description": "d", "input_schema": {"type": "object"}}
FUNCTION = {"type": "function", "function": {"name": "look", "description": "d", "parameters": {"type": "object"}}}
THOUGHT = {"text": "hm", "thought": True, "thoughtSignature": "c2ln"}
CALL = {"functionCall": {"name": "look", "args": {"n": 9007199254740993, "x": 1.0}}}
WHOLE = piece(THOUGHT, {"text": "see "}, {"text": "this"}, CALL, CALL, finish="STOP")
STREAM = (
    piece({"text": "h", "thought": True}),
    piece({"text": "m", "thought": True, "thoughtSignature": "c2ln"}),
    piece({"text": "see "}),
    piece({"text": "this"}, CALL),
    piece(CALL, finish="STOP"),
)


@pytest.fixture(scope="module")
def pair(house: Any) -> Any:
    return house.fake()


def ask(path: str, **fields: Any) -> dict[str, Any]:
    tools = [TOOL] if path.endswith("messages") else [FUNCTION]
    return {
        "model": "gemini-2.5-flash",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "hi"}],
        "tools": tools,
        **fields,
    }


def test_a_message_is_made_of_the_answer_with_thoughts_among_the_output(pair: tuple[Any, FakeUpstream]) -> None:
    site, fake = pair
    fake.answers(WHOLE)
    fresh = site.key(GEMINI)
    message = site.client.post(MESSAGES, headers={"x-api-key": fresh}, json=ask(MESSAGES)).json()
    thinking, text, *uses = message["content"]
    assert thinking == {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    assert text == {"type": "text", "text": "see this"}
    assert [(use["name"], use["input"]) for use in uses] == [("look", CALL["functionCall"]["args"])] * 2
    assert len({use["id"] for use in uses}) == 2
    assert all(use["id"].startswith("toolu_") for use in uses)
    assert message["stop_reason"] == "tool_use"
    usage = message["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (14, 3, 9)
    total = site.usage(fresh)["usage"]["total"]
    assert (total["requests"], total["input_tokens"], total["output_tokens"]) == (1, 17, 9)


def test_a_streamed_message_folds_to_the_whole_one(pair: tuple[Any, FakeUpstream], asking: Any) -> None:
    site, fake = pair
    fake.streams(*STREAM)
    fresh = site.key(GEMINI)
    answer = site.client.post(MESSAGES, headers={"x-api-key": fresh}, json=ask(MESSAGES, stream=True))
    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n") if line.startswith("data: ")]
    starts = [event["message"]["usage"] for event in events if event["type"] == "message_start"]
    assert [(usage["input_tokens"], usage["output_tokens"]) for usage in starts] == [(14, 0)]
    thoughts = [event for event in events if event.get("index") == 0]
    assert [event.get("delta", {}).get("type") for event in thoughts] == [
        None,
        "thinking_delta",
        "thinking_delta",
        "signature_delta",
        None,
    ]
    # The fold of the tests knows no thinking.
    spoken = [event | {"index": event["index"] - 1} if "index" in event else event for event in events]
    folded = asking.fold_messages([(event["type"], event) for event in spoken if event.get("index") != -1])
    whole = gemini_to_message(WHOLE, "gemini-2.5-flash")
    assert whole is not None
    strip = [{name: value for name, value in block.items() if name != "id"} for block in folded["content"]]
    assert strip == [{name: value for name, value in block.items() if name != "id"} for block in whole["content"][1:]]
    assert (folded["stop_reason"], folded["usage"]) == (whole["stop_reason"], whole["usage"])
    assert site.usage(fresh)["usage"]["total"]["total_tokens"] == 26


def test_a_completion_leaves_thoughts_out_of_its_text_and_counts_them(
    pair: tuple[Any, FakeUpstream], asking: Any
) -> None:
    site, fake = pair
    fake.answers(WHOLE)
    completion = site.post(CHAT, GEMINI, ask(CHAT)).json()
    fake.streams(*STREAM)
    answer = site.post(CHAT, GEMINI, ask(CHAT, stream=True, stream_options={"include_usage": True}))
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n") if line.startswith("data: ")]
    folded = asking.fold_chat([(None, line if line == "[DONE]" else json.loads(line)) for line in lines])
    choice = completion["choices"][0]
    assert choice["message"]["content"] == folded["content"] == "see this"
    assert choice["finish_reason"] == folded["finish_reason"] == "tool_calls"
    assert [completion["usage"]] == folded["usage"]
    usage = completion["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (17, 9, 26)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 3
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 4
    for calls in (choice["message"]["tool_calls"], folded["tool_calls"]):
        assert [json.loads(call["function"]["arguments"]) for call in calls] == [CALL["functionCall"]["args"]] * 2
        assert len({call["id"] for call in calls}) == 2


@pytest.mark.parametrize(
    ("finish", "stop", "chat"),
    [
        ("STOP", "end_turn", "stop"),
        ("MAX_TOKENS", "max_tokens", "length"),
        ("SAFETY", "refusal", "content_filter"),
        ("RECITATION", "refusal", "content_filter"),
        ("SOMETHING_NEW", "end_turn", "stop"),
    ],
)
def test_each_end_reason_has_its_counterpart(pair: tuple[Any, FakeUpstream], finish: str, stop: str, chat: str) -> None:
    site, fake = pair
    fake.answers(piece({"text": "a"}, finish=finish))
    assert site.post(MESSAGES, GEMINI, ask(MESSAGES)).json()["stop_reason"] == stop
    assert site.post(CHAT, GEMINI, ask(CHAT)).json()["choices"][0]["finish_reason"] == chat


def test_a_blocked_prompt_is_a_refusal_without_content(pair: tuple[Any, FakeUpstream]) -> None:
    site, fake = pair
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}}
    fake.answers(blocked)
    message = site.post(MESSAGES, GEMINI, ask(MESSAGES)).json()
    assert (message["content"], message["stop_reason"], message["usage"]["input_tokens"]) == ([], "refusal", 4)
    fake.streams(blocked)
    assert '"stop_reason":"refusal"' in site.post(MESSAGES, GEMINI, ask(MESSAGES, stream=True)).text


def test_an_answer_that_came_to_nothing_is_an_upstream_failure(pair: tuple[Any, FakeUpstream]) -> None:
    site, fake = pair
    for document in (piece(finish="MALFORMED_FUNCTION_CALL"), piece({"text": "a"}), {"usageMetadata": USAGE}, {}):
        fake.answers(document)
        assert site.post(MESSAGES, GEMINI, ask(MESSAGES)).status_code == 502
        assert site.post(CHAT, GEMINI, ask(CHAT)).status_code == 502
    for events in ((piece({"text": "a"}),), (piece({"text": "a"}), piece(finish="MALFORMED_FUNCTION_CALL"))):
        fake.streams(*events)
        text = site.post(MESSAGES, GEMINI, ask(MESSAGES, stream=True)).text
        assert "event: error" in text
        assert "message_stop" not in text
        text = site.post(CHAT, GEMINI, ask(CHAT, stream=True)).text
        assert '"error"' in text
        assert "[DONE]" not in text


def test_errors_keep_the_envelope_of_the_route(pair: tuple[Any, FakeUpstream]) -> None:
    site, fake = pair
    fake.answers({"error": {"code": 400, "message": "bad schema", "status": "INVALID_ARGUMENT"}}, 400)
    message = site.post(MESSAGES, GEMINI, ask(MESSAGES))
    assert (message.status_code, message.json()["type"]) == (400, "error")
    completion = site.post(CHAT, GEMINI, ask(CHAT))
    assert completion.json()["error"] == {
        "message": "bad schema",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


@pytest.mark.parametrize("path", ["/v1/messages", "/antigravity/v1/messages"])
def test_an_antigravity_group_asks_each_model_in_its_makers_protocol(pair: tuple[Any, FakeUpstream], path: str) -> None:
    site, fake = pair
    fake.answers(WHOLE)
    pro = {"model": "gemini-3-pro"}
    assert site.post(path, ANTIGRAVITY, ask(path, **pro)).json()["content"][1]["text"] == "see this"
    assert fake.last.path == "/v1beta/models/gemini-3-pro:generateContent"
    fake.answers({"totalTokens": 12})
    assert site.post(f"{path}/count_tokens", ANTIGRAVITY, ask(path, **pro)).json() == {"input_tokens": 12}
    assert fake.last.json()["generateContentRequest"]["model"] == "models/gemini-3-pro"
    fake.answers({"input_tokens": 13})
    claude = ask(path, model="claude-sonnet-4-5")
    assert site.post(f"{path}/count_tokens", ANTIGRAVITY, claude).json() == {"input_tokens": 13}
    fake.answers({"type": "message", "content": [], "usage": {}})
    assert site.post(path, ANTIGRAVITY, claude).json()["type"] == "message"
    assert fake.last.path == "/v1/messages"
    assert site.post(path, ANTIGRAVITY, ask(path)).status_code == 404


def test_a_conversation_is_told_in_contents_and_parts() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    linked = {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}
    body = {
        "model": "m",
        "max_tokens": 9,
        "system": [{"type": "text", "text": "be brief"}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "look"}, image, linked]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                    {"type": "redacted_thinking", "data": "c2lnMg=="},
                    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"n": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_1",
                        "content": [{"type": "text", "text": "5"}, image],
                    },
                    {"type": "text", "text": "and?"},
                ],
            },
        ],
        "tools": [TOOL],
        "tool_choice": {"type": "tool", "name": "look"},
        "stop_sequences": ["END"],
        "temperature": 0.5,
        "top_k": 3,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    media = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    assert messages_to_gemini(body) == {
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "contents": [
            {
                "role": "user",
                "parts": [{"text": "look"}, media, {"fileData": {"fileUri": "https://example.com/a.pdf"}}],
            },
            {
                "role": "model",
                "parts": [
                    {"text": "hm", "thought": True, "thoughtSignature": "c2ln"},
                    {"functionCall": {"name": "look", "args": {"n": 1}}, "thoughtSignature": "c2lnMg=="},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "look", "response": {"output": "5"}}},
                    media,
                    {"text": "and?"},
                ],
            },
        ],
        "tools": [
            {"functionDeclarations": [{"name": "look", "description": "d", "parametersJsonSchema": {"type": "object"}}]}
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]}},
        "generationConfig": {
            "maxOutputTokens": 9,
            "temperature": 0.5,
            "topK": 3,
            "stopSequences": ["END"],
            "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 1024},
        },
    }


def test_what_chat_says_beyond_messages_reaches_gemini() -> None:
    body = {"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]}
    plain = {"contents": [{"role": "user", "parts": [{"text": "u"}]}], "systemInstruction": {"parts": [{"text": "s"}]}}
    assert chat_to_gemini(body) == plain
    wanted = {"temperature": 1.7, "seed": 3, "presence_penalty": 0.5, "response_format": {"type": "json_object"}}
    assert chat_to_gemini(body | wanted)["generationConfig"] == {
        "temperature": 1.7,
        "seed": 3,
        "presencePenalty": 0.5,
        "responseMimeType": "application/json",
    }


def test_a_signature_on_a_call_comes_back_with_it() -> None:
    message = gemini_to_message(piece({**CALL, "thoughtSignature": "c2ln"}, finish="STOP"), "m")
    assert message is not None
    turns = [{"role": "user", "content": "u"}, {"role": "assistant", "content": message["content"]}]
    there = messages_to_gemini({"model": "m", "max_tokens": 9, "messages": turns})
    assert there["contents"][1]["parts"] == [{**CALL, "thoughtSignature": "c2ln"}]


def test_what_gemini_cannot_say_is_refused() -> None:
    result = {"type": "tool_result", "tool_use_id": "toolu_none", "content": "5"}
    for change in (
        {"messages": [{"role": "user", "content": [result]}]},
        {"messages": [{"role": "user", "content": [{"type": "search_result"}]}]},
        {"messages": [{"role": "user", "content": ""}]},
        {"stop_sequences": list("abcdef")},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"tools": [TOOL], "tool_choice": {"type": "some"}},
    ):
        with pytest.raises(Refusal) as refused:
            messages_to_gemini(ask(MESSAGES) | {"tools": []} | change)
        assert refused.value.status == 400


def test_a_picture_in_an_answer_is_shown_in_markdown() -> None:
    media = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    message = gemini_to_message(piece({"text": "here: "}, media, finish="STOP"), "m")
    assert message is not None
    text = "here: ![image](data:image/png;base64,iVBORw0KGgo=)"
    assert message["content"] == [{"type": "text", "text": text}]
