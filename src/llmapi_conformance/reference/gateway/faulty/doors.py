"""Faults of authentication: what the client presents is changed before the gateway looks at it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers

from llmapi_conformance.reference.gateway.auth import presented
from llmapi_conformance.reference.gateway.edge import (
    Seen,
    Whole,
    changing_answers,
    is_messages,
    object_in,
    whole_body,
    with_body,
)
from llmapi_conformance.reference.gateway.models import MODELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from llmapi_conformance.reference.gateway.core import Core

_CARRIERS: Final = (b"authorization", b"x-api-key", b"x-goog-api-key")
_POSTS: Final = ("/v1/messages", "/v1/messages/count_tokens", "/v1/chat/completions")
_PREFIX: Final = 20
_REMEMBERED_SECONDS: Final = 60.0


def rewriting(app: ASGIApp, rewrite: Callable[[Scope], Scope]) -> ASGIApp:
    """Change the scope of each HTTP request."""

    async def rewritten(scope: Scope, receive: Receive, send: Send) -> None:
        await app(rewrite(scope) if scope["type"] == "http" else scope, receive, send)

    return rewritten


def with_key(scope: Scope, secret: str) -> Scope:
    """Return the scope of the same request with this key as its only credential."""
    others = [pair for pair in scope["headers"] if pair[0].lower() not in _CARRIERS]
    return {**scope, "headers": [*others, (b"x-api-key", secret.encode("latin-1"))]}


def _unguarded_spellings(app: ASGIApp, core: Core) -> ASGIApp:
    """M01: the guard compares the path as it came, the router a tidied one."""

    async def unguarded(scope: Scope, receive: Receive, send: Send) -> None:
        tidy = _tidied(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else ""
        if tidy in _POSTS and scope["path"] != tidy:
            body = await whole_body(receive)
            model = object_in(body).get("model")
            owner = "openai" if any(known.id == model for known in MODELS["openai"]) else "anthropic"
            scope = with_key({**scope, "path": tidy}, core.keys[f"general:{owner}"].secret)
            scope, receive = with_body(scope, receive, body)
        await app(scope, receive, send)

    return unguarded


def _tidied(path: str) -> str:
    tidy = "/" + "/".join(step for step in path.lower().split("/") if step)
    return tidy if tidy.startswith("/v1/") else f"/v1{tidy}"


def _short_memory(app: ASGIApp, core: Core) -> ASGIApp:
    """M02: who was let in is remembered by the first 20 characters of the key."""
    remembered: dict[str, tuple[str, float]] = {}

    async def remembering(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        shown = presented(Headers(scope=scope))
        secret = shown[0] if len(set(shown)) == 1 else ""
        now = time.monotonic()
        known, until = remembered.get(secret[:_PREFIX], ("", 0.0))
        if known and now < until and core.keyring.find(secret) is None:
            scope = with_key(scope, known)

        async def noticing(message: Message) -> None:
            good = message["type"] == "http.response.start" and message["status"] < 300
            if good and core.keyring.find(secret) is not None:
                remembered[secret[:_PREFIX]] = (secret, now + _REMEMBERED_SECONDS)
            await send(message)

        await app(scope, receive, noticing)

    return remembering


def _one_spelling_of_bearer(app: ASGIApp, _core: Core) -> ASGIApp:
    """A01."""

    def drop(scope: Scope) -> Scope:
        kept = [
            (name, value)
            for name, value in scope["headers"]
            if name.lower() != b"authorization" or value.strip().startswith(b"Bearer ")
        ]
        return {**scope, "headers": kept}

    return rewriting(app, drop)


def _no_google_header(app: ASGIApp, _core: Core) -> ASGIApp:
    """A02."""

    def drop(scope: Scope) -> Scope:
        return {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() != b"x-goog-api-key"]}

    return rewriting(app, drop)


def _key_in_query(app: ASGIApp, _core: Core) -> ASGIApp:
    """A03."""

    def take(scope: Scope) -> Scope:
        keys = parse_qs(scope["query_string"].decode("latin-1")).get("key")
        return with_key(scope, keys[0]) if keys and not presented(Headers(scope=scope)) else scope

    return rewriting(app, take)


def _any_is_enough(app: ASGIApp, core: Core) -> ASGIApp:
    """A04."""

    def take(scope: Scope) -> Scope:
        shown = presented(Headers(scope=scope))
        valid = [key for key in shown if core.keyring.find(key)]
        return with_key(scope, valid[0]) if valid and len(set(shown)) > 1 else scope

    return rewriting(app, take)


def _echo(app: ASGIApp, _core: Core) -> ASGIApp:
    """A05."""

    def show(seen: Seen, answer: Whole) -> None:
        document, shown = answer.json(), presented(seen.headers)
        if document and any(shown):
            document["error"]["message"] = f"Invalid API key: {next(key for key in shown if key)}"
            answer.put(document)

    return changing_answers(app, lambda _seen, status: status == 401, show)


def _image_key_on_messages(app: ASGIApp, core: Core) -> ASGIApp:
    """G03."""

    def swap(scope: Scope) -> Scope:
        shown = presented(Headers(scope=scope))
        key = core.keyring.find(shown[0]) if len(set(shown)) == 1 else None
        if key is not None and key.role.condition is None and key.platform == "batch" and is_messages(Seen(scope)):
            return with_key(scope, core.keys["general:anthropic"].secret)
        return scope

    return rewriting(app, swap)


FAULTS: Final = {
    "M01": _unguarded_spellings,
    "M02": _short_memory,
    "A01": _one_spelling_of_bearer,
    "A02": _no_google_header,
    "A03": _key_in_query,
    "A04": _any_is_enough,
    "A05": _echo,
    "G03": _image_key_on_messages,
}
