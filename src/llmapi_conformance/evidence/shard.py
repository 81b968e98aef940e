"""A shard: one of several parts of a run, each sent by another process or machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from llmapi_conformance.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST: Final = 999
"""Shards of a run, at most."""
_WRITTEN = re.compile(r"([0-9]{1,3})/([0-9]{1,3})", re.ASCII)
_ELSEWHERE = re.compile(r"sent by shard [0-9]+ of [0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of a run.

    Attributes:
        number: Which one, from 1.
        count: How many there are.
    """

    number: int
    count: int

    @classmethod
    def read(cls, text: str) -> Self:
        """A shard as it is written: ``2/3``.

        Raises:
            ContractError: It is none.
        """
        found = _WRITTEN.fullmatch(text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise ContractError(f"{text!r} is no shard: write it as 2/3, the second of three (at most {MOST}).")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def words(self) -> str:
        """For people."""
        return f"shard {self.number} of {self.count}"

    @property
    def is_last(self) -> bool:
        """Whether it is the one that is sent when the others have ended, where they use the same gateway or keys."""
        return self.number == self.count

    def sends(self, other: int) -> str:
        """Why a scenario that another shard sends is not observed in this one."""
        return f"sent by shard {other} of {self.count}"


def sent_elsewhere(reason: str) -> bool:
    """Whether a scenario's reason says that another shard sends it."""
    return _ELSEWHERE.fullmatch(reason) is not None


def written(numbers: Sequence[int], count: int) -> str:
    """Several shards as one part of a run: ``1,3/3``; empty when they are the whole of it."""
    return "" if len(numbers) == count else f"{','.join(map(str, sorted(numbers)))}/{count}"
