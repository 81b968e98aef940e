"""How the tests talk to the upstream: requests, raw bodies, and events read from them."""

from __future__ import annotations

import base64
import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

    from llmapi_conformance.reference.upstream import RunningUpstream

KEY = "sk-provider-made-up"

Document = dict[str, Any]
CUSTOM_TOOLS: list[Document] = [
    {"name": "look_up", "input_schema": {"type": "object"}},
    {"name": "add", "input_schema": {"type": "object"}},
]
FUNCTION_TOOLS: list[Document] = [
    {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}},
    {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}},
]
RESPONSE_TOOLS: list[Document] = [
    {"type": "function", "name": "look_up", "parameters": {"type": "object"}},
    {"type": "function", "name": "add", "parameters": {"type": "object"}},
]
DECLARED_TOOLS: list[Document] = [{"functionDeclarations": [{"name": "look_up"}, {"name": "add"}]}]


def message(text: Any, **fields: Any) -> Document:
    return {
        "model": "claude-sonnet-4-5",
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": text}],
        **fields,
    }


def completion(text: Any, **fields: Any) -> Document:
    return {"model": "gpt-5.1", "messages": [{"role": "user", "content": text}], **fields}


def response(text: Any, **fields: Any) -> Document:
    return {"model": "gpt-5.1", "input": text, **fields}


def content(text: str, **fields: Any) -> Document:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **fields}


def image(prompt: str, **fields: Any) -> Document:
    return {"prompt": prompt, "size": "64x64", **fields}


@dataclass(frozen=True)
class Event:
    name: str | None
    data: str

    @property
    def document(self) -> Document:
        document = json.loads(self.data)
        assert isinstance(document, dict)
        return document


def events(body: bytes) -> list[Event]:
    """Read a stream as strictly as our producer profile is: named or not, one line of data, a blank line after each."""
    assert body == b"" or body.endswith(b"\n\n")
    found = []
    for block in body.decode().split("\n\n")[:-1]:
        if block.startswith(":"):
            continue
        lines = block.split("\n")
        name = lines.pop(0).removeprefix("event: ") if lines[0].startswith("event: ") else None
        assert len(lines) == 1, block
        assert lines[0].startswith("data: ")
        found.append(Event(name, lines[0].removeprefix("data: ")))
    return found


@dataclass(frozen=True)
class Talk:
    upstream: RunningUpstream
    client: httpx2.Client

    def messages(self, body: Any, **headers: str) -> httpx2.Response:
        return self.client.post(self.upstream.base_url + "/v1/messages", json=body, headers=anthropic(**headers))

    def count(self, body: Any) -> httpx2.Response:
        return self.client.post(self.upstream.base_url + "/v1/messages/count_tokens", json=body, headers=anthropic())

    def chat(self, body: Any) -> httpx2.Response:
        return self.client.post(self.upstream.base_url + "/v1/chat/completions", json=body, headers=openai())

    def responses(self, body: Any, below: str = "") -> httpx2.Response:
        return self.client.post(self.upstream.base_url + "/v1/responses" + below, json=body, headers=openai())

    def gemini(self, body: Any, action: str = "generateContent", model: str = "gemini-2.5-flash") -> httpx2.Response:
        url = f"{self.upstream.base_url}/v1beta/models/{model}:{action}"
        return self.client.post(url, json=body, headers=google())

    def images(self, body: Any) -> httpx2.Response:
        return self.client.post(self.upstream.base_url + "/v1/images/generations", json=body, headers=openai())

    def log(self, nonce: str) -> list[Document]:
        answer = self.client.get(self.upstream.control_url + "/log", params={"nonce": nonce})
        requests = answer.json()["requests"]
        assert isinstance(requests, list)
        return requests

    def release(self, token: str) -> int:
        return int(self.client.post(f"{self.upstream.control_url}/release/{token}").json()["released"])

    def both(self, words: str, payload: str = "", *, stream: bool = False, **fields: Any) -> list[httpx2.Response]:
        """Ask both protocols the same."""
        text = f"@upstream {words}\n{payload}"
        return [
            self.messages(message(text, stream=stream, **fields)),
            self.chat(completion(text, stream=stream, **fields)),
        ]


def anthropic(**headers: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"x-api-key": KEY, "anthropic-version": "2023-06-01", **named}


def openai() -> dict[str, str]:
    return {"authorization": f"Bearer {KEY}"}


def google() -> dict[str, str]:
    return {"x-goog-api-key": KEY}


def base64url(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def spoken(answer: httpx2.Response) -> str:
    """The text of an answer in any protocol and mode."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        document = answer.json()
        if "choices" in document:
            return str(document["choices"][0]["message"]["content"])
        return "".join(block.get("text", "") for block in document["content"])
    return "".join(delta_text(event) for event in events(answer.content))


def delta_text(event: Event) -> str:
    if event.data == "[DONE]":
        return ""
    document = event.document
    if event.name is None:
        return "".join(choice["delta"].get("content") or "" for choice in document.get("choices", ()))
    return str(document.get("delta", {}).get("text", ""))


def text_deltas(answer: httpx2.Response) -> list[str]:
    return [text for event in events(answer.content) if (text := delta_text(event))]


@dataclass(frozen=True)
class RawAnswer:
    head: bytes
    body: bytes
    reads: int
    reset: bool

    @property
    def chunks(self) -> list[bytes]:
        """The chunks as far as they came."""
        found, rest = [], self.body
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            if not size or int(size, 16) == 0:
                break
            found.append(rest[: int(size, 16)])
            rest = rest[int(size, 16) + 2 :]
        return found

    @property
    def terminated(self) -> bool:
        return self.body.endswith(b"0\r\n\r\n")


def raw_request(path: str, body: Document, headers: dict[str, str], method: str = "POST") -> bytes:
    data = json.dumps(body).encode()
    fields = {"host": "x", "content-length": str(len(data)), "connection": "close", **headers}
    return f"{method} {path} HTTP/1.1\r\n".encode() + head_lines(fields) + b"\r\n" + data


def head_lines(fields: dict[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()


def raw_answer(url: str, request: bytes) -> RawAnswer:
    """Send bytes and read until the connection ends, however it ends."""
    host, _, port = url.removeprefix("http://").partition(":")
    received, reads, reset = b"", 0, False
    try:
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(request)
            while data := connection.recv(1 << 20):
                received += data
                reads += 1
    except ConnectionResetError:
        reset = True
    head, _, body = received.partition(b"\r\n\r\n")
    return RawAnswer(head, body, reads, reset)
