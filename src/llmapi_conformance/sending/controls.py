"""Control ports of our own reference gateway and upstream: no part of what is judged, and of no budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from llmapi_conformance.errors import TargetError
from llmapi_conformance.evidence.exchange import decode_json
from llmapi_conformance.sending.assembly import SHORTEST_SECRET
from llmapi_conformance.wire.http import HttpSender
from llmapi_conformance.wire.message import Deadlines, Outcome, WireFailure, WireRequest

if TYPE_CHECKING:
    from llmapi_conformance.wire.message import WireAnswer

CONTROL_DEADLINE: Final = 60.0
"""Seconds that a control port of ours may take."""


class Controls:
    """Asks control ports; opens a sender for each when it is needed first."""

    __slots__ = ("_senders",)

    def __init__(self) -> None:
        self._senders: dict[str, HttpSender] = {}

    async def ask(self, method: str, url: str, body: bytes = b"") -> Outcome:
        """One request, with a JSON body or none."""
        parts = urlsplit(url)
        base = f"{parts.scheme}://{parts.netloc}"
        if base not in self._senders:
            self._senders[base] = await HttpSender(base).__aenter__()
        deadlines = Deadlines(CONTROL_DEADLINE, CONTROL_DEADLINE, CONTROL_DEADLINE, CONTROL_DEADLINE)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = (("Content-Type", "application/json"),) if body else ()
        return await self._senders[base].send(WireRequest(method, target, headers, body, deadlines))

    async def close(self) -> None:
        """Close the connections."""
        for sender in self._senders.values():
            await sender.__aexit__()

    async def upstream_secrets(self, control_url: str) -> dict[str, str]:
        """What our upstream knows and nobody else may: secret -> marker.

        Raises:
            TargetError: It did not tell.
        """
        outcome = await self.ask("GET", f"{control_url}/secrets")
        known = None if isinstance(outcome, WireFailure) else decode_json(body_of(outcome))
        if not isinstance(known, dict):
            raise TargetError(
                f"The upstream's control port {control_url} did not answer; start it with "
                "'llmapi-conformance reference --upstream-only', or leave [upstream] out of the target file."
            )
        secrets: dict[str, str] = {}
        for name, marker in (("keys", "upstream-key"), ("hosts", "upstream-host"), ("headers", "upstream-header")):
            for secret in known.get(name, ()):
                # One of its headers tells its host: an address stays an address.
                if len(str(secret)) >= SHORTEST_SECRET:
                    secrets.setdefault(str(secret), f"[[{marker}]]")
        return secrets


def body_of(answer: WireAnswer) -> bytes:
    """The whole body."""
    return b"".join(data for _, data in answer.chunks)
