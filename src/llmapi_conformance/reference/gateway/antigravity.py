"""The Antigravity prefix: Messages and Gemini native for keys of an Antigravity group (F2.9, F5.23, F6.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from llmapi_conformance.reference.gateway.access import Access, Denial
from llmapi_conformance.reference.gateway.gemini import Surface
from llmapi_conformance.reference.gateway.messages import MessagesSurface

if TYPE_CHECKING:
    from llmapi_conformance.reference.gateway.keys import Platform

_DENIED: Final[dict[Platform, Denial]] = {
    "openai": Denial.NOT_ANTIGRAVITY,
    "anthropic": Denial.NOT_ANTIGRAVITY,
    "gemini": Denial.NOT_ANTIGRAVITY,
    "batch": Denial.FORBIDDEN,
}
_CALLS: Final = Access(denied=_DENIED)
_MESSAGES: Final = MessagesSurface(_CALLS, _CALLS)

ROUTES: Final = (
    Route("/antigravity/v1/messages", _MESSAGES.create, methods=["POST"]),
    Route("/antigravity/v1/messages/count_tokens", _MESSAGES.count_tokens, methods=["POST"]),
    *Surface(Access(denied=_DENIED, metered=False), _CALLS).routes("/antigravity"),
)
