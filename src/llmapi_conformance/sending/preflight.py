"""The first look at a target: does it answer, and does it accept a key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmapi_conformance.errors import TargetError
from llmapi_conformance.sending.assembly import assemble
from llmapi_conformance.sending.credentials import Credential, bearer
from llmapi_conformance.sending.outgoing import Outgoing
from llmapi_conformance.wire.message import Deadlines, WireFailure

if TYPE_CHECKING:
    from llmapi_conformance.sending.assembly import Assembled
    from llmapi_conformance.target.keyring import Keyring
    from llmapi_conformance.target.target import Target
    from llmapi_conformance.wire.http import HttpSender

_KEY_REFUSED: Final = (400, 401)
"""Statuses that say a key is unknown; 403 says that it is known and not for models."""
PREFLIGHT_DEADLINE: Final = 10.0
"""Seconds that the answer to a look may take."""


async def see_target(target: Target, keyring: Keyring, http: HttpSender) -> None:
    """See that a target answers and accepts a key.

    Raises:
        TargetError: It does not; one sentence says what happened and what to do.
    """
    plain = [role for role in target.roles if "+" not in role]
    refused: dict[str, int] = {}
    for role in plain or list(target.roles):
        outcome = await http.send(question(target, keyring, role, http).wire)
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


def question(target: Target, keyring: Keyring, role: str, http: HttpSender, label: str = "") -> Assembled:
    """The cheapest question that there is, with little time for the answer."""
    key = Credential(f"key:{role}", keyring.reveal(role))
    outgoing = Outgoing("GET", "/v1/models", (), b"", (bearer(key),), label=label)
    assembled = assemble(outgoing, target, role, http.origin)
    deadline = min(PREFLIGHT_DEADLINE, target.timeouts.first_byte)
    quick = Deadlines(target.timeouts.connect, deadline, deadline, deadline)
    return replace(assembled, wire=replace(assembled.wire, deadlines=quick))
