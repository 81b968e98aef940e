"""The description of one operation as a generator needs it: self-contained, with the target's models as examples."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.contract.files import read_yaml
from llmapi_conformance.errors import ContractError
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from pathlib import Path

    from llmapi_conformance.contract.operations import Operation
    from llmapi_conformance.generating.cases import Case

JSON = "application/json"
_SCHEMAS = "schemas"


@dataclass(frozen=True, slots=True)
class Described:
    """An operation of the description, with everything it refers to.

    Attributes:
        operation: What the contract knows of it.
        parameters: Its parameters, as the description has them.
        contents: Media type -> request schema; empty for an operation without a body.
        body_required: Whether it needs a body.
        schemas: What the schemas refer to, by name.
    """

    operation: Operation
    parameters: tuple[dict[str, Any], ...]
    contents: dict[str, Any]
    body_required: bool
    schemas: dict[str, Any]

    @property
    def schema(self) -> Any:
        """The schema of a JSON body; ``True``, which allows everything, where none is described."""
        return self.contents.get(JSON, True)

    def resolved(self, schema: Any) -> Any:
        """A schema, or what it refers to."""
        while isinstance(schema, dict) and "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        return schema

    def standard(self) -> str:
        """The operation id, of an alias that of what it stands for."""
        return self.operation.alias_of or self.operation.id


@cache
def described(operation_id: str) -> Described:
    """An operation of ``specs/openapi.yaml``.

    Raises:
        ContractError: There is none of this id.
    """
    operation = next((one for one in load_contract(tree()).operations if one.id == operation_id), None)
    if operation is None:
        raise ContractError(f"specs/openapi.yaml describes no operation {operation_id}.")
    bundle = _Bundle()
    entry = tree() / "specs" / "openapi.yaml"
    item, where = bundle.look_up(_file(entry)["paths"][operation.path], entry)
    raw = item[operation.method.lower()]
    given = [*item.get("parameters", ()), *raw.get("parameters", ())]
    parameters = tuple(bundle.taken(one, where) for one in given)
    body = raw.get("requestBody", {})
    contents = {kind: bundle.taken(content["schema"], where) for kind, content in body.get("content", {}).items()}
    return Described(operation, parameters, contents, bool(body.get("required")), bundle.schemas)


def document_for(one: Described, sample: Case) -> dict[str, Any]:
    """An OpenAPI document with this operation alone: the sample's values as its examples, nothing of credentials.

    What a generator does not mutate it takes from the examples: so the target's own models stay in bodies and paths.
    """
    path, _, query = sample.target.partition("?")
    values = {"path": _path_values(one.operation.path, path), "query": dict(parse_qsl(query))}
    values["header"] = {name.lower(): value for name, value in sample.headers}
    parameters = []
    for parameter in one.parameters:
        name, place = parameter["name"], parameter["in"]
        value = values.get(place, {}).get(name.lower() if place == "header" else name)
        plain = {key: kept for key, kept in parameter.items() if key != "examples"}
        parameters.append(plain | {"example": _typed(value, parameter["schema"])} if value is not None else plain)
    operation: dict[str, Any] = {
        "operationId": one.operation.id,
        "parameters": parameters,
        "responses": {"default": {"description": "any answer"}},
    }
    if one.contents:
        content = {kind: {"schema": schema} for kind, schema in one.contents.items()}
        if JSON in content and sample.header("content-type").startswith(JSON):
            content[JSON]["example"] = json.loads(sample.body)
        operation["requestBody"] = {"required": one.body_required, "content": content}
    return {
        "openapi": "3.1.0",
        "info": {"title": one.operation.id, "version": "1"},
        "paths": {one.operation.path: {one.operation.method.lower(): operation}},
        "components": {_SCHEMAS: one.schemas},
    }


def _typed(value: str, schema: Any) -> Any:
    """A parameter's text as the value that its schema means."""
    if isinstance(schema, dict) and schema.get("type") in {"integer", "number", "boolean"}:
        return json.loads(value)
    return value


def _path_values(template: str, path: str) -> dict[str, str]:
    """The value of each parameter of a path template."""
    found: dict[str, str] = {}
    while "{" in template:
        before, _, rest = template.partition("{")
        name, _, template = rest.partition("}")
        path = path[len(before) :]
        literal = template.partition("{")[0]
        value, _, _ = path.partition(literal) if literal else (path, "", "")
        found[name] = value
        path = path[len(value) :]
    return found


@cache
def _file(path: Path) -> Any:
    return read_yaml(path)


class _Bundle:
    """Gathers the schemas that an operation refers to under ``#/components/schemas``."""

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {}

    def look_up(self, node: Any, where: Path) -> tuple[Any, Path]:
        """What a node refers to, and the file in which that stands."""
        while isinstance(node, dict) and "$ref" in node:
            name, _, pointer = node["$ref"].partition("#")
            where = (where.parent / name).resolve() if name else where
            node = _file(where)
            for step in pointer.strip("/").split("/"):
                node = node[step.replace("%7B", "{").replace("%7D", "}").replace("~1", "/").replace("~0", "~")]
        return node, where

    def taken(self, node: Any, where: Path) -> Any:
        """A node with its references turned into ones within the document."""
        if isinstance(node, list):
            return [self.taken(part, where) for part in node]
        if not isinstance(node, dict):
            return node
        if "$ref" not in node:
            return {name: self.taken(part, where) for name, part in node.items()}
        target, file = self.look_up(node, where)
        if f"/{_SCHEMAS}/" not in node["$ref"]:
            return self.taken(target, file)
        name = f"{file.stem}.{node['$ref'].rpartition('/')[2]}"
        if name not in self.schemas:
            self.schemas[name] = {}  # a schema may refer to itself
            self.schemas[name] = self.taken(target, file)
        return {"$ref": f"#/components/{_SCHEMAS}/{name}"}
