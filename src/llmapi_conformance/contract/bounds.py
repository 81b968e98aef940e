"""What documentation and protocols say about the values of members and parameters (``specs/bounds.yaml``)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from llmapi_conformance.contract.files import read_yaml
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Place = Literal["body", "query", "path", "form"]
Told = Literal["served", "refused", "refused_assumed", "robust"]
"""What is promised of the answer to a value; see ``generating.cases.Promise``."""
_TOLD: tuple[Told, ...] = ("refused", "refused_assumed", "robust", "served")


@dataclass(frozen=True)  # no slots: holds mappings
class Bound:
    """What is said about the values of one member or parameter.

    Attributes:
        operations: Operation ids, aliases aside: what holds for an operation holds for them.
        place: Where it stands in a request.
        path: Its path there, such as ``messages[0].role``.
        others: Other members that are set beforehand, by place and path (``query.start_date``).
        facts: Fact numbers that say so.
        rules: Rules of the wire grammars that say so.
        types: JSON types that it may have; any when empty.
        wrong_type: What is promised of values of another type.
        missing: What is promised when it is left out; ``None`` where that is nothing special.
        null: What is promised of ``null``.
        values: Values with what is promised of them, in the order of the file.
    """

    operations: tuple[str, ...]
    place: Place
    path: str
    others: Mapping[str, Any]
    facts: tuple[str, ...]
    rules: tuple[str, ...]
    types: tuple[str, ...]
    wrong_type: Told
    missing: Told | None
    null: Told
    values: tuple[tuple[Any, Told], ...]

    @property
    def member(self) -> str:
        """Place and path, as a case names it."""
        return f"{self.place}.{self.path}"


@dataclass(frozen=True)  # no slots: holds mappings
class Bounds:
    """All that is said.

    Attributes:
        bounds: In the order of the file.
        documents: JSON bodies of operations whose usual body is a form, by operation id.
    """

    bounds: tuple[Bound, ...]
    documents: Mapping[str, dict[str, Any]]

    def of(self, operation: str) -> tuple[Bound, ...]:
        """Those of an operation that is no alias."""
        return tuple(bound for bound in self.bounds if operation in bound.operations)


@cache
def bounds() -> Bounds:
    """What the tree in use says.

    Raises:
        ContractError: See ``load_bounds``.
    """
    return load_bounds(tree() / "specs")


def load_bounds(specs: Path) -> Bounds:
    """Load ``specs/bounds.yaml``.

    Raises:
        ContractError: The file is not valid.
    """
    data = read_yaml(specs / "bounds.yaml", "bounds")
    return Bounds(tuple(_bound(row) for row in data["bounds"]), data["documents"])


def _bound(row: Mapping[str, Any]) -> Bound:
    place, _, path = row["member"].partition(".")
    missing = row.get("missing")
    return Bound(
        operations=tuple(row["operations"]),
        place=place,
        path=path,
        others=row.get("with", {}),
        facts=tuple(row.get("facts", ())),
        rules=tuple(row.get("rules", ())),
        types=tuple(row.get("types", ())),
        wrong_type=row.get("wrong_type", "refused"),
        missing=missing,
        null=row.get("null", missing if missing in ("refused", "refused_assumed") else "robust"),
        values=tuple((_value(value), told) for told in _TOLD for value in row.get(told, ())),
    )


def _value(value: Any) -> Any:
    """A value as it is; a long text written as ``{$repeat: [text, times]}`` in full."""
    if isinstance(value, dict) and value.keys() == {"$repeat"}:
        text, times = value["$repeat"]
        return text * times
    return value
