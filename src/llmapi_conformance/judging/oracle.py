"""Oracles: pure functions from exchanges to what they examined and what deviates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from llmapi_conformance.evidence.exchange import Ending, Exchange, Mode

Outcome = Literal["success", "error", "any"]


@dataclass(frozen=True, slots=True)
class Examined:
    """A subject was looked at: without one, nothing can pass.

    Attributes:
        what: What was looked at, in the words of the protocol.
        count: How many of them.
    """

    what: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Deviation:
    """The gateway did something else than the clause says.

    Attributes:
        expected: What the clause asks for, as a noun phrase.
        observed: What was there instead.
        span: Offsets (start, end) of the telling bytes in the response body, when there are any.
        exchange: The exchange that shows it, where an oracle looks at several; the first one otherwise.
        reduced: Whether its request was made as short as it can be: of several that show the same, a report has this.
    """

    expected: str
    observed: str
    span: tuple[int, int] | None = None
    exchange: Exchange | None = None
    reduced: bool = False

    def __post_init__(self) -> None:
        """What a gateway said goes into reports: a lone surrogate from its JSON is written as its escape."""
        for name in ("expected", "observed"):
            text = getattr(self, name).encode("utf-8", "backslashreplace").decode()
            object.__setattr__(self, name, text)


Judgement = Iterator[Examined | Deviation]
"""What an oracle yields: an ``Examined`` for each subject it looked at, a ``Deviation`` for each that is wrong."""


@dataclass(frozen=True, slots=True)
class On:
    """Which exchanges an oracle speaks about, in every scenario.

    Attributes:
        operations: Operation ids of the OpenAPI description; empty means all documented operations.
        mode: ``plain``, ``stream`` or ``websocket``, as the request asked; ``None`` means any answer of HTTP. A refused
            WebSocket is one; an opened WebSocket, which has frames instead of a body, is not.
        outcome: ``success`` for 2xx answers and opened WebSockets, ``error`` for 4xx and 5xx ones, ``any`` for all.
        disturbed: Whether it also speaks about answers in whose midst the scenario made the upstream fail.
    """

    operations: tuple[str, ...] = ()
    mode: Mode | None = None
    outcome: Outcome = "success"
    disturbed: bool = False

    def covers(self, exchange: Exchange) -> bool:
        """Whether the oracle has something to say about this exchange."""
        if exchange.response is None or exchange.response.ending is Ending.ABORTED:
            return False
        if not exchange.operation or exchange.of_our_upstream:
            return False
        if exchange.disturbed and not self.disturbed:
            return False
        if self.operations and exchange.operation not in self.operations:
            return False
        if exchange.upgraded if self.mode is None else exchange.mode != self.mode:
            return False
        return self.outcome == "any" or (exchange.succeeded if self.outcome == "success" else exchange.refused)


@dataclass(frozen=True, slots=True)
class Oracle:
    """A judging function, the clause it judges, and the exchanges it speaks about everywhere.

    Attributes:
        clause: Clause id.
        function: Takes exchanges (and plain values), yields a judgement.
        on: Set for protocol oracles, which run on every exchange they cover; ``None`` for those that a check feeds.
    """

    clause: str
    function: Callable[..., Judgement]
    on: On | None = None

    @property
    def name(self) -> str:
        """The function's name: what ought to be true."""
        return self.function.__name__

    def __call__(self, *subjects: object) -> Judgement:
        """Judge the subjects."""
        return self.function(*subjects)


ORACLES: dict[str, Oracle] = {}
"""Every oracle by its name; filled once, while the modules of ``judging.oracles`` are imported."""


def oracle(clause: str, *, on: On | None = None) -> Callable[[Callable[..., Judgement]], Oracle]:
    """Register a function as the oracle of a clause.

    Raises:
        ValueError: Another oracle has the same name.
    """

    def register(function: Callable[..., Judgement]) -> Oracle:
        made = Oracle(clause, function, on)
        if made.name in ORACLES:
            raise ValueError(f"two oracles are called {made.name}: rename one")
        ORACLES[made.name] = made
        return made

    return register
