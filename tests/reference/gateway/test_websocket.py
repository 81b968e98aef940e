"""Responses over WebSocket: the handshake, turns, lanes, continuing, failures, the end."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.reference.gateway.responding import GPT, PATH, ask, stream
from tests.reference.gateway.sockets import handshake, socket

if TYPE_CHECKING:
    from tests.reference.gateway.conftest import House

ALIASES = ("/responses", "/backend-api/codex/responses")
CARRIERS = ("authorization", "x_api_key", "x_goog_api_key")


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def shape(events: list[dict[str, Any]]) -> list[Any]:
    """What two streams of the same answer have in common."""
    return [(event["type"], event["sequence_number"], event.get("delta"), event.get("text")) for event in events]


@pytest.mark.parametrize("path", [PATH, *ALIASES])
@pytest.mark.parametrize("carrier", CARRIERS)
def test_each_key_header_opens_each_entry(site: Any, path: str, carrier: str) -> None:
    key = site.gateway.keys[GPT]
    assert handshake(site, path, **{carrier: f"Bearer {key}" if carrier == "authorization" else key})[0] == 101


@pytest.mark.parametrize("path", [PATH, *ALIASES])
def test_a_bad_key_is_refused_before_the_upgrade_with_the_documented_body(site: Any, path: str) -> None:
    documented = {"type": "error", "error": {"type": "authentication_error", "message": "Invalid API key"}}
    for headers in ({"x_api_key": "sk-wrong"}, {"x_nothing": "x"}, {"x_api_key": site.gateway.keys[f"{GPT}+expired"]}):
        status, body = handshake(site, path, **headers)
        assert (status, json.loads(body)) == (401, documented)


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("general:anthropic", 404),
        ("general:gemini", 404),
        ("general:antigravity", 404),
        ("image:batch", 403),
        (f"{GPT}+exhausted", 403),
        (f"{GPT}+rate_limited", 429),
    ],
)
def test_a_key_that_http_refuses_is_refused_alike(site: Any, role: str, status: int) -> None:
    refused, body = handshake(site, x_api_key=site.gateway.keys[role])
    over_http = ask(site, "x", role)
    assert refused == over_http.status_code == status
    assert json.loads(body) == over_http.json()


def test_a_configured_delay_is_kept_before_each_turn_too(house: House) -> None:
    with socket(house.start(delay_ms=150)) as talk:
        for _ in range(2):
            asked_at = time.monotonic()
            talk.send(input="x")
            talk.receive()
            assert time.monotonic() - asked_at >= 0.15
            talk.events()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses/compact", "/models", "/nowhere"])
def test_no_other_path_is_upgraded(site: Any, path: str) -> None:
    status, body = handshake(site, path, x_api_key=site.gateway.keys[GPT])
    assert status == 404
    assert "error" in json.loads(body)


def test_turns_follow_each_other_with_the_events_of_the_stream(site: Any) -> None:
    with socket(site) as talk:
        for text in ("@upstream echo\nGrüße, 世界", "@upstream echo stop=length\nabc"):
            assert shape(talk.turn(text)) == shape([event for _, event in stream(site, text)])


def test_every_turn_is_booked(site: Any) -> None:
    key = site.key(GPT)
    with socket(site, x_api_key=key) as talk:
        for _ in range(3):
            talk.turn("@upstream echo usage=17,5,3\nhi")
        talk.turn("x", model="none")
    total = site.usage(key)["usage"]["total"]
    assert (total["requests"], total["input_tokens"], total["output_tokens"]) == (3, 51, 15)


def test_what_means_nothing_here_changes_nothing(site: Any) -> None:
    with socket(site) as talk:
        events = talk.turn("@upstream echo\nhi", stream=False, background=True, stream_options={"a": 1}, event_id="e")
    assert kinds(events)[-1] == "response.completed"


def test_a_second_turn_waits_for_the_first(site: Any) -> None:
    token = f"t{time.monotonic_ns()}"
    with socket(site) as talk:
        talk.send(input=f"@upstream echo chunks=2 hold-until={token}\nab")
        talk.send(input="@upstream echo\ncd")
        site.release(token)
        first, second = talk.events(), talk.events()
    ids = [{event["response"]["id"] for event in events if "response" in event} for events in (first, second)]
    assert [len(found) for found in ids] == [1, 1]
    assert ids[0] != ids[1]
    assert [events[-1]["response"]["output"][0]["content"][0]["text"] for events in (first, second)] == ["ab", "cd"]


def test_lanes_go_on_beside_each_other_and_name_themselves(site: Any) -> None:
    token = f"t{time.monotonic_ns()}"
    with socket(site) as talk:
        talk.send(input=f"@upstream echo chunks=2 hold-until={token}\nab", stream_id="a")
        talk.send(input="@upstream echo\ncd", stream_id="b")
        found: list[dict[str, Any]] = []
        while not (found and found[-1]["type"] == "response.completed"):
            found.append(talk.receive())
        site.release(token)
        rest = talk.events()
    assert found[-1]["stream_id"] == "b"
    assert rest[-1]["stream_id"] == "a"
    assert all("stream_id" in event for event in (*found, *rest))


def test_lanes_have_names_and_a_limit(site: Any) -> None:
    with socket(site) as talk:
        for name in ("", "a b", "x" * 257, 5):
            assert talk.turn("x", stream_id=name)[-1]["error"]["code"] == "invalid_stream_id"
        for number in range(32):
            talk.turn("x", stream_id=str(number), generate=False)
        error = talk.turn("x", stream_id="one-too-many")[-1]
        assert (error["status"], error["error"]["code"]) == (400, "websocket_stream_limit_reached")
        assert kinds(talk.turn("x"))[-1] == "response.completed"


def test_a_response_is_continued_on_its_connection_also_if_it_is_not_stored(site: Any) -> None:
    with socket(site) as talk:
        first = talk.turn("@upstream echo\none", store=False)[-1]["response"]
        nonce = f"n{time.monotonic_ns()}"
        second = talk.turn(f"@upstream echo nonce={nonce}\ntwo", previous_response_id=first["id"])
    assert {event["response"]["previous_response_id"] for event in second if "response" in event} == {first["id"]}
    assert site.upstream_saw(nonce)[0].body["input"][1] == first["output"][0]
    with socket(site) as talk:
        error = talk.turn("x", previous_response_id=first["id"])[-1]
    assert (error["status"], error["error"]["code"]) == (400, "previous_response_not_found")


def test_a_stored_response_is_continued_from_http_and_back(site: Any) -> None:
    response_id = ask(site, "@upstream echo\none").json()["id"]
    with socket(site) as talk:
        ended = talk.turn("@upstream echo\ntwo", previous_response_id=response_id)[-1]
    assert ended["type"] == "response.completed"
    assert ask(site, "three", previous_response_id=ended["response"]["id"]).status_code == 200


def test_a_continuation_that_fails_takes_the_response_out_of_memory(site: Any) -> None:
    with socket(site) as talk:
        first = talk.turn("@upstream echo\none", store=False)[-1]["response"]["id"]
        assert talk.turn("@upstream status=500\nx", previous_response_id=first)[-1]["status"] == 502
        error = talk.turn("x", previous_response_id=first)[-1]
        assert error["error"]["code"] == "previous_response_not_found"


def test_a_foreign_response_is_as_unknown_as_any_other(site: Any) -> None:
    foreign = ask(site, "@upstream echo\nsecret").json()["id"]
    for role in (f"{GPT}+second_key", f"{GPT}+other_tenant"):
        with socket(site, x_api_key=site.gateway.keys[role]) as talk:
            answers = [talk.turn("x", previous_response_id=name) for name in (foreign, "resp_unknown")]
        assert answers[0] == answers[1]
        assert answers[0][-1]["error"]["code"] == "previous_response_not_found"


def test_a_turn_without_generation_has_no_output_and_can_be_continued(site: Any) -> None:
    nonce = f"n{time.monotonic_ns()}"
    with socket(site) as talk:
        events = talk.turn("@upstream echo\nwarm", generate=False)
        ended = events[-1]["response"]
        assert kinds(events) == ["response.created", "response.in_progress", "response.completed"]
        assert (ended["output"], ended["usage"]["total_tokens"]) == ([], 0)
        talk.turn(f"@upstream echo nonce={nonce}\nnow", previous_response_id=ended["id"])
    assert len(site.upstream_saw(nonce)[0].body["input"]) == 2


@pytest.mark.parametrize("message", ["no json", "[]", "{}", '{"type":"response.steer"}', '{"type":"response.create"}'])
def test_a_message_that_is_none_is_told_and_the_connection_stays(site: Any, message: str) -> None:
    with socket(site) as talk:
        talk.connection.send(message)
        error = talk.receive()
        assert (error["type"], error["status"]) == ("error", 400)
        assert {"type", "code", "message"} <= set(error["error"])
        assert all(error["error"][name] for name in ("type", "code", "message"))
        talk.connection.send(b"binary")
        assert talk.receive()["status"] == 400
        assert kinds(talk.turn("x"))[-1] == "response.completed"


def test_a_message_above_the_limit_is_told(site: Any) -> None:
    with socket(site) as talk:
        assert talk.turn("x" * (4 * 1024 * 1024))[-1]["status"] == 413


@pytest.mark.parametrize(
    ("word", "status"), [("status=500", 502), ("status=429 retry-after=7", 429), ("status=529", 503)]
)
def test_an_upstream_that_fails_at_once_is_an_error_message(site: Any, word: str, status: int) -> None:
    with socket(site) as talk:
        error = talk.turn(f"@upstream {word}\nx")[-1]
        assert (error["type"], error["status"]) == ("error", status)
        assert error.get("headers") == ({"retry-after": "7"} if status == 429 else None)
        assert kinds(talk.turn("x"))[-1] == "response.completed"


@pytest.mark.parametrize("word", ["error=500", "eof", "cut"])
def test_an_upstream_that_fails_on_the_way_is_a_failed_response(site: Any, word: str) -> None:
    with socket(site) as talk:
        events = talk.turn(f"@upstream echo chunks=5 {word} after=2\nabcde")
        assert kinds(events).count("error") == 0
        assert events[-1]["response"]["status"] == "failed"
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert kinds(talk.turn("x"))[-1] == "response.completed"


def test_a_client_that_closes_ends_the_upstreams_work(site: Any) -> None:
    nonce = f"n{time.monotonic_ns()}"
    with socket(site) as talk:
        talk.send(input=f"@upstream echo nonce={nonce} chunks=90 every=20ms\n{'x' * 90}")
        talk.receive()
    until = time.monotonic() + 30
    while not site.upstream_saw(nonce)[0].disconnected:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_connection_that_is_too_old_is_told_so_and_closed(house: Any) -> None:
    site = house.start(websocket_seconds=0.3)
    with socket(site) as talk:
        talk.send(input="@upstream echo chunks=90 every=50ms\n" + "x" * 90)
        events = talk.events()
        assert events[-1]["error"]["code"] == "websocket_connection_limit_reached"
        assert talk.closing() == 1001
    site.client.close()
