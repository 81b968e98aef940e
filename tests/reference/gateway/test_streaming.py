from __future__ import annotations

import functools
import time
from typing import Any

import httpx2
import pytest

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
CELLS = [(path, role) for path in (MESSAGES, CHAT) for role in ("general:anthropic", "general:openai")]


def eventually(condition: Any, seconds: float = 30.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.01)
    return False


def finished(site: Any, nonce: str) -> bool:
    return bool(site.upstream_saw(nonce)[0].finished)


@pytest.mark.parametrize(("path", "role"), CELLS)
def test_each_delta_arrives_before_the_next_is_released(site: Any, asking: Any, path: str, role: str) -> None:
    token = f"step{path[4:6]}{role[8:10]}"
    body = asking.question(role, f"@upstream echo chunks=4 step={token}\nabcd", stream=True)
    seen = ""
    with site.client.stream("POST", path, headers=site.headers(role), json=body) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["transfer-encoding"] == "chunked"
        assert "content-length" not in answer.headers
        pieces = answer.iter_text()
        for letter in "abcd":
            wanted = f'"text":"{letter}"' if path == MESSAGES else f'"content":"{letter}"'
            while wanted not in seen:
                seen += next(pieces)
            site.release(token)
        seen += "".join(pieces)
    assert ("message_stop" if path == MESSAGES else "[DONE]") in seen


@pytest.mark.parametrize(("path", "role"), CELLS)
def test_a_client_that_goes_cancels_the_upstream(site: Any, asking: Any, path: str, role: str) -> None:
    nonce = f"gone{path[4:6]}{role[8:10]}"
    key = site.key(role)
    body = asking.question(role, f"@upstream echo nonce={nonce} chunks=100 every=50ms\n{'x' * 100}", stream=True)
    with site.client.stream("POST", path, headers={"x-api-key": key}, json=body) as answer:
        next(answer.iter_raw())
    assert eventually(lambda: site.upstream_saw(nonce)[0].disconnected)
    assert site.upstream_saw(nonce)[0].deltas_sent < 60
    assert eventually(lambda: site.usage(key)["usage"]["total"]["requests"] == 1)


def test_a_client_that_does_not_wait_for_a_whole_answer_cancels_the_upstream_too(site: Any, asking: Any) -> None:
    body = asking.question("general:openai", "@upstream nonce=impatient delay=60000ms\nx")
    with pytest.raises(httpx2.ReadTimeout):
        site.client.post(CHAT, headers=site.headers("general:openai"), json=body, timeout=0.3)
    assert eventually(lambda: site.upstream_saw("impatient")[0].disconnected)


@pytest.mark.parametrize(("path", "role"), CELLS)
def test_bytes_cut_inside_characters_arrive_whole(site: Any, path: str, role: str) -> None:
    text = "né 世 😀 " * 30
    events = site.events(path, role, f"@upstream echo split=utf8\n{text}")
    parts = [event.get("delta", {}).get("text", "") for _, event in events if path == MESSAGES]
    if path == CHAT:
        parts = [chunk["choices"][0]["delta"].get("content") or "" for _, chunk in events[:-1]]
    assert "".join(parts) == text.strip() or "".join(parts) == text


def test_a_complete_stream_is_not_cancelled_upstream(site: Any) -> None:
    for path, role in CELLS:
        nonce = f"whole{path[4:6]}{role[8:10]}"
        assert site.ask(path, role, f"@upstream nonce={nonce}\nx", stream=True).status_code == 200
        assert eventually(functools.partial(finished, site, nonce))
        assert not site.upstream_saw(nonce)[0].disconnected


def test_pings_and_comments_of_the_upstream_stay_what_they_may_be(site: Any, asking: Any) -> None:
    for path, role in CELLS:
        text = site.ask(path, role, "@upstream echo ping comments\nabc", stream=True).text
        assert "data: :" not in text
        if path == CHAT:
            assert "ping" not in text.replace(": ping", "")
            assert asking.fold_chat(site.events(path, role, "@upstream echo comments\nabc"))["content"] == "abc"


@pytest.mark.parametrize(("path", "role"), CELLS)
def test_a_silent_stream_is_kept_alive(house: Any, path: str, role: str) -> None:
    lively = house.start(heartbeat_seconds=0.05)
    text = lively.ask(path, role, "@upstream echo chunks=2 every=300ms\nab", stream=True).text
    beat = "event: ping" if path == MESSAGES else ": keep-alive"
    assert text.count(beat) >= 3
    assert text.rstrip().endswith('{"type":"message_stop"}' if path == MESSAGES else "[DONE]")
    lively.client.close()


def test_a_delay_holds_every_answer(house: Any) -> None:
    slow = house.start(delay_ms=150)
    for path in ("/v1/models", "/none"):
        started = time.monotonic()
        slow.get(path, "general:openai")
        assert 0.14 < time.monotonic() - started < 20
    slow.client.close()
