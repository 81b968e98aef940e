"""Cases by chance: the correct body with a few of its values replaced, doubled, moved or left out."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.generating.description import described
from llmapi_conformance.generating.promises import promise_of_document
from llmapi_conformance.generating.shapes import difference

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from llmapi_conformance.generating.cases import Case, Order

AHEAD: Final = 2
"""Drawn for each wanted case: the sampler chooses."""
_MOST: Final = 3
"""Changes of one case, at most."""
_TEXTS: Final = (
    "",
    " ",
    "0",
    "null",
    "true",
    "[]",
    "../../etc/passwd",
    "%00",
    "\u0000",
    "\u202e\u2066",
    "\ufeff",
    "e\u0301\u200d\U0001f469",
    "' OR '1'='1",
    "<script>alert(1)</script>",
    "{{7*7}}${7*7}",
    "\r\nX-Injected: 1",
    "data: [DONE]\n\n",
    "A" * 300,
    "\U0010ffff",
)
_NUMBERS: Final = (0, -1, 1, 2, 0.5, -0.0, 1e-7, 1e308, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1)
_OTHERS: Final[tuple[Any, ...]] = (None, True, False, [], {}, [[]], [None], {"": None}, [{}], {"a": {"a": {"a": []}}})
_NAMES: Final = ("", "$ref", "__proto__", "constructor", "type", "id", "error", "stream", "a.b", "\u00e9", "A" * 70)


def mutation_cases(order: Order) -> Iterator[Case]:
    """Mutations of a JSON body, as many as the order decides; none where the operation has no such body."""
    base = order.document
    if not isinstance(base, dict):
        return
    chance = order.random("mutations")
    one = described(order.operation)
    for _ in range(order.count * AHEAD):
        document = copy.deepcopy(base)
        done = [_mutate(document, chance) for _ in range(chance.choice((1, 1, 1, 2, _MOST)))]
        where = difference(base, document)
        if where:
            about = ", ".join(dict.fromkeys(done))
            yield order.json_case(document, about, promise_of_document(one, document), family="fuzz", where=where)


def _mutate(document: dict[str, Any], chance: random.Random) -> str:
    """Change one place of a document, and say how; what has lost all its members gets one."""
    places = list(_places(document))
    if not places:
        return _added(document, "", chance)
    holder, key = chance.choice(places)
    return chance.choice(_MUTATIONS)(holder, key, chance)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every member and element of a document, as its holder and its name or number."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield value, key
        yield from _places(part)


def _replaced(holder: Any, key: Any, chance: random.Random) -> str:
    values = chance.choice((_TEXTS, _NUMBERS, _OTHERS))
    holder[key] = copy.deepcopy(chance.choice(values))
    return f"{_shown(key)} is {_short(holder[key])}"


def _retyped(holder: Any, key: Any, chance: random.Random) -> str:
    """The same value dressed as another type."""
    value = holder[key]
    dressed = [[value], {"value": value}, json.dumps(value)]
    if isinstance(value, list | dict):
        dressed.append(list(value))
    holder[key] = chance.choice(dressed)
    return f"{_shown(key)} is dressed as {_short(holder[key])}"


def _edged(holder: Any, key: Any, chance: random.Random) -> str:
    """A value of the same type, at an edge."""
    value = holder[key]
    if isinstance(value, str):
        extra = chance.choice(_TEXTS)
        holder[key] = chance.choice((extra, value + extra, extra + value, value.upper(), value[:1]))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        holder[key] = chance.choice((-value, value + 1, value + 0.5, float(value), value * 10**6, 0))
    elif isinstance(value, list):
        holder[key] = chance.choice(
            (copy.deepcopy(value * 2), copy.deepcopy(value * 40), value[:-1], [*value, None], [*value, {}])
        )
    elif isinstance(value, dict):
        holder[key] = {name: value[name] for name in reversed(value)} | {
            chance.choice(_NAMES): copy.deepcopy(chance.choice(_OTHERS))
        }
    else:
        holder[key] = not value
    return f"{_shown(key)} is {_short(holder[key])}"


def _dropped(holder: Any, key: Any, chance: random.Random) -> str:  # noqa: ARG001 - one signature for all
    del holder[key]
    return f"{_shown(key)} is left out"


def _added(holder: Any, key: Any, chance: random.Random) -> str:  # noqa: ARG001 - one signature for all
    value = copy.deepcopy(chance.choice((*_TEXTS, *_NUMBERS, *_OTHERS)))
    if isinstance(holder, list):
        holder.append(value)
        return f"one more element, {_short(value)}"
    name = chance.choice(_NAMES)
    holder[name] = value
    return f"{_shown(name)} is {_short(value)}"


_MUTATIONS: Final[tuple[Callable[[Any, Any, random.Random], str], ...]] = (
    _replaced,
    _replaced,
    _edged,
    _edged,
    _retyped,
    _dropped,
    _added,
)


def _shown(key: Any) -> str:
    return f"element {key}" if isinstance(key, int) else _short(key)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 24 else f"{text[:20]}..."
