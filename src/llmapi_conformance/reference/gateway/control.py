"""The control surface: keys for the harness, on a port of its own, never reachable over the public one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from llmapi_conformance.reference.gateway.answers import json_answer
from llmapi_conformance.reference.gateway.core import core_of
from llmapi_conformance.reference.gateway.documents import parse
from llmapi_conformance.reference.gateway.keys import role_named

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from llmapi_conformance.reference.gateway.core import Core


def control_app(core: Core) -> Starlette:
    """Build the control application of one gateway."""
    app = Starlette(
        routes=[
            Route("/health", _health, methods=["GET"]),
            Route("/keys", _fresh_key, methods=["POST"]),
        ]
    )
    app.state.core = core
    return app


async def _health(_request: Request) -> Response:
    return json_answer({"status": "ok"})


async def _fresh_key(request: Request) -> Response:
    """Hand out a further key of a role, with books of its own: `{"role": "general:openai"}` -> `{"key": "..."}`."""
    try:
        body = parse(await request.body())
        role = role_named(body["role"] if isinstance(body, dict) and isinstance(body.get("role"), str) else "")
    except ValueError as error:
        return json_answer({"error": str(error)}, 400)
    return json_answer({"key": core_of(request).keyring.issue_fresh(role).secret})
