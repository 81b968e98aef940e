"""The public surface: every route, and what is answered where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from llmapi_conformance.reference.gateway import (
    antigravity,
    chat,
    gemini,
    images,
    messages,
    models,
    responses,
    tasks,
    usage,
    websocket,
)
from llmapi_conformance.reference.gateway.aliases import with_aliases
from llmapi_conformance.reference.gateway.answers import refused
from llmapi_conformance.reference.gateway.middleware import until_client_goes, with_delay, with_request_id
from llmapi_conformance.reference.gateway.refusals import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from llmapi_conformance.reference.gateway.core import Core

# A new surface is a module with its ROUTES.
_SURFACES: Final = (messages, chat, responses, websocket, models, usage, gemini, antigravity, images, tasks)


def public_app(core: Core) -> ASGIApp:
    """Build the ASGI application of one gateway."""
    app = Starlette(
        routes=[*with_aliases(route for surface in _SURFACES for route in surface.ROUTES), websocket.NO_SUCH_SOCKET],
        exception_handlers={Refusal: _refused, HTTPException: _unrouted, Exception: _broken},
    )
    # A path with a slash more is another path: it is not served, and not redirected to one that is.
    app.router.redirect_slashes = False
    app.state.core = core
    return with_request_id(with_delay(until_client_goes(app), core.settings.delay_ms))


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)  # noqa: S101 - Starlette's signature is wider than its promise
    return refused(request, refusal)


async def _unrouted(request: Request, error: Exception) -> Response:
    """Answer 404 for an unknown path and 405 for a known one, with or without a key."""
    assert isinstance(error, HTTPException)  # noqa: S101 - the same
    what = {404: "There is no such endpoint", 405: "This endpoint does not allow the method"}
    refusal = Refusal(error.status_code, what.get(error.status_code, "Request refused"), headers=error.headers)
    return await _refused(request, refusal)


async def _broken(request: Request, _error: Exception) -> Response:
    return await _refused(request, Refusal(500, "Internal error"))
