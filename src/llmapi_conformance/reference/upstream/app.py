"""The public surface of the upstream: one port, two vendors."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NoReturn

from starlette.routing import Route, Router

from llmapi_conformance.reference.upstream.chat import CHAT
from llmapi_conformance.reference.upstream.endpoint import Endpoint, State
from llmapi_conformance.reference.upstream.errors import ApiError
from llmapi_conformance.reference.upstream.generation import generate
from llmapi_conformance.reference.upstream.messages import COUNT_TOKENS, MESSAGES
from llmapi_conformance.reference.upstream.models import list_models
from llmapi_conformance.reference.upstream.vendors import ANTHROPIC, OPENAI

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from llmapi_conformance.reference.upstream.endpoint import Request


def public_app(state: State) -> ASGIApp:
    """Return the application that plays the providers.

    Args:
        state: What its requests share.
    """
    surface = (
        ("POST", "/v1/messages", Endpoint(state, "messages", ANTHROPIC, partial(generate, MESSAGES))),
        (
            "POST",
            "/v1/messages/count_tokens",
            Endpoint(state, "count_tokens", ANTHROPIC, partial(generate, COUNT_TOKENS)),
        ),
        ("POST", "/v1/chat/completions", Endpoint(state, "chat", OPENAI, partial(generate, CHAT))),
        ("GET", "/v1/models", Endpoint(state, "models", None, list_models)),
    )
    router = Router(redirect_slashes=False, default=Endpoint(state, "other", None, _unknown_path, public=True))
    for method, path, endpoint in surface:
        router.routes.append(Route(path, endpoint, methods=[method]))
        # A second route of the same path takes every other method.
        refused = Endpoint(state, "other", endpoint.vendor, _wrong_method(method), public=True)
        router.routes.append(Route(path, refused))
    return router


def _wrong_method(allowed: str) -> Callable[[Request], NoReturn]:
    def refuse(request: Request) -> NoReturn:
        raise ApiError(405, f"The method {request.entry.method} is not allowed here.", allow=allowed)

    return refuse


def _unknown_path(request: Request) -> NoReturn:
    raise ApiError(404, f"There is nothing at {request.entry.path}.")
