"""What of recorded exchanges can be sent again as it is, and what would then say something else than it did."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.evidence.exchange import Ending

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,}")
"""Looks like an id that somebody made up."""
_CUT: Final = re.compile(rb"\[\[\d+ bytes in all, SHA-256 [0-9a-f]{64}\]\]")
"""Stands at the end of a request body that was too long to be kept (``wire.capture``)."""
_OTHER_SECRET: Final = re.compile(r"\[\[(?:secret:|upstream-)[^\]]*\]\]")
"""A marker of something that no target file holds."""


def obstacle(exchange: Exchange) -> str:
    """Why an exchange can't be sent again as it was, in words that go on from its id; empty when it can."""
    request = exchange.request
    sent = [request.body, *(message.data for message in exchange.conversation if message.sent)]
    texts = [request.target, *(f"{name}: {value}" for name, value in request.headers)]
    texts += [data.decode("utf-8", "replace") for data in sent]
    checks = (
        (exchange.of_our_upstream, "asked our upstream's control port, which is no part of the gateway"),
        (exchange.ending is Ending.ABORTED, "was hung up on purpose"),
        (exchange.ending is Ending.LEFT, "is a stream without an end of its own, which was left"),
        (any(_CUT.search(data) for data in sent), "had a body that was too long to be kept"),
        (any(b"hold-until=" in data for data in sent), "waited for a word to our upstream"),
        (any("Basic [[key:" in text for text in texts), "carried its key in Base64"),
        (any(_OTHER_SECRET.search(text) for text in texts), "carried a secret that is in no target file"),
    )
    return next((words for holds, words in checks if holds), "")


def has_own_key(exchange: Exchange) -> bool:
    """Whether it was sent with a key that was made for its scenario alone; no target file holds that."""
    return any(":own]]" in value for _, value in exchange.request.headers) or ":own]]" in exchange.request.target


def named_by_answers(exchange: Exchange, others: Iterable[Exchange], known: Iterable[str] = ()) -> str:
    """What a request names that an earlier answer gave, such as the id of a task; empty when there is nothing.

    Args:
        exchange: That is to be sent again.
        others: Of the same recording.
        known: Names that are no ids, such as those of models.
    """
    names = set(_TOKEN.findall(exchange.request.path)) | _previous(exchange.request.json)
    names -= {token for name in known for token in _TOKEN.findall(name)}
    earlier = [one for one in others if one.id != exchange.id and one.started_at <= exchange.started_at]
    return next((name for name in sorted(names) if any(name.encode() in one.body for one in earlier)), "")


def told_by_answers(value: Any, exchanges: Sequence[Exchange]) -> str:
    """Plain text in the result of a scenario that stems from an answer; empty when there is none."""
    for text in _texts(value):
        data = text.encode("utf-8", "replace")
        if len(data) < 16 or any(data in one.request.body or text in one.request.target for one in exchanges):
            continue
        if any(data in one.body for one in exchanges):
            return text[:60]
    return ""


def _previous(body: object) -> set[str]:
    name = body.get("previous_response_id") if isinstance(body, dict) else None
    return {name} if isinstance(name, str) and name else set()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
