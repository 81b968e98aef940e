"""A run that was made, read back from its folder: what reports about several runs start from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from llmapi_conformance.errors import ReportError
from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.reporting.document import FORMAT, VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_VERDICTS = frozenset(Verdict)
_STATUSES = (0, 1, 2, 3)


@dataclass(frozen=True, slots=True)
class PastClause:
    """What a run said of one clause, as in ``verdicts.json``.

    Attributes:
        id: Of the clause.
        surface: Of the clause.
        level: At that target.
        basis: Of the clause.
        statement: Of the clause.
        source: Of the clause.
        verdict: What was said.
        reason: One sentence when nothing could be judged.
        findings: As they stand in the file.
        selected: Whether a check of it was among those that ran.
    """

    id: str
    surface: str
    level: str
    basis: str
    statement: str
    source: str
    verdict: Verdict
    reason: str
    findings: tuple[Mapping[str, Any], ...]
    selected: bool

    @property
    def oracles(self) -> frozenset[str]:
        """The oracles that found something: what is the same of a finding when ids and numbers in it have changed."""
        return frozenset(str(finding["oracle"]) for finding in self.findings)


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run that was made.

    Attributes:
        path: The ``verdicts.json``.
        document: What it says.
        started_at: When the run began, in UTC.
        clauses: By id, in the order of the file.
    """

    path: Path
    document: Mapping[str, Any]
    started_at: datetime
    clauses: Mapping[str, PastClause] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """Name of the target, and its region where it names one."""
        name, region = str(self.document["target"]["name"]), str(self.document["target"].get("region", ""))
        return f"{name} ({region})" if region else name

    @property
    def status(self) -> int:
        """Exit status of the run."""
        return int(self.document["exit_status"])

    @property
    def keyword(self) -> str:
        """What narrowed the checks, and which part of the run it is; empty when nothing did, and it is all of it."""
        keyword = str(self.document["selection"].get("keyword", ""))
        return " ".join(filter(None, (keyword, f"shard {self.shard}" if self.shard else "")))

    @property
    def shard(self) -> str:
        """Which part of a run it is, such as ``2/3``, or ``1,3/3`` of a partial merge; empty for a whole one."""
        return str(self.document["selection"].get("shard", ""))

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the run can't be trusted."""
        return tuple(str(problem) for problem in self.document["problems"])

    def beside(self, name: str) -> Path | None:
        """Another file of the run, ``None`` when it is not there."""
        path = self.path.parent / name
        return path if path.is_file() else None


def load_run(path: Path) -> PastRun:
    """Read a run's folder, or its ``verdicts.json``.

    Raises:
        ReportError: There is none, or it can't be used.
    """
    file = path / "verdicts.json" if path.is_dir() else path
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        raise ReportError(_missing(path, file)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"{file} can't be read: {getattr(error, 'strerror', None) or 'it is no text'}.") from None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ReportError(f"{file} is no verdicts.json of this tool: name the folder of a run, or its verdicts.json.")
    if document.get("version") != VERSION:
        raise ReportError(
            f"{file} has version {document.get('version')!r}, this tool reads {VERSION}: judge its recording again."
        )
    return read_run(file, document)


def read_run(file: Path, document: Mapping[str, Any]) -> PastRun:
    """A run from what its ``verdicts.json`` says.

    Args:
        file: Where it stands, or will stand.
        document: What it says.

    Raises:
        ReportError: A part that reports need is missing or of another type.
    """
    try:
        started_at = datetime.fromisoformat(document["started_at"])
        clauses = {one.id: one for one in map(_clause, document["clauses"])}
        run = PastRun(file, document, started_at, clauses)
        _ = (document["target"]["name"], document["headline"], (document.get("recording") or {}).get("seal"))
        _ = (run.keyword, dict(document["figures"]["surfaces"]), document["figures"]["verdicts"].items())
        _expect(document["exit_status"] in _STATUSES and started_at.tzinfo is not None, "exit_status or started_at")
        for name, found in (
            ("problems", document["problems"]),
            ("bad_waivers", document.get("bad_waivers", [])),
            ("claims", document["target"].get("claims", [])),
            ("offers", document["target"].get("offers", [])),
            ("texts", [document["target"]["name"], document["tool"]["version"]]),
            ("texts", [document["profile"], document["contract"]]),
        ):
            _expect(_texts(found), name)
        for name in ("generate", "seed", "samples"):
            _expect(isinstance(document["selection"].get(name), int | None), name)
        _baseline(document.get("baseline"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(
            f"{file} is damaged ({type(error).__name__}: {error}): judge the recording of that run again."
        ) from None
    return run


def _expect(holds: bool, what: str) -> None:  # noqa: FBT001 - as an assertion reads
    if not holds:
        raise ValueError(f"no such {what}")


def _texts(found: object) -> bool:
    return isinstance(found, list) and all(isinstance(one, str) for one in found)


def _baseline(data: Mapping[str, Any] | None) -> None:
    if data is None:
        return
    told = [*data["new"], *data["lost"]]
    _expect(all(isinstance(one["fails"], bool) and _texts([one["clause"], one["words"]]) for one in told), "baseline")
    for name in ("known", "mended", "unlike"):
        _expect(_texts(data[name]), name)
    _expect(_texts([data["target"], data["started_at"]]), "baseline")


def _clause(data: Mapping[str, Any]) -> PastClause:
    findings = tuple(data["findings"])
    for finding in findings:
        _expect(_texts([finding["oracle"], finding["expected"], finding["observed"]]), "finding")
    _expect(_texts([data[name] for name in ("id", "surface", "level", "basis", "statement", "source")]), "clause")
    _expect(all(_texts([one["name"]]) and isinstance(one["examined"], int) for one in data["checks"]), "check")
    if data["verdict"] not in _VERDICTS:
        raise ValueError(f"no verdict: {data['verdict']!r}")
    return PastClause(
        id=data["id"],
        surface=data["surface"],
        level=data["level"],
        basis=data["basis"],
        statement=data["statement"],
        source=data["source"],
        verdict=Verdict(data["verdict"]),
        reason=str(data["reason"]),
        findings=findings,
        selected=bool(data["checks"]) or data["verdict"] == Verdict.NOT_OFFERED,
    )


def _missing(path: Path, file: Path) -> str:
    recording = file.with_name("recording.jsonl")
    if file.name == "verdicts.json" and recording.is_file():
        return (
            f"{path} has no verdicts.json, the run died: 'llmapi-conformance judge {recording}' says what its "
            "recording shows."
        )
    return f"There is no {file}: name the folder of a run, or its verdicts.json."


def write_text(path: Path, text: str) -> None:
    """Write a report as UTF-8; folders on the way to it are made.

    Raises:
        ReportError: It can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise ReportError(f"{path} can't be written: {error.strerror}.") from None
