"""What official clients would have made of recorded streams: as JSON, for people, and as Markdown."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.clients.accumulating import Played
from llmapi_conformance.errors import ReportError
from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.reporting.excerpt import printable
from llmapi_conformance.reporting.markdown import code, prose
from llmapi_conformance.reporting.markdown import table as markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

REPLAY: Final = "clients-replay.json"
"""Name of the file that keeps what clients would have made of recorded streams."""
PLAYED: Final = "Recorded streams, played to official clients"
"""Heading of what is told of them."""
OUTCOMES: Final = ("worked", "raised", "other text", "ended")
_FORMAT: Final = "llmapi-conformance-clients-replay"
_MOST_NAMES: Final = 40
"""Streams that a line of the Markdown names."""


def broken_in(document: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Exchange id -> the clauses that a run found broken there, above INFO; of what ``verdicts.json`` says."""
    found: dict[str, dict[str, None]] = {}
    for clause in document["clauses"]:
        for finding in clause["findings"]:
            for exchange in (finding["exchange"], *finding["also"]):
                if exchange and finding["verdict"] != Verdict.NOTED:
                    found.setdefault(exchange, {})[clause["id"]] = None
    return {exchange: tuple(clauses) for exchange, clauses in found.items()}


@dataclass(frozen=True, slots=True)
class Alike:
    """Streams of which one client made the same, and of which a run says the same.

    Attributes:
        client: Its family and version.
        outcome: As of ``Played``.
        words: The same.
        clauses: What the run found broken in each of them.
        exchanges: Their ids, in the order of the recording.
    """

    client: str
    outcome: str
    words: str
    clauses: tuple[str, ...]
    exchanges: tuple[str, ...]

    @property
    def telling(self) -> bool:
        """Whether the client or a clause says something."""
        return self.outcome != "worked" or bool(self.clauses)


def played_alike(played: Iterable[Played]) -> list[Alike]:
    """Client by client, in the order in which each was met first."""
    groups: dict[tuple[str, str, str, tuple[str, ...]], list[str]] = {}
    for one in played:
        groups.setdefault((one.client, one.outcome, one.words, one.clauses), []).append(one.exchange)
    return [Alike(*key, tuple(exchanges)) for key, exchanges in groups.items()]


def played_counts(played: Iterable[Played]) -> dict[str, Counter[str]]:
    """Client -> how many streams had each outcome; ``swallowed``: it worked though a clause is broken there."""
    counts: dict[str, Counter[str]] = {}
    for one in played:
        counts.setdefault(one.client, Counter())[one.outcome] += 1
        counts[one.client]["swallowed"] += one.outcome == "worked" and bool(one.clauses)
    return counts


def played_document(recording: str, played: Sequence[Played]) -> dict[str, Any]:
    """What clients would have made of recorded streams, as JSON.

    Args:
        recording: Its seal, empty when it has none.
        played: Of all clients.
    """
    clients: dict[str, list[dict[str, Any]]] = {}
    for one in played:
        shown = {"exchange": one.exchange, "outcome": one.outcome, "words": one.words, "broken": list(one.clauses)}
        clients.setdefault(one.client, []).append(shown)
    return {
        "format": _FORMAT,
        "version": "1.0",
        "level": "INFO",
        "recording": recording,
        "clients": [
            {
                "client": client,
                "played": len(streams),
                "worked": sum(one["outcome"] == "worked" for one in streams),
                "streams": streams,
            }
            for client, streams in clients.items()
        ],
    }


def read_played(path: Path) -> tuple[str, list[Played]]:
    """The seal of the recording, and what clients would have made of it, read back from ``clients-replay.json``.

    Raises:
        ReportError: It can't be used.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
        _expect(document["format"] == _FORMAT, "format")
        played = [
            Played(
                str(client["client"]),
                str(stream["exchange"]),
                str(stream["outcome"]),
                str(stream["words"]),
                tuple(map(str, stream["broken"])),
            )
            for client in document["clients"]
            for stream in client["streams"]
        ]
        _expect(all(one.outcome in OUTCOMES for one in played), "outcome")
        return str(document["recording"]), played
    except OSError as error:
        raise ReportError(f"{path} can't be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReportError(
            f"{path} is damaged ({type(error).__name__}): 'llmapi-conformance clients replay' makes it again."
        ) from None


def _expect(holds: bool, what: str) -> None:  # noqa: FBT001 - as an assertion reads
    if not holds:
        raise ValueError(f"another {what}")


def played_markdown(played: Sequence[Played]) -> str:
    """A table of the clients, and a line for what a client or a clause says of streams."""
    parts = [_played_part(played, "#"), "\n"]
    if told := [one for one in played_alike(played) if one.telling]:
        lines = [f"- {prose(_line(one))}\n  - {_names(one.exchanges)}\n" for one in told]
        parts += ["\n## Where a client or a clause says something\n\n", *lines]
    return "".join(parts)


def with_played(summary: str, played: Sequence[Played]) -> str:
    """A summary with the table at its end, in the place of the one that it may have already."""
    before = summary.partition(f"\n## {PLAYED}\n")[0].rstrip("\n")
    return f"{before}\n\n{_played_part(played, '##')}\n"


def _played_part(played: Sequence[Played], mark: str) -> str:
    columns = (*OUTCOMES, "swallowed")
    rows = [[client, *(str(found[name]) for name in columns)] for client, found in played_counts(played).items()]
    return (
        f"{mark} {PLAYED}\n\n"
        "INFO: no verdict depends on it. `swallowed`: the client worked though a clause is broken there.\n\n"
        f"{markdown_table(['client', *columns], rows)}"
    )


def played_lines(played: Sequence[Played]) -> list[str]:
    """A line for what a client or a clause says of streams, with the first of them."""
    return [
        f"{_line(one)} ({printable(one.exchanges[0])}{' and others' if len(one.exchanges) > 1 else ''})"
        for one in played_alike(played)
        if one.telling
    ]


def _line(one: Alike) -> str:
    count = len(one.exchanges)
    return printable(
        f"{one.client} {one.outcome}{f' {one.words}' if one.words else ''}, {count} stream{'s' * (count != 1)}; "
        + (f"broken there: {', '.join(one.clauses)}" if one.clauses else "no clause was found broken there")
    )


def _names(exchanges: Sequence[str]) -> str:
    shown = ", ".join(code(one) for one in exchanges[:_MOST_NAMES])
    return shown + (f" and {len(exchanges) - _MOST_NAMES} more" if len(exchanges) > _MOST_NAMES else "")
