"""Faults of Responses over WebSocket: the handshake, the messages, the turns, the end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import Headers

from llmapi_conformance.reference.gateway.auth import presented
from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.edge import Seen, Whole, changing_answers
from llmapi_conformance.reference.gateway.edge_socket import asked, asking, changing_sockets, telling, told
from llmapi_conformance.reference.gateway.faulty.doors import with_key
from llmapi_conformance.reference.gateway.responses_request import items_of
from llmapi_conformance.reference.gateway.responses_stream import is_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from llmapi_conformance.reference.gateway.core import Core
    from llmapi_conformance.reference.gateway.edge_socket import Passing, Sending

    Document = dict[str, Any]
    Wrapper = Callable[[ASGIApp, Core], ASGIApp]

_NORMAL: Final = 1000
_POLICY: Final = 1008
_NO_SUCH_ID: Final = "resp_forgotten"
_HIDDEN_LANE: Final = "hidden-"


def _sending(change: Callable[[Message], Iterable[Message]]) -> Wrapper:
    return lambda app, _core: changing_sockets(app, new_sending=lambda _scope: change)


def _each_sending(new_change: Callable[[], Sending]) -> Wrapper:
    return lambda app, _core: changing_sockets(app, new_sending=lambda _scope: new_change())


def _receiving(new_change: Callable[[], Passing]) -> Wrapper:
    return lambda app, _core: changing_sockets(app, lambda _scope: new_change())


def _upgrading(app: ASGIApp, rewrite: Callable[[Scope], Scope]) -> ASGIApp:
    async def rewritten(scope: Scope, receive: Receive, send: Send) -> None:
        await app(rewrite(scope) if scope["type"] == "websocket" else scope, receive, send)

    return rewritten


def _close(code: int) -> Message:
    return {"type": "websocket.close", "code": code}


def _closed_too_early(message: Message) -> Iterable[Message]:
    """M36."""
    last = told(message).get("type") == "response.output_text.done"
    return (_close(_NORMAL),) if last else (message,)


def _done_behind_the_end(message: Message) -> Iterable[Message]:
    """W01."""
    return (message, {"type": "websocket.send", "text": "[DONE]"}) if is_end(told(message)) else (message,)


def _open_door(app: ASGIApp, core: Core) -> ASGIApp:
    """W02."""

    def let_in(scope: Scope) -> Scope:
        shown = set(presented(Headers(scope=scope)))
        known = len(shown) == 1 and core.keyring.find(shown.pop()) is not None
        return scope if known else with_key(scope, core.keys["general:openai"].secret)

    return _upgrading(app, let_in)


def _anybodys(app: ASGIApp, core: Core) -> ASGIApp:
    """W03."""

    def continue_it(message: Message) -> Message:
        document = asked(message)
        stored = core.responses.held(str(document.get("previous_response_id")))
        if stored is None or not isinstance(document.get("input"), str | list):
            return message
        del document["previous_response_id"]
        document["input"] = [*stored.conversation, *items_of(document["input"])]
        return asking(document)

    return changing_sockets(app, lambda _scope: continue_it)


def _error_without_status(message: Message) -> Iterable[Message]:
    """W04."""
    document = told(message)
    if document.pop("status", None) is None or document["type"] != "error":
        return (message,)
    return (telling(document),)


def _binary(message: Message) -> Iterable[Message]:
    """W05."""
    if message["type"] != "websocket.send":
        return (message,)
    return ({"type": "websocket.send", "bytes": message["text"].encode()},)


def _as_sse(message: Message) -> Iterable[Message]:
    """W06."""
    document = told(message)
    if not document:
        return (message,)
    return ({"type": "websocket.send", "text": f"event: {document['type']}\ndata: {compact(document)}\n\n"},)


def _one_turn_only(message: Message) -> Iterable[Message]:
    """W07."""
    return (message, _close(_NORMAL)) if is_end(told(message)) else (message,)


def _numbers_go_on() -> Sending:
    """W08."""
    sent = 0

    def number(message: Message) -> Iterable[Message]:
        nonlocal sent
        document = told(message)
        if "sequence_number" not in document:
            return (message,)
        sent += 1
        return (telling(document | {"sequence_number": sent - 1}),)

    return number


def _no_stream_id(message: Message) -> Iterable[Message]:
    """W09."""
    document = told(message)
    return (message,) if document.pop("stream_id", None) is None else (telling(document),)


def _all_at_once(app: ASGIApp, _core: Core) -> ASGIApp:
    """W10: turns without a stream_id get one of their own, which the client never sees."""

    def new_receiving(_scope: Scope) -> Passing:
        count = 0

        def spread(message: Message) -> Message:
            nonlocal count
            document = asked(message)
            if document.get("type") != "response.create" or "stream_id" in document:
                return message
            count += 1
            return asking(document | {"stream_id": f"{_HIDDEN_LANE}{count % 16}"})

        return spread

    def hide(message: Message) -> Iterable[Message]:
        hidden = str(told(message).get("stream_id")).startswith(_HIDDEN_LANE)
        return _no_stream_id(message) if hidden else (message,)

    return changing_sockets(app, new_receiving, lambda _scope: hide)


def _page_without_upgrade(_seen: Seen, answer: Whole) -> None:
    """W11."""
    answer.status = 200
    answer.put_text("<!doctype html><html><body><div id=app></div></body></html>", "text/html; charset=utf-8")


def _unheeded(condition: str) -> Wrapper:
    """W12, W15: over WebSocket a condition of a key is not looked at."""

    def wrapped(app: ASGIApp, core: Core) -> ASGIApp:
        def let_in(scope: Scope) -> Scope:
            shown = set(presented(Headers(scope=scope)))
            key = core.keyring.find(shown.pop()) if len(shown) == 1 else None
            if key is None or key.role.condition != condition or key.platform != "openai":
                return scope
            return with_key(scope, core.keys["general:openai"].secret)

        return _upgrading(app, let_in)

    return wrapped


def _afresh(app: ASGIApp, core: Core) -> ASGIApp:
    """W13."""

    def forget(message: Message) -> Message:
        document = asked(message)
        previous = document.get("previous_response_id")
        if previous is None or core.responses.held(str(previous)) is not None:
            return message
        del document["previous_response_id"]
        return asking(document)

    return changing_sockets(app, lambda _scope: forget)


def _all_is_well(message: Message) -> Iterable[Message]:
    """W14."""
    document = told(message)
    if document.get("type") != "response.failed":
        return (message,)
    response = document["response"] | {"status": "completed", "error": None}
    return (telling(document | {"type": "response.completed", "response": response}),)


def _closed_by_an_error(message: Message) -> Iterable[Message]:
    """W16."""
    return (message, _close(_POLICY)) if told(message).get("type") == "error" else (message,)


def _in_pairs() -> Sending:
    """W17."""
    held: list[Document] = []

    def pair(message: Message) -> Iterable[Message]:
        document = told(message)
        if document.get("type") != "response.output_text.delta" and not held:
            return (message,)
        held.append(document)
        if len(held) == 1:
            return ()
        both = compact(held)
        held.clear()
        return ({"type": "websocket.send", "text": both},)

    return pair


def _no_google_header(app: ASGIApp, _core: Core) -> ASGIApp:
    """W18."""

    def drop(scope: Scope) -> Scope:
        return {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() != b"x-goog-api-key"]}

    return _upgrading(app, drop)


def _no_memory(app: ASGIApp, core: Core) -> ASGIApp:
    """W19."""

    def forget(message: Message) -> Message:
        document = asked(message)
        previous = document.get("previous_response_id")
        if previous is None or core.responses.held(str(previous)) is not None:
            return message
        return asking(document | {"previous_response_id": _NO_SUCH_ID})

    return changing_sockets(app, lambda _scope: forget)


def _generates_anyway() -> Passing:
    """W20."""

    def forget(message: Message) -> Message:
        document = asked(message)
        return message if document.pop("generate", None) is None else asking(document)

    return forget


def _deaf(app: ASGIApp, _core: Core) -> ASGIApp:
    """W21: the gateway never hears that the client has gone."""

    async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await app(scope, receive, send)
            return

        async def hear() -> Message:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                await asyncio.Event().wait()
            return message

        async def say(message: Message) -> None:
            with contextlib.suppress(OSError):
                await send(message)

        await app(scope, hear, say)

    return deaf


def _all_at_the_end() -> Sending:
    """W22."""
    held: list[Message] = []

    def hold(message: Message) -> Iterable[Message]:
        if message["type"] != "websocket.send":
            return (message,)
        held.append(message)
        if not is_end(told(message)) and told(message).get("type") != "error":
            return ()
        everything = tuple(held)
        held.clear()
        return everything

    return hold


def _no_word(message: Message) -> Iterable[Message]:
    """W23."""
    document = told(message)
    unread = document.get("type") == "error" and document["error"]["message"].startswith(("The message", "type:"))
    return () if unread else (message,)


def _no_parts() -> Sending:
    """W24."""
    dropped = 0

    def change(message: Message) -> Iterable[Message]:
        nonlocal dropped
        event = told(message)
        if event.get("type") == "response.created":
            dropped = 0
        if str(event.get("type")).startswith("response.content_part."):
            dropped += 1
            return ()
        if "sequence_number" not in event:
            return (message,)
        return (telling(event | {"sequence_number": event["sequence_number"] - dropped}),)

    return change


def _image_key(app: ASGIApp, core: Core) -> ASGIApp:
    """W25."""

    def let_in(scope: Scope) -> Scope:
        shown = set(presented(Headers(scope=scope)))
        key = core.keyring.find(shown.pop()) if len(shown) == 1 else None
        served = key is not None and key.platform == "batch" and key.role.condition is None
        return with_key(scope, core.keys["general:openai"].secret) if served else scope

    return _upgrading(app, let_in)


FAULTS: Final[dict[str, Wrapper]] = {
    "M36": _sending(_closed_too_early),
    "W01": _sending(_done_behind_the_end),
    "W02": _open_door,
    "W03": _anybodys,
    "W04": _sending(_error_without_status),
    "W05": _sending(_binary),
    "W06": _sending(_as_sse),
    "W07": _sending(_one_turn_only),
    "W08": _each_sending(_numbers_go_on),
    "W09": _sending(_no_stream_id),
    "W10": _all_at_once,
    "W11": lambda app, _core: changing_answers(app, lambda _seen, status: status == 426, _page_without_upgrade),
    "W12": _unheeded("exhausted"),
    "W13": _afresh,
    "W14": _sending(_all_is_well),
    "W15": _unheeded("rate_limited"),
    "W16": _sending(_closed_by_an_error),
    "W17": _each_sending(_in_pairs),
    "W18": _no_google_header,
    "W19": _no_memory,
    "W20": _receiving(_generates_anyway),
    "W21": _deaf,
    "W22": _each_sending(_all_at_the_end),
    "W23": _sending(_no_word),
    "W24": _each_sending(_no_parts),
    "W25": _image_key,
}
