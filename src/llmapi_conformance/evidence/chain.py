"""The chain of a recording: each record names its line and the digest of the record before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SINCE: Final = (1, 3)
"""The version of the format that brought the chain."""


@dataclass(frozen=True, slots=True)
class Link:
    """A line of a recording, as far as the chain is concerned.

    Attributes:
        place: Where it stands in the file, from 1.
        number: The line that the record says it is, ``None`` when it says none.
        previous: Digest of the record before it, as the record says; ``None`` when it says none.
        digest: Its own digest, as the record says.
        intact: Whether it is a record whose digest is right; any other says nothing that could be relied on.
    """

    place: int
    number: int | None
    previous: str | None
    digest: str
    intact: bool

    @classmethod
    def of(cls, place: int, record: Mapping[str, Any] | None, *, intact: bool) -> Self:
        """The link of a record, or of a line that is none."""
        found = record or {}
        number, previous = found.get("line"), found.get("previous")
        return cls(
            place,
            number if isinstance(number, int) and not isinstance(number, bool) else None,
            previous if isinstance(previous, str) else None,
            str(found.get("digest", "")),
            intact,
        )


def is_chained(version: str, links: Sequence[Link]) -> bool:
    """Whether the records ought to be chained: by the version, or because one of them is."""
    major, _, minor = version.partition(".")
    numbers = (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else SINCE
    return numbers >= SINCE or any(link.previous is not None for link in links)


def chain_flaws(links: Sequence[Link]) -> list[str]:
    """Where the records do not follow one another, a sentence each; a line that is not intact is told elsewhere."""
    flaws: list[str] = []
    seen: dict[int, Link] = {}
    gaps: list[tuple[Link, range, int]] = []
    expected, unknown = 1, 0
    for link in links:
        number = link.number
        if not link.intact:
            unknown += 1
        elif number is None or link.previous is None:
            flaws.append(f"line {link.place} was inserted: its record has no place in the chain")
        elif number in seen:
            flaws.append(f"line {link.place} was inserted: record {number} is there already")
        else:
            seen[number] = link
            if number < expected:
                flaws.append(f"line {link.place} was moved: it holds record {number}")
            elif number > expected + unknown:
                gaps.append((link, range(expected, number), unknown))
            expected, unknown = max(expected, number + 1), 0
    flaws += _removed(gaps, seen)
    flaws += [
        f"line {link.place} was replaced: record {number + 1} names another one before it"
        for number, link in sorted(seen.items())
        if number + 1 in seen and seen[number + 1].previous != link.digest
    ]
    return flaws


def _removed(gaps: Sequence[tuple[Link, range, int]], seen: Mapping[int, Link]) -> list[str]:
    """What is missing before a record and stands nowhere else; so many lines there say nothing of themselves."""
    flaws = []
    for link, numbers, unknown in gaps:
        missing = [number for number in numbers if number not in seen]
        count = len(missing) - unknown
        if count == 1:
            which = f"record {missing[0]} was" if not unknown else "a record was"
        else:
            which = f"{count} records were"
        if count > 0:
            flaws.append(f"{which} removed before line {link.place}")
    return flaws
