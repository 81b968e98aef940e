"""Reads data files of the contract and says where they are wrong."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import yaml

from llmapi_conformance.errors import ContractError

if TYPE_CHECKING:
    from pathlib import Path

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path, schema: str | None = None) -> Any:
    """Read a YAML file and hold it against a schema of ``specs/schemas``.

    Args:
        path: The file.
        schema: Name of the schema, such as ``clauses``; ``None`` for no validation.

    Raises:
        ContractError: The file is missing, no YAML, or not valid against the schema.
    """
    try:
        data = yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506 - a safe loader, in C where there is one
    except OSError as error:
        raise ContractError(f"Expected {path} to be readable: {error.strerror}.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise ContractError(f"{path}{where}: not YAML: {getattr(error, 'problem', error)}.") from None
    if schema is not None:
        _validate(data, path, _validator(_schemas_of(path) / f"{schema}.schema.json"))
    return data


def _schemas_of(path: Path) -> Path:
    specs = next(parent for parent in path.parents if parent.name == "specs")
    return specs / "schemas"


@cache
def _validator(path: Path) -> Any:
    return jsonschema_rs.validator_for(json.loads(path.read_text("utf-8")))


def _validate(data: Any, path: Path, validator: Any) -> None:
    for error in validator.iter_errors(data):
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
        raise ContractError(f"{path}{': ' + where.lstrip('.') if where else ''}: {error.message}.")
