"""Runs the event grammars of ``specs/streams`` over what arrived: the order is in the data, not here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llmapi_conformance.contract.grammar import EventClass, Grammar, Machine
    from llmapi_conformance.evidence.sse import EventStream, ServerSentEvent

DONE: Final = "[DONE]"
"""The literal that ends the streams of some protocols."""

_LONGEST_DATA: Final = 80
"""Characters of an event's data that a finding shows."""

ABSENT: Final = object()
"""What ``member`` gives where a path leads nowhere."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Where a run of a machine went wrong.

    Attributes:
        state: The state it was in.
        expected: The classes that might have come.
        found: The class that came, empty for the end of the stream.
        event: The event that came, ``None`` for the end of the stream.
    """

    state: str
    expected: tuple[str, ...]
    found: str
    event: ServerSentEvent | None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a machine over a stream.

    Attributes:
        key: The value that tells this run from others, a list of them where the machine is keyed by several members;
            ``None`` for a machine with one run.
        steps: Number of events or elements that were its business.
        state: The state at its end, or where it went wrong.
        violation: The first thing wrong, or ``None``.
    """

    key: Any
    steps: int
    state: str
    violation: Violation | None


def member(value: Any, path: str) -> Any:
    """The value at a path of member names joined by dots, or ``ABSENT``; never raises."""
    for step in path.split("."):
        if not isinstance(value, dict) or step not in value:
            return ABSENT
        value = value[step]
    return value


def event_type(grammar: Grammar, event: ServerSentEvent) -> str:
    """The event's type: what its type member says where the protocol has one, else its name."""
    told = member(event.payload(), grammar.framing.type_member) if grammar.framing.type_member else ABSENT
    return told if isinstance(told, str) else event.name


def classify(grammar: Grammar, event: ServerSentEvent) -> str:
    """The class of an event, empty when none fits."""
    return _class_of(grammar.classes, event_type(grammar, event), event.data, event.payload())


def classified(grammar: Grammar, stream: EventStream) -> tuple[tuple[str, ServerSentEvent], ...]:
    """Every event with its class, in order."""
    return tuple((classify(grammar, event), event) for event in stream.events)


def run_machine(grammar: Grammar, machine: Machine, stream: EventStream, *, ended: bool = True) -> tuple[Run, ...]:
    """Run a machine over a stream: one run, or one for each key, in order of first appearance.

    Args:
        grammar: The grammar that the machine belongs to.
        machine: The machine.
        stream: What arrived.
        ended: Whether the stream ended by itself, so that its end may be judged.
    """
    lines: dict[str, tuple[Any, list[tuple[str, ServerSentEvent]]]] = {}
    if not machine.keyed_by:
        lines[""] = (None, [])
    for name, key, event in _subjects(grammar, machine, stream):
        if name in machine.alphabet:
            lines.setdefault(_spelled(key) if machine.keyed_by else "", (key, []))[1].append((name, event))
    excused = (
        any(name in machine.excused_by for name, _ in classified(grammar, stream)) if machine.excused_by else False
    )
    return tuple(_run(machine, key, subjects, ended=ended and not excused) for key, subjects in lines.values())


def judge_machine(
    grammar: Grammar, name: str, exchange: Exchange, stream: EventStream | None = None, *, ended: bool | None = None
) -> Judgement:
    """Judge a stream by one machine of its grammar; a body that is no event stream is not looked at.

    Args:
        grammar: The grammar.
        name: The machine.
        exchange: What arrived.
        stream: Its events, where they come in another form than server-sent events.
        ended: Whether the end may be judged; when omitted, it may where the stream ended by itself.
    """
    if stream is None and not reads_as_stream(exchange):
        return
    machine = grammar.machine(name)
    whole = ended_by_itself(exchange) if ended is None else ended
    events = stream or exchange.events
    for run in run_machine(grammar, machine, events, ended=whole):
        subject = _subject(machine, run)
        yield Examined(f"events of {subject or 'the stream'}", run.steps or 1)
        if run.violation:
            yield _deviation(machine, run.violation, subject, events)


def reads_as_stream(exchange: Exchange) -> bool:
    """Whether the body is an event stream: by its media type, or because events stand in it."""
    return exchange.media_type == "text/event-stream" or bool(exchange.events.events)


def ended_by_itself(exchange: Exchange) -> bool:
    """Whether the end of the stream is the gateway's word: complete, or silent until our deadline.

    Cut or reset connections are other clauses' business, and so are answers whose upstream was made to fail.
    """
    if exchange.response is None or exchange.disturbed:
        return False
    return exchange.response.ending in {Ending.COMPLETE, Ending.TIMEOUT}


def _subjects(grammar: Grammar, machine: Machine, stream: EventStream) -> Iterator[tuple[str, Any, ServerSentEvent]]:
    """Class, key and event of everything the machine might read."""
    for event in stream.events:
        payload = event.payload()
        if not machine.over:
            name = _class_of(machine.classes, event_type(grammar, event), event.data, payload)
            yield name, _key(machine, payload), event
            continue
        elements = member(payload, machine.over)
        for element in elements if isinstance(elements, list) else ():
            name = _class_of(machine.classes, "", "", element)
            yield name, _key(machine, element), event


def _key(machine: Machine, value: Any) -> Any:
    """What tells the run of a subject from others."""
    if not machine.keyed_by:
        return None
    missing = ABSENT if machine.missing_key is None else machine.missing_key
    found = [missing if (one := member(value, path)) is ABSENT else one for path in machine.keyed_by]
    return found[0] if len(found) == 1 else [None if one is ABSENT else one for one in found]


def _run(machine: Machine, key: Any, subjects: Iterable[tuple[str, ServerSentEvent]], *, ended: bool) -> Run:
    state = machine.states[machine.initial]
    steps = 0
    for name, event in subjects:
        steps += 1
        if name in state.next:
            state = machine.states[state.next[name]]
        elif state.accepting or name not in machine.anywhere:
            return Run(key, steps, state.name, Violation(state.name, tuple(state.next), name, event))
    if ended and not state.accepting:
        return Run(key, steps, state.name, Violation(state.name, tuple(state.next), "", None))
    return Run(key, steps, state.name, None)


def _subject(machine: Machine, run: Run) -> str:
    """What a run is about, such as ``block 0``; empty for the stream as a whole."""
    noun = machine.over.rpartition(".")[2].removesuffix("s") or machine.name
    return f"{noun} {_spelled(run.key)}" if machine.keyed_by else ""


def _deviation(machine: Machine, violation: Violation, subject: str, stream: EventStream) -> Deviation:
    state = machine.states[violation.state]
    where = f"{subject} is {state.name}" if subject else state.name
    if violation.event is None:
        onward = [name for name, following in state.next.items() if following != state.name]
        expected = f"{_words(machine, onward)} before the end of the stream ({where})"
    elif state.next:
        further = sorted(machine.anywhere) if not state.accepting else []
        nothing = " or nothing" if state.accepting else ""
        expected = f"{_words(machine, [*state.next, *further])}{nothing} ({where})"
    else:
        expected = f"nothing {state.name}" if where.startswith("after ") else f"nothing more ({where})"
    event = violation.event or (stream.events[-1] if stream.events else None)
    if event is None:
        return Deviation(expected, "a stream without an event")
    kinds = {each.name: each.type or each.name for each in machine.classes}
    told = _told(event, kinds.get(violation.found, ""), stream)
    observed = told if violation.event else f"the end of the stream after {told}"
    return Deviation(expected, observed, (event.start, event.end))


def _words(machine: Machine, names: Iterable[str]) -> str:
    """Classes in the words of the wire: the literal or the type of their events where they have one."""
    wire = {each.name: each.data or each.type or each.name for each in machine.classes}
    return " or ".join(dict.fromkeys(wire[name] for name in names)) or "nothing"


def _told(event: ServerSentEvent, kind: str, stream: EventStream) -> str:
    """An event with its data, cut short, and its place in the stream."""
    name = kind or (event.name if event.named else "")
    data = " ".join(event.data[:_LONGEST_DATA].split()) + ("…" if len(event.data) > _LONGEST_DATA else "")
    number = 1 + next(place for place, each in enumerate(stream.events) if each is event)
    return f"{name}{': ' if name else ''}data: {data} (event {number} of {len(stream.events)})"


def _class_of(classes: tuple[EventClass, ...], kind: str, data: str, value: Any) -> str:
    return next((each.name for each in classes if _fits(each, kind, data, value)), "")


def _fits(each: EventClass, kind: str, data: str, value: Any) -> bool:
    if each.type is not None and each.type != kind:
        return False
    if each.data is not None and each.data != data.strip():
        return False
    return (
        all(member(value, path) not in (ABSENT, None, "") for path in each.has)
        and all(isinstance(found := member(value, path), list) and found for path in each.filled)
        and all(member(value, path) == [] for path in each.empty)
        and all(member(value, path) == wanted for path, wanted in each.equals)
    )


def _spelled(key: Any) -> str:
    return "without a key" if key is ABSENT else json.dumps(key)
