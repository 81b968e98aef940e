"""What changed between two runs, clause by clause."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from llmapi_conformance.contract.clauses import Basis
from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.reporting.comparing.speed import Speeds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmapi_conformance.reporting.past import PastClause, PastRun

BROKEN = frozenset({Verdict.FAILED, Verdict.WARNED})
"""Findings that count; ``noted`` never does."""
JUDGED = frozenset({Verdict.PASSED, Verdict.FAILED, Verdict.WARNED, Verdict.NOTED})


class Kind(StrEnum):
    """What became of a clause, in the order of a report."""

    BROKE = "broke"
    LOST = "lost"
    MENDED = "mended"
    SEEN = "seen"
    CHANGED = "changed"
    LEVEL = "level"
    NEW = "new"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One clause that is not as it was.

    Attributes:
        kind: What became of it.
        old: What the earlier run said, ``None`` when it did not know the clause.
        new: What the later run says, ``None`` when it does not know the clause.
        worse: Whether a gate must not let it pass.
        oracles: The oracles that found something now and did not before.
    """

    kind: Kind
    old: PastClause | None
    new: PastClause | None
    worse: bool = False
    oracles: tuple[str, ...] = ()

    @property
    def clause(self) -> PastClause:
        """The clause as the later run knows it, where it does."""
        known = self.new or self.old
        if known is None:
            raise ValueError("a change of no clause")
        return known

    @property
    def words(self) -> str:
        """From which verdict to which."""
        if self.old is None or self.new is None:
            return "" if self.new is None else _said(self.new.verdict)
        if self.kind is Kind.LEVEL:
            return f"{self.old.level} -> {self.new.level}"
        if self.old.verdict is self.new.verdict:
            return f"{_said(self.new.verdict)}, otherwise than before"
        return f"{_said(self.old.verdict)} -> {_said(self.new.verdict)}"


@dataclass(frozen=True, slots=True)
class Difference:
    """All that changed between two runs.

    Attributes:
        old: The earlier run.
        new: The later one.
        changes: By kind, then in the order of the registry.
        unlike: What else differs between the runs and may be the reason, a sentence each.
        still: Clauses that were broken and are so still, in the same way.
        speeds: What got slower.
    """

    old: PastRun
    new: PastRun
    changes: tuple[Change, ...]
    unlike: tuple[str, ...] = ()
    still: tuple[PastClause, ...] = ()
    speeds: Speeds = field(default_factory=Speeds)

    def of(self, kind: Kind) -> tuple[Change, ...]:
        """The changes of one kind."""
        return tuple(change for change in self.changes if change.kind is kind)

    @property
    def worse(self) -> tuple[Change, ...]:
        """The changes that a gate must not let pass."""
        return tuple(change for change in self.changes if change.worse)

    @property
    def untrusted(self) -> tuple[str, ...]:
        """Why the comparison can't be trusted, a sentence each; empty when it can."""
        return tuple(
            f"the {which} run can't be trusted: {'; '.join(run.problems) or 'a check failed by itself'}"
            for which, run in (("old", self.old), ("new", self.new))
            if run.status == 2
        )

    @property
    def status(self) -> int:
        """Exit status: 0 nothing is worse, 1 something is, 2 a run can't be trusted.

        What is our own reading (``assumed``) is told and never fails a build.
        """
        if self.untrusted:
            return 2
        worse = any(change.clause.basis != Basis.ASSUMED for change in self.worse)
        return 1 if worse or self.speeds.slower else 0


def compare(old: PastRun, new: PastRun, speeds: Speeds | None = None, *, only_selected: bool = False) -> Difference:
    """Say what changed.

    Worse are: a finding on a clause that had none, also on a clause that is new; a finding of another oracle on a
    clause that was broken; a warned clause that is failed; and a clause that was judged and is not any more.

    Args:
        old: The earlier run.
        new: The later one.
        speeds: What became of the times, when they were compared.
        only_selected: What the later run did not select is no loss: for a baseline of a run that is narrower.
    """
    changes = []
    still = []
    for name in dict.fromkeys((*new.clauses, *old.clauses)):
        before, after = old.clauses.get(name), new.clauses.get(name)
        if only_selected and after is not None and not after.selected:
            continue
        found = list(_changes(before, after))
        changes += found
        if before and after and after.verdict in BROKEN and not any(one.worse for one in found):
            still.append(after)
    ordered = sorted(changes, key=lambda change: list(Kind).index(change.kind))
    return Difference(old, new, tuple(ordered), tuple(_unlike(old, new)), tuple(still), speeds or Speeds())


def _changes(old: PastClause | None, new: PastClause | None) -> Iterable[Change]:
    if old is None or new is None:
        if new is not None:
            yield Change(Kind.NEW, None, new, worse=new.verdict in BROKEN, oracles=tuple(sorted(new.oracles)))
        else:
            yield Change(Kind.REMOVED, old, None)
        return
    if old.level != new.level:
        yield Change(Kind.LEVEL, old, new)
    if old.verdict in BROKEN and new.verdict in BROKEN:
        further = tuple(sorted(new.oracles - old.oracles))
        if further or (old.verdict is Verdict.WARNED and new.verdict is Verdict.FAILED):
            yield Change(Kind.BROKE, old, new, worse=True, oracles=further)
        elif old.verdict is not new.verdict:
            yield Change(Kind.CHANGED, old, new)
    elif new.verdict in BROKEN:
        yield Change(Kind.BROKE, old, new, worse=True, oracles=tuple(sorted(new.oracles)))
    elif old.verdict is not new.verdict:
        kind = _kind(old.verdict, new.verdict)
        yield Change(kind, old, new, worse=kind is Kind.LOST)


def _kind(old: Verdict, new: Verdict) -> Kind:
    if Verdict.WAIVED in (old, new):
        return Kind.MENDED if new is Verdict.PASSED else Kind.CHANGED
    if old in JUDGED and new not in JUDGED:
        return Kind.LOST
    if old in BROKEN:
        return Kind.MENDED
    if old not in JUDGED and new in JUDGED:
        return Kind.SEEN
    return Kind.CHANGED


def _unlike(old: PastRun, new: PastRun) -> Iterable[str]:
    before, after = old.document, new.document
    for what, key in (("profile", "profile"), ("contract", "contract")):
        if before[key] != after[key]:
            yield f"the {what} is another one: {str(before[key])[:12]} -> {str(after[key])[:12]}"
    if old.target != new.target:
        yield f"the target has another name: {old.target} -> {new.target}"
    if old.keyword != new.keyword:
        yield f"the selection is another one: {old.keyword or 'everything'} -> {new.keyword or 'everything'}"
    for name, words in _ASKED.items():
        then, now = (one["selection"].get(name) or 0 for one in (before, after))
        drawn = all(one["selection"].get("generate") for one in (before, after))
        if then != now and (drawn or name != "seed"):
            yield f"{words}: {then} -> {now}"
    if before["tool"]["version"] != after["tool"]["version"]:
        yield f"the suite has another version: {before['tool']['version']} -> {after['tool']['version']}"
    for what in ("offers", "claims"):
        gone = sorted(set(before["target"].get(what, ())) - set(after["target"].get(what, ())))
        if gone:
            yield f"the target {what} no longer: {', '.join(map(str, gone))}"


_ASKED = {
    "generate": "the number of generated cases of each operation is another one",
    "seed": "generated cases are drawn from another seed",
    "samples": "the number of samples is another one",
}


def _said(verdict: Verdict) -> str:
    return verdict.value.replace("_", " ")
