"""Statistics: what many samples say together, with confidence intervals."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llmapi_conformance.measuring.intervals import Interval, fewest_for, quantile, share
from llmapi_conformance.measuring.samples import (
    LAG,
    LAG_SHARE,
    SUCCEEDED,
    begun_stream,
    ended_by_its_terminal,
    failure,
    first_token,
    task_end,
    task_failure,
    tokens_per_second,
    total,
    waited_in_vain,
)
from llmapi_conformance.measuring.tools import invalid_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.measuring.samples import Purpose, Sample, Series
    from llmapi_conformance.target.objectives import Statistic

PARTS: Final[dict[Statistic, tuple[float, ...]]] = {
    "first_token_ms": (0.5, 0.95, 0.99),
    "total_ms": (0.5, 0.95, 0.99),
    "tokens_per_second": (0.5,),
    "turn_total_ms": (0.5, 0.95, 0.99),
    "image_total_ms": (0.5,),
    "task_submission_ms": (0.5,),
    "task_end_ms": (0.5,),
}
"""Which quantiles are shown; of images and tasks the median alone, because they are too dear for more samples."""
_STREAMS: Final[tuple[Purpose, ...]] = ("stream", "turns")
"""What is a stream of text, asked for one at a time."""
MOST_REASONS: Final = 3
"""Different reasons that a note names."""


@dataclass(frozen=True, slots=True)
class Level:
    """A step of the load.

    Attributes:
        at_once: Requests that were kept under way.
        samples: That were sent.
        errors: Of these.
        first_token_ms: Median of the streams that came; ``None`` without any.
    """

    at_once: int
    samples: int
    errors: int
    first_token_ms: float | None


@dataclass(frozen=True, slots=True)
class Measured:
    """A statistic of an operation, or of all text operations together.

    Attributes:
        statistic: Its name, which says the unit.
        operation: Empty for all together.
        values: Of the samples of a quantity, in no order; empty for a share.
        successes: Of a share: the samples that are counted; errors in an error rate.
        samples: How many there were.
        dropped: Samples left out because our own event loop was late.
        note: What else is to be said: what was no sample and why, why sampling ended early.
        levels: Of an error rate of one operation.
        late: Samples of a quantity without a value because we ceased to wait: each is longer than those that came.
    """

    statistic: Statistic
    operation: str
    values: tuple[float, ...] = ()
    successes: int = 0
    samples: int = 0
    dropped: int = 0
    note: str = ""
    levels: tuple[Level, ...] = ()
    late: int = 0

    @property
    def is_share(self) -> bool:
        """Whether it is a share of the samples, and no quantity."""
        return self.statistic not in PARTS

    def interval(self, part: float | None) -> Interval | None:
        """The estimate of a quantile, or of the share for ``None``, with its limits; ``None`` without samples."""
        if not self.samples:
            return None
        return share(self.successes, self.samples) if part is None else quantile(self.values, part)

    def too_few(self, part: float | None) -> str:
        """Why a quantile lacks a limit; empty when it has both."""
        if part is None or self.samples >= (fewest := fewest_for(part)):
            return ""
        return f"n too small: {self.samples} of the {fewest} that two limits need"


def statistics(series: Sequence[Series]) -> tuple[Measured, ...]:
    """Every statistic that the samples allow: by operation, and then of all operations together where there are two."""
    made: list[Measured] = []
    for make in (
        *(_first_token, _total, _turn_total, _speed, _errors, _calls, _terminals),
        *(_image_total, _image_errors, _task_submission, _task_end, _task_ends, _task_errors),
    ):
        found = [one for one in make(series) if one.samples or one.dropped or one.note]
        made += found
        if len(found) > 1:
            made.append(_together(found))
    return tuple(made)


def _together(found: Sequence[Measured]) -> Measured:
    return Measured(
        found[0].statistic,
        "",
        tuple(value for one in found for value in one.values),
        sum(one.successes for one in found),
        sum(one.samples for one in found),
        sum(one.dropped for one in found),
        late=sum(one.late for one in found),
    )


def _first_token(series: Sequence[Series]) -> list[Measured]:
    return _quantities(
        "first_token_ms", _STREAMS, series, lambda one: _milliseconds(first_token(one)), lasted=first_token
    )


def _total(series: Sequence[Series]) -> list[Measured]:
    return _quantities("total_ms", ("plain",), series, _whole)


def _turn_total(series: Sequence[Series]) -> list[Measured]:
    return _quantities("turn_total_ms", ("turns",), series, _whole)


def _speed(series: Sequence[Series]) -> list[Measured]:
    return _quantities("tokens_per_second", _STREAMS, series, tokens_per_second)


def _image_total(series: Sequence[Series]) -> list[Measured]:
    return _quantities("image_total_ms", ("images",), series, _whole)


def _task_submission(series: Sequence[Series]) -> list[Measured]:
    return _quantities("task_submission_ms", ("tasks",), series, _whole)


def _quantities(
    statistic: Statistic,
    purposes: Sequence[Purpose],
    series: Sequence[Series],
    read: Callable[[Exchange], float | None],
    *,
    lasted: Callable[[Exchange], float | None] = total,
) -> list[Measured]:
    made = []
    for one in series:
        if one.purpose not in purposes:
            continue
        values: list[float] = []
        dropped = late = 0
        unusable: Counter[str] = Counter()
        for sample in one.samples:
            why = failure(sample.exchange)
            # A first token may have come of an answer that never ended.
            late += waited_in_vain(sample.exchange) and (lasted is total or lasted(sample.exchange) is None)
            value = None if why else read(sample.exchange)
            if value is None:
                unusable[why or "it does not tell"] += 1
            elif _was_starved(sample.lag, lasted(sample.exchange) or 0.0):
                dropped += 1
            else:
                values.append(value)
        note = _note(unusable, "without a value", one.stopped)
        made.append(Measured(statistic, one.operation, tuple(values), 0, len(values), dropped, note, late=late))
    return made


def _errors(series: Sequence[Series]) -> list[Measured]:
    made = []
    for one in series:
        if one.purpose != "load":
            continue
        failed = [why for sample in one.samples if (why := failure(sample.exchange))]
        at_once: dict[int, list[Sample]] = {}
        for sample in one.samples:
            at_once.setdefault(sample.at_once, []).append(sample)
        levels = tuple(_level(number, taken) for number, taken in at_once.items())
        note = _note(Counter(failed), "failed", one.stopped)
        made.append(Measured("error_rate", one.operation, (), len(failed), len(one.samples), 0, note, levels))
    return made


def _level(at_once: int, samples: Sequence[Sample]) -> Level:
    came = [one.exchange for one in samples if not failure(one.exchange)]
    times = [at for one in came if (at := _milliseconds(first_token(one))) is not None]
    median = quantile(times, 0.5).value if times else None
    return Level(at_once, len(samples), len(samples) - len(came), median)


def _calls(series: Sequence[Series]) -> list[Measured]:
    made = []
    for one in series:
        if one.purpose != "tools":
            continue
        # Whether an answer comes at all is what other statistics say.
        granted = [sample.exchange for sample in one.samples if sample.exchange.succeeded]
        invalid = [why for exchange in granted if (why := invalid_calls(exchange))]
        count = len(granted)
        refused = Counter(failure(sample.exchange) for sample in one.samples if not sample.exchange.succeeded)
        note = _joined(_note(Counter(invalid), "invalid"), _note(refused, "no sample", one.stopped))
        made.append(Measured("tool_call_validity", one.operation, (), count - len(invalid), count, 0, note))
    return made


def _terminals(series: Sequence[Series]) -> list[Measured]:
    made = []
    for operation in dict.fromkeys(one.operation for one in series):
        taken = [sample.exchange for one in series if one.operation == operation for sample in one.samples]
        begun = [exchange for exchange in taken if begun_stream(exchange)]
        ended = sum(ended_by_its_terminal(exchange) for exchange in begun)
        if begun:
            made.append(Measured("stream_terminal_rate", operation, (), ended, len(begun)))
    return made


def _image_errors(series: Sequence[Series]) -> list[Measured]:
    return _failed("image_error_rate", "images", series, lambda one: failure(one.exchange))


def _task_errors(series: Sequence[Series]) -> list[Measured]:
    return _failed("task_error_rate", "tasks", series, lambda one: task_failure(one.exchange, one.readings))


def _failed(
    statistic: Statistic, purpose: Purpose, series: Sequence[Series], why: Callable[[Sample], str]
) -> list[Measured]:
    made = []
    for one in series:
        if one.purpose == purpose:
            failed = Counter(reason for sample in one.samples if (reason := why(sample)))
            note = _note(failed, "failed", one.stopped)
            made.append(Measured(statistic, one.operation, (), failed.total(), len(one.samples), 0, note))
    return made


def _task_end(series: Sequence[Series]) -> list[Measured]:
    """Of the tasks that succeeded: one that fails at once is not quick."""
    made = []
    for one in series:
        if one.purpose != "tasks":
            continue
        values: list[float] = []
        gaps: list[float] = []
        dropped = late = 0
        failed: Counter[str] = Counter()
        for sample in one.samples:
            if why := task_failure(sample.exchange, sample.readings):
                failed[why] += 1
                late += not failure(sample.exchange) and task_end(sample.exchange, sample.readings) is None
            elif found := task_end(sample.exchange, sample.readings):
                _, seconds, gap = found
                gaps.append(gap)
                if _was_starved(sample.later_lag, seconds):
                    dropped += 1
                else:
                    values.append(round(seconds * 1000, 3))
        # An end is seen by the next reading only.
        coarse = f"an end was seen up to {max(gaps) * 1000:,.0f} ms late, between two readings" if gaps else ""
        note = _joined(_note(failed, "without a value", one.stopped), coarse)
        made.append(Measured("task_end_ms", one.operation, tuple(values), 0, len(values), dropped, note, late=late))
    return made


def _task_ends(series: Sequence[Series]) -> list[Measured]:
    """Of the tasks that were accepted, those that were seen in a final state, whichever, before anybody cancelled."""
    made = []
    for one in series:
        if one.purpose != "tasks":
            continue
        accepted = [sample for sample in one.samples if not failure(sample.exchange)]
        ends = [task_end(sample.exchange, sample.readings) for sample in accepted]
        states = Counter(f"as {end[0]}" for end in ends if end is not None and end[0] != SUCCEEDED)
        ended = sum(end is not None for end in ends)
        refused = Counter(why for sample in one.samples if (why := failure(sample.exchange)))
        note = _joined(_note(states, "ended otherwise than by success"), _note(refused, "no sample", one.stopped))
        made.append(Measured("task_end_rate", one.operation, (), ended, len(accepted), 0, note))
    return made


def _was_starved(lag: float, seconds: float) -> bool:
    """Whether our own event loop was so late during a sample that the seconds measured of it may be ours."""
    return lag > max(LAG, LAG_SHARE * seconds)


def _whole(exchange: Exchange) -> float | None:
    """Milliseconds until an answer had ended."""
    return _milliseconds(total(exchange))


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _note(reasons: Counter[str], what: str, stopped: str = "") -> str:
    listed = [f"{count} times {reason}" if count > 1 else reason for reason, count in reasons.most_common(MOST_REASONS)]
    told = f"{reasons.total()} {what}: {', '.join(listed)}" if reasons else ""
    return _joined(told, stopped)


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
