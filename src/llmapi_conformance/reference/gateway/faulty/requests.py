"""Faults of reading a request: parts of it are lost or mended before the gateway looks at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.edge import Seen, changing_requests, is_chat, is_messages, is_responses

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from llmapi_conformance.reference.gateway.core import Core

_MENDED_LIMIT: Final = 1024


def _mended_limits(app: ASGIApp, _core: Core) -> ASGIApp:
    """M13."""

    def mend(body: dict[str, Any]) -> None:
        for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
            value = body.get(name)
            if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool) and value <= 0):
                body[name] = _MENDED_LIMIT

    return changing_requests(app, lambda seen: is_messages(seen) or is_chat(seen) or is_responses(seen), mend)


def _count_messages_only(app: ASGIApp, _core: Core) -> ASGIApp:
    """M27."""

    def forget(body: dict[str, Any]) -> None:
        for name in ("tools", "tool_choice", "system"):
            body.pop(name, None)

    return changing_requests(app, _counts, forget)


def _counts(seen: Seen) -> bool:
    return seen.path == "/v1/messages/count_tokens"


def _no_text_behind_results(app: ASGIApp, _core: Core) -> ASGIApp:
    """M29."""

    def drop(body: dict[str, Any]) -> None:
        for message in body.get("messages") or []:
            content = message.get("content") if isinstance(message, dict) else None
            if isinstance(content, list):
                message["content"] = _without_text_behind_results(content)

    return changing_requests(app, is_messages, drop)


def _without_text_behind_results(content: list[Any]) -> list[Any]:
    kept: list[Any] = []
    behind = False
    for block in content:
        kind = block.get("type") if isinstance(block, dict) else None
        if not (behind and kind == "text"):
            kept.append(block)
        behind = behind or kind == "tool_result"
    return kept


def _no_stop_sequences(app: ASGIApp, _core: Core) -> ASGIApp:
    """M31."""

    def forget(body: dict[str, Any]) -> None:
        body.pop("stop_sequences", None)

    return changing_requests(app, is_messages, forget)


FAULTS: Final = {
    "M13": _mended_limits,
    "M27": _count_messages_only,
    "M29": _no_text_behind_results,
    "M31": _no_stop_sequences,
}
