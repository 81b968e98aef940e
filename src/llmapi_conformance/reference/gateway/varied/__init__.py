"""The legal variations of `reference.variations`, each a wrapper around the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmapi_conformance.reference.gateway.varied import content, delivery, gemini, images, responses, tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from llmapi_conformance.reference.gateway.core import Core

# Content first, then framing, then the cutting of bytes: the order in which they lie around the gateway.
_OF_CONTENT: Final[dict[str, Callable[[ASGIApp], ASGIApp]]] = {
    **content.VARIATIONS,
    **responses.VARIATIONS,
    **gemini.VARIATIONS,
    **images.VARIATIONS,
}
_BY_NAME: Final[dict[str, Callable[[ASGIApp], ASGIApp]]] = {
    **_OF_CONTENT,
    **delivery.VARIATIONS,
}

IMPLEMENTED: Final = frozenset({*_BY_NAME, *tasks.VARIATIONS, "C1", "C2"})


def vary_app(app: ASGIApp, core: Core, variations: frozenset[str]) -> ASGIApp:
    """Wrap the public application in some variations."""
    for name, vary in tasks.VARIATIONS.items():
        if name in variations:
            app = vary(app, core)
    for name, wrap in _OF_CONTENT.items():
        if name in variations:
            app = wrap(app)
    if variations & {"C1", "C2"}:
        app = delivery.framed(app, space="C1" not in variations, newline="\r\n" if "C2" in variations else "\n")
    for name, wrap in delivery.VARIATIONS.items():
        if name in variations:
            app = wrap(app)
    return app
