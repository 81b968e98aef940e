"""Legal variations of Responses, over HTTP and over WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.edge import changing_streams, is_responses, object_in
from llmapi_conformance.reference.gateway.edge_socket import changing_sockets, telling, told
from llmapi_conformance.reference.gateway.faulty.doors import rewriting
from llmapi_conformance.reference.gateway.responses_stream import is_end
from llmapi_conformance.reference.gateway.sse import Frame, ServerEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Message, Scope

_DONE: Final = ServerEvent("[DONE]")
_STORED: Final = "/v1/responses/"


def _event(frame: Frame) -> dict[str, Any]:
    return object_in(frame.data) if isinstance(frame, ServerEvent) else {}


def _done_at_the_end(app: ASGIApp) -> ASGIApp:
    """C16."""

    def change(frame: Frame) -> Iterable[Frame]:
        return (frame, _DONE) if is_end(_event(frame)) else (frame,)

    return changing_streams(app, is_responses, lambda: change)


def _kept_alive(app: ASGIApp) -> ASGIApp:
    """V1: a keepalive takes a number, so that those behind it move on."""

    def new_change() -> Callable[[Frame], Iterable[Frame]]:
        sent = 0

        def numbered(event: dict[str, Any]) -> ServerEvent:
            nonlocal sent
            sent += 1
            return ServerEvent(compact(event | {"sequence_number": sent - 1}), event["type"])

        def change(frame: Frame) -> Iterable[Frame]:
            event = _event(frame)
            if not event:
                return (frame,)
            if event["type"] == "response.output_item.added":
                return (numbered({"type": "keepalive"}), numbered(event))
            return (numbered(event),)

        return change

    return changing_streams(app, is_responses, new_change)


def _nothing_stored(app: ASGIApp) -> ASGIApp:
    """V2: a stored response is looked for under a path that nothing has."""

    def elsewhere(scope: Scope) -> Scope:
        stored = scope["path"].startswith(_STORED) and scope["method"] in ("GET", "DELETE")
        return {**scope, "path": f"{_STORED}none"} if stored else scope

    return rewriting(app, elsewhere)


def _error_ends_the_turn(app: ASGIApp) -> ASGIApp:
    """V3."""

    def change(message: Message) -> Iterable[Message]:
        event = told(message)
        if event.get("type") != "response.failed":
            return (message,)
        error = {"type": "server_error", "param": None, **event["response"]["error"]}
        lane = {name: event[name] for name in ("stream_id",) if name in event}
        number = event["sequence_number"]
        return (telling({"type": "error", "status": 502, "sequence_number": number, "error": error, **lane}),)

    return changing_sockets(app, new_sending=lambda _scope: change)


VARIATIONS: Final = {
    "V1": _kept_alive,
    "V2": _nothing_stored,
    "V3": _error_ends_the_turn,
    "C16": _done_at_the_end,
}
