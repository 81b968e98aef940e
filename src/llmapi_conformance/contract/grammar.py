"""Event grammars: what may follow what in a stream, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from llmapi_conformance.contract.files import read_yaml
from llmapi_conformance.errors import ContractError
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class EventClass:
    """A name for the events that fit all its conditions.

    Attributes:
        name: The class.
        type: The event's type, ``None`` for any.
        data: The literal data, ``None`` for any.
        has: Paths of members that are there, not null and not an empty string.
        filled: Paths of members that are arrays with an element.
        empty: Paths of members that are empty arrays.
        equals: Value by path.
    """

    name: str
    type: str | None = None
    data: str | None = None
    has: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    equals: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """A state: the next state for each class that may come, and whether the stream may end here."""

    name: str
    next: Mapping[str, str]
    accepting: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """A state machine over events, or over the elements of one of their members.

    Attributes:
        name: Its name in the grammar.
        summary: One sentence about what it asks for.
        over: Path of the array whose elements it reads; empty for whole events.
        keyed_by: Paths of the members that tell its runs apart; empty for one run.
        missing_key: The key of a subject without that member, ``None`` when it is a run of its own.
        classes: What its subjects are, in order of precedence.
        anywhere: Classes that change nothing in any state that is not accepting.
        excused_by: Classes whose presence in the stream excuses an end in a state that is not accepting.
        initial: Name of the first state.
        states: By name.
    """

    name: str
    summary: str
    over: str
    keyed_by: tuple[str, ...]
    missing_key: Any
    classes: tuple[EventClass, ...]
    anywhere: frozenset[str]
    excused_by: frozenset[str]
    initial: str
    states: Mapping[str, State]

    @property
    def alphabet(self) -> frozenset[str]:
        """Every class that the machine names: others are not its business."""
        return self.anywhere.union(*(state.next for state in self.states.values()))


@dataclass(frozen=True, slots=True)
class Framing:
    """How events stand in the body.

    Attributes:
        named: Whether an ``event`` line is required or forbidden.
        type_member: Member of the data that repeats the event's name; empty when none does.
        done: Whether the literal ``[DONE]`` is required, optional or forbidden.
        comments: Whether comment lines are allowed.
    """

    named: Literal["required", "forbidden"]
    type_member: str
    done: Literal["required", "optional", "forbidden"]
    comments: Literal["allowed", "forbidden"]


@dataclass(frozen=True, slots=True)
class BlockType:
    """A content block type.

    Attributes:
        name: Its ``type``.
        zero: Value of each member when the block starts.
        deltas: Delta types that it may carry.
        last: The delta that comes exactly once, at the block's end; empty when none does.
    """

    name: str
    zero: Mapping[str, Any]
    deltas: frozenset[str]
    last: str


@dataclass(frozen=True, slots=True)
class Grammar:
    """The event grammar of a protocol.

    Attributes:
        protocol: Its name.
        operations: Operation ids whose streams follow it.
        framing: How events stand in the body.
        classes: What events are, in order of precedence.
        machines: By name.
        blocks: Content block types by name.
        known_deltas: Delta types that have a home; others are tolerated in any block.
        constant: Members whose value is the same in every event that has them.
        members: Event type -> paths of the members that each event of this type has.
    """

    protocol: str
    operations: tuple[str, ...]
    framing: Framing
    classes: tuple[EventClass, ...]
    machines: Mapping[str, Machine]
    blocks: Mapping[str, BlockType]
    known_deltas: frozenset[str]
    constant: tuple[str, ...]
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def machine(self, name: str) -> Machine:
        """A machine by name.

        Raises:
            ContractError: The grammar has no such machine.
        """
        try:
            return self.machines[name]
        except KeyError:
            names = ", ".join(self.machines)
            raise ContractError(f"Expected a machine {name} in the {self.protocol} grammar; it has {names}.") from None


@cache
def stream_grammar(protocol: str) -> Grammar:
    """The grammar of a protocol in the tree in use.

    Raises:
        ContractError: It is missing or not valid.
    """
    return load_grammar(tree() / "specs", protocol)


def load_grammar(specs: Path, protocol: str) -> Grammar:
    """Load ``specs/streams/<protocol>.yaml``.

    Raises:
        ContractError: It is missing or not valid, or a state or a class that it names does not exist.
    """
    path = specs / "streams" / f"{protocol}.yaml"
    data = read_yaml(path, "stream")
    framing = data["framing"]
    classes = _classes(data["classes"])
    return Grammar(
        protocol=data["protocol"],
        operations=tuple(data["operations"]),
        framing=Framing(framing["named"], framing.get("type_member", ""), framing["done"], framing["comments"]),
        classes=classes,
        machines={name: _machine(path, name, row, classes) for name, row in data["machines"].items()},
        blocks={
            name: BlockType(name, row.get("zero", {}), frozenset(row["deltas"]), row.get("last", ""))
            for name, row in data.get("blocks", {}).items()
        },
        known_deltas=frozenset(data.get("known_deltas", ())),
        constant=tuple(data.get("constant", ())),
        members={name: tuple(paths) for name, paths in data.get("members", {}).items()},
    )


def _paths(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _classes(rows: list[dict[str, Any]]) -> tuple[EventClass, ...]:
    return tuple(
        EventClass(
            name=row["class"],
            type=row.get("type"),
            data=row.get("data"),
            has=tuple(row.get("has", ())),
            filled=tuple(row.get("filled", ())),
            empty=tuple(row.get("empty", ())),
            equals=tuple(row.get("equals", {}).items()),
        )
        for row in rows
    )


def _machine(path: Path, name: str, row: dict[str, Any], classes: tuple[EventClass, ...]) -> Machine:
    machine = Machine(
        name=name,
        summary=row["summary"],
        over=row.get("over", ""),
        keyed_by=_paths(row.get("keyed_by", ())),
        missing_key=row.get("missing_key"),
        classes=_classes(row["classes"]) if "classes" in row else classes,
        anywhere=frozenset(row.get("anywhere", ())),
        excused_by=frozenset(row.get("excused_by", ())),
        initial=row["initial"],
        states={
            state: State(state, dict(content.get("next", {})), bool(content.get("accepting", False)))
            for state, content in row["states"].items()
        },
    )
    states = {machine.initial}.union(*(state.next.values() for state in machine.states.values()))
    for state in sorted(states - machine.states.keys()):
        raise ContractError(f"{path}: machine {name} names the state '{state}', but does not have it.")
    known = {event_class.name for event_class in machine.classes}
    for used in sorted(machine.alphabet - known):
        raise ContractError(f"{path}: machine {name} names the class '{used}', but no class is called so.")
    for used in sorted(machine.excused_by - {event_class.name for event_class in classes}):
        raise ContractError(f"{path}: machine {name} is excused by '{used}', but no class is called so.")
    return machine
