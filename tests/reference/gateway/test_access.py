from __future__ import annotations

from typing import Any

import pytest

COUNT = "/v1/messages/count_tokens"
GENERAL = ("general:openai", "general:anthropic", "general:gemini", "general:antigravity")
# Wrong bodies: a refusal comes before the body is looked at, a 400 shows that the door was open.
DOOR = {
    "/v1/messages": {"general:openai": 400, "general:anthropic": 400, "image:batch": 403},
    "/v1/chat/completions": {"general:openai": 400, "general:anthropic": 400, "image:batch": 403},
    COUNT: {"general:openai": 404, "general:anthropic": 400, "image:batch": 403},
}
CONVERTED = ("general:gemini", "general:antigravity")


@pytest.mark.parametrize("path", DOOR)
@pytest.mark.parametrize("role", [*GENERAL, "image:batch"])
def test_the_group_decides_which_text_routes_are_open(site: Any, path: str, role: str) -> None:
    answer = site.post(path, role, {})
    assert answer.status_code == (400 if role in CONVERTED else DOOR[path][role])
    kind = {400: "invalid_request_error", 403: "permission_error", 404: "not_found_error"}[answer.status_code]
    assert answer.json()["error"]["type"] == kind
    assert (answer.json().get("type") == "error") == path.startswith("/v1/messages")


def test_token_counting_is_refused_to_an_openai_group_in_the_documented_words(site: Any) -> None:
    answer = site.client.post(COUNT, headers=site.headers("general:openai"), content=b"")
    message = "Token counting is not supported for this platform"
    assert answer.json() == {"type": "error", "error": {"type": "not_found_error", "message": message}}


@pytest.mark.parametrize("role", GENERAL)
def test_every_general_key_lists_models_and_usage(site: Any, role: str) -> None:
    assert site.get("/v1/models", role).status_code == 200
    assert site.get("/v1/usage", role).status_code == 200


def test_an_image_key_reads_usage_but_no_models(site: Any) -> None:
    assert site.get("/v1/usage", "image:batch").status_code == 200
    refused = site.get("/v1/models", "image:batch")
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "permission_error")
    assert set(refused.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_exhausted_or_limited_key_is_refused_before_it_costs(site: Any, path: str, stream: bool) -> None:  # noqa: FBT001 - a parameter of the table
    for condition, status in (("exhausted", 403), ("rate_limited", 429)):
        role = f"general:anthropic+{condition}"
        body = {"model": "claude-sonnet-4-5", "max_tokens": 5, "stream": stream}
        text = f"@upstream nonce={condition}{stream}{path[-4:]}\nx"
        key = site.key(role)
        before = site.usage(key)
        answer = site.client.post(
            path, headers={"x-api-key": key}, json=body | {"messages": [{"role": "user", "content": text}]}
        )
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"
        assert ("retry-after" in answer.headers) == (status == 429)
        assert site.usage(key) == before
        assert not site.upstream_saw(f"{condition}{stream}{path[-4:]}")


def test_a_fresh_key_has_books_and_a_wallet_of_its_own(site: Any, asking: Any) -> None:
    first, second = site.key("general:anthropic"), site.key("general:anthropic")
    before = site.usage(second)
    body = asking.question("general:anthropic", "@upstream usage=17,5,3\nx")
    assert site.client.post("/v1/messages", headers={"x-api-key": first}, json=body).status_code == 200
    today = site.usage(first)["usage"]["today"]
    assert {name: today[name] for name in ("requests", "input_tokens", "output_tokens", "total_tokens")} == {
        "requests": 1,
        "input_tokens": 17,
        "output_tokens": 5,
        "total_tokens": 22,
    }
    assert site.usage(second) == before


def test_a_key_of_an_unknown_role_is_not_handed_out(site: Any) -> None:
    for role in ("general:mistral", "general:openai+rich", "image:batch+no_images", 5):
        answer = site.client.post(f"{site.gateway.control_url}/keys", json={"role": role})
        assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert site.client.get(f"{site.gateway.control_url}/health").json() == {"status": "ok"}
    assert site.client.get("/health").status_code == 404
    assert site.client.post("/keys", json={"role": "general:openai"}).status_code == 404
