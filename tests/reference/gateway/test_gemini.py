"""Gemini native and the Antigravity prefix, in front of an upstream that says what a test wants."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx2

    from tests.reference.gateway.fake_upstream import FakeUpstream

GEMINI, ANTIGRAVITY = "general:gemini", "general:antigravity"
MODELS = "/v1beta/models"
FLASH, PRO = f"{MODELS}/gemini-2.5-flash", f"/antigravity{MODELS}/gemini-3-pro"
PREFIXES = ((FLASH, GEMINI), (PRO, ANTIGRAVITY))
ASK = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
USAGE = {
    "promptTokenCount": 17,
    "cachedContentTokenCount": 3,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 4,
    "totalTokenCount": 26,
}


def piece(*parts: Any, finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": USAGE,
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r1",
        **more,
    }


ANSWER = piece({"text": "hello"}, finish="STOP")
PIECES = (piece({"text": "he"}), piece({"text": "llo"}), piece({"text": ""}, finish="STOP"))


@pytest.fixture(scope="module")
def pair(house: Any) -> Any:
    return house.fake()


def booked(site: Any, role: str, path: str, body: Any) -> tuple[httpx2.Response, dict[str, Any]]:
    """The answer to a fresh key, and what its books say then."""
    fresh = site.key(role)
    answer = site.client.post(path, headers={"x-goog-api-key": fresh}, json=body)
    return answer, site.usage(fresh)["usage"]["total"]


@pytest.mark.parametrize(("path", "role"), PREFIXES)
def test_content_is_answered_as_the_upstream_wrote_it_and_booked_with_its_thoughts(
    pair: tuple[Any, FakeUpstream], path: str, role: str
) -> None:
    site, fake = pair
    fake.answers(ANSWER)
    answer, total = booked(site, role, f"{path}:generateContent", ASK)
    assert (answer.status_code, answer.json()) == (200, ANSWER)
    assert fake.last.path == f"{path.removeprefix('/antigravity')}:generateContent"
    assert fake.last.headers["x-goog-api-key"] == site.upstream.provider_key
    assert fake.last.json() == ASK
    assert (total["requests"], total["input_tokens"], total["output_tokens"]) == (1, 17, 9)


@pytest.mark.parametrize(("path", "role"), PREFIXES)
def test_a_stream_is_data_lines_and_nothing_else(pair: tuple[Any, FakeUpstream], path: str, role: str) -> None:
    site, fake = pair
    fake.streams(": still here\n\n", PIECES[0], ("message", PIECES[1]), "id: 7\nretry: 5\n", PIECES[2])
    answer, total = booked(site, role, f"{path}:streamGenerateContent?alt=sse", ASK)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    lines = answer.text.split("\n\n")
    assert lines.pop() == ""
    assert [json.loads(line.removeprefix("data: ")) for line in lines] == list(PIECES)
    assert total["total_tokens"] == 26
    assert fake.last.query == "alt=sse"


@pytest.mark.parametrize("query", ["", "?alt=json"])
def test_without_alt_the_stream_is_one_array_written_bit_by_bit(pair: tuple[Any, FakeUpstream], query: str) -> None:
    site, fake = pair
    fake.streams(*PIECES, pause=0.05)
    arrivals, text = [], ""
    url, headers = f"{FLASH}:streamGenerateContent{query}", site.headers(GEMINI)
    with site.client.stream("POST", url, headers=headers, json=ASK) as answer:
        for part in answer.iter_text():
            arrivals.append(time.monotonic())
            text += part
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert json.loads(text) == list(PIECES)
    assert arrivals[-1] - arrivals[0] > 0.05


def test_another_alt_is_refused(pair: tuple[Any, FakeUpstream]) -> None:
    site, _ = pair
    answer = site.post(f"{FLASH}:streamGenerateContent?alt=proto", GEMINI, ASK)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ((PIECES[0], {"error": {"code": 503, "message": "at 10.0.0.5:80", "status": "UNAVAILABLE"}}), 503),
        ((PIECES[0], {"error": {"code": 429, "message": "x", "status": "RESOURCE_EXHAUSTED"}}), 429),
        ((PIECES[0],), 502),
        ((PIECES[0], "data: nonsense\n\n"), 502),
    ],
)
def test_what_breaks_in_mid_stream_is_told_in_googles_words(
    pair: tuple[Any, FakeUpstream], events: Any, code: int
) -> None:
    site, fake = pair
    fake.streams(*events)
    streamed = site.post(f"{FLASH}:streamGenerateContent?alt=sse", GEMINI, ASK).text
    array = site.post(f"{FLASH}:streamGenerateContent", GEMINI, ASK).json()
    last = json.loads(streamed.split("\n\n")[-2].removeprefix("data: "))
    assert last == array[-1]
    assert (last["error"]["code"], "10.0.0.5" in streamed, "STOP" in streamed) == (code, False, False)


def test_a_blocked_prompt_is_a_complete_stream(pair: tuple[Any, FakeUpstream]) -> None:
    site, fake = pair
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}}
    fake.streams(blocked)
    assert site.post(f"{FLASH}:streamGenerateContent", GEMINI, ASK).json() == [blocked]


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, {"code": 400, "message": "bad schema", "status": "INVALID_ARGUMENT"}, (400, "INVALID_ARGUMENT")),
        (400, {"code": 400, "message": "API key", "details": [{"reason": "API_KEY_INVALID"}]}, (502, "INTERNAL")),
        (403, {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}, (502, "INTERNAL")),
        (404, {"code": 404, "message": "no such model", "status": "NOT_FOUND"}, (404, "NOT_FOUND")),
        (429, {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}, (429, "RESOURCE_EXHAUSTED")),
        (503, {"code": 503, "message": "busy", "status": "UNAVAILABLE"}, (502, "INTERNAL")),
    ],
)
@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent?alt=sse", "countTokens"])
def test_an_upstream_that_refuses_is_told_by_status(
    pair: tuple[Any, FakeUpstream], status: int, error: Any, expected: Any, method: str
) -> None:
    site, fake = pair
    fake.answers({"error": error}, status)
    answer, total = booked(site, GEMINI, f"{FLASH}:{method}", ASK)
    found = answer.json()["error"]
    assert (answer.status_code, found["status"]) == expected
    assert found["code"] == answer.status_code
    assert total["requests"] == 0


def test_counting_is_passed_on_and_costs_nothing(pair: tuple[Any, FakeUpstream]) -> None:
    site, fake = pair
    fake.answers({"totalTokens": 31})
    for body in (ASK, {"generateContentRequest": {"model": "models/gemini-2.5-flash", **ASK}}):
        answer, total = booked(site, GEMINI, f"{FLASH}:countTokens", body)
        assert (answer.json(), total["requests"], fake.last.json()) == ({"totalTokens": 31}, 0, body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"contents": "hi"},
        {"contents": []},
        {"contents": [{"parts": "hi"}]},
        {"contents": [{"role": "assistant", "parts": [{"text": "hi"}]}]},
        ASK | {"generationConfig": {"maxOutputTokens": 0}},
        ASK | {"generation_config": {"max_output_tokens": "9"}},
        ASK | {"generationConfig": {"stopSequences": list("abcdef")}},
        ASK | {"generationConfig": {"temperature": 3}},
        ASK | {"generationConfig": {"candidateCount": 9}},
        ASK | {"tools": {}},
        ASK | {"system_instruction": "x"},
    ],
)
def test_a_wrong_field_is_refused_before_the_upstream(pair: tuple[Any, FakeUpstream], body: Any) -> None:
    site, fake = pair
    before = len(fake.asked)
    answer = site.post(f"{FLASH}:generateContent", GEMINI, body)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert len(fake.asked) == before


def test_names_in_snake_case_are_passed_on(pair: tuple[Any, FakeUpstream]) -> None:
    site, fake = pair
    fake.answers(ANSWER)
    body = ASK | {"generation_config": {"max_output_tokens": 9, "stop_sequences": ["x"]}}
    assert site.post(f"{FLASH}:generateContent", GEMINI, body).status_code == 200
    assert fake.last.json() == body


@pytest.mark.parametrize("prefix", ["", "/antigravity"])
def test_each_prefix_is_for_its_own_group(pair: tuple[Any, FakeUpstream], prefix: str) -> None:
    site, _ = pair
    own = ANTIGRAVITY if prefix else GEMINI
    for role in ("general:openai", "general:anthropic", GEMINI, ANTIGRAVITY, "image:batch"):
        for method, path in (("GET", ""), ("GET", "/x"), ("POST", "/x:generateContent"), ("POST", "/x:countTokens")):
            answer = site.client.request(method, f"{prefix}{MODELS}{path}", headers=site.headers(role))
            if role == own:
                assert answer.status_code in (200, 400, 404)
                assert "platform" not in answer.text
                continue
            assert answer.status_code == (403 if role == "image:batch" else 400)
            assert set(answer.json()["error"]) == {"code", "message", "status"}
    if prefix:
        for path in ("/messages", "/messages/count_tokens"):
            answer = site.post(f"/antigravity/v1{path}", GEMINI, {})
            assert (answer.status_code, answer.json()["type"]) == (400, "error")


@pytest.mark.parametrize(("prefix", "role"), [("", GEMINI), ("/antigravity", ANTIGRAVITY)])
def test_models_are_listed_page_by_page_and_described_one_by_one(
    pair: tuple[Any, FakeUpstream], prefix: str, role: str
) -> None:
    site, _ = pair
    whole = site.get(f"{prefix}{MODELS}", role).json()
    ids = [model["id"] for model in site.get("/v1/models", role).json()["data"]]
    assert [model["name"] for model in whole["models"]] == [f"models/{name}" for name in ids]
    assert "nextPageToken" not in whole
    first = site.get(f"{prefix}{MODELS}?pageSize=1", role).json()
    second = site.get(f"{prefix}{MODELS}?pageSize=1&pageToken={first['nextPageToken']}", role).json()
    assert first["models"] + second["models"] == whole["models"]
    for model in whole["models"]:
        assert site.get(f"{prefix}/v1beta/{model['name']}", role).json() == model
    for query in ("?pageSize=x", "?pageSize=-1", "?pageToken=none"):
        assert site.get(f"{prefix}{MODELS}{query}", role).status_code == 400
    unknown = site.get(f"{prefix}{MODELS}/none", role)
    assert (unknown.status_code, unknown.json()["error"]["status"]) == (404, "NOT_FOUND")


def test_wrong_paths_and_methods_keep_googles_envelope(pair: tuple[Any, FakeUpstream]) -> None:
    site, _ = pair
    for method, path, status in (
        ("GET", f"{FLASH}:generateContent", 405),
        ("POST", FLASH, 405),
        ("DELETE", MODELS, 405),
        ("POST", f"{FLASH}:embedContent", 404),
        ("POST", f"{MODELS}/none:generateContent", 404),
    ):
        body = ASK if method == "POST" else None
        answer = site.client.request(method, path, headers=site.headers(GEMINI), json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, status)
        assert ("allow" in answer.headers) == (status == 405)
    refused = site.client.get(MODELS)
    assert (refused.status_code, refused.json()["error"]["status"]) == (401, "UNAUTHENTICATED")


def test_a_key_without_money_or_over_its_rate_is_told_in_googles_envelope(pair: tuple[Any, FakeUpstream]) -> None:
    site, _ = pair
    for condition, status, name in (
        ("exhausted", 403, "PERMISSION_DENIED"),
        ("rate_limited", 429, "RESOURCE_EXHAUSTED"),
    ):
        role = f"{GEMINI}+{condition}"
        answer = site.post(f"{FLASH}:generateContent", role, ASK)
        assert (answer.status_code, answer.json()["error"]["status"]) == (status, name)
        assert site.get(MODELS, role).status_code == 200


def test_an_invented_end_is_told_like_a_real_one(house: Any) -> None:
    body = {"contents": [{"parts": [{"text": "@upstream echo eof after=3 chunks=5\nabcde"}]}]}
    ends = [
        house.site(fault=fault).post(f"{FLASH}:streamGenerateContent", GEMINI, body).json()[-1]
        for fault in (None, "M14")
    ]
    assert ["error" in end for end in ends] == [True, False]
    assert ends[1]["candidates"][0]["finishReason"] == "STOP"
