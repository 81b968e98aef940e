"""The recording as an append-only journal: one JSON object on each line, chained by digests and sealed at its end."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from llmapi_conformance.errors import RecordingError
from llmapi_conformance.evidence.encoding import digest_of, encode_exchange, encode_result, written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from llmapi_conformance.evidence.exchange import Exchange

FORMAT: Final = "llmapi-conformance-recording"
"""Names the kind of file in its first record."""

VERSION: Final = "1.6"
"""Major and minor version of the format; a reader refuses another major one.

1.2 brought the ending ``left``; 1.3 the chain: each record has its line and the digest of the record before it;
1.4 ``resumes``, which names the recording of the run's first part; 1.5 ``merged``, which names those of its shards; 1.6
``stalls`` of an exchange.
"""

Status = Literal["done", "inconclusive", "not_observed", "not_offered", "error"]
"""How a scenario came out."""


class Journal:
    """Writes a recording; may be used from several threads.

    Each record is one write to the file, so a crash loses nothing that was recorded before. What is written must have
    been redacted already.

    Attributes:
        seal: Digest of the closing record, which stands for the whole recording; empty while it is open.
    """

    def __init__(
        self,
        path: Path,
        *,
        tool_version: str,
        contract_digest: str,
        target: Mapping[str, Any],
        profile: str,
        selection: Mapping[str, Any],
        started_at: float | None = None,
        resumes: str = "",
        merged: Sequence[str] = (),
    ) -> None:
        """Create the file, readable by its owner only, and write the opening record.

        Args:
            path: Where; there must be no file yet.
            tool_version: Version of this tool.
            contract_digest: Digest of the contract that the run is judged by.
            target: The public description of the target: no key in it.
            profile: Name of the profile.
            selection: What was asked for, as plain JSON.
            started_at: Unix time in seconds; now when absent.
            resumes: Seal or digest of the recording that this one goes on with; empty for a run from its beginning.
            merged: Seals of the recordings of its shards that it was put together from; empty for a run of one piece.

        Raises:
            RecordingError: The file exists or can't be created.
        """
        self._lock = threading.Lock()
        self._counts = {"exchanges": 0, "results": 0}
        self._exchanges: dict[tuple[str, str], list[str]] = {}
        self._lines = 0
        self._previous = ""
        self.seal = ""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        try:
            self._file = os.open(path, flags, 0o600)
        except FileExistsError:
            raise RecordingError(f"{path} exists: a recording is never overwritten, name another file") from None
        except OSError as error:
            raise RecordingError(f"{path} cannot be created: {error.strerror}") from None
        self._open = True
        self._write(
            {
                "record": "open",
                "format": FORMAT,
                "version": VERSION,
                "tool_version": tool_version,
                "contract_digest": contract_digest,
                "target": dict(target),
                "profile": profile,
                "selection": dict(selection),
                "started_at": round(time.time() if started_at is None else started_at, 6),
                **({"resumes": resumes} if resumes else {}),
                **({"merged": list(merged)} if merged else {}),
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.close(reason="" if error is None else f"the run ended early: {type(error).__name__}")

    def write_exchange(self, exchange: Exchange) -> None:
        """Record an exchange.

        Raises:
            RecordingError: The journal is closed, or the disk refuses.
        """
        record = {"record": "exchange", **encode_exchange(exchange)}
        with self._lock:
            self._exchanges.setdefault((exchange.scenario, exchange.parameters), []).append(exchange.id)
            self._counts["exchanges"] += 1
            self._write(record)

    def write_result(
        self, scenario: str, parameters: str, status: Status, *, reason: str = "", value: object = None
    ) -> None:
        """Record how a scenario came out, behind all its exchanges.

        Args:
            scenario: Name of the scenario.
            parameters: Its parameters as written in its id, empty when it has none.
            status: How it came out.
            reason: One sentence when it is not ``done``.
            value: What it returned: exchanges and plain JSON values, nested at will.

        Raises:
            TypeError: The value holds something else.
            RecordingError: The journal is closed, or the disk refuses.
        """
        encoded = encode_result(value)
        with self._lock:
            self._counts["results"] += 1
            self._write(
                {
                    "record": "result",
                    "scenario": scenario,
                    "parameters": parameters,
                    "status": status,
                    "reason": reason,
                    "exchanges": self._exchanges.pop((scenario, parameters), []),
                    "value": encoded,
                }
            )

    def close(self, *, reason: str = "", ended_at: float | None = None) -> None:
        """Write the closing record and close the file; a second call does nothing.

        Args:
            reason: Why the run ended before it was through; empty when it was.
            ended_at: Unix time in seconds; now when absent.

        Raises:
            RecordingError: The disk refuses.
        """
        with self._lock:
            if not self._open:
                return
            ended = round(time.time() if ended_at is None else ended_at, 6)
            try:
                self._write({"record": "close", "ended_at": ended, **self._counts, "reason": reason})
                os.fsync(self._file)
                self.seal = self._previous
            finally:
                self._open = False
                os.close(self._file)

    def _write(self, record: Mapping[str, Any]) -> None:
        if not self._open:
            raise RecordingError("the recording is closed: nothing can be added to it")
        chained = {**record, "line": self._lines + 1, "previous": self._previous}
        digest = digest_of(chained)
        line = written({**chained, "digest": digest})
        try:
            while line:
                line = line[os.write(self._file, line) :]
        except OSError as error:
            raise RecordingError(f"the recording cannot be written: {error.strerror}") from None
        self._lines, self._previous = self._lines + 1, digest
