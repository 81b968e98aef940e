"""Faults of who is let in on the paths of Gemini's protocol, with the Antigravity prefix or without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import Headers

from llmapi_conformance.reference.gateway.auth import presented
from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.edge import Seen, is_gemini, object_in, whole_body, with_body
from llmapi_conformance.reference.gateway.faulty.doors import rewriting, with_key
from llmapi_conformance.reference.gateway.models import MODELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from llmapi_conformance.reference.gateway.core import Core
    from llmapi_conformance.reference.gateway.keys import ApiKey, Platform

    Wrapper = Callable[[ASGIApp, Core], ASGIApp]

_PREFIX: Final = "/antigravity"
_CALLS: Final = "/v1beta/models/"


def _key_of(scope: Scope, core: Core) -> ApiKey | None:
    """The key of a request, if it is a plain one."""
    shown = presented(Headers(scope=scope))
    key = core.keyring.find(shown[0]) if len(set(shown)) == 1 else None
    return key if key is not None and key.role.condition is None else None


def _unrestricted(app: ASGIApp, core: Core) -> ASGIApp:
    """M05: the restrictions look at the body's model, and there is none."""

    def let_in(scope: Scope) -> Scope:
        key = _key_of(scope, core)
        if key is None or key.platform == "batch" or scope["method"] != "POST" or _CALLS not in scope["path"]:
            return scope
        start = scope["path"].partition(_CALLS)[0]
        own: Platform = "antigravity" if start else "gemini"
        return _for_group(with_key(scope, core.keys[f"general:{own}"].secret), own)

    return rewriting(app, let_in)


def _for_group(scope: Scope, platform: Platform) -> Scope:
    """Have a request of Gemini's protocol answered by a model of the group, if its own is some other group's."""
    start, _, rest = scope["path"].partition(_CALLS)
    model, _, method = rest.partition(":")
    known = {entry.id for models in MODELS.values() for entry in models}
    if model in known and all(entry.id != model for entry in MODELS[platform]):
        return {**scope, "path": f"{start}{_CALLS}{MODELS[platform][0].id}:{method}"}
    return scope


def _no_google_header(app: ASGIApp, _core: Core) -> ASGIApp:
    """Y13."""

    def drop(scope: Scope) -> Scope:
        if not is_gemini(Seen(scope)):
            return scope
        return {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() != b"x-goog-api-key"]}

    return rewriting(app, drop)


def _open_to(guest: Platform, owner: Platform, on: Callable[[str], bool]) -> Wrapper:
    """Y14, Y15: the keys of one platform are served on the paths of another."""

    def wrap(app: ASGIApp, core: Core) -> ASGIApp:
        async def let_in(scope: Scope, receive: Receive, send: Send) -> None:
            key = _key_of(scope, core) if scope["type"] == "http" else None
            if key is not None and key.platform == guest and on(scope["path"]):
                scope = _for_group(with_key(scope, core.keys[f"general:{owner}"].secret), owner)
                if scope["path"].endswith("/v1/messages"):
                    body = object_in(await whole_body(receive))
                    scope, receive = with_body(scope, receive, compact(_own_model(body, owner)).encode())
            await app(scope, receive, send)

        return let_in

    return wrap


def _own_model(body: dict[str, Any], platform: Platform) -> dict[str, Any]:
    offered = all(entry.id != body.get("model") for entry in MODELS[platform])
    return body | {"model": MODELS[platform][0].id} if offered and "model" in body else body


FAULTS: Final[dict[str, Wrapper]] = {
    "M05": _unrestricted,
    "Y13": _no_google_header,
    "Y14": _open_to("antigravity", "gemini", lambda path: path.startswith("/v1beta/")),
    "Y15": _open_to("gemini", "antigravity", lambda path: path.startswith(_PREFIX)),
}
