"""Responses over WebSocket (wire-grammars.md section 6)."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.reference.upstream.talking import Document, Talk, events, openai, response
from tests.reference.upstream.test_responses import fold, normal
from tests.reference.upstream.test_words_on_the_wire import wait_for_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDS = {"response.completed", "response.incomplete", "response.failed", "error"}


@contextlib.contextmanager
def connected(talk: Talk, path: str = "/v1/responses", **headers: str) -> Iterator[ClientConnection]:
    url = talk.upstream.base_url.replace("http://", "ws://") + path
    with connect(url, additional_headers=headers or openai(), open_timeout=30, close_timeout=30, proxy=None) as socket:
        yield socket


def ask(socket: ClientConnection, text: Any, **fields: Any) -> None:
    socket.send(json.dumps({"type": "response.create", **response(text), **fields}))


def read(socket: ClientConnection) -> Document:
    message = socket.recv(timeout=30)
    assert isinstance(message, str)
    document = json.loads(message)
    assert isinstance(document, dict)
    return document


def turn(socket: ClientConnection, text: Any, **fields: Any) -> list[Document]:
    ask(socket, text, **fields)
    messages = [read(socket)]
    while messages[-1]["type"] not in ENDS:
        messages.append(read(socket))
    return messages


@pytest.mark.parametrize(
    "text",
    [
        "hi",
        "@upstream echo\nZwölf Boxkämpfer 🥊",
        "@upstream echo reasoning ping\nabc",
        "@upstream tool_calls=2",
        "@upstream echo stop=length\nabc",
    ],
)
def test_a_turn_has_the_events_of_the_stream(talk: Talk, text: str) -> None:
    tools = [{"type": "function", "name": "look_up"}]
    with connected(talk) as socket:
        messages = turn(socket, text, tools=tools)
    stream = talk.responses(response(text, tools=tools, stream=True))

    def comparable(each: list[Document]) -> Any:
        return [{**normal(event), "item_id": None} for event in each]

    assert comparable(messages) == comparable([event.document for event in events(stream.content)])


def test_a_connection_has_many_turns_and_continues_what_is_not_stored(talk: Talk) -> None:
    with connected(talk) as socket:
        first = fold(turn(socket, "@upstream echo\none", store=False))
        second = fold(turn(socket, "@upstream echo\ntwo", store=False, previous_response_id=first["id"]))
        assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"]
        assert talk.responses(response("hi", previous_response_id=second["id"])).status_code == 400
        stored = fold(turn(socket, "hi", previous_response_id=second["id"]))
    assert talk.responses(response("hi", previous_response_id=stored["id"])).status_code == 200
    with connected(talk) as other:
        (error,) = turn(other, "hi", previous_response_id=second["id"])
    assert (error["status"], error["error"]["code"]) == (400, "previous_response_not_found")


def test_turns_that_come_early_wait_for_those_before_them(talk: Talk) -> None:
    with connected(talk) as socket:
        for text in ("one", "two"):
            ask(socket, f"@upstream echo every=5ms\n{text}")
        seen: list[Document] = []
        while sum(event["type"] == "response.completed" for event in seen) < 2:
            seen.append(read(socket))
    half = len(seen) // 2
    assert [fold(part)["output"][0]["content"][0]["text"] for part in (seen[:half], seen[half:])] == ["one", "two"]


def test_a_failed_turn_leaves_the_connection_open_and_forgets_what_it_would_continue(talk: Talk) -> None:
    with connected(talk) as socket:
        first = fold(turn(socket, "hi", store=False))
        (error,) = turn(socket, "@upstream status=429 retry-after=7", previous_response_id=first["id"])
        assert (error["status"], error["error"]["code"]) == (429, "rate_limit_exceeded")
        assert error["headers"] == {"retry-after": "7"}
        (error,) = turn(socket, "hi", previous_response_id=first["id"])
        assert error["error"]["code"] == "previous_response_not_found"
        (page,) = turn(socket, "@upstream status=502 body=html")
        assert (page["status"], page["error"]["type"]) == (502, "server_error")
        *before, broken = turn(socket, "@upstream echo chunks=3 error=503 after=2\nabc")
        assert [event["delta"] for event in before if "delta" in event] == ["a", "b"]
        assert (broken["status"], broken["sequence_number"]) == (503, len(before))
        assert fold(turn(socket, "hi"))["status"] == "completed"


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ("{", "JSON"),
        ("[]", "object"),
        (b"{}", "text"),
        ('{"type":"response.frob"}', "response.frob"),
        ('{"type":"response.create","model":"gpt-5.1"}', "input"),
        ('{"type":"response.create","model":"gpt-5.1","input":"hi","stream_id":""}', "stream_id"),
    ],
)
def test_a_message_that_makes_no_sense_is_answered_with_an_error(talk: Talk, sent: str | bytes, named: str) -> None:
    with connected(talk) as socket:
        socket.send(sent)
        error = read(socket)
        assert (error["type"], error["status"]) == ("error", 400)
        assert named in error["error"]["message"]
        assert fold(turn(socket, "hi"))["status"] == "completed"


def test_a_stream_id_comes_back_on_every_message(talk: Talk) -> None:
    with connected(talk) as socket:
        for text in ("hi", "@upstream status=500", "@upstream ecko"):
            assert {message.get("stream_id") for message in turn(socket, text, stream_id="lane-1")} == {"lane-1"}


def test_a_warm_up_makes_a_response_without_output(talk: Talk) -> None:
    with connected(talk) as socket:
        warm = fold(turn(socket, "hi", generate=False))
        assert (warm["output"], warm["usage"]["output_tokens"]) == ([], 0)
        assert fold(turn(socket, "go on", previous_response_id=warm["id"]))["status"] == "completed"


@pytest.mark.parametrize(("how", "code"), [("eof", 1000), ("cut", None)])
def test_a_connection_may_end_within_a_turn(talk: Talk, how: str, code: int | None) -> None:
    with connected(talk) as socket:
        ask(socket, f"@upstream echo chunks=3 {how} after=2\nabc")
        messages, closed = read_until_closed(socket)
    assert [message["delta"] for message in messages if "delta" in message] == ["a", "b"]
    assert (closed.rcvd.code if closed.rcvd is not None else None) == code


def read_until_closed(socket: ClientConnection) -> tuple[list[Document], ConnectionClosed]:
    messages: list[Document] = []
    try:
        while True:
            messages.append(read(socket))
    except ConnectionClosed as closed:
        return messages, closed


def test_a_client_that_goes_away_within_a_turn_is_noticed(talk: Talk) -> None:
    with connected(talk) as socket:
        ask(socket, "@upstream echo nonce=ws-leaves chunks=3 hold-until=never-on-ws\nabc")
        while "delta" not in read(socket):
            pass
    entry = wait_for_entry(talk, "ws-leaves", "disconnected")
    assert (entry["deltas_sent"], entry["finished"]) == (1, False)


def test_steps_are_released_one_by_one(talk: Talk) -> None:
    with connected(talk) as socket:
        ask(socket, "@upstream echo nonce=ws-steps chunks=3 step=ws-tok\nabc")
        for sent, text in enumerate("abc", start=1):
            while (event := read(socket))["type"] != "response.output_text.delta":
                pass
            assert event["delta"] == text
            assert talk.log("ws-steps")[0]["deltas_sent"] == sent
            assert talk.release("ws-tok") == sent


def test_each_turn_is_logged_with_the_headers_of_the_handshake(talk: Talk) -> None:
    with connected(talk, **openai(), **{"openai-beta": "responses_websockets=2026-02-06"}) as socket:
        turn(socket, "@upstream nonce=ws-one")
        turn(socket, "@upstream nonce=ws-two status=500")
    for nonce in ("ws-one", "ws-two"):
        (entry,) = talk.log(nonce)
        assert (entry["method"], entry["path"], entry["finished"]) == ("GET", "/v1/responses", True)
        assert entry["protocol"] == "responses_websocket"
        assert entry["body"]["type"] == "response.create"
        assert ["openai-beta", "responses_websockets=2026-02-06"] in entry["headers"]


def test_a_bad_key_and_an_unknown_path_are_refused_before_the_upgrade(talk: Talk) -> None:
    for path, headers, status in (
        ("/v1/responses", {"authorization": "Bearer no"}, 401),
        ("/v1/responses", {"x-nothing": "1"}, 401),
        ("/v1/chat/completions", openai(), 404),
    ):
        with pytest.raises(InvalidStatus) as refused, connected(talk, path, **headers):
            pass
        answer = refused.value.response
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"
        assert json.loads(bytes(answer.body or b""))["error"].keys() == {"message", "type", "param", "code"}
