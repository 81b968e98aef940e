"""Faults of what should make no difference: another spelling, another form, another cut, a second model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import httpx2
from starlette.datastructures import Headers

from llmapi_conformance.reference.gateway.auth import presented
from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.edge import (
    Seen,
    Whole,
    changing_answers,
    changing_requests,
    is_chat,
    is_gemini,
    is_messages,
    is_responses,
    object_in,
    whole_body,
    with_body,
)
from llmapi_conformance.reference.gateway.faulty.doors import with_key
from llmapi_conformance.reference.gateway.models import MODELS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from llmapi_conformance.reference.gateway.core import Core
    from llmapi_conformance.reference.gateway.keys import Platform

    Wrapper = Callable[[ASGIApp, Core], ASGIApp]

_HALF_READ: Final = re.compile(rb"(?<!\\)\\u00(22|5c)", re.IGNORECASE)
_SPACED: Final = re.compile(rb'"model"\s+:')
_MARKUP: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
_CLAIMS: Final[tuple[Platform, ...]] = ("openai", "anthropic", "gemini")


def _is_text(seen: Seen) -> bool:
    return is_messages(seen) or is_chat(seen) or is_responses(seen)


def _offers(platform: Platform, model: object) -> bool:
    return any(known.id == model for known in MODELS[platform])


def _platform_of(scope: Scope, core: Core) -> Platform | None:
    """The platform of a request's key, if it is a plain one of a general group."""
    shown = presented(Headers(scope=scope))
    key = core.keyring.find(shown[0]) if len(set(shown)) == 1 else None
    return key.platform if key is not None and key.role.condition is None and key.platform in _CLAIMS else None


def _model_of_the_query(app: ASGIApp, core: Core) -> ASGIApp:
    """M04."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        named = parse_qs(scope["query_string"].decode()).get("model") if scope["type"] == "http" else None
        platform = _platform_of(scope, core) if named and (is_chat(Seen(scope)) or is_messages(Seen(scope))) else None
        owner = next((other for other in _CLAIMS if named and _offers(other, named[0])), None)
        if named and platform is not None and owner not in (None, platform):
            body = await whole_body(receive)
            document = object_in(body)
            if _offers(platform, document.get("model")):
                scope = with_key(scope, core.keys[f"general:{owner}"].secret)
                body = compact(document | {"model": named[0]}).encode()
            scope, receive = with_body(scope, receive, body)
        await app(scope, receive, send)

    return served


def _reading(when: Callable[[Seen], bool], change: Callable[[bytes], bytes]) -> Wrapper:
    """Change the bytes of some request bodies before the gateway reads them."""

    def wrap(app: ASGIApp, _core: Core) -> ASGIApp:
        async def changed(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["method"] == "POST" and when(Seen(scope)):
                scope, receive = with_body(scope, receive, change(await whole_body(receive)))
            await app(scope, receive, send)

        return changed

    return wrap


def _half_read(body: bytes) -> bytes:
    """P01."""
    return _HALF_READ.sub(lambda found: bytes.fromhex(found[1].decode()), body)


def _from_model_on(body: bytes) -> bytes:
    """P02."""
    document = object_in(body)
    if "model" not in document:
        return body
    names = list(document)
    return compact({name: document[name] for name in names[names.index("model") :]}).encode()


def _unspaced(body: bytes) -> bytes:
    """P03."""
    return _SPACED.sub(b'"unread":', body)


def _no_system_blocks(app: ASGIApp, _core: Core) -> ASGIApp:
    """P04."""

    def drop(body: dict[str, Any]) -> None:
        if isinstance(body.get("system"), list) and _offers("openai", body.get("model")):
            body.pop("system")

    return changing_requests(app, is_messages, drop)


class _ForgettingPieces(httpx2.AsyncBaseTransport):
    """P05."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        stream = response.stream
        if "text/event-stream" not in response.headers.get("content-type", ""):
            return response
        assert isinstance(stream, httpx2.AsyncByteStream)  # noqa: S101 - an async transport gives an async stream
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_Forgetting(stream),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Forgetting(httpx2.AsyncByteStream):
    """Text that is decoded piece by piece: of an unfinished character only the last piece is kept."""

    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        held = b""
        async for piece in self._inner:
            whole = held + piece
            open_bytes = _unfinished(whole)
            held = piece[-open_bytes:] if open_bytes else b""
            text = whole[: len(whole) - open_bytes].decode("utf-8", "replace")
            if text:
                yield text.encode()
        if held:
            yield held.decode("utf-8", "replace").encode()

    async def aclose(self) -> None:
        await self._inner.aclose()


def _unfinished(data: bytes) -> int:
    """How many bytes at the end are the beginning of a character."""
    for back in range(1, min(3, len(data)) + 1):
        value = data[-back]
        if value >= 0xC0:
            size = 2 if value < 0xE0 else 3 if value < 0xF0 else 4
            return back if back < size else 0
        if value < 0x80:
            break
    return 0


def _reversed_texts(app: ASGIApp, _core: Core) -> ASGIApp:
    """P06."""

    def reverse(body: dict[str, Any]) -> None:
        for message in body.get("messages") or []:
            content = message.get("content") if isinstance(message, dict) else None
            if isinstance(content, list) and message.get("role") == "assistant":
                texts = [block for block in content if _is_text_block(block)]
                message["content"] = [texts.pop() if _is_text_block(block) else block for block in content]

    return changing_requests(app, lambda seen: is_messages(seen) or is_chat(seen), reverse)


def _is_text_block(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "text"


def _null_is_nought(app: ASGIApp, _core: Core) -> ASGIApp:
    """P07."""

    def fill(body: dict[str, Any]) -> None:
        if "max_tokens" in body and body["max_tokens"] is None:
            body["max_tokens"] = 0

    return changing_requests(app, is_chat, fill)


def _count_the_users(app: ASGIApp, _core: Core) -> ASGIApp:
    """P08."""

    def forget(body: dict[str, Any]) -> None:
        for name in ("messages", "contents"):
            turns = body.get(name)
            if isinstance(turns, list):
                kept = [turn for turn in turns if not isinstance(turn, dict) or turn.get("role", "user") == "user"]
                body[name] = kept or turns

    return changing_requests(app, lambda seen: seen.path.endswith((":countTokens", "/messages/count_tokens")), forget)


def _escaped_arguments(app: ASGIApp, _core: Core) -> ASGIApp:
    """P09."""

    def escape(_seen: Seen, answer: Whole) -> None:
        document = answer.json()
        for choice in document.get("choices") or []:
            for call in choice["message"].get("tool_calls") or []:
                _escape(call["function"])
        for item in document.get("output") or []:
            _escape(item)
        answer.put(document)

    return changing_answers(app, lambda seen, status: status == 200 and (is_chat(seen) or is_responses(seen)), escape)


def _escape(call: dict[str, Any]) -> None:
    if isinstance(call.get("arguments"), str):
        call["arguments"] = call["arguments"].translate(str.maketrans(_MARKUP))


def _without_nul(app: ASGIApp, _core: Core) -> ASGIApp:
    """P10."""

    def cut(body: dict[str, Any]) -> None:
        for name in ("messages", "input", "contents"):
            if name in body:
                body[name] = _cut(body[name])

    return changing_requests(app, lambda seen: _is_text(seen) or is_gemini(seen), cut)


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [_cut(each) for each in value]
    if isinstance(value, dict):
        return {name: _cut(inner) for name, inner in value.items()}
    return value


def _opened_by_the_body(app: ASGIApp, core: Core) -> ASGIApp:
    """P11."""

    async def opened(scope: Scope, receive: Receive, send: Send) -> None:
        calls = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith("/v1beta/models/")
        platform = _platform_of(scope, core) if calls else None
        if platform in ("openai", "anthropic"):
            body = await whole_body(receive)
            if _offers(platform, object_in(body).get("model")):
                scope = with_key(scope, core.keys["general:gemini"].secret)
            scope, receive = with_body(scope, receive, body)
        await app(scope, receive, send)

    return opened


def _camel_tools_only(app: ASGIApp, _core: Core) -> ASGIApp:
    """P12."""

    def forget(body: dict[str, Any]) -> None:
        for tool in body.get("tools") or []:
            if isinstance(tool, dict):
                tool.pop("function_declarations", None)

    return changing_requests(app, is_gemini, forget)


FAULTS: Final[dict[str, Wrapper]] = {
    "M04": _model_of_the_query,
    "P01": _reading(lambda seen: _is_text(seen) or is_gemini(seen), _half_read),
    "P02": _reading(_is_text, _from_model_on),
    "P03": _reading(_is_text, _unspaced),
    "P04": _no_system_blocks,
    "P06": _reversed_texts,
    "P07": _null_is_nought,
    "P08": _count_the_users,
    "P09": _escaped_arguments,
    "P10": _without_nul,
    "P11": _opened_by_the_body,
    "P12": _camel_tools_only,
}
TRANSPORT_FAULTS: Final[dict[str, Callable[[httpx2.AsyncBaseTransport], httpx2.AsyncBaseTransport]]] = {
    "P05": _ForgettingPieces
}
