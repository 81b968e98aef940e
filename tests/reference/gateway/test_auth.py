from __future__ import annotations

import socket
from typing import Any

import pytest

DOCUMENTED = {"type": "error", "error": {"type": "authentication_error", "message": "Invalid API key"}}
OPERATIONS = [
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("POST", "/v1/chat/completions"),
    ("GET", "/v1/models"),
    ("GET", "/v1/usage"),
]


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("authorization", "Bearer {}"),
        ("authorization", "bearer {}"),
        ("Authorization", "BEARER   {}"),
        ("x-api-key", "{}"),
        ("x-goog-api-key", "{}"),
        ("X-Goog-Api-Key", "{}"),
    ],
)
def test_a_key_is_accepted_in_each_documented_header(site: Any, header: str, form: str) -> None:
    key = site.gateway.keys["general:anthropic"]
    assert site.client.get("/v1/models", headers={header: form.format(key)}).status_code == 200


@pytest.mark.parametrize("line", ["authorization: \t Bearer {} \t", "x-api-key:{}", "x-goog-api-key:   {}  "])
def test_white_space_around_a_header_value_does_not_matter(site: Any, line: str) -> None:
    host, _, port = site.gateway.base_url.removeprefix("http://").partition(":")
    head = f"GET /v1/models HTTP/1.1\r\nhost: x\r\n{line.format(site.gateway.keys['general:openai'])}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=40) as connection:
        connection.sendall(head.encode())
        assert connection.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("headers", [{}, {"x-api-key": "sk-llmapi-none"}, {"authorization": "Basic abc"}])
def test_without_a_valid_key_every_route_answers_the_documented_401(
    site: Any, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = site.client.request(method, path, headers=headers)
    assert (answer.status_code, answer.json()) == (401, DOCUMENTED)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers.get_list("x-request-id") == [answer.headers["x-request-id"]]


@pytest.mark.parametrize("change", [lambda key: key[:-1], lambda key: key + "0", lambda key: key.upper(), lambda _: ""])
def test_a_key_that_is_almost_right_is_refused(site: Any, change: Any) -> None:
    key = site.gateway.keys["general:openai"]
    assert site.client.get("/v1/models", headers={"x-api-key": key}).status_code == 200
    assert site.client.get("/v1/models", headers={"x-api-key": change(key)}).json() == DOCUMENTED


@pytest.mark.parametrize("condition", ["disabled", "expired"])
def test_a_disabled_or_expired_key_is_refused(site: Any, condition: str) -> None:
    assert site.get("/v1/usage", f"general:anthropic+{condition}").json() == DOCUMENTED


def test_two_credentials_must_be_the_same_valid_key(site: Any) -> None:
    keys = site.gateway.keys
    good, second = keys["general:openai"], keys["general:openai+second_key"]

    def status(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return int(site.client.get("/v1/models", headers=named).status_code)

    assert status(authorization=f"Bearer {good}", x_api_key=good) == 200
    assert status(authorization=f"Bearer {good}", x_api_key=second) == 401
    assert status(authorization=f"Bearer {good}", x_api_key="none") == 401
    assert status(x_api_key="none", x_goog_api_key=good) == 401
    assert status(authorization="Basic x", x_goog_api_key=good) == 401


def test_a_key_in_the_query_is_no_credential(site: Any) -> None:
    key = site.gateway.keys["general:openai"]
    assert site.client.get("/v1/models", params={"key": key}).status_code == 401
    assert site.client.get("/v1/models", params={"key": "x"}, headers={"x-api-key": key}).status_code == 200


def test_keys_look_like_keys_and_are_not_printed(site: Any) -> None:
    keys = list(site.gateway.keys.values())
    assert len(set(keys)) == len(keys)
    assert all(len(key) >= 50 and key.startswith("sk-llmapi-") for key in keys)
    assert len({key[:20] for key in keys}) == len(keys)
    assert not any(key in repr(site.gateway) for key in keys)
