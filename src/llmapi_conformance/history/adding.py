"""A run into the history: once, whoever adds it and however often."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from llmapi_conformance.errors import HistoryError, RecordingError, ReportError
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.history.latencies import latencies
from llmapi_conformance.history.models import FindingRow, LatencyRow, RunRow, VerdictRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmapi_conformance.history.database import History
    from llmapi_conformance.reporting.past import PastRun


def identity(run: PastRun) -> str:
    """What makes a run the same run: the seal of its recording; without one the digest of its verdicts."""
    if seal := (run.document.get("recording") or {}).get("seal"):
        return str(seal)
    text = json.dumps(run.document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def be_whole(run: PastRun) -> None:
    """See that a run is no shard, and no merge that goes without one: it would count as a night of its own.

    Raises:
        HistoryError: It is.
    """
    if run.shard:
        raise HistoryError(
            f"{run.path} is part {run.shard} of a run, and no night of its own: merge all shards of that run first "
            "(llmapi-conformance merge SHARD... -o DIR), then add the merged run."
        )


def add(history: History, run: PastRun, *, at: datetime | None = None) -> bool:
    """Add a run, with the times of its recording where it lies beside the verdicts.

    Args:
        history: Where to.
        run: As its ``verdicts.json`` says.
        at: When it shall have begun, in the place of when it did: for a trial with nights that were none.

    Returns:
        Whether it was new.

    Raises:
        HistoryError: The database can't do it, or it is a part of a run.
        ReportError: The verdicts lack a part.
    """
    be_whole(run)
    row = _row(run, at)
    known = select(RunRow.id).where(RunRow.identity == row.identity)
    with history.reading() as session:  # where it is there already, the recording need not be read
        if session.scalar(known) is not None:
            return False
    row.latencies = _latencies(run)
    with history.writing() as session:
        if session.scalar(known) is not None:
            return False
        session.add(row)
    return True


def _row(run: PastRun, at: datetime | None) -> RunRow:
    document = run.document
    try:
        ended_at = datetime.fromisoformat(document["ended_at"])
        spent = document["figures"].get("spent") or {}
        money = spent.get("money") or {}
        return RunRow(
            identity=identity(run),
            seal=(document.get("recording") or {}).get("seal"),
            target=_kept(run.target),
            profile=str(document["profile"]),
            keyword=_kept(run.keyword),
            contract=str(document["contract"]),
            tool_version=str(document["tool"]["version"]),
            started_at=at or run.started_at,
            ended_at=at + (ended_at - run.started_at) if at else ended_at,
            exit_status=run.status,
            headline=str(document["headline"]),
            requests=int(document["figures"]["requests"]),
            input_tokens=_tokens(spent, "input_tokens"),
            output_tokens=_tokens(spent, "output_tokens"),
            money=Decimal(str(money["amount"])) if money else None,
            currency=str(money["currency"]) if money else None,
            problems=[_kept(one) for one in run.problems],
            added_at=datetime.now(UTC),
            verdicts=[
                VerdictRow(
                    clause=one.id,
                    surface=one.surface,
                    level=one.level,
                    basis=one.basis,
                    verdict=one.verdict.value,
                    reason=_kept(one.reason),
                )
                for one in run.clauses.values()
                if one.selected
            ],
            findings=[
                FindingRow(
                    clause=one.id,
                    verdict=str(finding["verdict"]),
                    oracle=str(finding["oracle"]),
                    expected=_kept(str(finding["expected"])),
                    observed=_kept(str(finding["observed"])),
                    exchange=finding["exchange"],
                )
                for one in run.clauses.values()
                for finding in one.findings
            ],
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ReportError(
            f"{run.path} is damaged ({type(error).__name__}: {error}): judge the recording of that run again."
        ) from None


def _latencies(run: PastRun) -> list[LatencyRow]:
    path = run.beside("recording.jsonl")
    if path is None:
        return []
    try:
        exchanges = read_recording(path).exchanges
    except RecordingError:  # the verdicts say what is wrong with it; times can be done without
        return []
    return [
        LatencyRow(
            operation=one.operation,
            mode=one.mode,
            what=one.what,
            count=one.count,
            p50=one.p50,
            p95=one.p95,
            p99=one.p99,
        )
        for one in latencies(exchanges.values())
    ]


def _tokens(spent: Mapping[str, Any], name: str) -> int | None:
    """What answers reported; ``None`` where the run did not count it."""
    found = spent.get(name)
    return int(found["observed"]) if found else None


def _kept(text: str) -> str:
    """A text that every database keeps: PostgreSQL knows no NUL, and no half of a surrogate pair."""
    return text.replace("\x00", "\\0").encode("utf-8", "backslashreplace").decode()
