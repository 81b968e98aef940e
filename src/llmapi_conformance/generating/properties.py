"""What properties of requests are tried with: texts, JSON trees, spellings of a JSON body, partitions of a stream.

Drawn with the strategies of hypothesis, which is imported when the first thing is drawn. A draw depends on the seed, on
its purpose and on nothing else: not on the time, and not on which modules happen to be loaded.
"""

from __future__ import annotations

import json
import random
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import SearchStrategy

T = TypeVar("T")
Kind = Literal["order", "space", "escapes"]
"""What a spelling changes: the order of members, white space between tokens, escapes within strings."""
LARGEST_DOUBLE_INTEGER: Final = 2**53 - 1
"""Up to here every integer is a double of its own, in which some protocols carry all numbers."""
LONGEST_TEXT: Final = 40
"""Pieces that one text is put together from, at most."""
SMALLEST_PARTITION: Final = (1,)
_TRIES: Final = 20
_WIDEST: Final = 2**63
_MOST_SIZES: Final = 8
_LARGEST_PIECE: Final = 97
_HARD: Final = (
    *("\x00", "\t", "\n", "\r\n", "\r", "\x0b", "\x1f", "\x7f", "\x85", "\xa0", "\xad"),
    *("\u200b", "\u200d", "\u202e", "\u2028", "\u2029", "\ufeff", "\ufffd", "\uffff", "\ue000"),
    *("e\u0301", "\u00e9", "\u212b", "\ufb01", "\u0915\u094d\u0937", "\u1112\u1161\u11ab", "\u05e9\u05dc\u05d5\u05dd"),
    *("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f44b\U0001f3fd", "\U0001f1ea\U0001f1fa", "\U0010ffff"),
    *('"', "\\", "/", "\\n", "\\u0041", "\\\\", "\\ud83d", "%41", "&amp;", "<b>", "'", "`", "$&", "{{x}}", "\u2603"),
    *("data: [DONE]", "\n\nevent: ping", "null", "  "),
)
"""What parsers, printers, normalisers and templates are known to take for something else."""
_SHORT_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
_ESCAPED_SHARE: Final = 0.4
_SPACES: Final = (" ", "\t", "\n", "\r", "\r\n  ", "\n\t")


def texts(seed: int, purpose: str, count: int, *, least: int = 1) -> list[str]:
    """Unicode texts without lone surrogates, among them what is hard to carry; ``least`` pieces each."""
    return _drawn(_text(least), seed, f"texts {purpose}", count)


def hard_texts(seed: int, purpose: str, count: int) -> list[str]:
    """Everything that is hard to carry in one text, in another order each time."""
    return _drawn(_hard(), seed, f"hard texts {purpose}", count)


def objects(seed: int, purpose: str, count: int, *, doubles: bool = False) -> list[dict[str, Any]]:
    """JSON objects: nested, with numbers at their limits and hard texts; with ``doubles`` all numbers fit into one."""
    return _drawn(_object(doubles=doubles), seed, f"objects {purpose}", count)


def argument_texts(seed: int, purpose: str, count: int, *, doubles: bool = False) -> list[str]:
    """Texts that are one JSON object each, with white space and escapes as nobody would print them."""
    hard = hard_texts(seed, purpose, count)
    drawn = objects(seed, purpose, count, doubles=doubles)
    return [
        spelled(
            document | {"hard": hard[number]}, ("space", "escapes"), _chance(seed, f"arguments {purpose} {number}")
        ).strip()
        for number, document in enumerate(drawn)
    ]


def partitions(seed: int, purpose: str, count: int) -> list[tuple[int, ...]]:
    """Sizes in bytes of the pieces of a stream, to be used again and again; single bytes come first."""
    drawn = _drawn(_sizes(), seed, f"partitions {purpose}", count)
    return [SMALLEST_PARTITION, *(sizes for sizes in drawn if set(sizes) != {1})][:count]


def spellings(seed: int, purpose: str, document: Any, kind: Kind, count: int) -> list[bytes]:
    """A JSON document written in other ways, none of which changes what it says (RFC 8259)."""
    chances = [_chance(seed, f"{kind} {purpose} {number}") for number in range(count)]
    return [spelled(document, (kind,), chance).encode() for chance in chances]


def subsets(seed: int, purpose: str, names: Sequence[str], count: int) -> list[list[str]]:
    """Some of the names, each of them at least once where two subsets or more are wanted."""
    found = []
    for number in range(count):
        chance = _chance(seed, f"subsets {purpose} {number // 2}")
        chosen = {name for name in names if chance.random() < 0.5}
        found.append([name for name in names if (name in chosen) == (number % 2 == 0)])
    return found


def spelled(document: Any, kinds: Sequence[Kind], chance: random.Random) -> str:
    """A JSON document in one of the ways in which it may be written.

    Args:
        document: JSON.
        kinds: What may differ from compact JSON.
        chance: Decides.
    """
    if isinstance(document, dict):
        members = list(document.items())
        if "order" in kinds and len(members) > 1:
            usual = [*members]
            while members == usual:
                chance.shuffle(members)
        written = [
            f"{spelled(name, kinds, chance)}{_space(kinds, chance)}:{spelled(value, kinds, chance)}"
            for name, value in members
        ]
        inner = "{" + ",".join(f"{_space(kinds, chance)}{one}" for one in written) + _space(kinds, chance) + "}"
    elif isinstance(document, list):
        inner = "[" + ",".join(spelled(value, kinds, chance) for value in document) + "]"
    elif isinstance(document, str) and "escapes" in kinds:
        inner = '"' + "".join(_escaped(character, chance) for character in document) + '"'
    else:
        inner = json.dumps(document, ensure_ascii=False)
    return f"{_space(kinds, chance)}{inner}{_space(kinds, chance)}"


def _space(kinds: Sequence[Kind], chance: random.Random) -> str:
    if "space" not in kinds:
        return ""
    return "".join(chance.choice(_SPACES) for _ in range(chance.choice((0, 0, 1, 1, 2))))


def _escaped(character: str, chance: random.Random) -> str:
    """A character of a JSON string, as it is or in one of its escapes; surrogate pairs for those beyond 16 bits."""
    short = _SHORT_ESCAPES.get(character)
    must = character in '"\\' or character < " "
    if not must and chance.random() >= _ESCAPED_SHARE:
        return character
    if short is not None and chance.random() < _ESCAPED_SHARE:
        return f"\\{short}"
    units = character.encode("utf-16-be").hex()
    hexadecimal = units.upper() if chance.random() < _ESCAPED_SHARE else units
    return "".join(f"\\u{hexadecimal[at : at + 4]}" for at in range(0, len(hexadecimal), 4))


def _chance(seed: int, purpose: str) -> random.Random:
    return _drawn(_random(), seed, purpose, 1)[0]


def _drawn(strategy: SearchStrategy[T], seed: int, purpose: str, count: int) -> list[T]:
    """Draw from a strategy, each draw from a source of chance of its own.

    The engine of hypothesis is not asked: it would also draw constants of whatever modules are loaded, and stop by the
    clock.

    Raises:
        RuntimeError: The strategy gave nothing in twenty tries.
    """
    from hypothesis.control import BuildContext  # noqa: PLC0415 - importing hypothesis takes its time
    from hypothesis.errors import StopTest  # noqa: PLC0415
    from hypothesis.internal.conjecture.data import ConjectureData  # noqa: PLC0415

    found: list[T] = []
    for number in range(count):
        for attempt in range(_TRIES):
            source = random.Random(f"{seed} {purpose} {number} {attempt}")  # noqa: S311 - reproducible, not secret
            data = ConjectureData(random=source, provider=_steady())
            try:
                with BuildContext(data, is_final=False, wrapped_test=_drawn):
                    found.append(data.draw(strategy))
            except StopTest:
                continue
            break
        else:
            raise RuntimeError(f"nothing was drawn for {purpose} in {_TRIES} tries: its strategy asks for too much")
    return found


@cache
def _steady() -> type[Any]:
    """The provider of hypothesis without the constants that it finds in the modules that are loaded."""
    from hypothesis.internal.conjecture.choice import choice_permitted  # noqa: PLC0415
    from hypothesis.internal.conjecture.providers import GLOBAL_CONSTANTS, HypothesisProvider  # noqa: PLC0415

    class Steady(HypothesisProvider):
        def _maybe_draw_constant(self, choice_type: Any, constraints: Any, *, p: float = 0.05) -> Any:
            assert self._random is not None  # noqa: S101 - every draw here has one
            if self._random.random() > p:
                return None
            known = GLOBAL_CONSTANTS.set_for_type(choice_type)
            allowed = [constant for constant in known if choice_permitted(constant, constraints)]
            return self._random.choice(allowed) if allowed else None

    return Steady


@cache
def _random() -> SearchStrategy[random.Random]:
    from hypothesis import strategies  # noqa: PLC0415

    return strategies.randoms(use_true_random=True)


@cache
def _text(least: int) -> SearchStrategy[str]:
    from hypothesis import strategies  # noqa: PLC0415

    parts = strategies.one_of(
        strategies.sampled_from(_HARD),
        strategies.characters(codec="utf-8"),
        strategies.text("abcxyz ,.-0123", min_size=1, max_size=6),
    )
    return strategies.lists(parts, min_size=least, max_size=max(least, LONGEST_TEXT)).map("".join)


@cache
def _hard() -> SearchStrategy[str]:
    from hypothesis import strategies  # noqa: PLC0415

    return strategies.permutations(_HARD).map("".join)


@cache
def _object(*, doubles: bool) -> SearchStrategy[dict[str, Any]]:
    from hypothesis import strategies  # noqa: PLC0415

    most = LARGEST_DOUBLE_INTEGER if doubles else _WIDEST
    names = strategies.one_of(strategies.sampled_from(("place", "a.b", "$ref", "__proto__")), _text(1))
    leaves = strategies.one_of(
        strategies.none(),
        strategies.booleans(),
        strategies.integers(-most, most),
        strategies.sampled_from((most, -most, 0, 1)),
        strategies.floats(allow_nan=False, allow_infinity=False),
        _text(0),
    )
    values = strategies.recursive(
        leaves,
        lambda inner: strategies.one_of(
            strategies.lists(inner, max_size=3), strategies.dictionaries(names, inner, max_size=3)
        ),
        max_leaves=6,
    )
    return strategies.dictionaries(names, values, min_size=1, max_size=4)


@cache
def _sizes() -> SearchStrategy[tuple[int, ...]]:
    from hypothesis import strategies  # noqa: PLC0415

    sizes = strategies.one_of(strategies.integers(1, 4), strategies.integers(1, _LARGEST_PIECE))
    return strategies.lists(sizes, min_size=1, max_size=_MOST_SIZES).map(tuple)
