"""What the upstream refuses, as the vendors do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reference.upstream.talking import Talk, anthropic, completion, message, openai

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
USE = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        ({"model": None}, 400, "model"),
        ({"model": 7}, 400, "model"),
        ({"model": "gpt-5.1"}, 404, "gpt-5.1"),
        ({"messages": None}, 400, "messages"),
        ({"messages": []}, 400, "messages"),
        ({"messages": "hi"}, 400, "messages"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, 400, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, 400, "text"),
        ({"messages": [{"role": "assistant", "content": [USE]}, {"role": "user", "content": "hi"}]}, 400, "toolu_1"),
        ({"max_tokens": None}, 400, "max_tokens"),
        ({"max_tokens": "5"}, 400, "max_tokens"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"max_tokens": True}, 400, "max_tokens"),
        ({"stream": "yes"}, 400, "stream"),
        ({"stop_sequences": "END"}, 400, "stop_sequences"),
        ({"temperature": 1.5}, 400, "temperature"),
        ({"system": 7}, 400, "system"),
        ({"tools": [{"name": "f"}]}, 400, "tools"),
        ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": "no"}}, 400, "disable_parallel_tool_use"),
        ({"tool_choice": {"type": "auto", "name": 7}}, 400, "name"),
    ],
)
def test_messages_refuses_a_request_that_makes_no_sense(
    talk: Talk, change: dict[str, Any], status: int, named: str
) -> None:
    answer = talk.messages({**message("hi"), **change})
    assert answer.status_code == status
    document = answer.json()
    assert document["type"] == "error"
    assert document["error"]["type"] == ("not_found_error" if status == 404 else "invalid_request_error")
    assert named in document["error"]["message"]
    assert document["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"model": None}, 400, "model"),
        ({"model": "claude-sonnet-4-5"}, 404, "model"),
        ({"model": "gpt-image-2"}, 400, "model"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "user"}]}, 400, "messages"),
        ({"messages": [{"role": "tool", "tool_call_id": "call_1", "content": "4"}]}, 400, "messages"),
        ({"messages": [{"role": "assistant", "tool_calls": [CALL]}]}, 400, "messages"),
        ({"max_tokens": -1}, 400, "max_tokens"),
        ({"parallel_tool_calls": "no"}, 400, "parallel_tool_calls"),
        ({"user": 7}, 400, "user"),
        ({"n": 0}, 400, "n"),
        ({"stop": ["1", "2", "3", "4", "5"]}, 400, "stop"),
        ({"temperature": 2.5}, 400, "temperature"),
        ({"stream_options": {"include_usage": True}}, 400, "stream_options"),
        ({"tools": [{"type": "function"}]}, 400, "tools"),
    ],
)
def test_chat_refuses_a_request_that_makes_no_sense(
    talk: Talk, change: dict[str, Any], status: int, param: str
) -> None:
    answer = talk.chat({**completion("hi"), **change})
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"
    assert (error["code"] == "model_not_found") == (status == 404)


def test_chat_takes_null_for_absent(talk: Talk) -> None:
    nulls = dict.fromkeys(("max_tokens", "n", "stop", "stream", "stream_options", "tools", "temperature"))
    assert talk.chat(completion("hi", **nulls)).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"a":NaN}', b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(talk: Talk, body: bytes) -> None:
    for path, headers in (("/v1/messages", anthropic()), ("/v1/chat/completions", openai())):
        answer = talk.client.post(talk.upstream.base_url + path, content=body, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_lone_surrogate_does_not_break_the_log(talk: Talk) -> None:
    body = rb'{"model":"gpt-5.1","messages":[{"role":"user","content":"@upstream nonce=lone \ud800"}]}'
    answer = talk.client.post(talk.upstream.base_url + "/v1/chat/completions", content=body, headers=openai())
    assert answer.status_code == 400
    assert talk.log("lone")[0]["body"]["messages"][0]["content"].endswith("\ud800")


def test_too_long_a_body_is_refused(talk: Talk) -> None:
    answer = talk.client.post(
        talk.upstream.base_url + "/v1/messages", content=b" " * (32 * 1024 * 1024 + 1), headers=anthropic()
    )
    assert (answer.status_code, answer.json()["error"]["type"]) == (413, "request_too_large")


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"authorization": "Bearer wrong"}])
def test_the_provider_key_is_checked(talk: Talk, headers: dict[str, str]) -> None:
    base = talk.upstream.base_url
    version = {"anthropic-version": "2023-06-01"}
    first = talk.client.post(base + "/v1/messages", json=message("hi"), headers={**version, **headers})
    second = talk.client.post(base + "/v1/chat/completions", json=completion("hi"), headers=headers)
    models = talk.client.get(base + "/v1/models", headers=headers)
    assert [answer.status_code for answer in (first, second, models)] == [401, 401, 401]
    assert first.json()["error"]["type"] == "authentication_error"
    assert second.json()["error"]["code"] == "invalid_api_key"


def test_messages_takes_the_key_as_a_bearer_and_chat_only_so(talk: Talk) -> None:
    base = talk.upstream.base_url
    bearer = {**openai(), "anthropic-version": "2023-06-01"}
    assert talk.client.post(base + "/v1/messages", json=message("hi"), headers=bearer).status_code == 200
    key = {"x-api-key": anthropic()["x-api-key"]}
    assert talk.client.post(base + "/v1/chat/completions", json=completion("hi"), headers=key).status_code == 401


@pytest.mark.parametrize("version", [None, "2024-01-01", ""])
def test_the_version_is_required_when_strict(talk: Talk, lenient: Talk, version: str | None) -> None:
    headers = {"x-api-key": anthropic()["x-api-key"]}
    if version is not None:
        headers["anthropic-version"] = version
    for who, status in ((talk, 400), (lenient, 200)):
        answer = who.client.post(who.upstream.base_url + "/v1/messages", json=message("hi"), headers=headers)
        assert answer.status_code == status


def test_a_lenient_upstream_takes_any_key(lenient: Talk) -> None:
    base = lenient.upstream.base_url
    for headers in ({}, {"authorization": "Bearer dummy"}):
        assert lenient.client.post(base + "/v1/chat/completions", json=completion("hi"), headers=headers).is_success


def test_unknown_fields_are_taken_and_logged(talk: Talk) -> None:
    assert talk.chat(completion("@upstream nonce=extra", a_new_field={"x": 1})).status_code == 200
    assert talk.log("extra")[0]["body"]["a_new_field"] == {"x": 1}


def test_unknown_paths_and_methods_have_the_vendors_envelope(talk: Talk) -> None:
    base = talk.upstream.base_url
    for path in ("/", "/v1", "/v1/messages/", "/v1/other"):
        assert talk.client.post(base + path).json()["error"]["param"] is None
        assert talk.client.post(base + path, headers=anthropic()).json()["error"]["type"] == "not_found_error"
    wrong = talk.client.get(base + "/v1/messages")
    assert (wrong.status_code, wrong.headers["allow"], wrong.json()["type"]) == (405, "POST", "error")
    wrong = talk.client.delete(base + "/v1/models")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")
