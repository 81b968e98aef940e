"""The grammar of plain Responses (rules R-N and R-S), and what surrounds them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.reference.upstream.talking import (
    RESPONSE_TOOLS,
    Document,
    Talk,
    base64url,
    events,
    openai,
    raw_answer,
    raw_request,
    response,
)

DELTAS = {
    "response.output_text.delta": "response.output_text.done",
    "response.function_call_arguments.delta": "response.function_call_arguments.done",
    "response.reasoning_summary_text.delta": "response.reasoning_summary_text.done",
}


def stream_of(talk: Talk, text: Any, **fields: Any) -> list[Document]:
    answer = talk.responses(response(text, stream=True, **fields))
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    stream = events(answer.content)
    assert all(event.name == event.document["type"] for event in stream)
    return [event.document for event in stream]


def fold(stream: list[Document]) -> Document:
    """Put a stream together again, and check its grammar on the way."""
    assert [event["sequence_number"] for event in stream] == list(range(len(stream)))
    created, progress, *middle, last = stream
    assert (created["type"], progress["type"]) == ("response.created", "response.in_progress")
    for event in (created, progress):
        assert event["response"]["status"] == "in_progress"
        assert (event["response"]["output"], event["response"]["usage"]) == ([], None)
        assert event["response"]["id"] == last["response"]["id"]
    items = fold_items(middle)
    assert last["response"]["output"] == items
    assert last["type"] == "response." + last["response"]["status"]
    document = last["response"]
    assert isinstance(document, dict)
    return document


def fold_items(middle: list[Document]) -> list[Document]:
    items: list[Document] = []
    open_item: Document = {}
    said = ""
    for event in middle:
        name, index = event["type"], event["output_index"]
        assert index == len(items)
        if name == "response.output_item.added":
            open_item, said = event["item"], ""
            assert not any(open_item.get(field) for field in ("content", "summary", "arguments"))
        elif name == "response.output_item.done":
            assert (event["item"]["id"], event["item"]["type"]) == (open_item["id"], open_item["type"])
            items.append(event["item"])
        else:
            assert event["item_id"] == open_item["id"]
            said += event["delta"] if name in DELTAS else ""
            if name in DELTAS.values():
                assert event.get("text", event.get("arguments")) == said
            if name == "response.content_part.done":
                assert event["part"]["text"] == said
    return items


def normal(document: Any) -> Any:
    """Leave out what differs between two answers."""
    if isinstance(document, dict):
        differs = {"id", "call_id", "created_at", "completed_at"}
        return {name: normal(value) for name, value in document.items() if name not in differs}
    return [normal(value) for value in document] if isinstance(document, list) else document


@pytest.mark.parametrize(
    "text",
    [
        "hi",
        "@upstream echo\n",
        "@upstream echo\nZwölf Boxkämpfer 🥊 jagen\u2028Viktor\x00",
        "@upstream echo usage=17,5,3 reasoning\nabc",
        "@upstream echo thinking\nabc",
        "@upstream tool_calls=2",
        "@upstream echo tool_calls=3 chunks=2\nabc",
        "@upstream tool_calls=1 arguments=",
        "@upstream tool_calls=1 arguments=" + base64url('{ "b":1.0,"a":9007199254740993 , "a":"é"}'),
        "@upstream echo stop=filtered\nabc",
        "@upstream echo stop=length\nabc",
        "@upstream echo\n" + "a long text " * 20,
    ],
)
def test_a_stream_folds_to_the_response_that_is_not_streamed(talk: Talk, text: str) -> None:
    fields: Document = {"tools": RESPONSE_TOOLS, "max_output_tokens": 30, "metadata": {"a": "b"}}
    whole = talk.responses(response(text, **fields)).json()
    assert normal(fold(stream_of(talk, text, **fields))) == normal(whole)
    assert whole["usage"]["total_tokens"] == whole["usage"]["input_tokens"] + whole["usage"]["output_tokens"]
    assert abs(whole["created_at"] - time.time()) < 60
    assert whole["metadata"] == {"a": "b"}


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        ("echo", "completed", None),
        ("tool_calls=1", "completed", None),
        ("echo stop=length", "incomplete", "max_output_tokens"),
        ("echo stop=filtered", "incomplete", "content_filter"),
    ],
)
def test_each_end_has_its_status_and_only_the_last_item_is_incomplete(
    talk: Talk, words: str, status: str, reason: str | None
) -> None:
    answer = talk.responses(response(f"@upstream reasoning {words}\nabc", tools=RESPONSE_TOOLS)).json()
    assert answer["status"] == status
    assert answer["error"] is None
    assert (answer["incomplete_details"] or {}).get("reason") == reason
    *earlier, last = answer["output"]
    assert last["status"] == status
    assert all(item.get("status") in {None, "completed"} for item in earlier)


def test_the_limit_is_honoured(talk: Talk) -> None:
    answer = talk.responses(response("@upstream echo\n" + "x" * 100, max_output_tokens=16)).json()
    assert answer["output"][0]["content"][0]["text"] == "x" * 64
    assert answer["usage"]["output_tokens"] == 16
    assert answer["status"] == "incomplete"


def test_reasoning_is_counted_and_its_encrypted_form_comes_on_demand(talk: Talk) -> None:
    answer = talk.responses(response("@upstream echo reasoning usage=30,20,4\nabc")).json()
    assert answer["usage"] == {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 12},
        "total_tokens": 50,
    }
    assert "encrypted_content" not in answer["output"][0]
    body = response("@upstream echo reasoning\nabc", include=["reasoning.encrypted_content"])
    assert talk.responses(body).json()["output"][0]["encrypted_content"]


def test_an_error_in_the_stream_is_an_error_event_and_a_failed_response(talk: Talk) -> None:
    *before, error, failed = stream_of(talk, "@upstream echo chunks=4 error=429 after=2\nabcd")
    assert [event["delta"] for event in before if "delta" in event] == ["a", "b"]
    assert error["type"] == "error"
    assert error["error"]["code"] == "rate_limit_exceeded"
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"]["code"] == "rate_limit_exceeded"
    assert failed["response"]["id"] == before[0]["response"]["id"]
    assert [event["sequence_number"] for event in (*before, error, failed)] == list(range(len(before) + 2))
    answer = talk.responses(response("@upstream echo error=429 after=2\nabcd"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limit_exceeded")


@pytest.mark.parametrize(("how", "reset"), [("cut", True), ("eof", False)])
def test_a_stream_may_end_without_a_terminal(talk: Talk, how: str, reset: bool) -> None:  # noqa: FBT001 - a parameter
    body = response(f"@upstream echo chunks=3 {how} after=2\nabc", stream=True)
    answer = raw_answer(talk.upstream.base_url, raw_request("/v1/responses", body, openai()))
    assert (answer.reset, answer.terminated) == (reset, not reset)
    names = [event.name for event in events(b"".join(answer.chunks))]
    assert names.count("response.output_text.delta") == 2
    assert names[-1] == "response.output_text.delta"


def test_pings_are_keepalive_events_with_numbers_of_their_own(talk: Talk) -> None:
    pinged = stream_of(talk, "@upstream echo ping\nabc")
    assert [event["sequence_number"] for event in pinged] == list(range(len(pinged)))
    assert sum(event["type"] == "keepalive" for event in pinged) == len(pinged) // 2
    assert pinged[-1]["response"]["output"][0]["content"][0]["text"] == "abc"


def test_the_last_text_may_stand_in_items_and_tool_outputs(talk: Talk) -> None:
    parts = [{"type": "input_text", "text": "hi"}, {"type": "input_text", "text": "@upstream echo\nin a part"}]
    items: list[Document] = [{"role": "user", "content": parts}]
    assert spoken(talk, response(items)) == "in a part"
    call = {"type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "call_1", "output": "@upstream echo\nfrom the tool"}
    assert spoken(talk, response([*items, call, output])) == "from the tool"


def spoken(talk: Talk, body: Document) -> str:
    return str(talk.responses(body).json()["output"][-1]["content"][0]["text"])


def test_a_conversation_goes_on_from_the_previous_response(talk: Talk) -> None:
    first = talk.responses(response("@upstream tool_calls=1", tools=RESPONSE_TOOLS)).json()
    call_id = first["output"][0]["call_id"]
    output = {"type": "function_call_output", "call_id": call_id, "output": "@upstream echo\nfrom the tool"}
    second = talk.responses(response([output], previous_response_id=first["id"])).json()
    assert second["output"][0]["content"][0]["text"] == "from the tool"
    assert second["previous_response_id"] == first["id"]
    assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"]
    third = talk.responses(response("hi", previous_response_id=first["id"]))
    assert (third.status_code, call_id in third.json()["error"]["message"]) == (400, True)


def test_a_response_that_is_not_stored_cannot_be_continued(talk: Talk) -> None:
    kept = fold(stream_of(talk, "hi"))
    assert talk.responses(response("hi", previous_response_id=kept["id"])).status_code == 200
    for previous in (talk.responses(response("hi", store=False)).json()["id"], "resp_unknown"):
        answer = talk.responses(response("hi", previous_response_id=previous))
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "previous_response_not_found"


def test_a_stored_response_can_be_read_and_deleted(talk: Talk) -> None:
    made = talk.responses(response("hi")).json()
    url = f"{talk.upstream.base_url}/v1/responses/{made['id']}"
    assert talk.client.get(url, headers=openai()).json() == made
    assert talk.responses({}, f"/{made['id']}/cancel").status_code == 400
    assert talk.client.delete(url, headers=openai()).json() == {"id": made["id"], "object": "response", "deleted": True}
    assert talk.client.get(url, headers=openai()).status_code == 404
    assert talk.client.delete(url, headers=openai()).status_code == 404
    assert talk.client.put(url, headers=openai()).headers["allow"] == "GET, DELETE"


def test_input_is_counted_as_a_response_would_count_it(talk: Talk) -> None:
    body = response("Hello there, how are you?", instructions="Be terse.")
    count = talk.responses(body, "/input_tokens").json()
    assert count == {
        "object": "response.input_tokens",
        "input_tokens": talk.responses(body).json()["usage"]["input_tokens"],
    }
    more = {**body, "tools": RESPONSE_TOOLS}
    assert talk.responses(more, "/input_tokens").json()["input_tokens"] > count["input_tokens"]


def test_a_compacted_conversation_can_be_continued(talk: Talk) -> None:
    first = talk.responses(response("hi")).json()
    compacted = talk.responses(response("go on", previous_response_id=first["id"]), "/compact").json()
    assert compacted["object"] == "response.compaction"
    assert [item.get("content", item["type"]) for item in compacted["output"]] == ["hi", "go on", "compaction"]
    usage = compacted["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    turns = [*compacted["output"], {"role": "user", "content": "@upstream echo\nafter"}]
    assert spoken(talk, response(turns)) == "after"


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"model": None}, 400, "model"),
        ({"model": "claude-sonnet-4-5"}, 404, "model"),
        ({"model": "gpt-image-2"}, 400, "model"),
        ({"input": None}, 400, "input"),
        ({"input": 7}, 400, "input"),
        ({"input": [{"role": "robot", "content": "hi"}]}, 400, "input"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, 400, "input"),
        ({"input": [{"type": "function_call_output", "call_id": "call_1", "output": "x"}]}, 400, "input"),
        ({"max_output_tokens": 15}, 400, "max_output_tokens"),
        ({"temperature": 3}, 400, "temperature"),
        ({"stream": "yes"}, 400, "stream"),
        ({"stream_options": {}}, 400, "stream_options"),
        ({"tools": [{"type": "function"}]}, 400, "tools"),
        ({"reasoning": {"effort": "enormous"}}, 400, "reasoning"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(talk: Talk, change: Document, status: int, param: str) -> None:
    answer = talk.responses({**response("hi"), **change})
    assert answer.status_code == status
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
    assert answer.json()["error"]["param"] == param


def test_the_log_names_the_paths(talk: Talk) -> None:
    last = max((entry.id for entry in talk.upstream.log), default=0)
    talk.responses(response("hi"))
    talk.responses(response("hi"), "/input_tokens")
    talk.responses(response("hi"), "/compact")
    assert talk.client.get(talk.upstream.base_url + "/v1/responses", headers=openai()).status_code == 426
    protocols = [entry.protocol for entry in talk.upstream.log if entry.id > last]
    assert protocols == ["responses", "input_tokens", "compact", "responses_websocket"]
