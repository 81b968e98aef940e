"""The upstream's log: what it received, and how far its answer came."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

LOG_ENTRIES = 10_000
"""The log keeps so many requests; the oldest go first."""

Protocol: TypeAlias = Literal[
    "messages",
    "count_tokens",
    "chat",
    "responses",
    "responses_websocket",
    "input_tokens",
    "compact",
    "gemini",
    "gemini_count_tokens",
    "image_generations",
    "image_edits",
    "models",
    "other",
]


@dataclass(slots=True)
class LogEntry:
    """One request, noted before it is looked at.

    Attributes:
        id: Its number, from 1, never used again.
        nonce: The nonce of its directive.
        at: When its body was complete, Unix seconds.
        method: The HTTP method.
        path: The path, without the query.
        protocol: The protocol of the path.
        headers: The header fields as received, in order.
        body: The parsed JSON, what a form holds (see `forms.summary`), or None.
        deltas_sent: How many deltas of the answer are on their way.
        finished: The whole answer was sent, or as much of it as the directive asked for.
        disconnected: The client went away before that.
    """

    id: int
    nonce: str | None
    method: str
    path: str
    protocol: Protocol
    headers: tuple[tuple[str, str], ...]
    body: Any
    at: float = field(default_factory=time.time)
    deltas_sent: int = 0
    finished: bool = False
    disconnected: bool = False

    def as_document(self) -> dict[str, Any]:
        """Return the entry as the control surface shows it."""
        return {
            "id": self.id,
            "nonce": self.nonce,
            "at": self.at,
            "method": self.method,
            "path": self.path,
            "protocol": self.protocol,
            "headers": [list(pair) for pair in self.headers],
            "body": self.body,
            "deltas_sent": self.deltas_sent,
            "finished": self.finished,
            "disconnected": self.disconnected,
        }


class Log:
    """A ring of the last requests."""

    def __init__(self, size: int = LOG_ENTRIES) -> None:
        self._entries: deque[LogEntry] = deque(maxlen=size)
        self._last_id = 0

    def add(
        self,
        *,
        nonce: str | None,
        method: str,
        path: str,
        protocol: Protocol,
        headers: tuple[tuple[str, str], ...],
        body: Any,
    ) -> LogEntry:
        """Note a request and return its entry, which the answer keeps up to date."""
        self._last_id += 1
        entry = LogEntry(self._last_id, nonce, method, path, protocol, headers, body)
        self._entries.append(entry)
        return entry

    def entries(self, nonce: str | None = None) -> list[LogEntry]:
        """Return the entries, oldest first; with a nonce only those that carry it."""
        return [entry for entry in self._entries if nonce is None or entry.nonce == nonce]

    def forget(self) -> None:
        """Empty the log; numbers go on."""
        self._entries.clear()
