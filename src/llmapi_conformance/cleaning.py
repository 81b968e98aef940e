"""Cleaning up after a run that could not do it itself: the tasks that its recording names are ended."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from llmapi_conformance.errors import TargetError
from llmapi_conformance.evidence.recording import Recording, read_recording
from llmapi_conformance.evidence.redaction import Redactor
from llmapi_conformance.evidence.tasks import SubmittedTasks, submitted_tasks
from llmapi_conformance.sending.credentials import Credential
from llmapi_conformance.sending.sweeping import Sweep
from llmapi_conformance.target.files import load_target
from llmapi_conformance.target.secrets import secrets_of
from llmapi_conformance.wire.http import HttpSender

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.tasks import Holder
    from llmapi_conformance.target.keyring import Keyring
    from llmapi_conformance.target.target import Target

MOST = 60.0
"""Seconds for all tasks of a recording."""


def clean_up(path: Path, target_file: Path) -> SubmittedTasks:
    """End what is still active of the tasks of a recording, torn or whole.

    Returns:
        The tasks of the recording and what became of them.

    Raises:
        ConformanceError: The recording or the target file can't be used, they speak of two gateways, or the target file
            has no key for any task that is left.
    """
    recording = read_recording(path)
    target, keyring, headers = load_target(target_file)
    _same_gateway(recording, path, target, target_file)
    before = list(recording.exchanges.values())
    left = submitted_tasks(before).left
    missing = sorted({task.holder.written for task in left if not _has_key(task.holder, keyring)})
    if left and not any(_has_key(task.holder, keyring) for task in left):
        raise TargetError(
            f"The tasks of {path} belong to {', '.join(missing)}, and {target_file} has no such key; "
            "add the role that submitted them."
        )
    return submitted_tasks([*before, *asyncio.run(_swept(target, keyring, headers, before))])


def _same_gateway(recording: Recording, path: Path, target: Target, target_file: Path) -> None:
    there = str(recording.opening.target.get("base_url", ""))
    if not there:
        raise TargetError(f"The recording {path} does not say which gateway it is of; its tasks can't be ended.")
    if there != target.base_url:
        raise TargetError(
            f"The recording {path} is of {there}, and {target_file} names {target.base_url}; "
            "name the target file that the run was made with."
        )


def _has_key(holder: Holder, keyring: Keyring) -> bool:
    return not holder.own and holder.role in keyring


async def _swept(target: Target, keyring: Keyring, headers: dict[str, str], before: list[Exchange]) -> list[Exchange]:
    """What was sent to end the tasks of earlier exchanges."""
    kept: list[Exchange] = []

    def credential(holder: Holder) -> Credential | None:
        return Credential(f"key:{holder.role}", keyring.reveal(holder.role)) if _has_key(holder, keyring) else None

    redactor = Redactor(secrets_of(keyring, headers))
    ca_file = Path(target.ca_file) if target.ca_file else None
    async with HttpSender(target.base_url, ca_file=ca_file) as http:
        await Sweep(target, http, redactor, credential, kept.append).run(submitted_tasks(before).left, MOST)
    return kept
