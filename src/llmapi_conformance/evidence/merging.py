"""Shards of a run put together: their recordings become one, with a chain and a seal of its own."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.errors import ContractError, RecordingError
from llmapi_conformance.evidence.journal import Journal
from llmapi_conformance.evidence.recording import RecordedResult, Recording, read_recording
from llmapi_conformance.evidence.shard import Shard, sent_elsewhere, written
from llmapi_conformance.evidence.silence import stopped_answering

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from llmapi_conformance.evidence.recording import Key, Opening

HOURS_APART: Final = 6.0
"""Hours between the beginnings of the first and the last shard of a run, at most, where nobody says otherwise.

Our examples give a job that sends a shard an hour at most, the last one waits for the others, and each may have to wait
for a machine; nights are 24 hours apart, and clocks of machines hardly ever more than minutes.
"""
_SHORT: Final = 60
"""Characters of a value that can be read inside a sentence."""
_OPTIONS: Final = {
    "keyword": "-k",
    "generate": "--generate",
    "seed": "--seed",
    "samples": "--samples",
    "fail_on_warned": "--strict",
}
_OTHER_TOOL: Final = "Send them with the same version of the tool on every machine."
_OTHER_OPTIONS: Final = "Send one of them again with the options of the other."
_OTHER_TARGET: Final = "Runs of several targets go side by side into 'matrix'."


@dataclass(frozen=True, slots=True)
class Source:
    """The recording of one shard.

    Attributes:
        path: Where it is.
        recording: What it holds.
        shard: Which part of the run it is.
    """

    path: Path
    recording: Recording
    shard: Shard


@dataclass(frozen=True, slots=True)
class Merge:
    """What can be put together.

    Attributes:
        sources: In the order of their numbers.
        missing: Numbers of the shards that are not there.
        left_out: Why a recording was left out, one sentence each.
    """

    sources: tuple[Source, ...]
    missing: tuple[int, ...]
    left_out: tuple[str, ...]


def gather(paths: Sequence[Path], *, partial: bool = False, hours_apart: float = HOURS_APART) -> Merge:
    """Read shards, see that each is whole and that they are parts of one run.

    Args:
        paths: Recordings, or folders that hold one, in any order.
        partial: Whether to go without those that are missing or can't be used; never with those of another run.
        hours_apart: Hours between the beginnings of the first and the last, at most: a shard of another night says what
            the gateway was then.

    Raises:
        RecordingError: They can't be put together; one sentence says why, and what to do.
    """
    sources: list[Source] = []
    left_out: list[str] = []
    for path in paths:
        try:
            sources.append(_usable(path))
        except RecordingError as error:
            if not partial:
                raise
            left_out.append(str(error))
    if not sources:
        raise RecordingError("; ".join(left_out) or "there is no recording to merge: name those of the shards")
    sources.sort(key=lambda one: one.shard.number)
    for before, after in itertools.pairwise(sources):
        _same_run(before, after)
    _same_time(sources, hours_apart)
    count = sources[0].shard.count
    missing = tuple(sorted({*range(1, count + 1)} - {one.shard.number for one in sources}))
    if missing and not partial:
        names = ", ".join(str(Shard(number, count)) for number in missing)
        raise RecordingError(
            f"The run has {count} shards and {names} is not there: name its recording too, or leave what it sends "
            "unobserved with --partial."
        )
    return Merge(tuple(sources), missing, tuple(left_out))


def write_merged(merge: Merge, path: Path) -> None:
    """Write one recording of them; its opening names their seals.

    Args:
        merge: What is put together.
        path: Where; there must be no file yet.

    Raises:
        RecordingError: Two shards sent the same, or nobody did, or it can't be written.
    """
    results = _results(merge)
    openings = [one.recording.opening for one in merge.sources]
    first = openings[0]
    there = written([one.shard.number for one in merge.sources], merge.sources[0].shard.count)
    with Journal(
        path,
        tool_version=first.tool_version,
        contract_digest=first.contract_digest,
        target=first.target,
        profile=first.profile,
        selection=_selection(first) | ({"shard": there} if there else {}),
        started_at=min(opening.started_at for opening in openings),
        merged=tuple(one.recording.seal for one in merge.sources),
    ) as journal:
        taken: set[str] = set()
        for source in merge.sources:
            for found in source.recording.exchanges.values():
                exchange = found
                while exchange.id in taken:  # what ends the tasks of a run has the same name in each
                    exchange = replace(exchange, attempt=exchange.attempt + 1)
                taken.add(exchange.id)
                journal.write_exchange(exchange)
        for (scenario, parameters), result in results.items():
            journal.write_result(scenario, parameters, result.status, reason=result.reason, value=result.value)
        journal.close(ended_at=max(_ended_at(one.recording) for one in merge.sources))


def _usable(path: Path) -> Source:
    file = path / "recording.jsonl" if path.is_dir() else path
    recording = read_recording(file, exact=True)
    opening = recording.opening
    part = opening.selection.get("shard")
    if not isinstance(part, str):
        raise RecordingError(
            f"{file} is no shard but a whole run: runs of several targets or nights go side by side into 'matrix'."
        )
    try:
        shard = Shard.read(part)
    except ContractError:
        raise RecordingError(f"{file} is a merge of the shards {part} already: name the shards themselves.") from None
    if recording.damaged or not recording.seal:
        wrong = recording.damaged[0] if recording.damaged else "it has no seal"
        raise RecordingError(f"{file} ({shard.words}) can't be merged: {wrong}. {_again(shard, file)}")
    early = recording.closing.reason if recording.closing else ""
    if reason := early or stopped_answering(recording.exchanges.values()):
        raise RecordingError(f"{file} ({shard.words}) can't be merged: {reason}. {_again(shard, file)}")
    return Source(file, recording, shard)


def _again(shard: Shard, file: Path) -> str:
    return (
        f"Send that shard again (run --shard {shard}, with --resume {file} for what is missing in it alone), or go "
        "without it by --partial."
    )


def _same_run(one: Source, other: Source) -> None:
    """See that two shards are parts of one run.

    Raises:
        RecordingError: They are not.
    """
    if one.shard.number == other.shard.number and one.shard.count == other.shard.count:
        raise RecordingError(f"{one.path} and {other.path} are both {one.shard.words}: name one of them.")
    a, b = one.recording.opening, other.recording.opening
    pairs: list[tuple[str, Any, Any, str]] = [
        ("number of shards", one.shard.count, other.shard.count, _OTHER_OPTIONS),
        ("version of the tool", a.tool_version, b.tool_version, _OTHER_TOOL),
        ("contract", a.contract_digest[:12], b.contract_digest[:12], _OTHER_TOOL),
        ("profile", a.profile, b.profile, _OTHER_OPTIONS),
        *((_OPTIONS.get(what, what), mine, others, _OTHER_OPTIONS) for what, mine, others in _beside(a, b)),
        *(
            (f"target, by {name}", a.target.get(name), b.target.get(name), _OTHER_TARGET)
            for name in sorted({*a.target, *b.target})
        ),
    ]
    for what, mine, others, advice in pairs:
        if mine != others:
            values = f" ({mine!r} and {others!r})"
            raise RecordingError(
                f"{one.path} and {other.path} are no parts of one run: they have another {what}"
                f"{values if len(values) <= _SHORT * 2 else ', as the first line of each says'}. {advice}"
            )


def _same_time(sources: Sequence[Source], hours: float) -> None:
    """See that shards are of one night.

    Raises:
        RecordingError: They are not.
    """
    first, last = (choose(sources, key=lambda one: one.recording.opening.started_at) for choose in (min, max))
    began, ended = first.recording.opening.started_at, last.recording.opening.started_at
    if (apart := (ended - began) / 3600) > hours:
        raise RecordingError(
            f"{first.path} and {last.path} are no parts of one run: they began {apart:.1f} hours apart "
            f"({_moment(began)} and {_moment(ended)}), and at most {hours:g} are allowed. Name the shards of one "
            f"run, or allow it with --hours-apart {math.ceil(apart)}."
        )


def _moment(timestamp: float) -> str:
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M} UTC"


def _beside(a: Opening, b: Opening) -> list[tuple[str, Any, Any]]:
    """What two shards were asked for, name by name."""
    mine, others = _selection(a), _selection(b)
    return [(name, mine.get(name), others.get(name)) for name in sorted({*mine, *others})]


def _selection(opening: Opening) -> dict[str, Any]:
    return {name: value for name, value in opening.selection.items() if name != "shard"}


def _results(merge: Merge) -> Mapping[Key, RecordedResult]:
    """What came of each scenario: as the shard says that it was in, or as all say of what none could send."""
    found: dict[Key, list[tuple[Source, RecordedResult]]] = {}
    sent: dict[Key, Source] = {}
    for source in merge.sources:
        for exchange in source.recording.exchanges.values():
            key = (exchange.scenario, exchange.parameters)
            if key in source.recording.results and sent.setdefault(key, source) is not source:
                raise RecordingError(
                    f"{sent[key].path} and {source.path} both sent {key[0]}: they are no parts of one run."
                )
        for key, result in source.recording.results.items():
            if isinstance(result, RecordedResult):  # any other is damage, which was refused
                found.setdefault(key, []).append((source, result))
    results: dict[Key, RecordedResult] = {}
    for key, said in sorted(found.items(), key=lambda item: item[0]):
        own = [
            result for source, result in said if sent.get(key, source) is source and not sent_elsewhere(result.reason)
        ]
        if not own and not merge.missing:
            raise RecordingError(f"No shard sent {key[0]}: they are no parts of one run.")
        results[key] = own[0] if own else said[0][1]
    return results


def _ended_at(recording: Recording) -> float:
    return recording.closing.ended_at if recording.closing else recording.opening.started_at
