"""What is new in the newest run of a series, seen from what was told before: a change is told once."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any

from llmapi_conformance.history.nights import UNSEEN, Found, Night, Said, Series
from llmapi_conformance.history.pace import Pace, pace_news
from llmapi_conformance.judging.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RUN = "run"
"""The subject of news about whole runs."""


class Kind(StrEnum):
    """What is new, in the order in which people want to know it."""

    UNTRUSTED = "untrusted"
    BROKE = "broke"
    WORSE = "worse"
    FLAPPING = "flapping"
    UNJUDGED = "unjudged"
    SLOWER = "slower"
    SETTLED = "settled"
    MENDED = "mended"
    JUDGED = "judged again"
    TRUSTED = "trusted again"
    FASTER = "faster"


@dataclass(frozen=True, slots=True)
class Rules:
    """When a change is news.

    Attributes:
        flips: A clause that changed more often than this is flapping.
        window: Over so many runs; a flapping clause that keeps still as long has settled.
        unjudged: Runs in a row that must leave a clause without a verdict.
        untrusted: Runs in a row that must not be trustworthy.
        pace: When an operation got slower.
    """

    flips: int = 2
    window: int = 7
    unjudged: int = 3
    untrusted: int = 2
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True)
class News:
    """Something that was not told yet.

    Attributes:
        kind: What is new.
        subject: Clause id, operation with what was measured, or ``run``.
        worse: Whether somebody should look at it now; what only we assume is never worse.
        words: From what to what.
        surface: Of the clause; empty for others.
        level: Of the clause; empty for others.
        expected: By the finding that shows it; empty when none does.
        observed: By the same.
        exchange: By the same.
    """

    kind: Kind
    subject: str
    worse: bool
    words: str
    surface: str = ""
    level: str = ""
    expected: str = ""
    observed: str = ""
    exchange: str = ""

    def document(self) -> dict[str, Any]:
        """As it is kept and sent."""
        return asdict(self)


State = dict[str, Any]
"""What was told last of a subject: ``condition``, and what else the next look needs; plain JSON."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a series brings.

    Attributes:
        news: The weighty first.
        told: What has now been told of each subject that is not as it should be.
    """

    news: tuple[News, ...]
    told: Mapping[str, State]


def look(series: Series, told: Mapping[str, State], rules: Rules) -> Look:
    """Hold the newest run against what was told.

    Args:
        series: With its newest run last.
        told: What the look before left.
        rules: When a change is news.
    """
    now: dict[str, State] = dict(told)
    news = list(_of_runs(series, now, rules.untrusted))
    if series.newest.is_trusted:
        for clause in series.newest.clauses:
            news += _of_clause(clause, [said for _, said in series.said_of(clause)], now, rules)
        for subject, slower, words in pace_news(series, now, rules.pace, rules.window):
            news.append(News(Kind.SLOWER if slower else Kind.FASTER, subject, slower, words))
    order = list(Kind)
    return Look(tuple(sorted(news, key=lambda one: (not one.worse, order.index(one.kind), one.subject))), now)


def _of_runs(series: Series, now: dict[str, State], enough: int) -> list[News]:
    bad: list[Night] = list(takewhile(lambda night: not night.is_trusted, reversed(series.nights)))
    if not bad:
        if now.pop(RUN, None):
            return [News(Kind.TRUSTED, RUN, worse=False, words="the run can be trusted again")]
    elif len(bad) >= enough and RUN not in now:
        now[RUN] = {"condition": "untrusted"}
        problems = "; ".join(bad[0].problems) or "a check failed by itself"
        words = f"{_runs(len(bad))} in a row can't be trusted"
        return [News(Kind.UNTRUSTED, RUN, worse=True, words=words, observed=problems)]
    return []


def _of_clause(clause: str, said: Sequence[Said], now: dict[str, State], rules: Rules) -> list[News]:
    """News of one clause; ``now`` becomes what is told of it."""
    newest = said[-1]
    condition = now.get(clause, {}).get("condition", "")
    flips = _flips(said, rules.window)
    if condition == "flapping":
        return [] if flips or newest.verdict in UNSEEN else _settled(clause, newest, now, rules)
    if flips > rules.flips:
        now[clause] = {"condition": "flapping"}
        words = f"changed {flips} times in {_runs(min(rules.window, len(said)))}, {_said(newest)} now"
        latest = next((one for one in reversed(said) if one.is_broken), newest)
        return [_news(Kind.FLAPPING, clause, newest, words, found=latest.findings)]
    if newest.verdict in UNSEEN:
        return _unseen(clause, said, now, rules)
    if newest.is_broken:
        return _found(clause, said, now)
    now.pop(clause, None)
    if not condition or not newest.is_judged:  # waived or no longer offered: somebody did that on purpose
        return []
    kind = Kind.MENDED if condition == "broken" else Kind.JUDGED
    return [_news(kind, clause, newest, _change(said, condition), worse=False)]


def _settled(clause: str, newest: Said, now: dict[str, State], rules: Rules) -> list[News]:
    del now[clause]
    if newest.is_broken:
        now[clause] = _broken(newest, {})
    words = f"{_said(newest)}, unchanged for {_runs(rules.window)}"
    return [_news(Kind.SETTLED, clause, newest, words, worse=newest.is_broken)]


def _unseen(clause: str, said: Sequence[Said], now: dict[str, State], rules: Rules) -> list[News]:
    newest = said[-1]
    unseen = len(list(takewhile(lambda one: one.verdict in UNSEEN, reversed(said))))
    missed = newest.verdict is Verdict.INCONCLUSIVE or any(one.is_judged for one in said)
    if unseen < rules.unjudged or now.get(clause, {}).get("condition") == "unjudged" or not missed:
        return []
    now[clause] = {"condition": "unjudged"}
    return [_news(Kind.UNJUDGED, clause, newest, f"{_said(newest)} for {_runs(unseen)}: {newest.reason}")]


def _found(clause: str, said: Sequence[Said], now: dict[str, State]) -> list[News]:
    newest, before = said[-1], now.get(clause, {})
    now[clause] = _broken(newest, before)
    if before.get("condition") != "broken":
        return [_news(Kind.BROKE, clause, newest, _change(said, before.get("condition", "")))]
    if further := newest.oracles - set(before["oracles"]):
        found = tuple(one for one in newest.findings if one.oracle in further)
        return [_news(Kind.WORSE, clause, newest, f"{_said(newest)}, by another finding", found=found)]
    if before["verdict"] == Verdict.WARNED and newest.verdict is Verdict.FAILED:
        return [_news(Kind.WORSE, clause, newest, "warned -> failed")]
    return []


def _flips(said: Sequence[Said], window: int) -> int:
    """Changes between kept and broken that fell into the last runs."""
    judged = [(number, one.is_broken) for number, one in enumerate(said) if one.is_judged]
    return sum(old[1] != new[1] and new[0] >= len(said) - window for old, new in pairwise(judged))


def _broken(said: Said, before: State) -> State:
    """That a clause is broken; oracles that found something since then come and go without being news."""
    known = set(before.get("oracles", ())) | said.oracles
    return {"condition": "broken", "verdict": said.verdict.value, "oracles": sorted(known)}


def _news(
    kind: Kind, clause: str, said: Said, words: str, *, worse: bool = True, found: tuple[Found, ...] = ()
) -> News:
    shown = next(iter(found or said.findings), None)
    return News(
        kind,
        clause,
        worse and said.basis != "assumed",
        words,
        said.surface,
        said.level,
        shown.expected if shown else "",
        shown.observed if shown else "",
        (shown.exchange or "") if shown else "",
    )


def _change(said: Sequence[Said], condition: str) -> str:
    """From the verdict before to the newest."""
    if condition == "unjudged":
        return f"{_said(said[-1])}, after it could not be judged"
    judged = [one for one in said[:-1] if one.verdict not in UNSEEN]
    changed = next((one for one in reversed(judged) if one.is_broken != said[-1].is_broken), None)
    return f"{_said(changed)} -> {_said(said[-1])}" if changed else _said(said[-1])


def _said(one: Said) -> str:
    return one.verdict.value.replace("_", " ")


def _runs(count: int) -> str:
    return f"{count} run{'s' * (count != 1)}"
