"""The responses that the upstream remembers, for what continues or retrieves them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_MOST_RESPONSES = 1_000


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response and all that was said up to it.

    Attributes:
        response: The final response object.
        conversation: The items of all turns, its own output included.
    """

    response: dict[str, Any]
    conversation: tuple[dict[str, Any], ...]


class ResponseStore:
    """Responses by id, the oldest forgotten first.

    A WebSocket connection has a store of its own above the provider's: what it keeps there nobody else finds.
    """

    def __init__(self, beneath: ResponseStore | None = None) -> None:
        self._beneath = beneath
        self._kept: dict[str, StoredResponse] = {}

    @property
    def is_a_connections(self) -> bool:
        """Whether it is the memory of a connection."""
        return self._beneath is not None

    def keep(self, stored: StoredResponse) -> None:
        """Keep a response: in this store, and in the one beneath it where the request wants it stored."""
        self._kept[stored.response["id"]] = stored
        if len(self._kept) > _MOST_RESPONSES:
            del self._kept[next(iter(self._kept))]
        if self._beneath is not None and stored.response["store"]:
            self._beneath.keep(stored)

    def find(self, response_id: str) -> StoredResponse | None:
        """Return a response of this store or the one beneath it."""
        found = self._kept.get(response_id)
        return self._beneath.find(response_id) if found is None and self._beneath is not None else found

    def forget(self, response_id: str) -> bool:
        """Forget a response of this store, not of the one beneath it, and say whether there was one."""
        return self._kept.pop(response_id, None) is not None
