"""A turn without generation (`generate: false`): a response without output that a later turn continues."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from llmapi_conformance.reference.gateway.responses_request import Turn

_ASKED: Final[dict[str, Any]] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
}
"""What a response repeats of its request, with the values that stand for its absence."""
_NOTHING_USED: Final = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}


def warm_up(turn: Turn) -> list[dict[str, Any]]:
    """Return the events of the turn, the last of which carries the response as it ended."""
    given = {name: turn.body[name] for name in _ASKED if turn.body.get(name) is not None}
    begun = {
        "id": f"resp_{secrets.token_hex(24)}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": turn.body["model"],
        "output": [],
        "previous_response_id": turn.previous,
        "usage": None,
        **_ASKED,
        **given,
    }
    ended = begun | {"status": "completed", "usage": _NOTHING_USED}
    snapshots = {"response.created": begun, "response.in_progress": begun, "response.completed": ended}
    return [
        {"type": kind, "sequence_number": number, "response": response}
        for number, (kind, response) in enumerate(snapshots.items())
    ]
