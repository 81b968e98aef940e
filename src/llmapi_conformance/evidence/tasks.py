"""Which image tasks a run submitted, and what was last seen of each: read from its exchanges alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

CLEANUP: Final = "cleanup"
"""Name of the scenario that stands for what a run sends to end its tasks."""
FINAL: Final = frozenset({"succeeded", "failed", "timeout", "canceled"})
"""States that a task never leaves (F7.17)."""
CANCELED: Final = "canceled"
SUBMITTING: Final = frozenset({"submitImageTask", "submitImageTaskAlias"})
"""Operations that make a task."""
_READING: Final = frozenset({"getImageTask", "getImageTaskAlias"})
_CANCELLING: Final = frozenset({"cancelImageTask", "cancelImageTaskAlias"})
_LISTING: Final = frozenset({"listImageTasks"})
_TELLING: Final = frozenset({"streamImageTaskEvents", "streamImageTaskEventsAlias"})
_SURROGATE = re.compile("[\ud800-\udfff]")
_KEY = re.compile(r"\[\[key:([a-z]+:[a-z]+(?:\+[a-z_]+)*)(:own)?[^\]]*\]\]")


@dataclass(frozen=True, slots=True, order=True)
class Holder:
    """The key that a task belongs to.

    Attributes:
        role: Of the key, empty when the request shows none.
        own: Scenario instance that a fresh key was handed out to, empty for the key of the target file.
    """

    role: str
    own: str = ""

    @property
    def written(self) -> str:
        """For people."""
        return f"{self.role} (a key of its own for {self.own})" if self.own else self.role or "no key"


@dataclass(frozen=True, slots=True)
class SubmittedTask:
    """A task that the gateway accepted.

    Attributes:
        id: As the gateway gave it.
        holder: The key that submitted it.
        state: The state that was seen last, empty when none was.
        gone: Whether the gateway has last said 404 to the question for it.
        cancelled_at_end: Whether the gateway accepted its cancelling from the clean-up of the run.
    """

    id: str
    holder: Holder
    state: str = ""
    gone: bool = False
    cancelled_at_end: bool = False

    @property
    def final(self) -> bool:
        """Whether it was last seen in a final state; one that ended may be forgotten."""
        return self.state in FINAL

    @property
    def seen(self) -> str:
        """What was last seen of it, in words."""
        if self.gone:
            return "the gateway no longer knows it"
        return f"last seen {self.state}" if self.state else "never seen"


@dataclass(frozen=True, slots=True)
class SubmittedTasks:
    """The tasks of a run.

    Attributes:
        tasks: In the order in which they were submitted.
        unanswered: Submissions that were sent and got no answer: nobody knows whether they made a task.
    """

    tasks: tuple[SubmittedTask, ...] = ()
    unanswered: int = 0

    @property
    def left(self) -> tuple[SubmittedTask, ...]:
        """Those that were not seen to end."""
        return tuple(task for task in self.tasks if not task.final)

    @property
    def cancelled_at_end(self) -> int:
        """How many the clean-up ended by cancelling."""
        return sum(task.cancelled_at_end and task.final and task.state == CANCELED for task in self.tasks)


_Name = tuple[Holder, str]


def submitted_tasks(exchanges: Iterable[Exchange]) -> SubmittedTasks:
    """The tasks that these exchanges submitted and what they show of each; exchanges in any order.

    What was seen last counts, not what was seen first: a gateway may take a final state back. A task is one of its key:
    another key's view of the same id says nothing about it.
    """
    ordered = sorted(exchanges, key=lambda one: (round(one.started_at, 6), one.id))
    tasks: dict[_Name, float] = {}
    sightings: dict[_Name, list[tuple[float, str]]] = {}
    cancelled: set[_Name] = set()
    unanswered = 0
    for exchange in ordered:
        holder = holder_of(exchange)
        if exchange.operation in SUBMITTING:
            unanswered += not exchange.answered and _may_have_arrived(exchange)
            if exchange.succeeded and (name := _id_of(exchange.json)):
                tasks.setdefault((holder, name), _ended_at(exchange))
        elif exchange.operation in _CANCELLING and exchange.scenario == CLEANUP and exchange.succeeded:
            cancelled.add((holder, _id_in_path(exchange)))
        for at, name, state in _sightings(exchange):
            sightings.setdefault((holder, name), []).append((at, state))
    found = []
    for holder, name in tasks:
        seen = sorted(sightings.get((holder, name), ()), key=lambda one: one[0])
        states = [state for _, state in seen if state]
        found.append(
            SubmittedTask(
                name,
                holder,
                states[-1] if states else "",
                gone=bool(seen) and not seen[-1][1],
                cancelled_at_end=(holder, name) in cancelled,
            )
        )
    return SubmittedTasks(tuple(found), unanswered)


def holder_of(exchange: Exchange) -> Holder:
    """The key that a request was sent with: of its ``Authorization``, else the first that it shows.

    The clean-up sends with the keys of others; its parameters say whose.
    """
    headers = exchange.request.headers
    first = (value for name, value in headers if name.lower() == "authorization")
    others = (value for name, value in headers if name.lower() != "authorization")
    for text in (*first, *others, exchange.request.target):
        if found := _KEY.search(text):
            parameters = f"[{exchange.parameters}]" if exchange.parameters else ""
            instance = exchange.parameters if exchange.scenario == CLEANUP else f"{exchange.scenario}{parameters}"
            return Holder(found[1], instance if found[2] else "")
    return Holder(exchange.role)


def _may_have_arrived(exchange: Exchange) -> bool:
    """Whether a connection stood, as far as the sentence of the failure tells."""
    return "response" in exchange.failure


def _sightings(exchange: Exchange) -> Iterator[tuple[float, str, str]]:
    """When, of which id, and the state that an exchange shows; no state where the gateway knows no such task."""
    if exchange.operation in _TELLING:
        for event in exchange.events.events:
            yield from _states(event.payload(), exchange.started_at + event.at)
        return
    at = _ended_at(exchange)
    if exchange.operation in _READING and exchange.status == 404:
        yield at, _id_in_path(exchange), ""
    elif exchange.succeeded and exchange.operation in SUBMITTING | _READING | _CANCELLING:
        yield from _states(exchange.json, at)
    elif exchange.succeeded and exchange.operation in _LISTING:
        listed = exchange.json.get("data") if isinstance(exchange.json, dict) else exchange.json
        for task in listed if isinstance(listed, list) else ():
            yield from _states(task, at)


def _states(value: Any, at: float) -> Iterator[tuple[float, str, str]]:
    name, state = _id_of(value), _text(value.get("status") if isinstance(value, Mapping) else None)
    if name and state:
        yield at, name, state


def _id_of(value: Any) -> str:
    if not isinstance(value, Mapping):
        return ""
    names = (_text(value.get(member)) for member in ("id", "task_id"))
    return next(filter(None, names), "")


def _text(value: Any) -> str:
    """A text that can be sent and written, empty for anything else: JSON may hold lone surrogates."""
    return value if isinstance(value, str) and not _SURROGATE.search(value) else ""


def _id_in_path(exchange: Exchange) -> str:
    steps = exchange.request.path.split("/")
    return unquote(steps[-2] if exchange.operation in _CANCELLING else steps[-1])


def _ended_at(exchange: Exchange) -> float:
    return round(exchange.started_at, 6) + (exchange.response.ended_at if exchange.response else 0.0)
