"""The access matrix: what a key of each role gets at each operation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from llmapi_conformance.contract.clauses import Basis, Level, Status
from llmapi_conformance.contract.files import read_yaml
from llmapi_conformance.errors import ContractError
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Envelope = Literal["anthropic", "openai", "openai_image", "google", "any"]


@dataclass(frozen=True, slots=True)
class Allow:
    """The gateway serves a correct request.

    Attributes:
        basis: Where that comes from.
        level: How binding it is.
        facts: Fact numbers that say so.
    """

    basis: Basis
    level: Level
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deny:
    """The gateway refuses the request.

    Attributes:
        statuses: Statuses that the refusal may have.
        envelope: The error envelope that it owes; ``any`` where that is open.
        error_type: The documented literal of ``error.type``, empty when none is documented.
        message: The documented literal of ``error.message``, empty when none is documented.
        basis: Where that comes from.
        level: How binding it is.
        facts: Fact numbers that say so.
    """

    statuses: tuple[int, ...]
    envelope: Envelope
    error_type: str
    message: str
    basis: Basis
    level: Level
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unspecified:
    """Nothing is promised, so nothing is judged.

    Attributes:
        reason: Why no reading is sound.
    """

    reason: str


Cell = Allow | Deny | Unspecified


@dataclass(frozen=True, slots=True)
class MatrixRole:
    """A row: a role and whether its cells are checked yet.

    Attributes:
        name: ``general:openai``, with a condition after a plus.
        status: Active or planned.
        issue: The issue that will serve a planned one, else 0.
    """

    name: str
    status: Status
    issue: int = 0


@dataclass(frozen=True, slots=True)
class MatrixOperation:
    """A column: an operation id, its surface, and whether its cells are checked yet.

    Attributes:
        id: Operation id of the OpenAPI description.
        surface: The part of the API it belongs to.
        status: Active or planned.
        issue: The issue that will serve a planned one, else 0.
    """

    id: str
    surface: str
    status: Status
    issue: int = 0


@dataclass(frozen=True)  # no slots: holds mappings
class AccessMatrix:
    """Every role against every operation.

    Attributes:
        rows: Roles by name, in the order of the file.
        operations: Operations by id, in the order of the file.
        cells: Role -> operation id -> cell.
        same_as_base: Conditions whose keys have the cells of their base role.
    """

    rows: Mapping[str, MatrixRole]
    operations: Mapping[str, MatrixOperation]
    cells: Mapping[str, Mapping[str, Cell]]
    same_as_base: frozenset[str]

    def cell(self, role: str, operation: str) -> Cell:
        """What a key of a role gets at an operation.

        Args:
            role: With or without a condition; one that changes nothing has the cell of its base role.
            operation: Operation id.

        Raises:
            ContractError: The matrix has no such role or operation.
        """
        base, _, condition = role.partition("+")
        row = base if condition in self.same_as_base else role
        try:
            return self.cells[row][operation]
        except KeyError:
            raise ContractError(
                f"The access matrix has no cell for {role} at {operation}; add it to specs/access.yaml."
            ) from None

    def roles(self, *, active: bool = True) -> tuple[str, ...]:
        """Names of the rows: those that are checked, or all of them."""
        return tuple(row.name for row in self.rows.values() if row.status is Status.ACTIVE or not active)

    def operation_ids(self, *, active: bool = True) -> tuple[str, ...]:
        """Ids of the columns: those that are checked, or all of them."""
        return tuple(one.id for one in self.operations.values() if one.status is Status.ACTIVE or not active)

    def specified_roles(self, operation: str) -> tuple[str, ...]:
        """The active roles for which something is promised at an operation."""
        return tuple(role for role in self.roles() if not isinstance(self.cell(role, operation), Unspecified))


@cache
def access_matrix() -> AccessMatrix:
    """The matrix of the tree in use.

    Raises:
        ContractError: See ``load_access``.
    """
    return load_access(tree() / "specs")


def load_access(specs: Path) -> AccessMatrix:
    """Load ``specs/access.yaml``.

    Raises:
        ContractError: The file is not valid, names something twice, or lacks a cell.
    """
    path = specs / "access.yaml"
    data = read_yaml(path, "access")
    rows = {
        row["name"]: MatrixRole(row["name"], Status(row["status"]), row.get("issue", 0))
        for row in _once(path, data["roles"], "name")
    }
    operations = {
        row["id"]: MatrixOperation(row["id"], row["surface"], Status(row["status"]), row.get("issue", 0))
        for row in _once(path, data["operations"], "id")
    }
    _complete(path, "role", rows, data["cells"])
    for role, line in data["cells"].items():
        _complete(path, f"{role}: operation", operations, line)
    return AccessMatrix(
        rows=rows,
        operations=operations,
        cells={role: {name: _cell(cell) for name, cell in line.items()} for role, line in data["cells"].items()},
        same_as_base=frozenset(data["same_as"]),
    )


def _once(path: Path, listed: list[dict[str, Any]], member: str) -> list[dict[str, Any]]:
    names = [row[member] for row in listed]
    for name in names:
        if names.count(name) > 1:
            raise ContractError(f"{path}: {name} is listed twice; keep one of them.")
    return listed


def _complete(path: Path, what: str, wanted: Mapping[str, object], given: Mapping[str, object]) -> None:
    for name in wanted:
        if name not in given:
            raise ContractError(f"{path}: {what} {name} has no cells; add them.")
    for name in given:
        if name not in wanted:
            raise ContractError(f"{path}: {what} {name} has cells but is not listed; list it or take its cells out.")


def _cell(data: Mapping[str, Any]) -> Cell:
    if "unspecified" in data:
        return Unspecified(data["unspecified"])
    basis, level, facts = Basis(data["basis"]), Level(data["level"]), tuple(data["facts"])
    if "allow" in data:
        return Allow(basis, level, facts)
    deny = data["deny"]
    return Deny(
        statuses=tuple(deny["statuses"]),
        envelope=deny["envelope"],
        error_type=deny.get("error_type", ""),
        message=deny.get("message", ""),
        basis=basis,
        level=level,
        facts=facts,
    )
