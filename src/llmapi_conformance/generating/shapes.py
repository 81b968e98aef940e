"""JSON documents held against a request schema: what is of the wrong type, what is missing, where two differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.generating.description import Described

_ALL = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def type_of(value: Any) -> str:
    """The JSON type of a value; a number without a fraction is an integer, however it is written."""
    if isinstance(value, float) and value.is_integer():
        return "integer"
    return _NAMES[type(value)]


def allowed_types(one: Described, schema: Any) -> frozenset[str]:
    """The JSON types that a schema lets pass, whatever else it asks for."""
    schema = one.resolved(schema)
    if not isinstance(schema, dict):
        return frozenset() if schema is False else _ALL
    types = _ALL
    if "type" in schema:
        named = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        types = frozenset(named) | ({"integer"} if "number" in named else frozenset())
    for value in (schema.get("enum"), [schema["const"]] if "const" in schema else None):
        if value is not None:
            types &= {type_of(item) for item in value}
    for word in ("oneOf", "anyOf"):
        if word in schema:
            types &= frozenset[str]().union(*(allowed_types(one, branch) for branch in schema[word]))
    return types


def wrong_types(
    one: Described, value: Any, schema: Any, where: str = "body", *, required: bool = True
) -> Iterator[str]:
    """Where a document has another JSON type than its schema allows; null where a member may be absent is none."""
    schema = one.resolved(schema)
    kind = type_of(value)
    if kind not in allowed_types(one, schema):
        if kind != "null" or required:
            yield where
        return
    for branch in _branches(one, schema, kind):
        if kind == "object":
            must = branch.get("required", ())
            for name, part in branch.get("properties", {}).items():
                if name in value:
                    yield from wrong_types(one, value[name], part, f"{where}.{name}", required=name in must)
        elif kind == "array" and "items" in branch:
            for number, item in enumerate(value):
                yield from wrong_types(one, item, branch["items"], f"{where}[{number}]")


def missing(one: Described, value: Any, schema: Any, where: str = "body") -> Iterator[str]:
    """Members of a document itself that its schema requires and that are not there."""
    schema = one.resolved(schema)
    if isinstance(value, dict) and isinstance(schema, dict):
        yield from (f"{where}.{name}" for name in schema.get("required", ()) if name not in value)


def difference(before: Any, after: Any, where: str = "body") -> str:
    """The deepest place that holds every difference between two documents, empty when they are equal."""
    if type_of(before) == type_of(after):
        if isinstance(before, dict):
            names = [name for name in {**before, **after} if _differ(before, after, name)]
            if len(names) == 1 and names[0] in before and names[0] in after:
                return difference(before[names[0]], after[names[0]], f"{where}.{names[0]}")
            return f"{where}.{names[0]}" if len(names) == 1 else where if names else ""
        if isinstance(before, list):
            if len(before) == len(after):
                places = [number for number, pair in enumerate(zip(before, after, strict=True)) if _unequal(*pair)]
                if len(places) == 1:
                    return difference(before[places[0]], after[places[0]], f"{where}[{places[0]}]")
                return where if places else ""
            return where
    return where if _unequal(before, after) else ""


def _branches(one: Described, schema: Any, kind: str) -> Iterator[dict[str, Any]]:
    """The parts of a schema that speak of a value of this type; of alternatives only one that is the only one."""
    if not isinstance(schema, dict):
        return
    yield schema
    for word in ("oneOf", "anyOf"):
        fitting = [one.resolved(part) for part in schema.get(word, ()) if kind in allowed_types(one, part)]
        if len(fitting) == 1 and isinstance(fitting[0], dict):
            yield from _branches(one, fitting[0], kind)


def _differ(before: dict[str, Any], after: dict[str, Any], name: str) -> bool:
    return name not in before or name not in after or _unequal(before[name], after[name])


def _unequal(before: Any, after: Any) -> bool:
    """Whether two JSON values differ; unlike Python, JSON has no number that equals true."""
    if type(before) is not type(after):
        return True
    if isinstance(before, dict):
        return any(_differ(before, after, name) for name in {**before, **after})
    if isinstance(before, list):
        return len(before) != len(after) or any(map(_unequal, before, after))
    return bool(before != after)
