"""A capsule: a folder that shows one finding and stands alone, to be read, sent again and judged again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance import __version__
from llmapi_conformance.errors import RecordingError
from llmapi_conformance.evidence.journal import Journal
from llmapi_conformance.evidence.recording import Key, RecordedResult, read_recording
from llmapi_conformance.evidence.tasks import CLEANUP
from llmapi_conformance.judging.check import exchanges_in
from llmapi_conformance.reporting.capsule_files import write_files
from llmapi_conformance.reporting.repeatable import has_own_key, named_by_answers, obstacle, told_by_answers
from llmapi_conformance.reporting.statement import RECORDING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.recording import Recording

FORMAT: Final = "llmapi-conformance/capsule"
VERSION: Final = 1
CAPSULE: Final = "capsule.json"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a capsule is about.

    Attributes:
        clause: As it stands in ``verdicts.json``.
        finding: One of its findings; it names an exchange.
        check: The check that judges it again.
        instances: Scenarios whose results the check takes; empty when it looks at the exchange alone.
    """

    clause: Mapping[str, Any]
    finding: Mapping[str, Any]
    check: str
    instances: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Capsule:
    """A capsule that was read.

    Attributes:
        folder: Where it is.
        document: What its ``capsule.json`` says.
        recording: Its own.
    """

    folder: Path
    document: Mapping[str, Any]
    recording: Recording

    @property
    def clause(self) -> str:
        """Id of the clause."""
        return str(self.document["clause"]["id"])

    @property
    def check(self) -> str:
        """The check that judges it again."""
        return str(self.document["check"])

    @property
    def obstacle(self) -> str:
        """Why it can't be sent again; empty when it can."""
        return str(self.document["replay"]["obstacle"])


def write_capsule(folder: Path, subject: Subject, recording: Recording, verdicts: Mapping[str, Any]) -> None:
    """Write the capsule of a finding.

    Args:
        folder: There must be none yet.
        subject: The finding.
        recording: Of the run.
        verdicts: The ``verdicts.json`` of the run.

    Raises:
        RecordingError: The folder is there already or can't be written, or the recording lacks the exchange.
    """
    name = str(subject.finding["exchange"])
    shown = recording.exchanges.get(name)
    if shown is None:
        raise RecordingError(f"the recording holds no undamaged exchange {name}, which shows {subject.clause['id']}")
    kept = _kept(subject, shown, recording)
    document = _document(subject, kept, recording, verdicts)
    try:
        folder.mkdir(parents=True)
        (folder / CAPSULE).write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
        write_files(folder, document, shown, recording.opening)
    except FileExistsError:
        raise RecordingError(f"{folder} exists: a capsule is never overwritten, name another folder") from None
    except OSError as error:
        raise RecordingError(f"the capsule {folder} cannot be written: {error.strerror}") from None
    _record(folder / RECORDING, subject, kept, recording)


def load_capsule(folder: Path) -> Capsule:
    """Read a capsule.

    Raises:
        RecordingError: It is none, or its recording is damaged.
    """
    try:
        document = json.loads((folder / CAPSULE).read_bytes())
    except OSError as error:
        raise RecordingError(f"{folder} is no capsule: its {CAPSULE} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        document = None
    needed = {"clause", "finding", "check", "exchange", "replay"}
    if not isinstance(document, dict) or document.get("format") != FORMAT or not needed <= document.keys():
        raise RecordingError(f"{folder} is no capsule: its {CAPSULE} is something else")
    if document.get("version") != VERSION:
        raise RecordingError(
            f"the capsule {folder} has version {document.get('version')!r}, this tool reads {VERSION}: "
            "use the version of the tool that wrote it"
        )
    recording = read_recording(folder / RECORDING, exact=True)
    if recording.damaged or document["exchange"] not in recording.exchanges:
        what = recording.damaged[0] if recording.damaged else f"the exchange {document['exchange']} is missing"
        raise RecordingError(f"the recording of the capsule {folder} is damaged: {what}")
    return Capsule(folder, document, recording)


def _kept(subject: Subject, shown: Exchange, recording: Recording) -> list[Exchange]:
    """The exchanges that the check needs, in the order of the recording."""
    if not subject.instances:
        return [shown]
    names = {shown.id}
    for key in subject.instances:
        result = recording.results.get(key)
        if isinstance(result, RecordedResult):
            names |= {one.id for one in exchanges_in(result.value)}
    return [
        one
        for one in recording.exchanges.values()
        if one.scenario != CLEANUP and (one.id in names or (one.scenario, one.parameters) in subject.instances)
    ]


def _document(
    subject: Subject, kept: Sequence[Exchange], recording: Recording, verdicts: Mapping[str, Any]
) -> dict[str, Any]:
    clause = {name: value for name, value in subject.clause.items() if name not in ("findings", "checks")}
    return {
        "format": FORMAT,
        "version": VERSION,
        "tool": {"name": "llmapi-conformance", "version": __version__},
        "clause": clause,
        "finding": dict(subject.finding),
        "check": subject.check,
        "exchange": subject.finding["exchange"],
        "of": {
            "seal": recording.seal or None,
            "started_at": verdicts["started_at"],
            "contract": verdicts["contract"],
            "target": {name: verdicts["target"][name] for name in ("name", "base_url")},
            "profile": verdicts["profile"],
        },
        "replay": {"requests": len(kept), "obstacle": _obstacle(subject, kept, recording)},
    }


def _obstacle(subject: Subject, kept: Sequence[Exchange], recording: Recording) -> str:
    """Why the capsule can't be sent again, with what of it could be; empty when it can."""
    models = [model for names in recording.opening.target.get("roles", {}).values() for model in names]
    others = list(recording.exchanges.values())
    wrong: dict[str, str] = {}
    for one in kept:
        words = obstacle(one)
        if not words and (name := named_by_answers(one, others, models)):
            words = f"names {name}, which an earlier answer gave"
        if not words and subject.instances and has_own_key(one):
            words = "had a fresh key that nobody else used, on which its check relies"
        if words:
            wrong[one.id] = words
    if not wrong:
        values = [recording.results.get(key) for key in subject.instances]
        told = [told_by_answers(one.value, kept) for one in values if isinstance(one, RecordedResult)]
        text = next((text for text in told if text), "")
        return f"its check also looks at {text!r}, which an answer gave and the next one will not" if text else ""
    first = next(iter(wrong))
    if len(kept) == 1:
        return f"{first} {wrong[first]}"
    could = len(kept) - len(wrong)
    return (
        f"its check looks at {len(kept)} exchanges together, of which {could} could be sent again alone; "
        f"{first} {wrong[first]}" + (f", and {len(wrong) - 1} others can't be either" if len(wrong) > 1 else "")
    )


def _record(path: Path, subject: Subject, kept: Sequence[Exchange], recording: Recording) -> None:
    """The capsule's own recording: what the check needs of the run's, judged on the same terms."""
    opening = recording.opening
    with Journal(
        path,
        tool_version=opening.tool_version,
        contract_digest=opening.contract_digest,
        target=opening.target,
        profile=opening.profile,
        selection={**opening.selection, "keyword": str(subject.clause["id"])},
        started_at=opening.started_at,
    ) as journal:
        for exchange in kept:
            journal.write_exchange(exchange)
        for scenario, parameters in subject.instances:
            result = recording.results.get((scenario, parameters))
            if isinstance(result, RecordedResult):
                journal.write_result(scenario, parameters, result.status, reason=result.reason, value=result.value)
