"""One background loop with an upstream and as many gateways in front of it as the tests ask for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from llmapi_conformance.reference.gateway import GatewaySettings, TaskSettings, running_gateway
from llmapi_conformance.reference.upstream import UpstreamSettings, running_upstream
from tests.reference.gateway.fake_upstream import fake_upstream

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from llmapi_conformance.reference.gateway import RunningGateway
    from llmapi_conformance.reference.upstream import LogEntry, RunningUpstream
    from tests.reference.gateway.fake_upstream import FakeUpstream

MODEL = {"general:anthropic": "claude-sonnet-4-5", "general:openai": "gpt-5.1"}
MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
_PATIENCE = 40
QUICK_TASKS = TaskSettings(heartbeat_seconds=0.2, timeout_seconds=60)
"""Quick beats; a task has time, for a busy machine may stand still for seconds."""


class House:
    """The loop, the upstream and the gateways."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._stack = contextlib.AsyncExitStack()
        self._sites: dict[tuple[str | None, frozenset[str]], Site] = {}
        self.upstream: RunningUpstream = self.run(
            self._stack.enter_async_context(running_upstream(UpstreamSettings(provider_key="sk-provider-of-tests")))
        )

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_PATIENCE)

    def site(self, fault: str | None = None, variations: frozenset[str] = frozenset()) -> Site:
        wanted = (fault, variations)
        if wanted not in self._sites:
            self._sites[wanted] = self.start(fault=fault, variations=variations)
        return self._sites[wanted]

    def start(self, **settings: Any) -> Site:
        gateway = self.run(self._stack.enter_async_context(running_gateway(self.settings(**settings))))
        site = Site(gateway, self.upstream)
        self._stack.callback(site.client.close)
        return site

    def settings(self, **settings: Any) -> GatewaySettings:
        usual: dict[str, Any] = {
            "upstream_url": self.upstream.base_url,
            "upstream_key": self.upstream.provider_key,
            "tasks": QUICK_TASKS,
        }
        return GatewaySettings(**(usual | settings))

    @contextlib.contextmanager
    def standing(self, **settings: Any) -> Iterator[Site]:
        """A gateway that is shut down when the block ends."""
        block = running_gateway(self.settings(**settings))
        site = Site(self.run(block.__aenter__()), self.upstream)
        try:
            yield site
        finally:
            site.client.close()
            self.run(block.__aexit__(None, None, None))

    def fake(self, **settings: Any) -> tuple[Site, FakeUpstream]:
        """A gateway in front of an upstream that says what a test wants."""
        fake = self.run(self._stack.enter_async_context(fake_upstream()))
        return self.start(upstream_url=fake.url, **settings), fake

    def close(self) -> None:
        self.run(self._stack.aclose())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_PATIENCE)
        self.loop.close()


class Site:
    """One gateway, and a client in front of it."""

    def __init__(self, gateway: RunningGateway, upstream: RunningUpstream) -> None:
        self.gateway = gateway
        self.upstream = upstream
        # An empty context: loading the certificates, which loopback does not need, costs more than a test.
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client = httpx2.Client(base_url=gateway.base_url, timeout=_PATIENCE, trust_env=False, verify=tls)

    def key(self, role: str) -> str:
        """A fresh key of a role."""
        answer = self.client.post(f"{self.gateway.control_url}/keys", json={"role": role})
        return str(answer.json()["key"])

    def headers(self, role: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.gateway.keys[role]}"}

    def post(self, path: str, role: str, body: Any, **headers: str) -> httpx2.Response:
        return self.client.post(path, headers=self.headers(role) | headers, json=body)

    def get(self, path: str, role: str) -> httpx2.Response:
        return self.client.get(path, headers=self.headers(role))

    def ask(self, path: str, role: str, text: str, **fields: Any) -> httpx2.Response:
        """Ask for an answer to one user message."""
        return self.post(path, role, question(role, text, **fields))

    def events(self, path: str, role: str, text: str, **fields: Any) -> list[tuple[str | None, Any]]:
        """Ask for a stream and return its events: the name and the JSON, or the bare text."""
        return events_of(self.ask(path, role, text, stream=True, **fields).text)

    def usage(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get("/v1/usage", headers={"x-api-key": key}).json()
        return found

    def release(self, token: str) -> None:
        """Let an upstream that waits for a token go on."""
        self.client.post(f"{self.upstream.control_url}/release/{token}")

    def upstream_saw(self, nonce: str) -> list[LogEntry]:
        return [entry for entry in self.upstream.log if entry.nonce == nonce]


def question(role: str, text: str, **fields: Any) -> dict[str, Any]:
    body = {"model": MODEL[role], "max_tokens": 1000, "messages": [{"role": "user", "content": text}], **fields}
    return {name: value for name, value in body.items() if value is not None}


def events_of(text: str) -> list[tuple[str | None, Any]]:
    found: list[tuple[str | None, Any]] = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        fields = [(name, value.removeprefix(" ")) for name, _, value in (line.partition(":") for line in lines)]
        data = "\n".join(value for name, value in fields if name == "data")
        if data:
            found.append((dict(fields).get("event"), data if data == "[DONE]" else json.loads(data)))
    return found


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    house = House()
    yield house
    house.close()


@pytest.fixture(scope="session")
def site(house: House) -> Site:
    """The conforming gateway."""
    return house.site()


@pytest.fixture(scope="session")
def asking() -> type[Asking]:
    return Asking


class Asking:
    """Requests and folds that many tests share."""

    MESSAGES, CHAT = MESSAGES, CHAT
    ROLES = tuple(MODEL)
    TOOLS = {  # noqa: RUF012 - a constant
        MESSAGES: [
            {"name": "look", "description": "d", "input_schema": {"type": "object", "properties": {}}},
            {"name": "book", "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        ],
        CHAT: [
            {"type": "function", "function": {"name": "look", "description": "d", "parameters": {"type": "object"}}},
            {"type": "function", "function": {"name": "book"}},
        ],
    }
    question = staticmethod(question)

    @staticmethod
    def fold_messages(events: list[tuple[str | None, Any]]) -> dict[str, Any]:
        """Put a Messages stream together, checking its order on the way."""
        message: dict[str, Any] = {}
        texts: list[str] = []
        for name, event in events:
            kind = event["type"]
            assert kind == name
            if kind == "message_start":
                assert not message
                message = event["message"]
                assert message["content"] == []
            elif kind == "content_block_start":
                assert event["index"] == len(message["content"])
                message["content"].append(event["content_block"])
                texts.append("")
            elif kind == "content_block_delta":
                assert event["index"] == len(texts) - 1
                delta = event["delta"]
                texts[-1] += delta.get("text") or delta.get("partial_json") or ""
            elif kind == "content_block_stop":
                block = message["content"][event["index"]]
                if block["type"] == "tool_use":
                    block["input"] = json.loads(texts[-1] or "{}")
                else:
                    block["text"] = texts[-1]
            elif kind == "message_delta":
                message |= event["delta"]
                message["usage"] |= event["usage"]
        assert events[-1][0] == "message_stop"
        return message

    @staticmethod
    def fold_chat(events: list[tuple[str | None, Any]]) -> dict[str, Any]:
        """Put a Chat stream together, checking its order on the way."""
        assert all(name is None for name, _ in events)
        assert [chunk for _, chunk in events].count("[DONE]") == 1
        assert events[-1][1] == "[DONE]"
        chunks = [chunk for _, chunk in events[:-1]]
        assert len({(chunk["id"], chunk["model"], chunk["created"]) for chunk in chunks}) == 1
        usage = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
        choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
        assert [choice["finish_reason"] for choice in choices[:-1]] == [None] * (len(choices) - 1)
        calls: dict[int, Any] = {}
        for choice in choices:
            for part in choice["delta"].get("tool_calls") or []:
                if part["index"] not in calls:
                    assert part["index"] == len(calls)
                    calls[part["index"]] = {"id": part["id"], "type": "function", "function": part["function"]}
                else:
                    assert set(part) == {"index", "function"}
                    calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]
        assert ["role" in choice["delta"] for choice in choices].count(True) == 1
        return {
            "content": "".join(choice["delta"].get("content") or "" for choice in choices),
            "tool_calls": list(calls.values()),
            "finish_reason": choices[-1]["finish_reason"],
            "usage": usage,
            "model": chunks[0]["model"],
        }
