"""Answers that say nothing about the behaviour under judgement, since gateway or provider can't do it just now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

Expect = Literal["success", "refusal", "any"]
"""What a scenario is about; see ``Session.request``."""
TRANSIENT: Final = {"success": frozenset({429, 502, 503, 504}), "refusal": frozenset({429}), "any": frozenset[int]()}
"""Statuses that say nothing, by what a scenario is about."""
NOT_NOW: Final = frozenset({429, 502, 503, 504, 529})
"""What says in a probe that the gateway, or its upstream, can't answer just now; 529 is Anthropic's "overloaded"."""
_TRY_AGAIN_LATER: Final = 1013  # registered with IANA for WebSocket close codes


def transient(exchange: Exchange, statuses: frozenset[int]) -> str:
    """Why the exchange says nothing about the behaviour under judgement; empty when it does.

    Args:
        exchange: To look at.
        statuses: Those that say nothing; where there are none, silence says something too.
    """
    if not statuses:
        return ""
    if not exchange.answered:
        return exchange.failure
    if exchange.status in statuses:
        return f"{exchange.request.method} {exchange.request.path} was answered with {exchange.status}"
    return ""


def transient_talk(exchange: Exchange) -> str:
    """Why a WebSocket that was opened says nothing about the behaviour under judgement; empty when it does."""
    for message in exchange.messages:
        status = message.json.get("status")
        if message.json.get("type") == "error" and isinstance(status, int) and status in TRANSIENT["success"]:
            return f"an error message on {exchange.request.path} had status {status}"
    close = exchange.close
    if close and close.by == "gateway" and close.code == _TRY_AGAIN_LATER and not exchange.body:
        return f"the gateway closed {exchange.request.path} with {close.code}, try again later"
    return ""
