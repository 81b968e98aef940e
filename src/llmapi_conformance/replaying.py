"""Replaying a capsule: its requests are sent again, what comes back is recorded, and its check judges once more."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmapi_conformance import __version__
from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.errors import TargetError
from llmapi_conformance.evidence.exchange import Exchange
from llmapi_conformance.evidence.journal import Journal
from llmapi_conformance.evidence.recording import RecordedResult
from llmapi_conformance.evidence.redaction import Redactor
from llmapi_conformance.evidence.tasks import submitted_tasks
from llmapi_conformance.judging.verdicts import ClauseVerdict, Verdict
from llmapi_conformance.sending.credentials import Credential
from llmapi_conformance.sending.repeating import Repeater
from llmapi_conformance.sending.sweeping import PATIENT, Sweep
from llmapi_conformance.target.description import describe
from llmapi_conformance.target.files import load_target
from llmapi_conformance.target.secrets import secrets_of
from llmapi_conformance.tree import tree
from llmapi_conformance.wire.http import HttpSender

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmapi_conformance.evidence.tasks import Holder
    from llmapi_conformance.reporting.capsule import Capsule
    from llmapi_conformance.target.keyring import Keyring
    from llmapi_conformance.target.target import Target

MENDED, DEVIATES, UNTRIED = 0, 1, 2
"""Exit statuses of a replay."""


def send_again(capsule: Capsule, target_file: Path, recording: Path) -> None:
    """Send the requests of a capsule in their order, and record what comes back under the same ids.

    Tasks that this submits are ended.

    Args:
        capsule: One that can be sent again.
        target_file: Of the gateway, which need not be the one that the capsule speaks of.
        recording: Where to record; there must be no file yet.

    Raises:
        ConformanceError: The target file can't be used or lacks a key, or the recording can't be written.
    """
    target, keyring, header_secrets = load_target(target_file)
    opening = capsule.recording.opening
    with Journal(
        recording,
        tool_version=__version__,
        contract_digest=load_contract(tree()).digest,
        target=describe(target),
        profile=opening.profile,
        selection=opening.selection,
    ) as journal:
        sent = asyncio.run(_sent(capsule, target, keyring, header_secrets, journal))
        for (scenario, parameters), result in capsule.recording.results.items():
            if isinstance(result, RecordedResult):
                value = _with(result.value, sent)
                journal.write_result(scenario, parameters, result.status, reason=result.reason, value=value)


def outcome(capsule: Capsule, results: Iterable[ClauseVerdict], problems: Sequence[str] = ()) -> tuple[int, str]:
    """Exit status and one sentence: whether the gateway still deviates, as the capsule's check says."""
    clause = next((one for one in results if one.clause.id == capsule.clause), None)
    check = next((one for one in clause.checks if one.name == capsule.check), None) if clause else None
    if problems or clause is None or check is None:
        why = "; ".join(problems) or (clause.reason if clause else "") or f"there is no check {capsule.check} any more"
        return UNTRIED, f"{capsule.clause} can't be tried: {why}"
    if check.verdict is Verdict.PASSED:
        return MENDED, f"{capsule.clause} no longer deviates: {check.examined} subjects examined"
    finding = next((one for one in clause.findings if one.oracle == capsule.document["finding"]["oracle"]), None)
    finding = finding or next(iter(clause.findings), None)
    if check.verdict in (Verdict.FAILED, Verdict.WARNED, Verdict.NOTED) and finding is not None:
        return DEVIATES, f"{capsule.clause} still deviates: expected {finding.expected}; observed {finding.observed}"
    return UNTRIED, f"{capsule.clause} can't be tried: {check.reason or check.verdict.value.replace('_', ' ')}"


async def _sent(
    capsule: Capsule, target: Target, keyring: Keyring, header_secrets: dict[str, str], journal: Journal
) -> dict[str, Exchange]:
    """What came back, by id; only the last attempt of each step is sent again."""
    redactor = Redactor(secrets_of(keyring, header_secrets))
    ca_file = Path(target.ca_file) if target.ca_file else None
    sent: dict[str, Exchange] = {}

    def keep(exchange: Exchange) -> None:
        journal.write_exchange(exchange)
        sent[exchange.id] = exchange

    def credential(holder: Holder) -> Credential | None:
        return Credential(f"key:{holder.role}", keyring.reveal(holder.role)) if holder.role in keyring else None

    async with HttpSender(target.base_url, ca_file=ca_file) as http:
        old = str(capsule.recording.opening.target.get("base_url", ""))
        repeater = Repeater(target, keyring, header_secrets, http, redactor, recorded_base_url=old)
        exchanges = _in_order(capsule.recording.exchanges.values())
        if missing := repeater.missing(exchanges):
            raise TargetError(
                f"The target file has nothing for {', '.join(missing)}, which the requests of {capsule.clause} need; "
                "add those roles or headers."
            )
        try:
            for exchange in exchanges:
                keep(await repeater.send(exchange))
        finally:
            sweep = Sweep(target, http, redactor, credential, keep)
            await sweep.run(submitted_tasks(list(sent.values())).left, PATIENT)
    return sent


def _in_order(exchanges: Iterable[Exchange]) -> list[Exchange]:
    last: dict[tuple[str, str, int], Exchange] = {}
    for one in exchanges:
        place = (one.scenario, one.parameters, one.step)
        if place not in last or last[place].attempt < one.attempt:
            last[place] = one
    return sorted(last.values(), key=lambda one: (one.started_at, one.step))


def _with(value: Any, sent: dict[str, Exchange]) -> Any:
    """The result of a scenario with the new exchanges in their places."""
    if isinstance(value, Exchange):
        return sent.get(value.id, value)
    if isinstance(value, dict):
        return {name: _with(part, sent) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_with(part, sent) for part in value]
    return value
