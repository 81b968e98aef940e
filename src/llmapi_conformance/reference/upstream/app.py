"""The public surface of the upstream: one port, three vendors."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NoReturn

from starlette.routing import Route, Router, WebSocketRoute

from llmapi_conformance.reference.upstream.chat import CHAT
from llmapi_conformance.reference.upstream.chat_request import read_chat
from llmapi_conformance.reference.upstream.endpoint import Endpoint, State
from llmapi_conformance.reference.upstream.errors import ApiError
from llmapi_conformance.reference.upstream.gemini import count_tokens, generate_content
from llmapi_conformance.reference.upstream.gemini_models import list_gemini_models, show_gemini_model
from llmapi_conformance.reference.upstream.generation import generate
from llmapi_conformance.reference.upstream.images import edit_images, generate_images
from llmapi_conformance.reference.upstream.messages import COUNT_TOKENS, MESSAGES
from llmapi_conformance.reference.upstream.messages_request import read_count_tokens, read_messages
from llmapi_conformance.reference.upstream.models import list_models
from llmapi_conformance.reference.upstream.responses_paths import (
    cancel_response,
    compact_input,
    count_input,
    create_response,
    delete_response,
    retrieve_response,
)
from llmapi_conformance.reference.upstream.responses_socket import ResponsesSocket, refuse_socket
from llmapi_conformance.reference.upstream.vendors import ANTHROPIC, GOOGLE, OPENAI, new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

from llmapi_conformance.reference.upstream.endpoint import Request


def public_app(state: State) -> ASGIApp:
    """Return the application that plays the providers.

    Args:
        state: What its requests share.
    """
    surface = (
        ("POST", "/v1/messages", Endpoint(state, "messages", ANTHROPIC, partial(generate, read_messages, MESSAGES))),
        (
            "POST",
            "/v1/messages/count_tokens",
            Endpoint(state, "count_tokens", ANTHROPIC, partial(generate, read_count_tokens, COUNT_TOKENS)),
        ),
        ("POST", "/v1/chat/completions", Endpoint(state, "chat", OPENAI, partial(generate, read_chat, CHAT))),
        ("POST", "/v1/responses", Endpoint(state, "responses", OPENAI, create_response)),
        ("GET", "/v1/responses", Endpoint(state, "responses_websocket", OPENAI, _upgrade_required)),
        ("POST", "/v1/responses/input_tokens", Endpoint(state, "input_tokens", OPENAI, count_input)),
        ("POST", "/v1/responses/compact", Endpoint(state, "compact", OPENAI, compact_input)),
        ("POST", "/v1/responses/{id}/cancel", Endpoint(state, "responses", OPENAI, cancel_response)),
        ("GET", "/v1/responses/{id}", Endpoint(state, "responses", OPENAI, retrieve_response)),
        ("DELETE", "/v1/responses/{id}", Endpoint(state, "responses", OPENAI, delete_response)),
        ("POST", "/v1/images/generations", Endpoint(state, "image_generations", OPENAI, generate_images)),
        ("POST", "/v1/images/edits", Endpoint(state, "image_edits", OPENAI, edit_images)),
        ("POST", "/v1beta/models/{model}:generateContent", Endpoint(state, "gemini", None, generate_content)),
        ("POST", "/v1beta/models/{model}:streamGenerateContent", Endpoint(state, "gemini", None, generate_content)),
        ("POST", "/v1beta/models/{model}:countTokens", Endpoint(state, "gemini_count_tokens", None, count_tokens)),
        ("POST", "/v1beta/models/{model}:{action}", Endpoint(state, "other", GOOGLE, _unknown_path)),
        ("GET", "/v1beta/models", Endpoint(state, "models", GOOGLE, list_gemini_models)),
        ("GET", "/v1beta/models/{model}", Endpoint(state, "models", GOOGLE, show_gemini_model)),
        ("GET", "/v1/models", Endpoint(state, "models", None, list_models)),
    )
    router = Router(redirect_slashes=False, default=_otherwise(state))
    router.routes.append(WebSocketRoute("/v1/responses", ResponsesSocket(state)))
    methods: dict[str, list[str]] = {}
    for method, path, endpoint in surface:
        router.routes.append(Route(path, endpoint, methods=[method]))
        methods.setdefault(path, []).append(method)
    for path, allowed in methods.items():
        # A last route of the same path takes every other method.
        vendor = next(endpoint.vendor for _, other, endpoint in surface if other == path)
        router.routes.append(Route(path, Endpoint(state, "other", vendor, _wrong_method(allowed), public=True)))
    return router


def _wrong_method(allowed: Sequence[str]) -> Callable[[Request], NoReturn]:
    def refuse(request: Request) -> NoReturn:
        raise ApiError(405, f"The method {request.entry.method} is not allowed here.", allow=", ".join(allowed))

    return refuse


def _otherwise(state: State) -> ASGIApp:
    """Return the application of every other path."""
    endpoint = Endpoint(state, "other", None, _unknown_path, public=True)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await refuse_socket(ApiError(404, f"There is nothing at {scope['path']}."), new_id("req_"), send)
        else:
            await endpoint(scope, receive, send)

    return answer


def _upgrade_required(request: Request) -> NoReturn:
    raise ApiError(426, f"{request.entry.path} speaks WebSocket to GET.")


def _unknown_path(request: Request) -> NoReturn:
    raise ApiError(404, f"There is nothing at {request.entry.path}.")
