"""Streams that the scripted upstream does not send: what a conversion makes of them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.reference.gateway.convert.chat_stream import chat_to_messages_stream
from llmapi_conformance.reference.gateway.convert.messages_stream import messages_to_chat_stream
from llmapi_conformance.reference.gateway.keys import ApiKey, role_named
from llmapi_conformance.reference.gateway.ledger import Ledger
from llmapi_conformance.reference.gateway.relay import relay_chat, relay_messages
from llmapi_conformance.reference.gateway.sse import Comment, Frame, FrameDecoder, ServerEvent
from llmapi_conformance.reference.gateway.tally import Tally
from llmapi_conformance.reference.gateway.upstream_client import UpstreamFailure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

KEY = ApiKey("k", role_named("general:openai"), "tenant")
REQUEST = {"model": "m", "max_tokens": 9, "messages": [], "stop_sequences": ["END"]}


def converted(convert: Callable[[AsyncGenerator[Frame], Tally], AsyncGenerator[Frame]], *events: Any) -> list[Any]:
    async def frames() -> AsyncGenerator[Frame]:
        for event in events:
            yield (
                event
                if isinstance(event, Comment)
                else ServerEvent(event if isinstance(event, str) else json.dumps(event))
            )

    async def collected() -> list[Any]:
        tally = Tally(Ledger(), KEY, "m")
        found = [frame async for frame in convert(frames(), tally)]
        return [frame.data if isinstance(frame, ServerEvent) else frame for frame in found]

    found = asyncio.run(collected())
    return [json.loads(data) if isinstance(data, str) and data != "[DONE]" else data for data in found]


def to_messages(frames: AsyncGenerator[Frame], tally: Tally) -> AsyncGenerator[Frame]:
    return chat_to_messages_stream(frames, REQUEST, 7, tally)


def to_chat(frames: AsyncGenerator[Frame], tally: Tally) -> AsyncGenerator[Frame]:
    return messages_to_chat_stream(frames, "m", tally, with_usage=False)


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call(index: int, arguments: str, **more: Any) -> dict[str, Any]:
    return chunk(
        tool_calls=[{"index": index, **more, "function": {"arguments": arguments} | ({"name": "f"} if more else {})}]
    )


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


START = {
    "type": "message_start",
    "message": {"model": "m", "content": [], "usage": {"input_tokens": 3, "output_tokens": 1}},
}
STOP = {"type": "message_stop"}


def delta(reason: str) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 2}}


def test_blocks_follow_each_other_without_overlap() -> None:
    found = converted(
        to_messages,
        chunk(role="assistant", content=""),
        chunk(content="a"),
        call(0, "", id="call_1"),
        call(0, '{"x":1}'),
        call(1, "", id="call_2"),
        chunk(content="b"),
        chunk("tool_calls"),
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}},
        "[DONE]",
    )
    assert [event["type"].removeprefix("content_block_") for event in found] == [
        "message_start",
        *("start", "delta", "stop"),
        *("start", "delta", "stop"),
        *("start", "stop"),
        *("start", "delta", "stop"),
        "message_delta",
        "message_stop",
    ]
    assert [event["index"] for event in found if event["type"] == "content_block_start"] == [0, 1, 2, 3]
    assert found[0]["message"]["usage"]["input_tokens"] == 7
    assert found[-2]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}
    assert (found[-2]["usage"]["input_tokens"], found[-2]["usage"]["output_tokens"]) == (5, 2)


def test_a_named_stop_string_and_a_refusal_are_told() -> None:
    named = chunk("stop", content="a")
    named["choices"][0]["matched_stop"] = "END"
    assert converted(to_messages, named, "[DONE]")[-2]["delta"] == {
        "stop_reason": "stop_sequence",
        "stop_sequence": "END",
    }
    refused = converted(to_messages, chunk(refusal="no"), chunk("stop"), "[DONE]")
    assert refused[2]["delta"]["text"] == "no"
    assert refused[-2]["delta"]["stop_reason"] == "refusal"


def test_comments_stay_comments_and_pings_become_some() -> None:
    assert isinstance(converted(to_messages, Comment("x"), chunk("stop", content="a"), "[DONE]")[0], Comment)
    found = converted(to_chat, START, Comment("x"), {"type": "ping"}, delta("end_turn"), STOP)
    assert [isinstance(frame, Comment) for frame in found] == [False, True, True, False, False]


@pytest.mark.parametrize(
    "events",
    [
        [chunk(content="a")],
        [chunk(content="a"), "[DONE]"],
        ["[DONE]"],
        [chunk(content="a"), {"error": {"message": "x", "type": "server_error"}}],
        [chunk(content="a"), "no json"],
        [chunk(content="a"), "[1]"],
        [{"choices": ["x"]}],
        [call(0, '{"x":', id="call_1"), chunk("tool_calls"), "[DONE]"],
        [call(0, '{"x":', id="call_1"), call(1, "", id="call_2")],
        [call(0, "{}", id="call_1"), call(1, "{}", id="call_2"), call(0, "{}")],
        [chunk(tool_calls=[{"id": "call_1", "function": {"name": "f"}}])],
    ],
)
def test_a_broken_chat_stream_is_never_a_complete_message(events: list[Any]) -> None:
    with pytest.raises(UpstreamFailure) as failed:
        converted(to_messages, *events)
    assert failed.value.status == 502


def test_arguments_cut_by_the_limit_are_passed_as_they_are() -> None:
    found = converted(to_messages, call(0, '{"x":', id="call_1"), chunk("length"), "[DONE]")
    assert found[-2]["delta"]["stop_reason"] == "max_tokens"


def test_a_call_without_arguments_is_an_empty_object_in_chat() -> None:
    use = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    started_full = use | {"id": "toolu_2", "input": {"a": 1}}
    thought = {"type": "thinking", "thinking": "", "signature": ""}
    found = converted(
        to_chat,
        START,
        *block(0, thought, {"type": "thinking_delta", "thinking": "hm"}),
        *block(1, use, {"type": "input_json_delta", "partial_json": ""}),
        *block(2, started_full),
        {"type": "something_new"},
        delta("tool_use"),
        STOP,
    )
    calls = [part for each in found[:-1] for part in each["choices"][0]["delta"].get("tool_calls", [])]
    assert [(part["index"], part["function"]["arguments"]) for part in calls] == [
        (0, ""),
        (0, "{}"),
        (1, ""),
        (1, '{"a":1}'),
    ]
    assert [part.get("id") for part in calls] == ["call_1", None, "call_2", None]
    assert found[-2]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    "events",
    [
        [START],
        [START, delta("end_turn")],
        [START, {"type": "error", "error": {"type": "api_error", "message": "x"}}],
        [START, "no json"],
        [{"type": "message_start"}],
        [START, {"type": "content_block_delta", "index": 0}],
    ],
)
def test_a_broken_messages_stream_is_never_a_complete_chat(events: list[Any]) -> None:
    with pytest.raises(UpstreamFailure) as failed:
        converted(to_chat, *events)
    assert failed.value.status == 502


def test_overload_and_rate_limits_keep_their_status() -> None:
    for kind, status in (("overloaded_error", 529), ("rate_limit_error", 429)):
        for convert in (to_chat, to_messages, relay_messages):
            with pytest.raises(UpstreamFailure) as failed:
                converted(convert, {"type": "error", "error": {"type": kind, "message": "x"}})
            assert failed.value.status == status


def test_a_native_stream_passes_to_the_character() -> None:
    odd = '{"type":"content_block_delta" , "index":0, "delta":{"text":"\\u00e9"}  }'

    async def passed() -> list[Frame]:
        async def frames() -> AsyncGenerator[Frame]:
            for data in (json.dumps(START), odd, '{"type":"x_new"}', '{"type":\n"message_stop"}', "{}"):
                yield ServerEvent(data, None)

        return [frame async for frame in relay_messages(frames(), Tally(Ledger(), KEY, "m"))]

    found = asyncio.run(passed())
    assert found[1:] == [
        ServerEvent(odd, "content_block_delta"),
        ServerEvent('{"type":"x_new"}', "x_new"),
        ServerEvent('{"type":"message_stop"}', "message_stop"),
    ]


def test_usage_that_the_client_did_not_ask_for_is_taken_out() -> None:
    def relay(frames: AsyncGenerator[Frame], tally: Tally) -> AsyncGenerator[Frame]:
        return relay_chat(frames, tally, with_usage=False)

    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    first, last = chunk(content="a") | {"usage": None}, {"choices": [], "usage": usage}
    assert converted(relay, first, chunk("stop"), last, "[DONE]") == [chunk(content="a"), chunk("stop"), "[DONE]"]
    for broken in ([first], [first, {"error": {}}], ["x"]):
        with pytest.raises(UpstreamFailure):
            converted(relay, *broken)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_read_however_the_bytes_are_cut(newline: str, size: int) -> None:
    lines = ["\ufeffevent: a", "data:é 😀\u2028", "data: two", "", ": note", "id: 1", "", "data", "", "data: half"]
    whole = newline.join(lines).encode()
    decoder = FrameDecoder()
    found = [frame for start in range(0, len(whole), size) for frame in decoder.feed(whole[start : start + size])]
    assert found == [ServerEvent("é 😀\u2028\ntwo", "a"), Comment("note"), ServerEvent("", None)]
