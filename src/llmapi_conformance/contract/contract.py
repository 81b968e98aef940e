"""The whole contract, loaded once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from llmapi_conformance.contract.clauses import Clause, load_clauses
from llmapi_conformance.contract.operations import Operation, load_operations

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Contract:
    """What is promised.

    Attributes:
        clauses: By id, in the order of the files.
        operations: Of the OpenAPI description.
        digest: SHA-256 (hex) over every file under ``specs/``, by path and content.
    """

    clauses: Mapping[str, Clause]
    operations: tuple[Operation, ...]
    digest: str


@cache
def load_contract(root: Path) -> Contract:
    """Load ``specs/`` of a tree.

    Raises:
        ContractError: Something in it is unusable.
    """
    specs = root / "specs"
    return Contract(load_clauses(specs), load_operations(specs), _digest(specs))


def _digest(specs: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in specs.rglob("*") if path.is_file()):
        digest.update(path.relative_to(specs).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
