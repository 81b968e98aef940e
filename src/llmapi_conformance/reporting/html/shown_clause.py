"""A clause with its findings as a report shows them; the room of a page is handed out here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from llmapi_conformance.reference.faults import FAULTS
from llmapi_conformance.reporting.html.bodies import Piece, around, pieces
from llmapi_conformance.reporting.html.markup import weight
from llmapi_conformance.reporting.html.shown_clients import NO_LINES, Beside, Lines
from llmapi_conformance.reporting.html.shown_exchange import (
    ShownExchange,
    copied,
    cut_line,
    shown_exchange,
    status_line,
)
from llmapi_conformance.reporting.html.timeline import Timeline, milliseconds, timeline_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.reference.fault import Fault

MOST_FINDINGS: Final = 10
"""Findings of one clause that are shown whole."""
MOST_BRIEF: Final = 40
"""Further ones that are shown as a line."""
MOST_ALSO: Final = 12
"""Further exchanges of a finding that are listed."""
MOST_CHECKS: Final = 8
"""Checks of a clause that are listed."""
ROOM: Final = 4_000_000
"""Characters of markup that findings take in one page; they come in order of weight, so the weighty ones have it."""
LONGEST_CURL: Final = 20_000
"""Characters of a command that is shown."""
_BEGINNING: Final = 480
"""Bytes of an answer shown where no bytes are telling."""


class Other(NamedTuple):
    """A further exchange that shows the same."""

    id: str
    request: str
    status: str
    took: str


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """A finding.

    Attributes:
        verdict: Of the finding.
        check: The check that found it.
        oracle: What it asked, in words.
        expected: As in the document.
        observed: As in the document.
        exchange_id: The exchange that shows it; empty when none does.
        request: Its first line.
        status: Its answer in a few words.
        excerpt: The telling bytes and their neighbours, or the beginning of the answer.
        marked: Whether there are telling bytes.
        timeline: The drawing.
        curl: The command; empty when it is too long to be of use.
        curl_changed: Whether control characters were escaped in it.
        exchange: The whole exchange, when it stands here.
        stands_at: Anchor of the whole exchange, when it stands elsewhere; empty when it stands nowhere.
        clients: What official clients made of the exchange, where it was played to some.
        also: Further exchanges.
        also_left: How many more of them.
    """

    verdict: str
    check: str
    oracle: str
    expected: str
    observed: str
    exchange_id: str = ""
    request: str = ""
    status: str = ""
    excerpt: tuple[Piece, ...] = ()
    marked: bool = False
    timeline: Timeline | None = None
    curl: str = ""
    curl_changed: bool = False
    exchange: ShownExchange | None = None
    stands_at: str = ""
    clients: Lines = NO_LINES
    also: tuple[Other, ...] = ()
    also_left: int = 0

    @property
    def weight(self) -> int:
        """Characters of markup that it takes in the page, its exchange aside."""
        texts = (self.expected, self.observed, self.curl, self.curl, self.request, *(one.text for one in self.excerpt))
        bars = (len(self.timeline.bars) + len(self.timeline.stalls)) * 120 if self.timeline else 0
        beside = self.clients.weight
        return (
            1_500
            + bars
            + beside
            + sum(map(weight, texts))
            + sum(len(one.id) + len(one.request) + 80 for one in self.also)
        )


@dataclass(frozen=True, slots=True)
class ShownClause:
    """A clause with its verdict and all that is known of it.

    Attributes:
        id: And what follows to ``examined``: as in the document.
        findings: Shown whole.
        brief: Further ones: what was observed, and the exchange.
        findings_left: How many more.
        checks: As in the document.
        checks_left: How many more.
        faults: Of the reference gateway, that this clause is known to find.
        waiver: Name and value of what is known of its waiver.
        clients: What official clients made of the exchanges that its findings name, where they were played to some.
    """

    id: str
    surface: str
    level: str
    basis: str
    statement: str
    source: str
    verdict: str
    reason: str
    examined: int
    findings: tuple[ShownFinding, ...]
    brief: tuple[tuple[str, str], ...]
    findings_left: int
    checks: tuple[Mapping[str, Any], ...]
    checks_left: int
    faults: tuple[Fault, ...]
    waiver: tuple[tuple[str, str], ...] = ()
    clients: Lines = NO_LINES


class Builder:
    """Makes clauses in the order in which they are to have room; each exchange stands in the page once.

    Attributes:
        room: Characters of markup that are left.
        places: Exchange -> anchor; empty for one that found no room.
        missing: Exchanges that findings name and nobody gave.
    """

    def __init__(self, exchanges: Mapping[str, Exchange], beside: Beside, room: int = ROOM) -> None:
        self.room = room
        self.places: dict[str, str] = {}
        self.missing: set[str] = set()
        self._exchanges = exchanges
        self._beside = beside
        self._faults = _faults_by_clause()

    @property
    def embedded(self) -> int:
        """How many exchanges stand in the page."""
        return sum(bool(place) for place in self.places.values())

    def clause(self, raw: Mapping[str, Any]) -> ShownClause:
        """A clause of the document."""
        findings: list[ShownFinding] = []
        for one in raw["findings"][:MOST_FINDINGS]:
            if self.room <= 0:
                break
            findings.append(self._finding(one))
        rest = raw["findings"][len(findings) :]
        brief = tuple((cut_line(one["observed"], 200), one["exchange"] or "no exchange") for one in rest[:MOST_BRIEF])
        brief = brief if self.room > -ROOM else ()
        self.room -= sum(weight(observed) + weight(name) + 60 for observed, name in brief)
        clients = self._beside.lines(
            name for one in raw["findings"] for name in (one["exchange"], *one["also"]) if name
        )
        self.room -= clients.weight
        return ShownClause(
            id=raw["id"],
            surface=raw["surface"],
            level=raw["level"],
            basis=raw["basis"],
            statement=raw["statement"],
            source=raw["source"],
            verdict=raw["verdict"],
            reason=raw["reason"],
            examined=raw["examined"],
            findings=tuple(findings),
            brief=brief,
            findings_left=len(rest) - len(brief),
            checks=tuple(raw["checks"][:MOST_CHECKS]),
            checks_left=max(0, len(raw["checks"]) - MOST_CHECKS),
            faults=self._faults.get(raw["id"], ()),
            waiver=tuple((str(name), str(value)) for name, value in (raw.get("waiver") or {}).items()),
            clients=clients,
        )

    def _finding(self, raw: Mapping[str, Any]) -> ShownFinding:
        name = raw["exchange"] or ""
        curl, changed = copied(raw["curl"] or "")
        if len(curl) > LONGEST_CURL:
            curl, changed = "", False
        shown = ShownFinding(
            verdict=raw["verdict"],
            check=raw["check"],
            oracle=raw["oracle"].replace("_", " "),
            expected=raw["expected"],
            observed=raw["observed"],
            exchange_id=name,
            curl=curl,
            curl_changed=changed,
            clients=self._beside.lines([name]),
            also=tuple(self._other(one) for one in raw["also"][:MOST_ALSO]),
            also_left=max(0, len(raw["also"]) - MOST_ALSO),
        )
        shown = self._with_exchange(shown, raw) if name in self._exchanges else self._without_exchange(shown, raw)
        self.room -= shown.weight
        return shown

    def _with_exchange(self, shown: ShownFinding, raw: Mapping[str, Any]) -> ShownFinding:
        exchange = self._exchanges[shown.exchange_id]
        span = (int(raw["span"][0]), int(raw["span"][1])) if raw["span"] else None
        embedded, place = self._embed(exchange, span)
        return replace(
            shown,
            request=cut_line(f"{exchange.request.method} {exchange.request.target}", 200),
            status=status_line(exchange),
            excerpt=around(exchange.body, span) if span else pieces(exchange.body[:_BEGINNING]),
            marked=span is not None,
            timeline=timeline_of(exchange, span),
            exchange=embedded,
            stands_at=place,
        )

    def _without_exchange(self, shown: ShownFinding, raw: Mapping[str, Any]) -> ShownFinding:
        """What the document says of an exchange that nobody gave."""
        if not shown.exchange_id:
            return shown
        self.missing.add(shown.exchange_id)
        excerpt = (Piece("text", raw["excerpt"]),) if raw["excerpt"] else ()
        status = f"answered with {raw['status']}" if raw["status"] else "no answer"
        return replace(shown, excerpt=excerpt, status=status)

    def _embed(self, exchange: Exchange, span: tuple[int, int] | None) -> tuple[ShownExchange | None, str]:
        """The whole exchange if it stands nowhere yet and there is room, and where it stands; empty for nowhere."""
        if exchange.id in self.places:
            return None, self.places[exchange.id]
        shown = shown_exchange(exchange, f"exchange-{len(self.places) + 1}", span)
        if shown.weight > self.room:
            self.places[exchange.id] = ""
            return None, ""
        self.room -= shown.weight
        self.places[exchange.id] = shown.anchor
        return shown, shown.anchor

    def _other(self, name: str) -> Other:
        exchange = self._exchanges.get(name)
        if exchange is None:
            return Other(name, "", "", "")
        request = cut_line(f"{exchange.request.method} {exchange.request.target}", 120)
        took = milliseconds(exchange.response.ended_at) if exchange.response else ""
        return Other(name, request, status_line(exchange), took)


def _faults_by_clause() -> dict[str, tuple[Fault, ...]]:
    faults: dict[str, list[Fault]] = {}
    for fault in FAULTS.values():
        for clause in fault.clauses:
            faults.setdefault(clause, []).append(fault)
    return {clause: tuple(those) for clause, those in faults.items()}
