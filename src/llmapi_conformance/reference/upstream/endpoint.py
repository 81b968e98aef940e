"""What happens to every request of the public surface: read, logged, authenticated, answered."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from starlette.datastructures import Headers, QueryParams

from llmapi_conformance.reference.relay import Links
from llmapi_conformance.reference.upstream.answers import refusal, with_headers
from llmapi_conformance.reference.upstream.delivery import deliver
from llmapi_conformance.reference.upstream.directives import find_nonce
from llmapi_conformance.reference.upstream.errors import ApiError
from llmapi_conformance.reference.upstream.forms import is_form, read_form, summary
from llmapi_conformance.reference.upstream.log import Log, LogEntry, Protocol
from llmapi_conformance.reference.upstream.releases import Releases
from llmapi_conformance.reference.upstream.responses_store import ResponseStore
from llmapi_conformance.reference.upstream.vendors import Vendor, check_key, new_id, vendor_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from llmapi_conformance.reference.upstream.answers import Answer

BODY_BYTES = 32 * 1024 * 1024
"""The longest request body (wire-grammars.md section 1.2)."""


@dataclass(frozen=True, slots=True)
class State:
    """What the requests of one upstream share.

    Attributes:
        provider_key: The only key that is accepted.
        strict: Check the key and the version; otherwise anything goes.
        leaks: The headers that `leak-headers` sends.
        log: The requests received.
        responses: The stored responses.
        links: The connections of the relay in front.
        releases: The tokens that hold answers back.
    """

    provider_key: str
    strict: bool
    leaks: tuple[tuple[str, str], ...]
    log: Log = field(default_factory=Log)
    responses: ResponseStore = field(default_factory=ResponseStore)
    links: Links = field(default_factory=Links)
    releases: Releases = field(default_factory=Releases)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that may be answered.

    Attributes:
        state: What it shares with others.
        vendor: Whose path it came to.
        id: Its id.
        headers: Its header fields.
        query: The parameters of its URL.
        body: Its body, or the message of a WebSocket.
        entry: Its entry in the log.
        responses: The responses that it may continue.
    """

    state: State
    vendor: Vendor
    id: str
    headers: Headers
    query: QueryParams
    body: bytes
    entry: LogEntry
    responses: ResponseStore


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An ASGI application that answers one path.

    Attributes:
        state: What the requests share.
        protocol: The word for the log.
        vendor: Whose path it is; None: the rest of the request tells.
        answer: Makes the answer; it may raise ApiError.
        public: No key is needed.
    """

    state: State
    protocol: Protocol
    vendor: Vendor | None
    answer: Callable[[Request], Answer]
    public: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        headers = Headers(scope=scope)
        vendor = self.vendor or vendor_of(scope)
        request_id = new_id("req_")
        body, complete = await _read_body(receive)
        parsed = _parsed(body, headers) if complete else None
        entry = self.state.log.add(
            nonce=_nonce(body, parsed),
            method=scope["method"],
            path=scope["path"],
            protocol=self.protocol,
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
            body=parsed,
        )
        query = QueryParams(scope["query_string"])
        request = Request(self.state, vendor, request_id, headers, query, body, entry, self.state.responses)
        try:
            if self.state.strict and not self.public:
                check_key(vendor, headers, self.state.provider_key)
            answer = (self.answer if complete else _too_long)(request)
        except ApiError as error:
            answer = refusal(error, vendor, request_id)
        if vendor.id_header is not None:
            answer = with_headers(answer, ((vendor.id_header, request_id),))
        await deliver(answer, entry, self.state.releases, receive, send)


async def _read_body(receive: Receive) -> tuple[bytes, bool]:
    """Read a request body, or as much of it as is allowed, and say whether that is all."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body), True
        body += message.get("body", b"")
        if len(body) > BODY_BYTES:
            return bytes(body[:BODY_BYTES]), False
        if not message.get("more_body", False):
            return bytes(body), True


def _too_long(request: Request) -> NoReturn:  # noqa: ARG001 - it stands in for an answer
    raise ApiError(413, f"The request body is longer than {BODY_BYTES} bytes.")


def _nonce(body: bytes, document: Any) -> str | None:
    """Return the nonce of a request, its directive spelled with JSON's escapes or without, or None."""
    text = body.decode("utf-8", errors="replace")
    if document is not None and "\\u" in text:
        with contextlib.suppress(RecursionError):
            return find_nonce(json.dumps(document, ensure_ascii=False))
    return find_nonce(text)


def _parsed(body: bytes, headers: Headers) -> Any:
    """Return the JSON of a body, what a form holds, or None."""
    content_type = headers.get("content-type", "")
    try:
        if is_form(content_type):
            return summary(read_form(content_type, body))
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
