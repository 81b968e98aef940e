"""What our upstream says it received: the log of its control port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging.chat_answer import array

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


def log_entries(log: Exchange) -> list[dict[str, Any]]:
    """The upstream's record of its requests."""
    return [entry for entry in array(log.json, "requests") if isinstance(entry, dict)]


def received_body(log: Exchange) -> dict[str, Any] | None:
    """The body of the latest request that the upstream received; ``None`` when there was none."""
    bodies = [entry.get("body") for entry in log_entries(log)]
    return next((body for body in reversed(bodies) if isinstance(body, dict)), None)
