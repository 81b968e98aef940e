"""Read a recording back, and never take for whole what is damaged."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.errors import RecordingError
from llmapi_conformance.evidence.chain import Link, chain_flaws, is_chained
from llmapi_conformance.evidence.encoding import decode_exchange, decode_result, digest_of, written
from llmapi_conformance.evidence.journal import FORMAT, VERSION, Status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange

Key = tuple[str, str]
"""Scenario and parameters."""
_TORN: Final = "the last line is torn: the run that wrote it did not end properly"
_UNCLOSED: Final = "the closing record is missing: the run did not end properly"


@dataclass(frozen=True, slots=True)
class Opening:
    """The first record: what was run against what, and which recordings it goes on with or was merged from, if any."""

    version: str
    tool_version: str
    contract_digest: str
    target: Mapping[str, Any]
    profile: str
    selection: Mapping[str, Any]
    started_at: float
    resumes: str = ""
    merged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Closing:
    """The last record: that the run ended, when, after how many records of each kind, and why if early."""

    ended_at: float
    exchanges: int
    results: int
    reason: str


@dataclass(frozen=True, slots=True)
class RecordedResult:
    """How a scenario came out.

    Attributes:
        status: ``done``, ``inconclusive``, ``not_observed`` or ``error``.
        reason: One sentence when it is not ``done``.
        value: What the scenario returned, with the exchanges in their places.
    """

    status: Status
    reason: str
    value: Any


@dataclass(frozen=True, slots=True)
class DamagedResult:
    """A result that can't be trusted, and why in one sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that was read.

    Attributes:
        opening: The first record.
        exchanges: Every undamaged exchange by id, in the order of the file.
        results: By scenario and parameters.
        closing: The last record, ``None`` when there is none.
        damaged: What is wrong with the file, a sentence each; empty when all is well.
        seal: Digest of the closing record, which stands for the whole recording; empty when the recording is damaged or
            has no chain (before version 1.3).
        records: How many lines there are.
    """

    opening: Opening
    exchanges: Mapping[str, Exchange]
    results: Mapping[Key, RecordedResult | DamagedResult]
    closing: Closing | None
    damaged: tuple[str, ...] = ()
    seal: str = ""
    records: int = 0

    @property
    def altered(self) -> tuple[str, ...]:
        """What is wrong with the file beside that the run which wrote it died."""
        return tuple(wrong for wrong in self.damaged if wrong not in (_TORN, _UNCLOSED))

    def result(self, scenario: str, parameters: str = "") -> RecordedResult | DamagedResult:
        """The result of a scenario; a damaged one when the recording has none."""
        missing = DamagedResult("the recording has no result of this scenario")
        return self.results.get((scenario, parameters), missing)


def read_recording(path: Path, *, exact: bool = False) -> Recording:
    """Read a recording and check every record.

    Args:
        path: Of the file.
        exact: Whether a line that says the same in another spelling is damaged too.

    Raises:
        RecordingError: There is no such file, it is no recording, or its major version is another one.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        raise RecordingError(f"there is no recording {path}: check the path") from None
    except OSError as error:
        raise RecordingError(f"the recording {path} cannot be read: {error.strerror}") from None
    opening, damage = _read_opening(path, lines[0])
    reading = _Reading(damaged=damage, exact=exact)
    torn = lines.pop()
    for number, line in enumerate(lines, start=1):
        reading.take(number, line)
    if torn:
        reading.damaged.append(_TORN)
    return reading.recording(opening)


def _read_opening(path: Path, line: bytes) -> tuple[Opening, list[str]]:
    record = _parse(line)
    if record is None or record.get("record") != "open" or record.get("format") != FORMAT:
        raise RecordingError(f"{path} is not a recording: its first line is no opening record of {FORMAT}")
    version = record.get("version")
    if not isinstance(version, str) or version.partition(".")[0] != VERSION.partition(".")[0]:
        raise RecordingError(
            f"the recording {path} has format version {version!r}, this tool reads {VERSION.partition('.')[0]}.x: "
            "use the version of the tool that wrote it"
        )
    damaged = [] if _is_sealed(record) else ["line 1 (the opening) was changed: its digest does not match"]
    try:
        return (
            Opening(
                version,
                str(record["tool_version"]),
                str(record["contract_digest"]),
                dict(record["target"]),
                str(record["profile"]),
                dict(record["selection"]),
                float(record["started_at"]),
                str(record.get("resumes", "")),
                tuple(str(seal) for seal in record.get("merged", ())),
            ),
            damaged,
        )
    except (KeyError, TypeError, ValueError):
        raise RecordingError(f"{path} is not a recording: its opening record is incomplete") from None


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    damaged: list[str]
    exact: bool = False
    links: list[Link] = field(default_factory=list)
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    spoilt: dict[str, str] = field(default_factory=dict)  # exchange id -> what is wrong with it
    raw_results: dict[Key, Mapping[str, Any]] = field(default_factory=dict)
    damaged_results: dict[Key, str] = field(default_factory=dict)
    closing: Closing | None = None

    def take(self, number: int, line: bytes) -> None:
        """Take a line in."""
        record = _parse(line)
        intact = record is not None and _is_sealed(record)
        self.links.append(Link.of(number, record, intact=intact))
        if record is None:
            self.damaged.append(f"line {number} is no record")
            return
        if self.exact and intact and written(record) != line + b"\n":
            self.damaged.append(f"line {number} was changed: it says the same in another spelling")
        if number > 1:  # the opening was read already
            self._take_record(number, record, intact=intact)

    def _take_record(self, number: int, record: Mapping[str, Any], *, intact: bool) -> None:
        if self.closing is not None:
            self.damaged.append(f"line {number} stands behind the closing record")
        kind = record.get("record")
        wrong = "" if intact else f"line {number} was changed: its digest does not match"
        try:
            match kind:
                case "exchange":
                    wrong = self._take_exchange(record, wrong)
                case "result":
                    wrong = self._take_result(record, wrong)
                case "close":
                    self.closing = Closing(
                        float(record["ended_at"]),
                        int(record["exchanges"]),
                        int(record["results"]),
                        str(record["reason"]),
                    )
                case _:
                    wrong = wrong or f"line {number} is a record of an unknown kind"
        except (KeyError, TypeError, ValueError, AttributeError):
            wrong = wrong or f"line {number} is an incomplete record"
            if kind == "exchange":
                self.spoilt[str(record.get("id"))] = wrong
        if wrong:
            self.damaged.append(wrong)

    def _take_exchange(self, record: Mapping[str, Any], wrong: str) -> str:
        name = str(record["id"])
        if not wrong:
            exchange = decode_exchange(record)
            if exchange.id != name:
                wrong = f"the exchange {name} carries the id of another one"
            elif name in self.exchanges:
                wrong = f"the exchange {name} is there twice"
            else:
                self.exchanges[name] = exchange
        if wrong:
            self.spoilt[name] = wrong
        return wrong

    def _take_result(self, record: Mapping[str, Any], wrong: str) -> str:
        key = (str(record["scenario"]), str(record["parameters"]))
        if not wrong and key in self.raw_results:
            wrong = f"the result of {_written(key)} is there twice"
        if wrong:
            self.damaged_results[key] = wrong
        else:
            self.raw_results[key] = record
        return wrong

    def recording(self, opening: Opening) -> Recording:
        """Put the results together, now that every line was read."""
        for name in self.spoilt:
            self.exchanges.pop(name, None)
        results: dict[Key, RecordedResult | DamagedResult] = {}
        for key, record in self.raw_results.items():
            results[key] = self._result(key, record)
        for key, reason in self.damaged_results.items():
            results[key] = DamagedResult(reason)
        chained = is_chained(opening.version, self.links)
        if chained:
            self.damaged.extend(chain_flaws(self.links))
        self._count()
        seal = self.links[-1].digest if chained and not self.damaged else ""
        return Recording(
            opening, self.exchanges, results, self.closing, tuple(self.damaged), seal, records=len(self.links)
        )

    def _result(self, key: Key, record: Mapping[str, Any]) -> RecordedResult | DamagedResult:
        try:
            for name in record["exchanges"]:
                self._exchange(str(name))
            value = decode_result(record["value"], self._exchange)
            return RecordedResult(record["status"], str(record["reason"]), value)
        except _MissingExchangeError as error:
            reason = str(error)
        except (KeyError, TypeError, ValueError):
            reason = "its record is incomplete"
        self.damaged.append(f"the result of {_written(key)} cannot be used: {reason}")
        return DamagedResult(reason)

    def _exchange(self, name: str) -> Exchange:
        if name in self.exchanges:
            return self.exchanges[name]
        raise _MissingExchangeError(self.spoilt.get(name) or f"its exchange {name} is missing")

    def _count(self) -> None:
        if self.closing is None:
            self.damaged.append(_UNCLOSED)
            return
        for what, promised, there in (
            ("exchanges", self.closing.exchanges, len(self.exchanges)),
            ("results", self.closing.results, len(self.raw_results)),
        ):
            if promised != there:
                self.damaged.append(f"the recording ought to have {promised} {what}, {there} undamaged ones are there")


class _MissingExchangeError(Exception):
    """A result refers to an exchange that is not there."""


def _written(key: Key) -> str:
    scenario, parameters = key
    return f"{scenario}[{parameters}]" if parameters else scenario


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _is_sealed(record: Mapping[str, Any]) -> bool:
    try:
        return record.get("digest") == digest_of(record)
    except (ValueError, RecursionError):
        return False
