"""Simpler cases: what is tried to make a telling request shorter."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.generating.cases import Case

_SHORT: Final = 1
"""Characters of a text, or bytes of a body, that are not cut any more."""
_PROTOCOL: Final = frozenset({"content-type", "content-encoding", "transfer-encoding", "content-length"})
"""Headers that say what the body is: without one of them it is another request."""


def simpler(case: Case, sample: Case, *, promised: bool) -> Iterator[Case]:
    """Cases that are a step simpler, those that leave most out first.

    Args:
        case: What deviates.
        sample: The correct call: what is as it is there stays, and so does what a case needs to be refused.
        promised: Whether the deviation depends on the case's promise, so that the place it is about must not change.
    """
    kept = [place.strip() for place in case.where.split(",")] if promised else []
    for target in _simpler_targets(case, kept):
        yield replace(case, target=target)
    for name, _ in case.headers:
        if name.lower() not in _PROTOCOL and f"header.{name.lower()}" not in kept and not sample.header(name):
            yield replace(case, headers=case.with_header(name, None))
    if case.framed or "" in kept or "body" in kept:
        return
    try:
        document = json.loads(case.body)
    except (ValueError, RecursionError):
        if not promised:
            yield from (replace(case, body=body) for body in _pieces(case.body))
        return
    compact = _written(document)
    if len(compact) < len(case.body) and not promised:
        yield replace(case, body=compact)
    for simple in _simpler(document, "body", kept):
        body = _written(simple)
        if len(body) < len(case.body):
            yield replace(case, body=body)


def _written(document: Any) -> bytes:
    try:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return json.dumps(document, separators=(",", ":")).encode()


def _simpler_targets(case: Case, kept: list[str]) -> Iterator[str]:
    """The target without its query, and without each parameter."""
    path, mark, query = case.target.partition("?")
    pairs = query.split("&") if mark else []
    droppable = [pair for pair in pairs if f"query.{pair.partition('=')[0]}" not in kept and pair != "alt=sse"]
    if len(droppable) > 1:
        yield _target(path, [pair for pair in pairs if pair not in droppable])
    for dropped in droppable:
        yield _target(path, [pair for pair in pairs if pair != dropped])


def _target(path: str, pairs: list[str]) -> str:
    return f"{path}?{'&'.join(pairs)}" if pairs else path


def _pieces(body: bytes) -> Iterator[bytes]:
    half = len(body) // 2
    if half >= _SHORT:
        yield body[:half]
        yield body[half:]


def _simpler(value: Any, where: str, kept: list[str]) -> Iterator[Any]:
    """Simpler values in the place of a value: without parts of it, or with a simpler part."""
    if where in kept:
        return
    if isinstance(value, dict | list):
        places = list(value) if isinstance(value, dict) else list(range(len(value)))
        names = {place: f"{where}.{place}" if isinstance(value, dict) else f"{where}[{place}]" for place in places}
        free = [place for place in places if not any(one.startswith(names[place]) for one in kept)]
        if len(free) > 2:
            yield _without(value, free[len(free) // 2 :])
            yield _without(value, free[: len(free) // 2])
        for place in reversed(free):
            yield _without(value, [place])
        for place in places:
            for part in _simpler(value[place], names[place], kept):
                changed = copy.copy(value)
                changed[place] = part
                yield changed
    elif isinstance(value, str) and len(value) > _SHORT:
        yield value[:_SHORT]
        yield value[: len(value) // 2]
        yield value[len(value) // 2 :]
    elif isinstance(value, int | float) and not isinstance(value, bool) and len(str(value)) > _SHORT:
        yield 0
        if isinstance(value, int):
            yield int(str(value)[: max(1 + (value < 0), len(str(value)) // 2)])


def _without(value: Any, places: list[Any]) -> Any:
    if isinstance(value, dict):
        return {name: part for name, part in value.items() if name not in places}
    return [part for number, part in enumerate(value) if number not in places]
