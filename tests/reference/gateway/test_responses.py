"""Responses over HTTP: answers, streams, what is stored and who may have it, subpaths."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.reference.gateway.responding import GPT, PATH, TOOL, ask, kinds, message, stream

HELLO = "@upstream echo usage=17,5,3\nhello, 世界"
WRONG: dict[str, dict[str, Any]] = {
    "model": {"model": 5},
    "no model": {"model": None},
    "input": {"input": 5},
    "no input": {"input": None},
    "empty input": {"input": []},
    "item": {"input": ["x"]},
    "item without type": {"input": [{"content": "x"}]},
    "role": {"input": [{"role": "robot", "content": "x"}]},
    "content": {"input": [{"role": "user", "content": 5}]},
    "part": {"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
    "call": {"input": [{"type": "function_call", "call_id": "c", "name": "n", "arguments": {}}]},
    "output": {"input": [{"type": "function_call_output", "call_id": "c"}]},
    "stream": {"stream": "yes"},
    "instructions": {"instructions": 5},
    "reasoning": {"reasoning": "high"},
    "limit": {"max_output_tokens": 0},
    "limit as text": {"max_output_tokens": "20"},
    "temperature": {"temperature": 3},
    "tools": {"tools": {}},
    "tool without name": {"tools": [{"type": "function"}]},
    "background": {"background": True},
    "conversation": {"conversation": "conv_1"},
    "reference": {"input": [{"type": "item_reference", "id": "msg_unknown"}]},
}


def test_an_answer_comes_as_the_upstream_gave_it_and_is_booked(site: Any) -> None:
    key = site.key(GPT)
    answer = site.client.post(PATH, headers={"x-api-key": key}, json={"model": "gpt-5.1", "input": HELLO})
    response = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert (response["object"], response["status"], response["model"]) == ("response", "completed", "gpt-5.1")
    assert response["output"][0]["content"][0]["text"] == "hello, 世界"
    total = site.usage(key)["usage"]["total"]
    assert (total["requests"], total["input_tokens"], total["output_tokens"]) == (1, 17, 5)


def test_a_stream_has_the_grammar_and_is_booked_like_an_answer(site: Any) -> None:
    key = site.key(GPT)
    body = {"model": "gpt-5.1", "input": HELLO, "stream": True}
    answer = site.client.post(PATH, headers={"x-api-key": key}, json=body)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "[DONE]" not in answer.text
    assert site.usage(key)["usage"]["total"]["input_tokens"] == 17
    events = stream(site, HELLO)
    assert all(name == event["type"] for name, event in events)
    assert [event["sequence_number"] for _, event in events] == list(range(len(events)))
    assert kinds(events)[:3] == ["response.created", "response.in_progress", "response.output_item.added"]
    assert kinds(events)[-1] == "response.completed"
    text = "".join(event["delta"] for name, event in events if name == "response.output_text.delta")
    assert text == events[-1][1]["response"]["output"][0]["content"][0]["text"] == "hello, 世界"


def test_calls_come_back_and_their_outputs_go_on(site: Any) -> None:
    first = ask(site, [message("@upstream tool_calls=1\nx")], tools=[TOOL]).json()
    call = first["output"][0]
    assert (call["type"], call["name"], call["arguments"]) == ("function_call", "look", '{"n":0}')
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "@upstream echo\nseen"}
    told = ask(site, [message("x"), call, output], tools=[TOOL]).json()
    continued = ask(site, [output], previous_response_id=first["id"], tools=[TOOL]).json()
    assert [one["output"][0]["content"][0]["text"] for one in (told, continued)] == ["seen", "seen"]


def test_a_cut_answer_is_incomplete_in_both_modes(site: Any) -> None:
    ask_for = "@upstream echo stop=length\nabc"
    end = stream(site, ask_for)[-1][1]
    assert end["type"] == "response.incomplete"
    for response in (ask(site, ask_for).json(), end["response"]):
        assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_field_is_refused_with_400(site: Any, case: str) -> None:
    answer = site.post(PATH, GPT, {"model": "gpt-5.1", "input": "x", **WRONG[case]})
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_null_counts_as_absent(site: Any) -> None:
    names = ("stream", "instructions", "reasoning", "tools", "max_output_tokens", "previous_response_id", "store")
    absent: dict[str, Any] = dict.fromkeys(names)
    assert ask(site, "x", **absent).status_code == 200


@pytest.mark.parametrize(
    ("role", "status"),
    [("general:anthropic", 404), ("general:gemini", 404), ("image:batch", 403), (f"{GPT}+exhausted", 403)],
)
def test_other_keys_are_refused(site: Any, role: str, status: int) -> None:
    for path in (PATH, f"{PATH}/compact", f"{PATH}/input_tokens"):
        assert ask(site, "x", role, path).status_code == status
    assert site.get(PATH, role).status_code == status


@pytest.mark.parametrize("word", ["error=529", "eof", "cut"])
def test_an_upstream_that_fails_on_the_way_is_told_in_the_stream(site: Any, word: str) -> None:
    booked = site.usage(site.gateway.keys[GPT])["usage"]["total"]["requests"]
    events = stream(site, f"@upstream echo chunks=5 {word} after=2\nabcde")
    assert kinds(events)[-2:] == ["error", "response.failed"]
    assert [event["sequence_number"] for _, event in events] == list(range(len(events)))
    error, failed = events[-2][1]["error"], events[-1][1]["response"]
    assert set(error) == {"message", "type", "param", "code"}
    assert failed["error"] == {"code": error["code"], "message": error["message"]}
    assert (failed["status"], failed["id"]) == ("failed", events[0][1]["response"]["id"])
    assert "127.0.0.1" not in error["message"]
    assert site.usage(site.gateway.keys[GPT])["usage"]["total"]["requests"] == booked
    assert site.get(f"{PATH}/{failed['id']}", GPT).status_code == 404


@pytest.mark.parametrize(
    ("word", "status"), [("status=500", 502), ("status=429 retry-after=7", 429), ("status=529", 503)]
)
@pytest.mark.parametrize("streamed", [False, True])
def test_an_upstream_that_fails_at_once_is_an_http_error(site: Any, word: str, status: int, streamed: bool) -> None:  # noqa: FBT001 - a mode
    answer = ask(site, f"@upstream {word}\nx", stream=streamed)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert answer.headers.get("retry-after") == ("7" if status == 429 else None)


@pytest.mark.parametrize("word", ["cut", "eof", "error=500"])
def test_an_upstream_that_gives_nothing_is_a_502(site: Any, word: str) -> None:
    assert ask(site, f"@upstream {word} after=0\nx").status_code == 502


def test_a_stream_is_passed_on_piece_by_piece(site: Any) -> None:
    token = f"t{time.monotonic_ns()}"
    body = {"model": "gpt-5.1", "input": f"@upstream echo chunks=3 step={token}\nabc", "stream": True}
    with site.client.stream("POST", PATH, headers=site.headers(GPT), json=body) as answer:
        seen = ""
        for piece in answer.iter_text():
            seen += piece
            if piece.count("output_text.delta") and seen.count('"delta"') < 3:
                site.release(token)
    assert seen.count("event: response.output_text.delta") == 3
    assert "response.completed" in seen


def test_a_client_that_leaves_ends_the_upstreams_work(site: Any) -> None:
    nonce = f"n{time.monotonic_ns()}"
    body = {"model": "gpt-5.1", "input": f"@upstream echo nonce={nonce} chunks=90 every=20ms\n{'x' * 90}"}
    with site.client.stream("POST", PATH, headers=site.headers(GPT), json=body | {"stream": True}) as answer:
        next(answer.iter_raw())
    until = time.monotonic() + 30
    while not site.upstream_saw(nonce)[0].disconnected:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_response_is_continued_by_its_id(site: Any) -> None:
    first = ask(site, "@upstream echo\none", instructions="Be brief.").json()
    nonce = f"n{time.monotonic_ns()}"
    second = ask(site, f"@upstream echo nonce={nonce}\ntwo", previous_response_id=first["id"]).json()
    asked = site.upstream_saw(nonce)[0].body
    assert "previous_response_id" not in asked
    # Instructions are of one turn only.
    assert "instructions" not in asked
    assert [item["role"] for item in asked["input"]] == ["user", "assistant", "user"]
    assert asked["input"][1] == first["output"][0]
    assert second["previous_response_id"] == first["id"]
    third = stream(site, "@upstream echo\nthree", previous_response_id=second["id"])
    assert {event["response"]["previous_response_id"] for _, event in third if "response" in event} == {second["id"]}


def test_an_item_is_referred_to_by_its_id(site: Any) -> None:
    item = ask(site, "@upstream echo\none").json()["output"][0]
    nonce = f"n{time.monotonic_ns()}"
    given = [{"type": "item_reference", "id": item["id"]}, message(f"@upstream echo nonce={nonce}\ntwo")]
    assert ask(site, given).status_code == 200
    assert site.upstream_saw(nonce)[0].body["input"][0] == item
    assert ask(site, given, f"{GPT}+other_tenant").status_code == 400


@pytest.mark.parametrize("condition", ["second_key", "other_tenant"])
def test_what_a_key_has_stored_is_unknown_to_every_other_key(site: Any, condition: str) -> None:
    foreign, unknown = ask(site, "@upstream echo\nsecret").json()["id"], "resp_unknown"
    role = f"{GPT}+{condition}"
    url, headers = site.client, site.headers(role)

    def attempts(response_id: str) -> list[Any]:
        path = f"{PATH}/{response_id}"
        answers = [
            url.get(path, headers=headers),
            url.delete(path, headers=headers),
            url.post(f"{path}/cancel", headers=headers),
            ask(site, "x", role, previous_response_id=response_id),
            ask(site, "x", role, previous_response_id=response_id, stream=True),
            ask(site, "x", role, f"{PATH}/compact", previous_response_id=response_id),
        ]
        return [(answer.status_code, answer.json()) for answer in answers]

    assert attempts(foreign) == attempts(unknown)
    assert [status for status, _ in attempts(foreign)] == [404, 404, 404, 400, 400, 400]
    assert attempts(foreign)[3][1]["error"]["code"] == "previous_response_not_found"
    assert site.get(f"{PATH}/{foreign}", GPT).status_code == 200


def test_a_stored_response_is_read_and_deleted(site: Any) -> None:
    response = ask(site, "@upstream echo\nkept").json()
    path = f"{PATH}/{response['id']}"
    assert site.get(path, GPT).json() == response
    assert site.client.post(f"{path}/cancel", headers=site.headers(GPT)).status_code == 400
    deleted = site.client.delete(path, headers=site.headers(GPT))
    assert deleted.json() == {"id": response["id"], "object": "response", "deleted": True}
    assert site.get(path, GPT).status_code == 404
    assert site.client.delete(path, headers=site.headers(GPT)).status_code == 404
    assert ask(site, "x", previous_response_id=response["id"]).status_code == 400


def test_store_false_stores_nothing(site: Any) -> None:
    response = ask(site, "x", store=False).json()
    assert site.get(f"{PATH}/{response['id']}", GPT).status_code == 404


def test_tokens_are_counted_for_nothing_and_compacting_is_booked(site: Any) -> None:
    key = site.key(GPT)
    headers, body = {"x-api-key": key}, {"model": "gpt-5.1", "input": "hello there"}
    counted = site.client.post(f"{PATH}/input_tokens", headers=headers, json=body).json()
    assert counted == {"object": "response.input_tokens", "input_tokens": counted["input_tokens"]}
    assert site.usage(key)["usage"]["total"]["requests"] == 0
    compacted = site.client.post(f"{PATH}/compact", headers=headers, json=body).json()
    assert compacted["object"] == "response.compaction"
    assert site.usage(key)["usage"]["total"]["input_tokens"] == compacted["usage"]["input_tokens"]


def test_an_unknown_subpath_is_404_in_json_and_asks_for_a_key_first(site: Any) -> None:
    for path in (f"{PATH}/nothing", f"{PATH}/a/b/c", f"{PATH}/"):
        assert site.client.post(path, json={}).status_code == 401
        answer = ask(site, "x", path=path)
        assert (answer.status_code, answer.json()["error"]["type"]) == (404, "invalid_request_error")


def test_a_get_without_upgrade_is_told_to_upgrade(site: Any) -> None:
    answer = site.get(PATH, GPT)
    assert (answer.status_code, answer.headers["upgrade"]) == (426, "websocket")
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert site.client.get(PATH).status_code == 401


def test_a_wrong_method_is_405_with_the_right_ones(site: Any) -> None:
    answer = site.client.put(PATH, headers=site.headers(GPT))
    assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD", "POST"})
