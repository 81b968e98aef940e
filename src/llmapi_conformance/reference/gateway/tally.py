"""What one request is charged: read from the upstream's usage, booked once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmapi_conformance.reference.gateway.keys import ApiKey
    from llmapi_conformance.reference.gateway.ledger import Ledger


class Tally:
    """The tokens of one request, cached input included."""

    def __init__(self, ledger: Ledger, key: ApiKey, model: str) -> None:
        self._ledger = ledger
        self._key = key
        self._model = model
        self._started = time.monotonic()
        self._booked = False
        self._messages: dict[str, Any] = {}
        self.input_tokens = 0
        self.output_tokens = 0

    def see_messages(self, usage: Any) -> None:
        """Take a Messages usage object; fields that are given replace what was there (rule A-S6)."""
        if not isinstance(usage, dict):
            return
        self._messages.update({name: value for name, value in usage.items() if isinstance(value, int)})
        self.input_tokens = total_input(self._messages)
        self.output_tokens = self._messages.get("output_tokens", 0)

    def see_chat(self, usage: Any) -> None:
        """Take a Chat usage object."""
        if isinstance(usage, dict):
            self.input_tokens = count(usage, "prompt_tokens")
            self.output_tokens = count(usage, "completion_tokens")

    def see_gemini(self, usage: Any) -> None:
        """Take a Gemini usage object: thoughts are output that the candidates' count leaves out (oracle M20)."""
        if isinstance(usage, dict):
            self.input_tokens = count(usage, "promptTokenCount") + count(usage, "toolUsePromptTokenCount")
            self.output_tokens = count(usage, "candidatesTokenCount") + count(usage, "thoughtsTokenCount")

    def see_responses(self, usage: Any) -> None:
        """Take a usage object of Responses or of Images."""
        if isinstance(usage, dict):
            self.input_tokens = count(usage, "input_tokens")
            self.output_tokens = count(usage, "output_tokens")

    def book(self) -> None:
        """Enter the request in the ledger; further calls do nothing."""
        if not self._booked:
            self._booked = True
            elapsed = (time.monotonic() - self._started) * 1000
            self._ledger.record(self._key, self._model, self.input_tokens, self.output_tokens, elapsed)


def total_input(usage: Mapping[str, Any]) -> int:
    """Return all input tokens of a Messages usage: `input_tokens` leaves the cached ones out (rule A-N4)."""
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return sum(count(usage, name) for name in names)


def count(fields: Any, name: str) -> int:
    """Return a token count, 0 where there is none."""
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
