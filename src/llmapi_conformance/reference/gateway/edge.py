"""Changing what passes between client and gateway, at the edge: the tools of faults and variations.

The conforming gateway knows nothing of either. What they do, they do to the requests that go in and the answers that
come out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders

from llmapi_conformance.reference.gateway.documents import compact, object_or_none
from llmapi_conformance.reference.gateway.sse import Frame, FrameDecoder, ServerEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_EVENT_STREAM = "text/event-stream"


@dataclass(slots=True)
class Seen:
    """A request as far as the gateway has read it."""

    scope: Scope
    body: bytearray = field(default_factory=bytearray)

    @property
    def method(self) -> str:
        """The HTTP method."""
        return str(self.scope["method"])

    @property
    def path(self) -> str:
        """The path without its query."""
        return str(self.scope["path"])

    @property
    def headers(self) -> Headers:
        """The request headers."""
        return Headers(scope=self.scope)

    def json(self) -> dict[str, Any]:
        """Return the object that the body holds, {} if it holds none."""
        return object_in(bytes(self.body))

    def wants_stream(self) -> bool:
        """Whether the request asks for a stream."""
        return self.json().get("stream") is True


@dataclass(slots=True)
class Whole:
    """A whole answer."""

    status: int
    headers: MutableHeaders
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the object that the body holds, {} if it holds none."""
        return object_in(self.body)

    def put(self, document: Any) -> None:
        """Make a JSON document the body."""
        self.body = compact(document).encode()
        self.headers["content-type"] = "application/json"

    def put_text(self, text: str, content_type: str) -> None:
        """Make a text the body."""
        self.body = text.encode()
        self.headers["content-type"] = content_type

    async def send(self, send: Send) -> None:
        """Send it."""
        self.headers["content-length"] = str(len(self.body))
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers.raw})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def object_in(body: bytes | str) -> dict[str, Any]:
    """Return the JSON object in a text, {} if there is none."""
    return object_or_none(body) or {}


def is_messages(seen: Seen) -> bool:
    """Whether the request is one for a message."""
    return seen.path == "/v1/messages"


def is_chat(seen: Seen) -> bool:
    """Whether the request is one for a Chat completion."""
    return seen.path == "/v1/chat/completions"


def is_responses(seen: Seen) -> bool:
    """Whether the request is one for a response of OpenAI Responses."""
    return seen.path == "/v1/responses" and seen.method == "POST"


def is_gemini(seen: Seen) -> bool:
    """Whether the path is one of Gemini's protocol, with whatever prefix."""
    return "/v1beta/models" in seen.path


def is_images(seen: Seen) -> bool:
    """Whether the request is one for images within the request."""
    return seen.path.removeprefix("/v1") in ("/images/generations", "/images/edits")


def always(_seen: Seen) -> bool:
    """Whatever the request."""
    return True


async def whole_body(receive: Receive) -> bytes:
    """Read a request body to its end."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return bytes(body)


def with_body(scope: Scope, receive: Receive, body: bytes) -> tuple[Scope, Receive]:
    """Return the scope and the receive of a request that carries another body."""
    headers = MutableHeaders(raw=[pair for pair in scope["headers"] if pair[0].lower() != b"transfer-encoding"])
    headers["content-length"] = str(len(body))
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return {**scope, "headers": headers.raw}, replay


def changing_requests(app: ASGIApp, when: Callable[[Seen], bool], change: Callable[[dict[str, Any]], None]) -> ASGIApp:
    """Change the JSON object of some requests in place before the gateway reads it."""

    async def changed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and when(Seen(scope)):
            body = await whole_body(receive)
            document = object_in(body)
            if document:
                change(document)
                body = compact(document).encode()
            scope, receive = with_body(scope, receive, body)
        await app(scope, receive, send)

    return changed


def changing_answers(app: ASGIApp, when: Callable[[Seen, int], bool], change: Callable[[Seen, Whole], None]) -> ASGIApp:
    """Change some whole answers, chosen by request and status; streams pass."""

    async def changed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        seen = Seen(scope)
        answer: Whole | None = None

        async def send_changed(message: Message) -> None:
            nonlocal answer
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message["headers"]))
                # What has no length is a stream, a JSON array of Gemini's among them.
                if "content-length" in headers and not _is_stream(headers) and when(seen, message["status"]):
                    answer = Whole(message["status"], headers, b"")
                    return
            if answer is None:
                await send(message)
                return
            answer.body += message.get("body", b"")
            if not message.get("more_body", False):
                change(seen, answer)
                await answer.send(send)

        await app(scope, observed(receive, seen), send_changed)

    return changed


def changing_streams(
    app: ASGIApp,
    when: Callable[[Seen], bool],
    new_change: Callable[[], Callable[[Frame], Iterable[Frame]]],
    encode: Callable[[Frame], bytes] = lambda frame: frame.encode(),
) -> ASGIApp:
    """Change the frames of some streams, one by one as they come; each stream has a change of its own."""

    async def changed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        seen = Seen(scope)
        decoder, change, active = FrameDecoder(), new_change(), False

        async def send_changed(message: Message) -> None:
            nonlocal active
            if message["type"] == "http.response.start":
                active = _is_stream(Headers(raw=message["headers"])) and when(seen)
            elif active:
                for frame in decoder.feed(message.get("body", b"")):
                    for other in change(frame):
                        await send({"type": "http.response.body", "body": encode(other), "more_body": True})
                message = {**message, "body": b""}
                if message.get("more_body", False):
                    return
            await send(message)

        await app(scope, observed(receive, seen), send_changed)

    return changed


def each_document(change: Callable[[dict[str, Any]], None]) -> Callable[[Frame], Iterable[Frame]]:
    """Make a change of frames out of a change of the JSON objects that they carry."""

    def changed(frame: Frame) -> Iterable[Frame]:
        document = object_in(frame.data) if isinstance(frame, ServerEvent) else {}
        if not document or not isinstance(frame, ServerEvent):
            return (frame,)
        change(document)
        return (ServerEvent(compact(document), frame.event),)

    return changed


def observed(receive: Receive, seen: Seen) -> Receive:
    """Note what of the body passes."""

    async def noting() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            seen.body += message.get("body", b"")
        return message

    return noting


def _is_stream(headers: Headers) -> bool:
    return headers.get("content-type", "").startswith(_EVENT_STREAM)
