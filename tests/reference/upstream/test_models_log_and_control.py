from __future__ import annotations

import asyncio
import time

import httpx2

from llmapi_conformance.reference.upstream import UpstreamSettings, running_upstream
from llmapi_conformance.reference.upstream.log import Log
from llmapi_conformance.reference.upstream.releases import Releases
from tests.reference.upstream.talking import KEY, Talk, anthropic, completion, message, openai


def test_openai_lists_its_models(talk: Talk) -> None:
    document = talk.client.get(talk.upstream.base_url + "/v1/models", headers=openai()).json()
    assert document["object"] == "list"
    assert {model["id"] for model in document["data"]} == {"gpt-5.1", "gpt-5.1-mini", "gpt-image-2"}
    assert all(model.keys() == {"id", "object", "created", "owned_by"} for model in document["data"])


def test_anthropic_lists_its_models_in_pages(talk: Talk) -> None:
    url = talk.upstream.base_url + "/v1/models"
    every = talk.client.get(url, headers=anthropic()).json()
    names = [model["id"] for model in every["data"]]
    assert set(names) == {"claude-sonnet-4-5", "claude-haiku-4-5"}
    assert (every["first_id"], every["last_id"], every["has_more"]) == (names[0], names[-1], False)
    first = talk.client.get(url, params={"limit": "1"}, headers=anthropic()).json()
    assert ([model["id"] for model in first["data"]], first["has_more"]) == (names[:1], True)
    second = talk.client.get(url, params={"after_id": first["last_id"]}, headers=anthropic()).json()
    assert ([model["id"] for model in second["data"]], second["has_more"]) == (names[1:], False)
    back = talk.client.get(url, params={"before_id": names[1]}, headers=anthropic()).json()
    assert [model["id"] for model in back["data"]] == names[:1]
    assert talk.client.get(url, params={"limit": "0"}, headers=anthropic()).status_code == 400


def test_every_listed_text_model_answers(talk: Talk) -> None:
    for model in ("claude-sonnet-4-5", "claude-haiku-4-5"):
        assert talk.messages({**message("hi"), "model": model}).json()["model"] == model
    for model in ("gpt-5.1", "gpt-5.1-mini"):
        assert talk.chat({**completion("hi"), "model": model}).json()["model"] == model


def test_the_log_keeps_what_was_received(talk: Talk) -> None:
    before = time.time()
    body = message("@upstream echo nonce=logged chunks=4\nabcd", stream=True)
    url = talk.upstream.base_url + "/v1/messages?beta=true"
    talk.client.post(url, json=body, headers=anthropic(X_Trace="one"))
    (entry,) = talk.log("logged")
    assert before <= entry.pop("at") <= time.time()
    assert isinstance(entry.pop("id"), int)
    assert ["x-trace", "one"] in [[name.lower(), value] for name, value in entry["headers"]]
    assert ["x-api-key", KEY] in entry.pop("headers")
    assert entry == {
        "nonce": "logged",
        "method": "POST",
        "path": "/v1/messages",
        "protocol": "messages",
        "body": body,
        "deltas_sent": 4,
        "finished": True,
        "disconnected": False,
    }


def test_the_log_names_the_protocol_of_every_path(talk: Talk) -> None:
    last = max((entry.id for entry in talk.upstream.log), default=0)
    talk.messages(message("hi"))
    talk.count(message("hi"))
    talk.chat(completion("hi"))
    talk.client.get(talk.upstream.base_url + "/v1/models", headers=openai())
    talk.client.get(talk.upstream.base_url + "/nothing")
    protocols = [entry.protocol for entry in talk.upstream.log if entry.id > last]
    assert protocols == ["messages", "count_tokens", "chat", "models", "other"]


def test_a_refused_request_is_logged_with_its_nonce(talk: Talk) -> None:
    talk.client.post(talk.upstream.base_url + "/v1/messages", json=message("@upstream nonce=refused"))
    talk.client.post(talk.upstream.base_url + "/v1/messages", content=b'{"@upstream nonce=broken')
    assert talk.log("refused")[0]["finished"]
    assert talk.log("broken")[0]["body"] is None


def test_the_log_is_bounded_and_can_be_emptied() -> None:
    log = Log(size=2)
    for nonce in ("a", "b", "a"):
        log.add(nonce=nonce, method="GET", path="/", protocol="other", headers=(), body=None)
    assert [entry.id for entry in log.entries()] == [2, 3]
    assert [entry.id for entry in log.entries("a")] == [3]
    log.forget()
    assert log.entries() == []
    assert log.add(nonce=None, method="GET", path="/", protocol="other", headers=(), body=None).id == 4


def test_a_hold_ends_by_itself() -> None:
    async def hold() -> float:
        started = time.monotonic()
        await Releases().wait("never", 1, seconds=0.05)
        return time.monotonic() - started

    assert 0.04 <= asyncio.run(hold()) < 20


def test_the_control_surface_tells_health_and_forgets() -> None:
    async def talk_alone() -> None:
        async with running_upstream(UpstreamSettings(KEY)) as upstream, httpx2.AsyncClient(trust_env=False) as client:
            assert KEY not in repr(upstream)
            assert (await client.get(upstream.control_url + "/health")).json() == {"status": "ok"}
            assert (await client.get(upstream.control_url + "/secrets")).json()["keys"][0] == KEY
            await client.get(upstream.base_url + "/v1/models", headers=openai())
            assert len((await client.get(upstream.control_url + "/log")).json()["requests"]) == 1
            assert (await client.post(upstream.control_url + "/forget")).is_success
            assert upstream.log == []
            assert (await client.get(upstream.base_url + "/log")).status_code == 404

    asyncio.run(talk_alone())


def test_an_upstream_can_be_ended_before_its_block() -> None:
    async def end_early() -> None:
        async with running_upstream(UpstreamSettings(KEY)) as upstream:
            await upstream.aclose()
            async with httpx2.AsyncClient(trust_env=False) as client:
                for url in (upstream.base_url, upstream.control_url):
                    try:
                        await client.get(url)
                    except httpx2.ConnectError:
                        continue
                    raise AssertionError(f"{url} still answers")

    asyncio.run(end_early())
