"""The control surface of the upstream, on a port of its own: its log, its tokens, its secrets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from llmapi_conformance.reference.upstream.endpoint import State


def control_app(state: State, host_and_port: str) -> ASGIApp:
    """Return the application that the harness steers the upstream with.

    Args:
        state: That of the public surface.
        host_and_port: Where the public surface listens.
    """

    async def show_log(request: Request) -> Response:
        entries = state.log.entries(request.query_params.get("nonce"))
        return _document({"requests": [entry.as_document() for entry in entries]})

    async def release(request: Request) -> Response:
        return _document({"released": state.releases.release(request.path_params["token"])})

    async def forget(_: Request) -> Response:
        state.log.forget()
        return _document({"requests": []})

    async def show_secrets(_: Request) -> Response:
        leaked = [value for _, value in state.leaks]
        credentials = [value for name, value in state.leaks if name == "x-goog-api-key"]
        keys = [state.provider_key, *credentials]
        return _document({"keys": keys, "hosts": [host_and_port], "headers": leaked})

    async def show_health(_: Request) -> Response:
        return _document({"status": "ok"})

    return Starlette(
        routes=[
            Route("/log", show_log, methods=["GET"]),
            Route("/release/{token}", release, methods=["POST"]),
            Route("/forget", forget, methods=["POST"]),
            Route("/secrets", show_secrets, methods=["GET"]),
            Route("/health", show_health, methods=["GET"]),
        ]
    )


def _document(document: dict[str, Any]) -> Response:
    # A request may have held a lone surrogate, which only an escape can carry.
    return Response(json.dumps(document, ensure_ascii=True), media_type="application/json")
