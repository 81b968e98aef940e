"""What official clients made of a gateway: a table of clients and surfaces, for people and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from llmapi_conformance.clients.case import CLIENT_CASE
from llmapi_conformance.evidence.recording import DamagedResult
from llmapi_conformance.judging.oracle import Deviation
from llmapi_conformance.judging.oracles.clients import as_asked
from llmapi_conformance.reporting.excerpt import printable
from llmapi_conformance.reporting.markdown import prose
from llmapi_conformance.reporting.markdown import table as markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmapi_conformance.clients.catalogue import Client
    from llmapi_conformance.evidence.recording import Recording

WORKS: Final = "works"
_COLUMNS: Final = ("chat", "responses", "websocket", "messages", "gemini", "models", "images", "errors")
_ERRORS: Final = "auth"
"""A surface that is shown in the column of errors."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """What came of one case.

    Attributes:
        client: Its family and version.
        case: Its name.
        surface: The column that it is shown in.
        clause: Of its promise.
        state: ``works``, ``broken``, or why nothing was seen: ``not_offered``, ``not_observed``, ...
        words: What was told instead of what was wanted, or the reason why nothing was seen.
        expected: What was wanted, where that was not told.
    """

    client: str
    case: str
    surface: str
    clause: str
    state: str
    words: str = ""
    expected: str = ""


def case_rows(recording: Recording, clients: Iterable[Client]) -> list[CaseRow]:
    """Every case that a recording speaks of, in the order of the catalogue."""
    rows = []
    for client in clients:
        for case in client.cases:
            result = recording.results.get((CLIENT_CASE, f"{client.name}-{case.name}"))
            if result is None:
                continue
            surface = "errors" if case.surface == _ERRORS else case.surface
            state, words, expected = WORKS, "", ""
            if isinstance(result, DamagedResult):
                state, words = "error", result.reason
            elif result.status != "done":
                state, words = result.status, result.reason
            else:
                found = [one for one in as_asked(result.value) if isinstance(one, Deviation)]
                state = "broken" if found else WORKS
                words = "; ".join(one.observed for one in found)
                expected = "; ".join(one.expected.partition(": ")[2] for one in found)
            rows.append(CaseRow(client.name, case.name, surface, case.clause, state, words, expected))
    return rows


def cells(rows: Sequence[CaseRow]) -> dict[str, dict[str, str]]:
    """Client -> surface -> ``works``, ``2 of 3`` or why nothing was seen."""
    told: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        told.setdefault(row.client, {}).setdefault(row.surface, []).append(row.state)
    return {
        client: {surface: _cell(states) for surface, states in surfaces.items()} for client, surfaces in told.items()
    }


def clients_table(rows: Sequence[CaseRow]) -> Table:
    """In 80 columns."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("client", overflow="fold")
    surfaces = surfaces_of(rows)
    for surface in surfaces:
        table.add_column(surface, no_wrap=True)
    for client, found in cells(rows).items():
        family, _, version = client.rpartition("-")
        table.add_row(f"{family}\n{version}", *(_styled(found.get(surface, "")) for surface in surfaces))
    return table


def broken_alike(rows: Sequence[CaseRow]) -> list[list[CaseRow]]:
    """The cases in which clients met something else than what they wanted, those of one client that met the same."""
    alike: dict[tuple[str, str], list[CaseRow]] = {}
    for one in rows:
        if one.state == "broken":
            alike.setdefault((one.client, one.words), []).append(one)
    return list(alike.values())


def broken_lines(rows: Sequence[CaseRow]) -> list[str]:
    """A line for each thing that clients met instead of what they wanted, with the cases that met it."""
    return [
        printable(f"{met[0].client}, {', '.join(one.case for one in met)}: expected {met[0].expected}; {met[0].words}")
        for met in broken_alike(rows)
    ]


def absent_lines(rows: Sequence[CaseRow]) -> list[str]:
    """A line for each reason why cases were not seen, with their number."""
    counts: dict[tuple[str, str], int] = {}
    for one in rows:
        if one.state not in (WORKS, "broken"):
            key = (one.client, one.words)
            counts[key] = counts.get(key, 0) + 1
    return [printable(f"{client}: {count} not seen, {words}") for (client, words), count in counts.items()]


def clients_markdown(rows: Sequence[CaseRow], target: str) -> str:
    """The same as a page."""
    surfaces = surfaces_of(rows)
    lines = [[client, *(found.get(one, "") for one in surfaces)] for client, found in cells(rows).items()]
    parts = [f"# Official clients: {prose(target)}\n\n", markdown_table(["client", *surfaces], lines), "\n"]
    if broken := broken_lines(rows):
        parts += ["\n## What does not work\n\n", *(f"- {prose(line)}\n" for line in broken)]
    if absent := absent_lines(rows):
        parts += ["\n## What was not seen\n\n", *(f"- {prose(line)}\n" for line in absent)]
    return "".join(parts)


def surfaces_of(rows: Sequence[CaseRow]) -> list[str]:
    """Those that cases are shown in, in the order of the columns."""
    seen = {one.surface for one in rows}
    return [one for one in _COLUMNS if one in seen] + sorted(seen - set(_COLUMNS))


def _cell(states: list[str]) -> str:
    seen = [one for one in states if one in (WORKS, "broken")]
    if not seen:
        return states[0].replace("_", " ")
    good = seen.count(WORKS)
    return WORKS if good == len(seen) else f"{good} of {len(seen)}"


def _styled(cell: str) -> Text:
    short = {"not offered": "-", "not observed": "-"}.get(cell, cell)
    style = "green" if cell == WORKS else "bold red" if " of " in cell else "dim"
    return Text(short, style)
