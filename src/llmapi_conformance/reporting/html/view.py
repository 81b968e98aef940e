"""What the page says, put together from a document and the exchanges of a recording."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.faults import FAULTS
from llmapi_conformance.reporting.comparing.baseline import baseline_sentence, known_findings
from llmapi_conformance.reporting.html.shown_clause import Builder, ShownClause
from llmapi_conformance.reporting.html.shown_clients import NOTHING, Beside, ClientsView, Heard, clients_view
from llmapi_conformance.reporting.html.timeline import stalls_together

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.reference.fault import Fault

ORDER: Final = ("failed", "warned", "noted", "error", "inconclusive", "passed", "not_observed", "not_offered", "waived")
"""Verdicts as the page counts them."""
FOUND: Final = ("failed", "warned", "waived", "noted")
"""Verdicts whose clauses stand among the findings, in this order."""
UNSEEN: Final = ("error", "inconclusive", "not_observed", "not_offered")
"""Verdicts of clauses that nothing could be said of, in the order of the page."""
_WORDS: Final = {
    "conformant": "conformant",
    "findings": "findings",
    "untrusted": "this run can't be trusted",
    "inconclusive": "inconclusive",
    "known": "no new failures",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Clauses of one verdict that share a reason."""

    verdict: str
    reason: str
    clauses: tuple[ShownClause, ...]


@dataclass(frozen=True, slots=True)
class SurfaceView:
    """A surface: its clauses, how many have each verdict, how many are proved by how many faults."""

    name: str
    clauses: tuple[ShownClause, ...]
    counts: Mapping[str, int]
    proved: int
    faults: int


@dataclass(frozen=True, slots=True)
class View:
    """Everything that the page says.

    Attributes:
        document: As in ``verdicts.json``.
        title: Target and headline.
        first_failed: The first failed clause that the baseline does not know, if any.
        rest: What else was found, in a few words.
        against: How the run stands to its baseline; empty without one.
        counts: Verdict -> number of clauses, in the order of ``ORDER``.
        share: Verdict, start and width, in thousandths of all clauses.
        duration: For people.
        started: The same.
        found: Clauses with findings, weighty ones first.
        found_ids: Their ids.
        surfaces: All clauses, by surface.
        unseen: By verdict and reason.
        clauses: How many there are.
        ids: Of all.
        faults: Of the reference gateway, that a clause of this run is known to find.
        unproved: Clauses that no fault proves.
        roles: Name, the conditions of its keys in words, and models.
        terms: Name and value of what else is known of target, profile and selection.
        embedded: How many exchanges stand in the page.
        without_room: How many did not fit.
        missing: How many were not given.
        stalled: In how many exchanges our own process stood still, in one sentence; empty for none.
        clients: What official clients made of it; ``None`` when nothing is known of any.
    """

    document: Mapping[str, Any]
    title: str
    first_failed: ShownClause | None
    rest: str
    against: str
    counts: Mapping[str, int]
    share: tuple[tuple[str, float, float], ...]
    duration: str
    started: str
    found: tuple[ShownClause, ...]
    found_ids: frozenset[str]
    surfaces: tuple[SurfaceView, ...]
    unseen: tuple[Reason, ...]
    clauses: int
    ids: frozenset[str]
    faults: tuple[Fault, ...]
    unproved: tuple[ShownClause, ...]
    roles: tuple[tuple[str, str, tuple[str, ...]], ...]
    terms: tuple[tuple[str, str], ...]
    embedded: int
    without_room: int
    missing: int
    stalled: str
    clients: ClientsView | None


def view_of(
    document: Mapping[str, Any],
    exchanges: Mapping[str, Exchange],
    limits: Iterable[tuple[str, str]] = (),
    heard: Heard = NOTHING,
) -> View:
    """Put the page together.

    Args:
        document: As in ``verdicts.json``.
        exchanges: Of its recording, by id; those that are missing are said to be missing.
        limits: Name and value of the limits of the profile.
        heard: What is known of official clients in the run.
    """
    builder = Builder(exchanges, Beside(heard.played))
    built = {one["id"]: builder.clause(one) for one in sorted(document["clauses"], key=_weight)}
    clauses = [built[one["id"]] for one in document["clauses"]]
    tally = Counter(one.verdict for one in clauses)
    counts = {verdict: tally[verdict] for verdict in ORDER if tally[verdict]}
    failed = [one for one in clauses if one.verdict == "failed"]
    found = [one for verdict in FOUND for one in clauses if one.verdict == verdict]
    known = {fault.name for one in clauses for fault in one.faults}
    return View(
        document=document,
        title=f"{document['target']['name']}: {_WORDS[document['headline']]}",
        first_failed=next((one for one in failed if one.id not in known_findings(document)), None),
        rest="" if document.get("baseline") else _rest(len(failed), tally["warned"]),
        against=baseline_sentence(document),
        counts=counts,
        share=tuple(_share(counts)),
        duration=_duration(document["started_at"], document["ended_at"]),
        started=_moment(document["started_at"]),
        found=tuple(found),
        found_ids=frozenset(one.id for one in found),
        surfaces=tuple(_surfaces(clauses)),
        unseen=tuple(_reasons(clauses)),
        clauses=len(clauses),
        ids=frozenset(built),
        faults=tuple(fault for name, fault in FAULTS.items() if name in known),
        unproved=tuple(one for one in clauses if not one.faults),
        roles=tuple(_roles(document["target"]["roles"])),
        terms=(*_terms(document), *limits),
        embedded=builder.embedded,
        without_room=len(builder.places) - builder.embedded,
        missing=len(builder.missing),
        stalled=stalls_together(exchanges.values()),
        clients=clients_view(heard),
    )


def _weight(raw: Mapping[str, Any]) -> int:
    return FOUND.index(raw["verdict"]) if raw["verdict"] in FOUND else len(FOUND)


def _rest(failed: int, warned: int) -> str:
    parts = [f"and {failed - 1} more failed"] if failed > 1 else []
    if warned:
        parts.append(f"{warned} warned")
    return ", ".join(parts)


def _share(counts: Mapping[str, int]) -> Iterator[tuple[str, float, float]]:
    """Each verdict has at least the width of a hair."""
    hair = 6.0
    whole = sum(counts.values()) or 1
    room = 1_000 - hair * len(counts)
    start = 0.0
    for verdict, count in counts.items():
        width = round(hair + room * count / whole, 1)
        yield verdict, round(start, 1), width
        start += width


def _duration(start: str, end: str) -> str:
    seconds = max(0.0, (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())
    if seconds < 90:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M UTC")


def _roles(roles: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Roles of the same models, with a condition or without, in one line."""
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, models in roles.items():
        role, _, condition = name.partition("+")
        alike.setdefault((role, tuple(models)), []).append(condition)
    for (role, models), conditions in alike.items():
        named = ", ".join(one.replace("_", " ") for one in conditions if one)
        yield role, f"{'also' if '' in conditions else 'only'} {named}" if named else "", models


def _terms(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is known of target and selection beside what has a line of its own."""
    target = document["target"]
    told = {"name", "base_url", "claims", "offers", "not_offered", "overrides", "roles"}
    names = {"sandwich": "our upstream behind it", "body_limit": "longest body, bytes"}
    for name, value in target.items():
        if name not in told:
            yield names.get(name, name), _written(value)
    for name, value in document["selection"].items():
        if value not in ("", None, False):
            yield f"selection: {name}", _written(value)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_written(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_written, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _surfaces(clauses: Iterable[ShownClause]) -> Iterator[SurfaceView]:
    by_surface: dict[str, list[ShownClause]] = {}
    for one in clauses:
        by_surface.setdefault(one.surface, []).append(one)
    for name, those in sorted(by_surface.items()):
        faults = {fault.name for one in those for fault in one.faults}
        counts = Counter(one.verdict for one in those)
        yield SurfaceView(name, tuple(those), counts, sum(bool(one.faults) for one in those), len(faults))


def _reasons(clauses: Sequence[ShownClause]) -> Iterator[Reason]:
    groups: dict[tuple[str, str], list[ShownClause]] = {}
    for one in clauses:
        if one.verdict in UNSEEN:
            groups.setdefault((one.verdict, one.reason or "no reason was given"), []).append(one)
    ordered = sorted(groups.items(), key=lambda item: (UNSEEN.index(item[0][0]), -len(item[1]), item[0][1]))
    return (Reason(verdict, reason, tuple(those)) for (verdict, reason), those in ordered)
