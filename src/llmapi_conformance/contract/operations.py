"""The documented operations: which request is which."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from llmapi_conformance.contract.files import read_yaml
from llmapi_conformance.errors import ContractError

if TYPE_CHECKING:
    from pathlib import Path

_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path of the OpenAPI description.

    Attributes:
        id: The operation id.
        method: In upper case.
        path: The path template.
        surface: The part of the API it belongs to.
        alias_of: The operation id that an alias stands for, else empty.
    """

    id: str
    method: str
    path: str
    surface: str
    alias_of: str = ""
    pattern: re.Pattern[str] = field(repr=False, compare=False, default=re.compile(""))


def load_operations(specs: Path) -> tuple[Operation, ...]:
    """All operations of ``specs/openapi.yaml``, literal paths before templates.

    Raises:
        ContractError: The description lacks an operation id or a surface.
    """
    entry = specs / "openapi.yaml"
    found: list[Operation] = []
    for path, item in read_yaml(entry)["paths"].items():
        for method, operation in _resolve(entry, item).items():
            if method not in _METHODS:
                continue
            try:
                found.append(
                    Operation(
                        operation["operationId"],
                        method.upper(),
                        path,
                        operation["x-surface"],
                        operation.get("x-alias-of", ""),
                        _pattern(path),
                    )
                )
            except KeyError as error:
                raise ContractError(f"{entry}: {method.upper()} {path} lacks {error}.") from None
    return tuple(sorted(found, key=lambda operation: (operation.path.count("{"), operation.path, operation.method)))


def match_operation(operations: tuple[Operation, ...], method: str, target: str) -> Operation | None:
    """The operation that a request means, or ``None`` when it is not documented.

    Args:
        operations: As loaded.
        method: The request method, case-sensitive (RFC 9110 section 9.1).
        target: Path with or without query.
    """
    path = target.partition("?")[0]
    for operation in operations:
        if operation.method == method and operation.pattern.fullmatch(path):
            return operation
    return None


def _resolve(entry: Path, item: dict[str, Any]) -> dict[str, Any]:
    reference = item.get("$ref")
    if not reference:
        return item
    name, _, pointer = reference.partition("#")
    node: Any = read_yaml((entry.parent / name).resolve() if name else entry)
    for step in pointer.strip("/").split("/"):
        node = node[unquote(step).replace("~1", "/").replace("~0", "~")]
    resolved: dict[str, Any] = node
    return resolved


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]+\}", path)
    return re.compile("[^/]+".join(re.escape(part) for part in parts))
