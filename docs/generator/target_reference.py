"""The reference of target and waivers files: tables, entries, defaults and bounds, from their JSON Schemas."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from docs.generator.text import code, plain, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EXAMPLES: Final = Path(__file__).resolve().parents[1] / "examples"
"""A whole file of each kind, in which every entry stands once at least."""
_TYPES: Final = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_HEADING: Final = re.compile(r"^\[+(.+?)\]+", re.MULTILINE)


def reference_of(schema: dict[str, Any], example: str) -> str:
    """A section for each table of a file.

    Args:
        schema: JSON Schema of the file.
        example: A whole file (TOML).
    """
    tables = dict(_tables(schema, schema, ""))
    shown: dict[str, str] = dict.fromkeys(tables, "")
    for heading, text in _slices(example):
        shown[_path_of(heading, tables)] += text
    parts = []
    for path, model in tables.items():
        title = f"`[{path}]`" if path else "At the top"
        parts.append(f"## {title}\n\n{plain(model['description'])}\n\n{_entries(schema, model)}\n")
        if shown[path]:
            parts.append(f"```toml\n{shown[path].strip()}\n```\n\n")
    return "".join(parts)


def _tables(schema: dict[str, Any], model: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every table that may stand in a file, with its path; ``<name>`` is a name that the writer chooses."""
    yield path, model
    for name, entry in model["properties"].items():
        below = f"{path}.{name}" if path else name
        if "$ref" in entry:
            yield from _tables(schema, _model(schema, entry), below)
        elif "$ref" in entry.get("additionalProperties", {}):
            yield from _tables(schema, _model(schema, entry["additionalProperties"]), f"{below}.<name>")
        elif "$ref" in entry.get("items", {}):
            yield from _tables(schema, _model(schema, entry["items"]), f"[{below}]")


def _model(schema: dict[str, Any], reference: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema["$defs"][reference["$ref"].rpartition("/")[2]]
    return found


def _entries(schema: dict[str, Any], model: dict[str, Any]) -> str:
    rows = [
        [code(name), _type(schema, entry), _default(name, entry, model), plain(_meaning(schema, entry))]
        for name, entry in model["properties"].items()
    ]
    return table(["entry", "what it is", "when omitted", "meaning"], rows)


def _meaning(schema: dict[str, Any], entry: dict[str, Any]) -> str:
    """What a schema says of an entry; where its table says the same, the schema leaves it out."""
    said: str = entry.get("description") or _model(schema, entry)["description"]
    return said


def _type(schema: dict[str, Any], entry: dict[str, Any]) -> str:
    match entry:
        case {"enum": words}:
            return "one of " + ", ".join(code(word) for word in words)
        case {"anyOf": kinds}:
            return " or ".join(_type(schema, kind) for kind in kinds)
        case {"$ref": _}:
            entries = list(_model(schema, entry)["properties"])
            return f"a table with {code(entries[0])}" if len(entries) == 1 else "a table"
        case {"type": "array"}:
            return f"list, each {_type(schema, entry['items'])}"
        case {"type": "object"}:
            return f"table: name to {_type(schema, entry['additionalProperties'])}"
        case _:
            return "date" if entry.get("format") == "date" else _TYPES[entry["type"]] + _bounds(entry)


def _bounds(entry: dict[str, Any]) -> str:
    """In words: above 0, at most 3,600."""
    words = {"exclusiveMinimum": "above", "minimum": "at least", "exclusiveMaximum": "below", "maximum": "at most"}
    said = [f"{word} {entry[name]:,}" for name, word in words.items() if name in entry]
    if "maxLength" in entry:
        said.append(f"{entry['maxLength']} characters at most")
    return "".join(f", {one}" for one in said)


def _default(name: str, entry: dict[str, Any], model: dict[str, Any]) -> str:
    if name in model.get("required", ()):
        return "needed"
    default = entry.get("default")
    if default in (None, "", [], {}) or "$ref" in entry:
        return ""
    if default == entry.get("items", {}).get("enum"):
        return "all"
    return code(f"{default:_}" if isinstance(default, int) and default > 9_999 else json.dumps(default))


def _slices(example: str) -> Iterator[tuple[str, str]]:
    """Each table of a TOML text: its heading as it stands there, and its lines with the heading."""
    starts = [(found.start(), found[0]) for found in _HEADING.finditer(example)]
    ends = [start for start, _ in starts[1:]] + [len(example)]
    yield "", example[: starts[0][0]] if starts else example
    for (start, heading), end in zip(starts, ends, strict=True):
        yield heading, example[start:end]


def _path_of(heading: str, tables: Mapping[str, object]) -> str:
    """The table that a heading of an example opens; the top where that has no section of its own."""
    for path in filter(None, tables):
        steps = [r"(\"[^\"]+\"|[\w-]+)" if step == "<name>" else re.escape(step) for step in path.split(".")]
        if re.fullmatch(r"\[" + r"\.".join(steps) + r"\]", heading):
            return path
    return ""
