"""Cases from documented bounds: one wrong, odd or barely right value of one member each (``specs/bounds.yaml``)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from llmapi_conformance.contract.bounds import bounds
from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.generating.forms import form_of
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.contract.bounds import Bound, Told
    from llmapi_conformance.contract.operations import Operation
    from llmapi_conformance.generating.cases import Case, Order

ABSENT: Final = ...
"""The value of a member that is left out."""
JSON_TYPE: Final = "application/json"
_OF_TYPE: Final[dict[str, Any]] = {
    "string": "text",
    "integer": 17,
    "number": 1.5,
    "boolean": True,
    "array": ["text"],
    "object": {"text": 1},
}
"""A value of each JSON type; text reads like no number."""
_LONG: Final = 60
_STEP: Final = re.compile(r"\[(\d+)\]|\.?([^.\[]+)")
_UNBOUNDED: Final = 1024
"""Output tokens of an answer without a limit, or with a huge one: the samples ask for a word or two."""
_LIMITS: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "n", "candidateCount")
"""Members that bound what an answer costs."""
_SAFE_IN_PATH: Final = "%:"
"""Written as they are: the values of a path are percent-encoded in the file, since some are wrongly so on purpose."""


def bound_cases(order: Order) -> Iterator[Case]:
    """Every value that something is said about, one case each.

    Members that the sample lacks are added; elements of arrays that it lacks are not.
    """
    operation = next(one for one in load_contract(tree()).operations if one.id == order.operation)
    standard = operation.alias_of or operation.id
    for bound in bounds().of(standard):
        for value, told in _values(bound):
            case = _case(order, operation, bound, value, told)
            if case is not None:
                yield case


def _values(bound: Bound) -> Iterator[tuple[Any, Told]]:
    yield from bound.values
    if bound.missing is not None:
        yield ABSENT, bound.missing
    if bound.place != "body" or not bound.types:
        return
    yield None, bound.null
    for name, value in _OF_TYPE.items():
        # A whole number is a number too.
        if name not in bound.types and not (name == "integer" and "number" in bound.types):
            yield value, bound.wrong_type
    if "string" not in bound.types:
        if {"integer", "number"} & {*bound.types}:
            yield "16", "refused_assumed"
        if "boolean" in bound.types:
            yield from (("true", "refused_assumed"), ("", "refused_assumed"), (1, "refused_assumed"))


def _case(order: Order, operation: Operation, bound: Bound, value: Any, told: Told) -> Case | None:
    changes: dict[str, Any] | None
    match bound.place:
        case "query":
            changes = {"target": _with_query(order.sample.target, {**_others(bound), bound.path: value})}
        case "path":
            changes = {"target": _with_path(order.sample.target, operation, bound.path, value)}
        case "form":
            changes = _in_form(order, bound, value)
        case _:
            changes = _in_document(order, operation.alias_of or operation.id, bound, value)
    if changes is None:
        return None
    if bound.path.rpartition(".")[2] in _LIMITS:
        changes["tokens"] = max(order.sample.tokens, _UNBOUNDED)
    return order.case(_about(bound, value), told, family="bounds", where=bound.member, **changes)


def _in_document(order: Order, standard: str, bound: Bound, value: Any) -> dict[str, Any] | None:
    document, headers = order.document, order.sample.headers
    if not isinstance(document, dict):
        if standard not in bounds().documents:
            return None
        document = json.loads(json.dumps(bounds().documents[standard]))
        headers = order.sample.with_header("Content-Type", JSON_TYPE)
    if not _set(document, _steps(bound.path), value):
        return None
    return {"body": json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(), "headers": headers}


def _in_form(order: Order, bound: Bound, value: Any) -> dict[str, Any] | None:
    form = form_of(order.sample.header("Content-Type"), order.sample.body)
    if form is None:
        return None
    changed = form.without(bound.path) if value is ABSENT else form.with_text(bound.path, str(value))
    return {"body": changed.body}


def _others(bound: Bound) -> dict[str, Any]:
    return {member.partition(".")[2]: value for member, value in bound.others.items()}


def _steps(path: str) -> list[str | int]:
    return [int(index) if index else name for index, name in _STEP.findall(path)]


def _set(document: Any, steps: list[str | int], value: Any) -> bool:
    """Set a member within a document; whether there was a place for it."""
    *way, last = steps
    for step in way:
        if isinstance(step, str) and isinstance(document, dict):
            document = document.setdefault(step, {})
        elif isinstance(step, int) and isinstance(document, list) and step < len(document):
            document = document[step]
        else:
            return False
    if not (isinstance(document, dict) and isinstance(last, str)):
        return False
    if value is ABSENT:
        document.pop(last, None)
    else:
        document[last] = value
    return True


def _with_query(target: str, values: dict[str, Any]) -> str:
    """A target with parameters set, the others as they were; a list is a parameter that comes several times."""
    path, _, query = target.partition("?")
    kept = [part for part in query.split("&") if part and part.partition("=")[0] not in values]
    for name, value in values.items():
        listed = value if isinstance(value, list) else [] if value is ABSENT else [value]
        kept.extend(f"{quote(name, safe='')}={quote(str(one), safe='')}" for one in listed)
    return "?".join(part for part in (path, "&".join(kept)) if part)


def _with_path(target: str, operation: Operation, name: str, value: str) -> str:
    """A target with one parameter of its path replaced; the query stays."""
    path, mark, query = target.partition("?")
    pattern = re.escape(operation.path).replace(re.escape(f"{{{name}}}"), "(?P<value>[^/]+)")
    found = re.fullmatch(re.sub(r"\\\{[^}]+\\\}", "[^/]+", pattern), path)
    if found is None:
        return target
    start, end = found.span("value")
    return path[:start] + quote(value, safe=_SAFE_IN_PATH) + path[end:] + mark + query


def _about(bound: Bound, value: Any) -> str:
    if value is ABSENT:
        return f"no {bound.path}"
    shown = value if bound.place in ("query", "path", "form") and value else json.dumps(value, ensure_ascii=False)
    text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(shown))
    long = f" ({len(text)} characters)"
    name = " with ".join((bound.path, *(f"{member}" for member in bound.others)))
    return f"{name} is {text if len(text) <= _LONG else text[:_LONG] + '...' + long}"
