"""What official clients made of a run, as a report shows it: INFO beside the verdicts, which no verdict depends on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from llmapi_conformance.reporting.clients import absent_lines, broken_alike, cells, surfaces_of
from llmapi_conformance.reporting.html.bodies import counted
from llmapi_conformance.reporting.html.markup import weight
from llmapi_conformance.reporting.html.shown_exchange import cut_line
from llmapi_conformance.reporting.played import OUTCOMES, played_alike, played_counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from llmapi_conformance.clients.accumulating import Played
    from llmapi_conformance.reporting.clients import CaseRow
    from llmapi_conformance.reporting.played import Alike

MOST_LINES: Final = 12
"""Lines at one clause or exchange."""
MOST_TOLD: Final = 40
"""Lines of each list of the overview."""
MOST_CLAUSES: Final = 12
"""Clauses that one of these lines names."""
LONGEST: Final = 240
"""Characters shown of what a client raised: it may be the gateway's words."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of official clients in a run.

    Attributes:
        rows: The cases of a run of clients; none for any other run.
        played: What clients would have made of its recorded streams, with the clauses that are broken there.
        note: Why what lies beside the run is not shown; empty when it is, or when nothing is there.
    """

    rows: tuple[CaseRow, ...] = ()
    played: tuple[Played, ...] = ()
    note: str = ""

    def __bool__(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.rows or self.played or self.note)


NOTHING: Final = Heard()
"""When nothing is known of any client."""


class ClientLine(NamedTuple):
    """What one client made of some streams alike.

    Attributes:
        client: Its family and version.
        outcome: In a word or two.
        words: What it raised, or how its text differs.
        streams: How many, for people.
        exchange: The first of them.
        others: How many others, for people; empty for none.
        clauses: What is broken there.
        clauses_left: How many more.
    """

    client: str
    outcome: str
    words: str
    streams: str
    exchange: str
    others: str = ""
    clauses: tuple[str, ...] = ()
    clauses_left: int = 0


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines, and how many are left out."""

    lines: tuple[ClientLine, ...] = ()
    left: int = 0

    @property
    def weight(self) -> int:
        """Characters of markup that they take in the page."""
        return sum(300 + weight(one.words) + 2 * weight(one.exchange) for one in self.lines)


NO_LINES: Final = Lines()


class BrokenCase(NamedTuple):
    """What one client met instead of what it wanted, in which cases and against which clauses."""

    client: str
    cases: str
    expected: str
    words: str
    clauses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClientsView:
    """The part of the page about clients.

    Attributes:
        surfaces: Columns of the table of cases.
        cases: Client, and its cells.
        broken: What did not work.
        broken_left: How many more.
        absent: What was not seen.
        outcomes: Columns of the table of streams, behind their number.
        streams: Client, and its numbers.
        told: What a client or a clause says of streams.
        note: As of ``Heard``.
    """

    surfaces: tuple[str, ...]
    cases: tuple[tuple[str, tuple[str, ...]], ...]
    broken: tuple[BrokenCase, ...]
    broken_left: int
    absent: tuple[str, ...]
    outcomes: tuple[str, ...]
    streams: tuple[tuple[str, tuple[int, ...]], ...]
    told: Lines
    note: str


class Beside:
    """Finds what clients made of the streams that a clause or an exchange is about."""

    def __init__(self, played: Iterable[Played] = ()) -> None:
        self._played: dict[str, list[Played]] = {}
        self._order: dict[str, int] = {}
        for one in played:
            self._order.setdefault(one.client, len(self._order))
            self._played.setdefault(one.exchange, []).append(replace(one, clauses=()))

    def lines(self, exchanges: Iterable[str]) -> Lines:
        """Of these exchanges, client by client; none where nothing was played of them."""
        found = [one for name in dict.fromkeys(exchanges) for one in self._played.get(name, ())]
        alike = sorted(played_alike(found), key=lambda one: (self._order[one.client], -len(one.exchanges)))
        return Lines(tuple(map(_line, alike[:MOST_LINES])), max(0, len(alike) - MOST_LINES))


def clients_view(heard: Heard) -> ClientsView | None:
    """The part about clients; ``None`` when nothing is known of any."""
    if not heard:
        return None
    broken = tuple(_broken(heard.rows))
    told = [one for one in played_alike(heard.played) if one.telling]
    surfaces = tuple(surfaces_of(heard.rows))
    return ClientsView(
        surfaces=surfaces,
        cases=tuple(
            (named(client), tuple(found.get(one, "") for one in surfaces))
            for client, found in cells(heard.rows).items()
        ),
        broken=broken[:MOST_TOLD],
        broken_left=max(0, len(broken) - MOST_TOLD),
        absent=tuple(cut_line(one, LONGEST) for one in absent_lines(heard.rows)),
        outcomes=(*OUTCOMES, "swallowed"),
        streams=tuple(_numbers(heard.played)),
        told=Lines(tuple(map(_line, told[:MOST_TOLD])), max(0, len(told) - MOST_TOLD)),
        note=heard.note,
    )


def named(client: str) -> str:
    """Family and version as people write them."""
    family, dash, version = client.rpartition("-")
    return f"{family} {version}" if dash else client


def _numbers(played: Sequence[Played]) -> Iterator[tuple[str, tuple[int, ...]]]:
    counts: Mapping[str, Mapping[str, int]] = played_counts(played)
    for client, found in counts.items():
        numbers = [found[one] for one in OUTCOMES]
        yield named(client), (sum(numbers), *numbers, found["swallowed"])


def _line(one: Alike) -> ClientLine:
    more = len(one.exchanges) - 1
    return ClientLine(
        named(one.client),
        one.outcome,
        cut_line(one.words, LONGEST),
        counted(len(one.exchanges), "stream"),
        cut_line(one.exchanges[0], LONGEST),
        counted(more, "other") if more else "",
        one.clauses[:MOST_CLAUSES],
        max(0, len(one.clauses) - MOST_CLAUSES),
    )


def _broken(rows: Sequence[CaseRow]) -> Iterator[BrokenCase]:
    for met in broken_alike(rows):
        yield BrokenCase(
            named(met[0].client),
            cut_line(", ".join(one.case for one in met), LONGEST),
            cut_line(met[0].expected, LONGEST),
            cut_line(met[0].words, LONGEST),
            tuple(dict.fromkeys(one.clause for one in met))[:MOST_CLAUSES],
        )
