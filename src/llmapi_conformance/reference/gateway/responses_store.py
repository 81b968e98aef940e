"""Stored responses: what a `previous_response_id` and `/v1/responses/{id}` refer to, each only with its own key."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from llmapi_conformance.reference.gateway.keys import ApiKey

_MOST: Final = 10_000

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """One response as it ended.

    Attributes:
        owner: The secret of the key that asked for it; never printed.
        response: The Response object.
        conversation: All items up to its end: those of the input, with what came before them, and those of the output.
    """

    owner: str = field(repr=False)
    response: dict[str, Any]
    conversation: tuple[Item, ...]

    @property
    def id(self) -> str:
        """The id of the response."""
        return str(self.response["id"])


class ResponseStore:
    """The responses of all keys; the oldest make room for new ones."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, Stored] = OrderedDict()

    def keep(self, stored: Stored) -> None:
        """Store a response."""
        self._by_id[stored.id] = stored
        while len(self._by_id) > _MOST:
            self._by_id.popitem(last=False)

    def held(self, response_id: str) -> Stored | None:
        """Return a response, whoever owns it."""
        return self._by_id.get(response_id)

    def find(self, key: ApiKey, response_id: str) -> Stored | None:
        """Return a response of a key; one of another key, of the same tenant too, is as unknown as any other id."""
        stored = self.held(response_id)
        return stored if stored is not None and stored.owner == key.secret else None

    def drop(self, key: ApiKey, response_id: str) -> bool:
        """Forget a response of a key, and say whether there was one."""
        return self.find(key, response_id) is not None and self._by_id.pop(response_id, None) is not None

    def item(self, key: ApiKey, item_id: str) -> Item | None:
        """Return an item of a conversation of a key."""
        own = (stored.conversation for stored in reversed(self._by_id.values()) if stored.owner == key.secret)
        return next((item for items in own for item in items if item.get("id") == item_id), None)
