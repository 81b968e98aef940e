"""The clause registry: one checkable promise each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from llmapi_conformance.contract.files import read_yaml
from llmapi_conformance.errors import ContractError

if TYPE_CHECKING:
    from pathlib import Path


class Level(StrEnum):
    """How binding a clause is; broken it is ``failed``, ``warned`` or ``noted``."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    INFO = "INFO"


class Basis(StrEnum):
    """Where a clause comes from."""

    DOCUMENTED = "documented"
    PROTOCOL = "protocol"
    STANDARD = "standard"
    ASSUMED = "assumed"


class Status(StrEnum):
    """Whether a clause gets a verdict."""

    ACTIVE = "active"
    PLANNED = "planned"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a clause is stated.

    Attributes:
        page: Documentation page code of ``specs/sources.yaml``, empty when none.
        facts: Fact numbers such as ``F9.7``.
        rules: Rule ids of the wire grammars, such as ``A-S7``.
        refs: Standards, such as ``RFC 9110 15.5.2``.
    """

    page: str = ""
    facts: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"{self.page} {', '.join(self.facts)}".strip(), ", ".join(self.rules), ", ".join(self.refs)]
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Clause:
    """One checkable promise.

    Attributes:
        id: ``SURFACE-Xnn``, never reused.
        surface: Named part of the API.
        level: How binding it is.
        basis: Where it comes from.
        status: Only active clauses get a verdict.
        statement: One sentence about the gateway.
        source: Where it is stated.
        since: Version of this suite that brought it.
        issue: Number of the issue that will serve a planned clause, else 0.
        reason: Why an excluded clause is excluded, else empty.
    """

    id: str
    surface: str
    level: Level
    basis: Basis
    status: Status
    statement: str
    source: Source
    since: str
    issue: int = 0
    reason: str = ""


def load_clauses(specs: Path) -> dict[str, Clause]:
    """Load every clause under ``specs/clauses``, by id.

    Raises:
        ContractError: A file is not valid, or two clauses share an id.
    """
    clauses: dict[str, Clause] = {}
    for path in sorted((specs / "clauses").glob("*.yaml")):
        data = read_yaml(path, "clauses")
        for row in data["clauses"]:
            clause = _clause(data["surface"], row)
            if clause.id in clauses:
                raise ContractError(f"{path}: {clause.id} is there twice; ids are never reused.")
            clauses[clause.id] = clause
    return clauses


def _clause(surface: str, row: dict[str, Any]) -> Clause:
    source = row["source"]
    return Clause(
        id=row["id"],
        surface=surface,
        level=Level(row["level"]),
        basis=Basis(row["basis"]),
        status=Status(row["status"]),
        statement=row["statement"],
        source=Source(
            page=source.get("page", ""),
            facts=tuple(source.get("facts", ())),
            rules=tuple(source.get("rules", ())),
            refs=tuple(source.get("refs", ())),
        ),
        since=row["since"],
        issue=row.get("issue", 0),
        reason=row.get("reason", ""),
    )
