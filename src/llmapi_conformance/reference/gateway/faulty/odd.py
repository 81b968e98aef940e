"""The tools of ``generated`` and ``generated_doors``: what those faults look at, and how they answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from starlette.responses import HTMLResponse, Response

from llmapi_conformance.reference.gateway.answers import json_answer
from llmapi_conformance.reference.gateway.edge import Seen, whole_body, with_body
from llmapi_conformance.reference.gateway.envelopes import envelope, family_of
from llmapi_conformance.reference.gateway.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.datastructures import Headers
    from starlette.types import ASGIApp, Receive, Scope, Send

    from llmapi_conformance.reference.gateway.core import Core

    Wrapper = Callable[[ASGIApp, Core], ASGIApp]
    When = Callable[["Asked"], object]
    Answer = Callable[["Asked"], Response]

_REQUEST_ID: Final = "req_odd000000000000000000"
_PROMISED: Final = 64
"""Bytes that a stalled answer announces."""


@dataclass(frozen=True)
class Asked:
    """A request with its whole body."""

    seen: Seen

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.seen.method

    @property
    def path(self) -> str:
        """The path without its query, decoded."""
        return self.seen.path

    @property
    def raw_path(self) -> str:
        """The same as it was sent."""
        return str(self.seen.scope.get("raw_path", b"").decode("latin-1").partition("?")[0])

    @property
    def headers(self) -> Headers:
        """The request headers."""
        return self.seen.headers

    @property
    def body(self) -> bytes:
        """The body."""
        return bytes(self.seen.body)

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        """The parameters of the query, in their order."""
        return parse_qsl(self.seen.scope["query_string"].decode("latin-1"), keep_blank_values=True)

    @cached_property
    def value(self) -> Any:
        """The body as Python's lenient parser reads it; ``...`` when it can't."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return ...

    @property
    def members(self) -> dict[str, Any]:
        """The members of a body that is an object."""
        return self.value if isinstance(self.value, dict) else {}

    def within(self) -> Iterator[tuple[str, Any]]:
        """Every member and element of the body, at any depth; an element has no name."""
        pending: list[tuple[str, Any]] = [("", self.value)]
        while pending:
            name, value = pending.pop()
            yield name, value
            if isinstance(value, dict):
                pending += value.items()
            elif isinstance(value, list):
                pending += (("", item) for item in value)


def is_text(asked: Asked) -> bool:
    """Whether it is a request of Messages, Chat or Responses, counts and aliases among them."""
    return asked.method == "POST" and asked.path.endswith(("/messages", "/count_tokens", "/completions", "/responses"))


def is_messages(asked: Asked) -> bool:
    """Whether it is a request of Messages, counts and Antigravity's among them."""
    return asked.method == "POST" and asked.path.endswith(("/messages", "/count_tokens"))


def is_gemini(asked: Asked) -> bool:
    """Whether it is a POST of Gemini's protocol."""
    return asked.method == "POST" and "/v1beta/models/" in asked.path


def is_images(asked: Asked) -> bool:
    """Whether it is a POST for images, within the request or as a task."""
    return asked.method == "POST" and asked.path.removeprefix("/v1").startswith("/images/")


def is_post(asked: Asked) -> bool:
    """Whether it is a POST with a body."""
    return asked.method == "POST" and bool(asked.body)


def answering(when: When, answer: Answer) -> Wrapper:
    """Answer some requests at once, and never show them to the gateway."""

    def wrap(app: ASGIApp, _core: Core) -> ASGIApp:
        async def answered(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            body = await whole_body(receive)
            asked = Asked(Seen(scope, bytearray(body)))
            if when(asked):
                await answer(asked)(scope, receive, send)
                return
            await app(scope, _again(receive, body), send)

        return answered

    return wrap


def changing(when: When, change: Callable[[Asked], tuple[Scope, bytes]]) -> Wrapper:
    """Change scope and body of some requests before the gateway sees them."""

    def wrap(app: ASGIApp, _core: Core) -> ASGIApp:
        async def changed(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            body = await whole_body(receive)
            asked = Asked(Seen(scope, bytearray(body)))
            if when(asked):
                scope, body = change(asked)
                scope, receive = with_body(scope, receive, body)
                await app(scope, receive, send)
                return
            await app(scope, _again(receive, body), send)

        return changed

    return wrap


def _again(receive: Receive, body: bytes) -> Receive:
    """A receive that gives the body once more; the request is as it was otherwise."""
    return with_body({"headers": []}, receive, body)[1]


def refused_with(status: int, message: str, *, headers: dict[str, str] | None = None) -> Answer:
    """An error in the envelope of its route."""

    def answer(asked: Asked) -> Response:
        family = family_of(asked.path)
        document = envelope(Refusal(status, message), family, _REQUEST_ID)
        named = {"x-request-id": _REQUEST_ID, "request-id": _REQUEST_ID, "x-content-type-options": "nosniff"}
        return json_answer(document, status, named | {"cache-control": "no-store"} | (headers or {}))

    return answer


def page(status: int, title: str) -> Answer:
    """A page as a web server in front of the gateway has it."""
    text = (
        f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body><h1>{status} {title}</h1></body>\r\n</html>"
    )
    return lambda _asked: HTMLResponse(text, status)


def stalling(status: int) -> Answer:
    """A head, and a body that begins and never goes on."""

    def answer(_asked: Asked) -> Response:
        return _Stalled(status)

    return answer


class _Stalled(Response):
    """Sends a head and a byte, and waits until the client has gone."""

    def __init__(self, status: int) -> None:
        super().__init__(status_code=status)

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", str(_PROMISED).encode())]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass


crash: Final = refused_with(500, "Internal error")
bad_gateway: Final = refused_with(502, "The upstream answered with an error")
