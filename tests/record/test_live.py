"""Nothing is held back, and whoever goes away is gone for the other side at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.passthrough.relaying import STOPPED
from llmapi_conformance.sending.embedded import start_reference
from tests.record.passing import PATIENCE, passing, passing_beside
from tests.wire.servers import answering, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.record.passing import Passing

ROLE = "general:anthropic"


@pytest.fixture(scope="module")
def reference() -> Iterator[dict[str, Any]]:
    running = start_reference()
    yield running.announcement
    running.stop()


def question(text: str, **more: Any) -> dict[str, Any]:
    return {
        "model": "claude-sonnet-4-5",
        "max_tokens": 4096,
        "stream": True,
        "messages": [{"role": "user", "content": text}],
        **more,
    }


def log_of(reference: dict[str, Any], nonce: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx2.get(
        f"{reference['upstream_control_url']}/log", params={"nonce": nonce}
    ).json()["requests"]
    return found


def eventually(holds: Any) -> bool:
    end = time.monotonic() + PATIENCE
    while not (held := bool(holds())) and time.monotonic() < end:
        time.sleep(0.05)
    return held


def test_each_piece_reaches_the_client_before_the_next_is_released(reference: dict[str, Any], tmp_path: Path) -> None:
    body = question("@upstream echo chunks=4 step=onebyone\nabcd")
    with (
        passing_beside(reference["base_url"], tmp_path) as here,
        httpx2.Client(base_url=here.url, timeout=PATIENCE) as client,
        client.stream("POST", "/v1/messages", headers={"x-api-key": reference["keys"][ROLE]}, json=body) as answer,
    ):
        pieces, seen = answer.iter_text(), ""
        for letter in "abcd":
            while f'"text":"{letter}"' not in seen:
                seen += next(pieces)
            httpx2.post(f"{reference['upstream_control_url']}/release/onebyone")
        seen += "".join(pieces)
    assert "message_stop" in seen
    assert here.only().body.decode() == seen


def test_the_upstream_sees_the_same_request_with_and_without_us(reference: dict[str, Any], tmp_path: Path) -> None:
    seen = []
    with passing_beside(reference["base_url"], tmp_path) as here:
        for number, url in enumerate((reference["base_url"], here.url)):
            body = question(f"@upstream echo nonce=same{number}x\nhello", metadata={"user_id": "u"})
            headers = {"x-api-key": reference["keys"][ROLE], "anthropic-version": "2023-06-01", "X-Odd": "a, b"}
            assert httpx2.post(f"{url}/v1/messages", headers=headers, json=body).status_code == 200
            (entry,) = log_of(reference, f"same{number}x")
            told = json.dumps([entry["method"], entry["path"], entry["headers"], entry["body"]])
            seen.append(told.replace(f"same{number}x", "same"))
    assert seen[0] == seen[1]


def test_a_client_that_hangs_up_cancels_the_upstream(reference: dict[str, Any], tmp_path: Path) -> None:
    body = question(f"@upstream echo nonce=hungup chunks=200 every=50ms\n{'x' * 200}")
    with passing_beside(reference["base_url"], tmp_path) as here, httpx2.Client(base_url=here.url) as client:
        headers = {"x-api-key": reference["keys"][ROLE]}
        with client.stream("POST", "/v1/messages", headers=headers, json=body) as answer:
            next(answer.iter_raw())
        assert eventually(lambda: log_of(reference, "hungup")[0]["disconnected"])
    assert log_of(reference, "hungup")[0]["deltas_sent"] < 100
    exchange = here.only()
    assert exchange.ending is Ending.ABORTED
    assert exchange.response is not None
    assert exchange.response.detail == "the client hung up"
    assert exchange.body


def test_a_client_that_hangs_up_before_the_answer_is_gone_for_the_gateway_too(tmp_path: Path) -> None:
    async def main() -> Passing:
        async with serving(answering(then="hang")) as server, passing(server.url, tmp_path) as here:
            _, writer = await asyncio.open_connection(*here.address)
            writer.write(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.wait_for(server.asked.wait(), PATIENCE)
            writer.close()
            await asyncio.wait_for(server.hung_up.wait(), PATIENCE)
        return here

    exchange = asyncio.run(main()).only()
    assert exchange.failure == "the client hung up, and no response head had arrived"


def test_what_is_under_way_when_the_recording_ends_is_in_it_and_marked(tmp_path: Path) -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n"
    )

    async def main() -> Passing:
        async with serving(answering(head, then="hang")) as server:
            async with passing(server.url, tmp_path) as here:
                reader, writer = await asyncio.open_connection(*here.address)
                writer.write(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
                await asyncio.wait_for(reader.readuntil(b"data: 1\n\n"), PATIENCE)
            with contextlib.suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), PATIENCE) == b"\r\n"
            writer.close()
        return here

    here = asyncio.run(main())
    exchange = here.only()
    assert exchange.response is not None
    assert (exchange.ending, exchange.response.detail) == (Ending.ABORTED, STOPPED)
    assert exchange.body == b"data: 1\n\n"
    assert here.recording().seal
    assert not here.recording().damaged


def test_two_hundred_clients_at_once_get_their_own_answers(reference: dict[str, Any], tmp_path: Path) -> None:
    async def ask(client: httpx2.AsyncClient, number: int) -> None:
        text = f"number {number:04}"
        body = question(f"@upstream echo chunks=1 delay=300ms\n{text}", stream=number % 2 == 0)
        answer = await client.post("/v1/messages", json=body)
        assert answer.status_code == 200
        assert text in answer.text

    async def main() -> None:
        limits = httpx2.Limits(max_connections=200)
        headers = {"x-api-key": reference["keys"][ROLE]}
        async with httpx2.AsyncClient(base_url=here.url, headers=headers, limits=limits, timeout=400) as client:
            await asyncio.gather(*(ask(client, number) for number in range(200)))

    with passing_beside(reference["base_url"], tmp_path) as here:
        asyncio.run(main())
    exchanges = here.exchanges()
    assert len(exchanges) == 200
    assert all(one.complete and one.status == 200 for one in exchanges)
    for one in exchanges:  # no answer stands with another's request
        assert b"number " + one.request.body.partition(b"number ")[2][:4] in one.body
