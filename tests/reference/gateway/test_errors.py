from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.reference.gateway import GatewaySettings

if TYPE_CHECKING:
    import httpx2

POSTS = ["/v1/messages", "/v1/messages/count_tokens", "/v1/chat/completions"]
ROLE = "general:anthropic"
HELLO = [{"role": "user", "content": "hi"}]


def envelope_is_right(answer: httpx2.Response, path: str) -> bool:
    document = answer.json()
    if path.startswith("/v1/messages"):
        same = document.get("request_id") == answer.headers["request-id"] == answer.headers["x-request-id"]
        return bool(document["type"] == "error" and set(document["error"]) == {"type", "message"} and same)
    return set(document) == {"error"} and set(document["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "Request body is empty"),
        (b" \n", 400, "Request body is empty"),
        (b"{", 400, "not valid JSON"),
        (b'{"a":1,}', 400, "not valid JSON"),
        (b"[]", 400, "must be a JSON object"),
        (b"null", 400, "must be a JSON object"),
        (b'"x"', 400, "must be a JSON object"),
        (b'{"a":"\xff"}', 400, "UTF-8"),
        (b'\xef\xbb\xbf{"model":"x"}', 400, "not valid JSON"),
        (b'{"a":"\\ud83d"}', 400, "surrogate"),
        (b'{"a":NaN}', 400, "NaN"),
        (b'{"a":1e999}', 400, "out of range"),
        (b"[" * 100_000, 400, "nested"),
        (b"{}{}", 400, "not valid JSON"),
    ],
)
def test_a_body_that_is_no_json_object_is_a_400(site: Any, path: str, body: bytes, status: int, words: str) -> None:
    answer = site.client.post(path, headers=site.headers(ROLE) | {"content-type": "application/json"}, content=body)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]
    assert envelope_is_right(answer, path)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_media_type_is_a_415(site: Any, path: str, content_type: str) -> None:
    answer = site.client.post(path, headers=site.headers(ROLE) | {"content-type": content_type}, content=b"{}")
    assert answer.status_code == 415
    assert envelope_is_right(answer, path)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", None])
def test_json_is_read_under_each_of_its_names_and_none(site: Any, content_type: str | None) -> None:
    headers = site.headers(ROLE) | ({"content-type": content_type} if content_type else {})
    body = json.dumps({"model": "claude-sonnet-4-5", "max_tokens": 5, "messages": HELLO}).encode()
    assert site.client.post("/v1/messages", headers=headers, content=body).status_code == 200


def test_of_a_repeated_key_the_last_value_counts_here_and_upstream(site: Any) -> None:
    content = "@upstream nonce=twice\\nx"
    body = b'{"model":"gpt-5.1","model":"claude-sonnet-4-5","max_tokens":5,"messages":[{"role":"user","content":"%s"}]}'
    answer = site.client.post("/v1/messages", headers=site.headers(ROLE), content=body % content.encode())
    assert answer.status_code == 200
    assert site.upstream_saw("twice")[0].body["model"] == "claude-sonnet-4-5"


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_above_the_limit_is_a_413(site: Any, path: str, chunked: bool) -> None:  # noqa: FBT001 - a parameter of the table
    body = b'{"model":"' + b"x" * GatewaySettings("", "").body_limit + b'"}'
    pieces = (body[start : start + 65536] for start in range(0, len(body), 65536))
    answer = site.client.post(path, headers=site.headers(ROLE), content=pieces if chunked else body)
    assert answer.status_code == 413
    assert envelope_is_right(answer, path)


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("model", {"model": None}),
    ("model", {"model": 5}),
    ("model", {"model": ""}),
    ("messages", {"messages": None}),
    ("messages", {"messages": "x"}),
    ("messages", {"messages": []}),
    ("messages", {"messages": ["x"]}),
    ("role", {"messages": [{"role": "robot", "content": "x"}]}),
    ("role", {"messages": [{"content": "x"}]}),
    ("content", {"messages": [{"role": "user"}]}),
    ("content", {"messages": [{"role": "user", "content": 5}]}),
    ("content", {"messages": [{"role": "user", "content": ["x"]}]}),
    ("text", {"messages": [{"role": "user", "content": [{"type": "text"}]}]}),
    ("stream", {"stream": "yes"}),
    ("stream", {"stream": 1}),
    ("temperature", {"temperature": "hot"}),
    ("temperature", {"temperature": True}),
    ("temperature", {"temperature": -1}),
    ("temperature", {"temperature": 9}),
    ("max_tokens", {"max_tokens": 0}),
    ("max_tokens", {"max_tokens": -1}),
    ("max_tokens", {"max_tokens": "5"}),
    ("max_tokens", {"max_tokens": 1.5}),
    ("max_tokens", {"max_tokens": True}),
    ("tools", {"tools": {}}),
    ("tools", {"tools": ["x"]}),
]
MESSAGES_ONLY: list[tuple[str, dict[str, Any]]] = [
    ("max_tokens", {"max_tokens": None}),
    ("system", {"system": 5}),
    ("stop_sequences", {"stop_sequences": "x"}),
    ("tool_choice", {"tool_choice": "auto"}),
    ("tool_choice.name", {"tool_choice": {"type": "auto", "name": 7}}),
    (
        "tool_choice.disable_parallel_tool_use",
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": "no"}},
    ),
    ("role", {"messages": [{"role": "tool", "content": "x"}]}),
    ("thinking", {"thinking": True}),
    ("metadata", {"metadata": "x"}),
]
CHAT_ONLY: list[tuple[str, dict[str, Any]]] = [
    ("stop", {"stop": 5}),
    ("n", {"n": 0}),
    ("max_completion_tokens", {"max_completion_tokens": 0}),
    ("tool_call_id", {"messages": [{"role": "tool", "content": "x"}]}),
    ("stream_options", {"stream_options": []}),
    ("tools[0].function", {"tools": [{"type": "function"}]}),
]


@pytest.mark.parametrize(
    ("path", "field", "change"),
    [
        *((path, *case) for path in ("/v1/messages", "/v1/chat/completions") for case in WRONG),
        *(("/v1/messages", *case) for case in MESSAGES_ONLY),
        *(("/v1/chat/completions", *case) for case in CHAT_ONLY),
    ],
)
def test_a_field_of_the_wrong_type_is_a_400_that_names_it_in_both_modes(
    site: Any, path: str, field: str, change: dict[str, Any]
) -> None:
    for role, model in (("general:anthropic", "claude-sonnet-4-5"), ("general:openai", "gpt-5.1")):
        base = {"model": model, "max_tokens": 5, "messages": HELLO}
        for stream in (False, True):
            answer = site.post(path, role, base | {"stream": stream} | change)
            assert answer.status_code == 400
            assert field in answer.json()["error"]["message"]
            assert envelope_is_right(answer, path)


def test_null_is_as_good_as_absent_for_optional_chat_fields(site: Any) -> None:
    names = (
        "temperature",
        "top_p",
        "stop",
        "stream",
        "max_tokens",
        "n",
        "tools",
        "tool_choice",
        "stream_options",
        "user",
    )
    body = {"model": "gpt-5.1", "messages": HELLO} | dict.fromkeys(names)
    assert site.post("/v1/chat/completions", "general:openai", body).status_code == 200
    body["model"] = "claude-sonnet-4-5"
    assert site.post("/v1/chat/completions", "general:anthropic", body).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_an_unknown_or_foreign_model_is_a_404(site: Any, asking: Any, stream: bool) -> None:  # noqa: FBT001 - a parameter of the table
    for role, foreign in (("general:anthropic", "gpt-5.1"), ("general:openai", "claude-sonnet-4-5")):
        for model in (foreign, "no-such-model"):
            answer = site.ask(asking.MESSAGES, role, "hi", model=model, stream=stream)
            assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")
            answer = site.ask(asking.CHAT, role, "hi", model=model, stream=stream)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v2/messages", "//v1/messages", "/V1/messages", "/v1/messages/", "/messages", "/v1/usage/"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_a_404_in_json_with_or_without_a_key(site: Any, path: str, method: str) -> None:
    url = site.gateway.base_url + path
    without: dict[str, str] = {}
    for headers in (without, site.headers(ROLE)):
        answer = site.client.request(method, url, headers=headers)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["type"] == "error"


@pytest.mark.parametrize(
    ("path", "members"),
    [
        ("/v1beta/models/x:embedContent", {"code", "message", "status"}),
        ("/antigravity/v1beta/none", {"code", "message", "status"}),
        ("/v1/images/none", {"type", "message"}),
        ("/v1/chat/none", {"message", "type", "param", "code"}),
        ("/models", {"message", "type", "param", "code"}),
    ],
)
def test_an_unknown_path_keeps_the_envelope_of_its_family(site: Any, path: str, members: set[str]) -> None:
    answer = site.client.get(path)
    assert answer.status_code == 404
    assert set(answer.json()["error"]) == members


def test_the_wrong_method_is_a_405_that_names_the_right_one(site: Any) -> None:
    for method, path, allowed in (
        ("GET", "/v1/messages", "POST"),
        ("DELETE", "/v1/chat/completions", "POST"),
        ("OPTIONS", "/v1/messages/count_tokens", "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("PUT", "/v1/usage", "GET, HEAD"),
    ):
        answer = site.client.request(method, path)
        assert answer.status_code == 405
        assert sorted(answer.headers["allow"].split(", ")) == sorted(allowed.split(", "))
        assert answer.json()["error"]["type"] == "invalid_request_error"


def test_the_query_beta_true_is_ignored(site: Any) -> None:
    body = {"model": "claude-sonnet-4-5", "max_tokens": 5, "messages": HELLO}
    assert site.post("/v1/messages?beta=true", ROLE, body).status_code == 200
