"""Requests for responses that several tests share."""

from __future__ import annotations

import json
from typing import Any

PATH = "/v1/responses"
GPT = "general:openai"
TOOL = {"type": "function", "name": "look", "parameters": {"type": "object"}}


def ask(site: Any, given: Any, role: str = GPT, path: str = PATH, **fields: Any) -> Any:
    """Ask for a response."""
    return site.post(path, role, {"model": "gpt-5.1", "input": given, **fields})


def stream(site: Any, given: Any, path: str = PATH, **fields: Any) -> list[tuple[str | None, dict[str, Any]]]:
    """Ask for a stream and return its events: name and data."""
    found: list[tuple[str | None, dict[str, Any]]] = []
    for block in ask(site, given, path=path, stream=True, **fields).text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if lines:
            found.append((lines.get("event"), json.loads(lines["data"])))
    return found


def kinds(events: list[tuple[str | None, dict[str, Any]]]) -> list[str]:
    """Return the types of some events."""
    return [event["type"] for _, event in events]


def message(text: str) -> dict[str, Any]:
    """Return the item of a user's message."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
