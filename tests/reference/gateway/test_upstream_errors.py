from __future__ import annotations

from typing import Any

import httpx2
import pytest

from llmapi_conformance.reference.gateway.envelopes import Family
from llmapi_conformance.reference.gateway.upstream_errors import refusal_of_answer, safe_message

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
CELLS = [(path, role) for path in (MESSAGES, CHAT) for role in ("general:anthropic", "general:openai")]
ANTHROPIC = {
    400: "invalid_request_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    502: "api_error",
    529: "overloaded_error",
}
BOTH_MODES = pytest.mark.parametrize("stream", [False, True])


@BOTH_MODES
@pytest.mark.parametrize(("path", "role"), CELLS)
@pytest.mark.parametrize(
    ("words", "on_messages", "on_chat"),
    [
        ("status=400", 400, 400),
        ("status=404", 404, 404),
        ("status=413", 413, 413),
        ("status=422", 422, 422),
        ("status=401", 502, 502),
        ("status=403", 502, 502),
        ("status=429", 429, 429),
        ("status=500", 502, 502),
        ("status=503", 502, 502),
        ("status=529", 529, 503),
        ("status=500 body=html", 502, 502),
        ("status=400 body=html", 400, 400),
        ("status=502 body=empty", 502, 502),
    ],
)
def test_an_error_of_the_upstream_is_told_in_the_words_of_the_route(  # noqa: PLR0917 - the table has these columns
    site: Any,
    stream: bool,  # noqa: FBT001 - a parameter of the table
    path: str,
    role: str,
    words: str,
    on_messages: int,
    on_chat: int,
) -> None:
    answer = site.ask(path, role, f"@upstream {words}\nx", stream=stream)
    assert answer.status_code == (on_messages if path == MESSAGES else on_chat)
    assert answer.headers["content-type"] == "application/json"
    assert site.upstream.provider_key not in answer.text
    assert site.upstream.base_url.partition("//")[2] not in answer.text
    error = answer.json()["error"]
    assert error["message"]
    if path == MESSAGES:
        assert (answer.json()["type"], error["type"]) == ("error", ANTHROPIC[answer.status_code])
    else:
        assert set(error) == {"message", "type", "param", "code"}


@BOTH_MODES
def test_retry_after_is_kept(site: Any, stream: bool) -> None:  # noqa: FBT001 - a parameter of the table
    for path, role in CELLS:
        answer = site.ask(path, role, "@upstream status=429 retry-after=7\nx", stream=stream)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


@pytest.mark.parametrize(("path", "role"), CELLS)
@pytest.mark.parametrize("words", ["error=529 after=2", "error=500 after=2", "cut after=2", "eof after=2"])
def test_a_failure_on_the_way_ends_the_stream_with_an_error_and_no_success(
    site: Any, path: str, role: str, words: str
) -> None:
    key = site.key(role)
    text = f"@upstream {words} chunks=5\nx"
    model = {"general:anthropic": "claude-sonnet-4-5", "general:openai": "gpt-5.1"}[role]
    body = {"model": model, "max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": text}]}
    answer = site.client.post(path, headers={"x-api-key": key}, json=body)
    assert answer.status_code == 200
    last = answer.text.rstrip("\n").rpartition("\n\n")[2]
    assert '"error":' in last
    assert last.startswith("event: error\n") == (path == MESSAGES)
    assert "message_stop" not in answer.text
    assert "[DONE]" not in answer.text
    assert '"finish_reason":"stop"' not in answer.text
    assert site.usage(key)["usage"]["total"]["requests"] == 0


def test_overload_on_the_way_keeps_its_name(site: Any) -> None:
    events = site.events(MESSAGES, "general:anthropic", "@upstream error=529 after=1\nx")
    assert events[-1][1]["error"]["type"] == "overloaded_error"


@BOTH_MODES
def test_an_answer_that_breaks_off_or_is_empty_is_a_502(site: Any, stream: bool) -> None:  # noqa: FBT001 - a parameter of the table
    for path, role in CELLS:
        for words in ("cut after=1", "eof after=1", "error=500 after=1"):
            answer = site.ask(path, role, f"@upstream {words}\nx", stream=stream)
            assert answer.status_code == (200 if stream else 502)


def test_an_upstream_that_is_not_there_is_a_502(house: Any) -> None:
    nowhere = house.start(upstream_url="http://127.0.0.1:9")
    for path, role in CELLS:
        for stream in (False, True):
            answer = nowhere.ask(path, role, "hi", stream=stream)
            assert answer.status_code == 502
            assert "127.0.0.1" not in answer.text
    nowhere.client.close()


def test_an_upstream_that_is_silent_too_long_is_a_504(house: Any) -> None:
    hasty = house.start(upstream_timeout_seconds=0.2)
    answer = hasty.ask(MESSAGES, "general:anthropic", "@upstream delay=900ms\nx")
    assert (answer.status_code, answer.json()["error"]["type"]) == (504, "timeout_error")
    hasty.client.close()


@pytest.mark.parametrize(
    "message",
    [
        'Post "https://10.0.0.5:18182/v1?key=AIzaX": dial tcp',
        "no route to 192.168.0.7",
        "bad key sk-abc",
        "localhost refused",
        "http://x",
        "see host.internal:8080",
        "Traceback (most recent call last)",
        "",
        None,
        5,
    ],
)
def test_a_message_with_an_address_or_a_key_is_replaced(message: Any) -> None:
    assert safe_message(message, "otherwise") == "otherwise"
    body = f'{{"error":{{"message":{message!r}}}}}'.replace("'", '"').encode()
    assert refusal_of_answer(400, httpx2.Headers(), body, Family.OPENAI).message != message


def test_a_plain_message_is_kept() -> None:
    body = b'{"error":{"message":"max_tokens: too many","param":"max_tokens","code":"too_many"}}'
    refusal = refusal_of_answer(400, httpx2.Headers(), body, Family.OPENAI)
    assert (refusal.message, refusal.param, refusal.code) == ("max_tokens: too many", "max_tokens", "too_many")
