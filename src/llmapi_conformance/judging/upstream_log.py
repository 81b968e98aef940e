"""What our upstream says it received: the log of its control port."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.judging.chat_answer import array, shown
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

_CLIENT_KEY: Final = re.compile(r"\[\[key:[^\]]*\]\]")
"""What redaction leaves in the place of a client's key."""


def log_entries(log: Exchange) -> list[dict[str, Any]]:
    """The upstream's record of its requests."""
    return [entry for entry in array(log.json, "requests") if isinstance(entry, dict)]


def received_body(log: Exchange) -> dict[str, Any] | None:
    """The body of the latest request that the upstream received; ``None`` when there was none."""
    bodies = [entry.get("body") for entry in log_entries(log)]
    return next((body for body in reversed(bodies) if isinstance(body, dict)), None)


def without_client_key(log: Exchange) -> Judgement:
    """Judge that no request to the upstream carries a client's key (CWE-522)."""
    for entry in log_entries(log):
        yield Examined("upstream request")
        if found := _CLIENT_KEY.search(shown(entry, 1_000_000)):
            yield Deviation("the gateway's own provider key only", f"{found[0]} in the request to the upstream")
