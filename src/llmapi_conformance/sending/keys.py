"""The keys that scenarios send with: those of the keyring, and fresh ones from the reference gateway."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from llmapi_conformance.errors import TargetError
from llmapi_conformance.evidence.exchange import decode_json
from llmapi_conformance.evidence.results import ResultStatus, ScenarioStopped
from llmapi_conformance.sending.controls import Controls, body_of
from llmapi_conformance.sending.credentials import Credential
from llmapi_conformance.target.secrets import sent_forms
from llmapi_conformance.wire.message import WireFailure

if TYPE_CHECKING:
    from llmapi_conformance.evidence.tasks import Holder
    from llmapi_conformance.sending.scenario import Instance
    from llmapi_conformance.target.keyring import Keyring


class Keys:
    """Which key an instance sends with."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._own: dict[tuple[str, str], Credential] = {}

    def of(self, instance: Instance, role: str) -> Credential:
        """The key of a role: a fresh one of the instance's own, where it was given one.

        Raises:
            ScenarioStopped: There is none.
        """
        own = self._own.get((instance.key, role))
        if own:
            return own
        if role not in self._keyring:
            raise ScenarioStopped(ResultStatus.NOT_OBSERVED, f"no key for role {role}")
        return self._usual(role)

    def of_holder(self, holder: Holder) -> Credential | None:
        """The key that a task belongs to; ``None`` where it is not there any more."""
        if holder.own:
            return self._own.get((holder.own, holder.role))
        return self._usual(holder.role) if holder.role in self._keyring else None

    def are_own(self, instance: Instance) -> bool:
        """Whether nobody else sends with the key of this instance."""
        return (instance.key, instance.role) in self._own

    def names(self, instance: Instance) -> list[str]:
        """Names of the keys that an instance sends with; equal keys of several roles are one."""
        roles = [role for role in (instance.role, *instance.scenario.also_roles) if role in self._keyring]
        return [hashlib.sha256(self._keyring.reveal(role).encode()).hexdigest() for role in roles]

    async def freshen(self, instance: Instance, controls: Controls, gateway_control: str) -> dict[str, str]:
        """Have the reference gateway hand out keys for this instance alone.

        Returns:
            What must be kept out of everything from now on: secret -> marker.

        Raises:
            ScenarioStopped: It did not answer.
            TargetError: It handed out none.
        """
        secrets: dict[str, str] = {}
        for role in (instance.role, *instance.scenario.also_roles):
            if not role:
                continue
            answer = await controls.ask("POST", f"{gateway_control}/keys", ('{"role":"' + role + '"}').encode())
            if isinstance(answer, WireFailure):
                reason = f"the reference gateway handed out no key for role {role}: {answer.sentence}"
                raise ScenarioStopped(ResultStatus.INCONCLUSIVE, reason)
            made = decode_json(body_of(answer))
            if not isinstance(made, dict) or not isinstance(made.get("key"), str):
                raise TargetError(f"The reference gateway handed out no key for role {role}.")
            marker = f"key:{role}:own"
            self._own[instance.key, role] = Credential(marker, made["key"])
            secrets |= sent_forms(made["key"], marker)
        return secrets

    def _usual(self, role: str) -> Credential:
        return Credential(f"key:{role}", self._keyring.reveal(role))
