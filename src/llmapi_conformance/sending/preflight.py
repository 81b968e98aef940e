"""The first look at a target: does it answer, and does it accept a key; and the last: is it still there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmapi_conformance.errors import TargetError
from llmapi_conformance.evidence.silence import LAST_LOOK
from llmapi_conformance.evidence.tasks import CLEANUP
from llmapi_conformance.sending.assembly import Place, assemble, recorded
from llmapi_conformance.sending.credentials import Credential, bearer
from llmapi_conformance.sending.session import Outgoing
from llmapi_conformance.wire.message import Deadlines, WireFailure

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.redaction import Redactor
    from llmapi_conformance.sending.assembly import Assembled
    from llmapi_conformance.target.keyring import Keyring
    from llmapi_conformance.target.target import Target
    from llmapi_conformance.wire.http import HttpSender

_KEY_REFUSED: Final = (400, 401)
"""Statuses that say a key is unknown; 403 says that it is known and not for models."""
PREFLIGHT_DEADLINE: Final = 10.0
"""Seconds that the first answer of a target may take, and the last."""
_SECOND_LOOK: Final = 1.0
"""Seconds after a last look that nobody answered."""


async def see_target(target: Target, keyring: Keyring, http: HttpSender) -> None:
    """See that a target answers and accepts a key.

    Raises:
        TargetError: It does not; one sentence says what happened and what to do.
    """
    plain = [role for role in target.roles if "+" not in role]
    refused: dict[str, int] = {}
    for role in plain or list(target.roles):
        outcome = await http.send(_question(target, keyring, role, http).wire)
        if isinstance(outcome, WireFailure):
            raise TargetError(
                f"The target {target.name} at {target.base_url} can't be used: {outcome.sentence}. "
                "Check base_url and that the gateway is running."
            )
        if outcome.status not in _KEY_REFUSED:
            return
        refused[role] = outcome.status
    said = ", ".join(f"{role} with {status}" for role, status in refused.items())
    raise TargetError(
        f"The target {target.name} accepted no key: GET /v1/models refused {said}. "
        "Check the keys in the variables that the target file names."
    )


async def last_look(target: Target, keyring: Keyring, http: HttpSender, redactor: Redactor) -> list[Exchange]:
    """Ask, at the end of a run, whether the gateway is still there: once more after a pause when it says nothing."""
    role = next(iter(target.roles))
    looks: list[Exchange] = []
    for attempt in (1, 2):
        question = _question(target, keyring, role, http, LAST_LOOK)
        place = Place(CLEANUP, "", 0, attempt, "listModels", role)
        outcome = await http.send(question.wire)
        looks.append(recorded(place, question, outcome, http.origin, redactor))
        if looks[-1].answered:
            break
        await asyncio.sleep(_SECOND_LOOK)
    return looks


def _question(target: Target, keyring: Keyring, role: str, http: HttpSender, label: str = "") -> Assembled:
    """The cheapest question there is, with little time for the answer."""
    key = Credential(f"key:{role}", keyring.reveal(role))
    outgoing = Outgoing("GET", "/v1/models", (), b"", (bearer(key),), label=label)
    assembled = assemble(outgoing, target, role, http.origin)
    deadline = min(PREFLIGHT_DEADLINE, target.timeouts.first_byte)
    quick = Deadlines(target.timeouts.connect, deadline, deadline, deadline)
    return replace(assembled, wire=replace(assembled.wire, deadlines=quick))
