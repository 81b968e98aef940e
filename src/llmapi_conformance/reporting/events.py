"""``events.jsonl``: what happens while a run goes on, a JSON object on each line; no closing record: the run died."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

from llmapi_conformance import __version__
from llmapi_conformance.errors import ReportError
from llmapi_conformance.judging.verdicts import LONGEST_TEXT, check_verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from llmapi_conformance.contract.clauses import Clause
    from llmapi_conformance.evidence.results import ResultStatus
    from llmapi_conformance.judging.check import Check, Observed
    from llmapi_conformance.judging.verdicts import Terms

FORMAT = "llmapi-conformance/events"
VERSION = 1


class EventLog:
    """Writes events as they happen; may be used from several threads.

    Each event is flushed by itself, so that whoever follows the file sees it at once. What is written must have been
    redacted already. A disk that refuses later on does not stop the run: then the closing record is missing.
    """

    def __init__(self, path: Path, *, target: str, profile: str, selection: Mapping[str, Any], replay: bool) -> None:
        """Create the file, readable by its owner only; one that is there already is kept beside it.

        Args:
            path: Where.
            target: Name of the target.
            profile: Name of the profile.
            selection: What narrows the checks, as plain JSON.
            replay: Whether a recording is judged, and nothing sent.

        Raises:
            ReportError: It can't be created.
        """
        self._lock = threading.Lock()
        self._told: set[tuple[str, str, str, str]] = set()
        self._file: IO[str] | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                path.replace(path.with_stem("events.previous"))
            path.touch(0o600, exist_ok=False)
            self._file = path.open("a", encoding="ascii", buffering=1)
        except OSError as error:
            raise ReportError(f"{path} can't be written: {error.strerror}.") from None
        self._write(
            "run_started",
            format=FORMAT,
            version=VERSION,
            tool_version=__version__,
            target=target,
            profile=profile,
            selection=dict(selection),
            replay=replay,
        )

    def scenario_done(self, scenario: str, parameters: str, status: ResultStatus, reason: str) -> None:
        """A scenario has come out."""
        self._write("scenario_done", scenario=scenario, parameters=parameters, status=status.value, reason=reason)

    def check_judged(self, check: Check, clauses: Iterable[Clause], terms: Terms) -> None:
        """A check was judged; what it found follows, each kind of deviation once in a run.

        Args:
            check: What it saw.
            clauses: Those that it names.
            terms: What the target promised.
        """
        offered = {clause.id: clause for clause in clauses if not terms.declined(clause)}
        said = {name: check_verdict(check, clause, terms).verdict.value for name, clause in offered.items()}
        self._write("check_judged", check=check.name, verdicts=said, reason=check.reason)
        for found in check.observed:
            kind = (found.clause, found.oracle, found.deviation.expected, found.deviation.observed)
            if found.clause in offered and kind not in self._told:
                self._told.add(kind)
                self._finding(offered[found.clause], found, terms, check.name)

    def _finding(self, clause: Clause, found: Observed, terms: Terms, check: str) -> None:
        self._write(
            "finding",
            clause=clause.id,
            surface=clause.surface,
            level=terms.level(clause).value,
            verdict=terms.broken(clause).value,
            statement=clause.statement,
            check=check,
            oracle=found.oracle,
            expected=found.deviation.expected[:LONGEST_TEXT],
            observed=found.deviation.observed[:LONGEST_TEXT],
            exchange=found.exchange.id if found.exchange else None,
        )

    def end(self, document: Mapping[str, Any]) -> None:
        """The closing record: the run came to its end, whatever it found, and its reports are written.

        Args:
            document: What ``verdicts.json`` says.
        """
        self._write(
            "run_ended",
            exit_status=document["exit_status"],
            headline=document["headline"],
            requests=document["figures"]["requests"],
            verdicts=document["figures"]["verdicts"],
            problems=document["problems"],
        )
        self.close()

    def close(self) -> None:
        """Close the file without a closing record, unless it is closed already."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _write(self, event: str, **details: Any) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        # In ASCII: a lone surrogate, which a gateway may send, is an escape then.
        line = json.dumps({"event": event, "at": at, **details}) + "\n"
        with self._lock:
            if self._file is None:
                return
            try:
                self._file.write(line)
            except OSError:
                self._file = None
