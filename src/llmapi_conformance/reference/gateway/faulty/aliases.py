"""Faults of aliases: what is other on a path without /v1 than on the standard one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse

from llmapi_conformance.reference.gateway.aliases import is_alias
from llmapi_conformance.reference.gateway.auth import presented
from llmapi_conformance.reference.gateway.edge import Seen, Whole, changing_answers, changing_streams, object_in
from llmapi_conformance.reference.gateway.faulty.doors import rewriting, with_key
from llmapi_conformance.reference.gateway.responses_stream import is_end
from llmapi_conformance.reference.gateway.sse import Frame, ServerEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from llmapi_conformance.reference.gateway.core import Core

    Wrapper = Callable[[ASGIApp, Core], ASGIApp]

_NOWHERE: Final = "/nowhere"
_CODEX: Final = "/backend-api/codex/responses"
_TASKS: Final = "/images/tasks"


def _page_for_chat(app: ASGIApp, _core: Core) -> ASGIApp:
    """L02: the web frontend takes every path that it does not know to be the gateway's."""
    page = HTMLResponse("<!doctype html><html><body><div id=app></div></body></html>")

    async def trapped(scope: Scope, receive: Receive, send: Send) -> None:
        trap = scope["type"] == "http" and scope["path"] == "/chat/completions"
        await (page if trap else app)(scope, receive, send)

    return trapped


def _open(app: ASGIApp, core: Core) -> ASGIApp:
    """L03."""

    def let_in(scope: Scope) -> Scope:
        bare = is_alias(scope["path"]) and not presented(Headers(scope=scope))
        return with_key(scope, core.keys["general:openai"].secret) if bare else scope

    return rewriting(app, let_in)


def _other_envelope(_seen: Seen, answer: Whole) -> None:
    """L04."""
    error = answer.json().get("error")
    if isinstance(error, dict):
        answer.put({"type": "error", "error": {"type": error.get("type"), "message": error.get("message")}})


def _moving(moved: Callable[[str, str], str | None]) -> Wrapper:
    """Serve a request as if it had come on another path; what it moves knows the type of the scope and the path."""

    def wrapped(app: ASGIApp, _core: Core) -> ASGIApp:
        async def moving(scope: Scope, receive: Receive, send: Send) -> None:
            path = moved(scope["type"], scope["path"])
            await app(scope if path is None else {**scope, "path": path}, receive, send)

        return moving

    return wrapped


def _short_lists(kind: str, path: str) -> str | None:
    """L05."""
    return f"/v1{path}" if kind == "http" and path in ("/models", "/usage") else None


def _no_end(frame: Frame) -> Iterable[Frame]:
    """L06."""
    return () if isinstance(frame, ServerEvent) and is_end(object_in(frame.data)) else (frame,)


def _no_codex(kind: str, path: str) -> str | None:
    """L07."""
    return _NOWHERE if kind == "http" and path.startswith(_CODEX) else None


def _no_sockets(kind: str, path: str) -> str | None:
    """L09."""
    return _NOWHERE if kind == "websocket" and is_alias(path) else None


def _image_key(app: ASGIApp, core: Core) -> ASGIApp:
    """L10."""

    def swap(scope: Scope) -> Scope:
        shown = set(presented(Headers(scope=scope)))
        key = core.keyring.find(shown.pop()) if len(shown) == 1 else None
        if key is None or key.platform != "batch" or key.role.condition is not None or not is_alias(scope["path"]):
            return scope
        if scope["path"].startswith(_TASKS):
            # There it is the right key.
            return scope
        return with_key(scope, core.keys["general:openai"].secret)

    return rewriting(app, swap)


def _no_responses(kind: str, path: str) -> str | None:
    """L11."""
    return _NOWHERE if kind == "http" and (path == "/responses" or path.startswith("/responses/")) else None


def _no_images(kind: str, path: str) -> str | None:
    """L12."""
    return _NOWHERE if kind == "http" and path.startswith("/images/") and not path.startswith(_TASKS) else None


FAULTS: Final[dict[str, Wrapper]] = {
    "L02": _page_for_chat,
    "L03": _open,
    "L04": lambda app, _core: changing_answers(
        app, lambda seen, status: is_alias(seen.path) and status >= 400 and status != 401, _other_envelope
    ),
    "L05": _moving(_short_lists),
    "L06": lambda app, _core: changing_streams(app, lambda seen: seen.path == "/responses", lambda: _no_end),
    "L07": _moving(_no_codex),
    "L09": _moving(_no_sockets),
    "L10": _image_key,
    "L11": _moving(_no_responses),
    "L12": _moving(_no_images),
}
