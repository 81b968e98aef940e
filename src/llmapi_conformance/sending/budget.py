"""The budget: what a run may send and spend, checked before each scenario and before each request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmapi_conformance.errors import BudgetExceeded
from llmapi_conformance.sending.scenario import Cost
from llmapi_conformance.sending.spending import Charge

if TYPE_CHECKING:
    from decimal import Decimal

    from llmapi_conformance.target.profile import Profile
    from llmapi_conformance.target.target import Target

NOTHING = Charge(Cost(0))


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent, at most.

    Attributes:
        requests: Requests.
        input_tokens: Tokens read.
        output_tokens: Tokens written.
        money: In the currency of the target's prices; ``None`` for no limit.
        currency: Of the money.
    """

    requests: int
    input_tokens: int
    output_tokens: int
    money: Decimal | None = None
    currency: str = ""

    def broken_by(self, total: Charge) -> str:
        """What the limit of it breaks, as ``120 input tokens; the limit is 100``; empty when it breaks none."""
        cost = total.cost
        for what, spent, limit in (
            ("requests", cost.requests, self.requests),
            ("input tokens", cost.input_tokens, self.input_tokens),
            ("output tokens", cost.output_tokens, self.output_tokens),
        ):
            if spent > limit:
                return f"{spent} {what}; the limit is {limit}"
        if self.money is not None and total.money > self.money:
            return f"{total.money:.6f} {self.currency}; the limit is {self.money:f} {self.currency}"
        return ""


def limits_of(target: Target, profile: Profile) -> Limits:
    """The limits of a run: those of the target file, and of the profile where it names none."""
    own = target.spending
    return Limits(
        profile.max_requests if own.requests is None else own.requests,
        profile.max_input_tokens if own.input_tokens is None else own.input_tokens,
        profile.max_output_tokens if own.output_tokens is None else own.output_tokens,
        own.money,
        target.prices.currency,
    )


@dataclass(slots=True)
class Budget:
    """Limits, and what is set aside and spent of them.

    A scenario sets aside what it declares before it begins, and is settled by what it has come to. It waits while
    others are under way that may come to less than they declared.

    Attributes:
        limits: What may be spent.
        sent: Requests sent, retries too.
        refused: Why something was not sent, empty while nothing was refused.
        held: What is set aside for the scenarios under way, and what the others have come to.
    """

    limits: Limits
    sent: int = 0
    refused: str = ""
    held: Charge = NOTHING
    _of: dict[str, Charge] = field(default_factory=dict)
    _under_way: set[str] = field(default_factory=set)
    _settled: asyncio.Event = field(default_factory=asyncio.Event)

    async def admit(self, scenario: str, charge: Charge) -> None:
        """Set aside what a scenario declares, when there is room for it.

        Raises:
            BudgetExceeded: There is none, and nothing is under way that could make some; nothing of it was sent.
        """
        while self._under_way and self.limits.broken_by(self.held + charge):
            self._settled.clear()
            await self._settled.wait()
        self.reserve(scenario, charge)

    def reserve(self, scenario: str, charge: Charge) -> None:
        """Set aside so much more for a scenario.

        Raises:
            BudgetExceeded: It would go over a limit; nothing of it was sent.
        """
        if over := self.limits.broken_by(self.held + charge):
            self.refused = f"{scenario} would bring the run to {over}"
            raise BudgetExceeded(self.refused)
        self._hold(scenario, self._of.get(scenario, NOTHING) + charge)
        self._under_way.add(scenario)

    def come_to(self, scenario: str, charge: Charge) -> None:
        """A scenario under way has come to so much: where that is more than was set aside, it takes the place of it.

        Raises:
            BudgetExceeded: With that a limit is broken already; nothing more of it may be sent.
        """
        aside, cost = self._of.get(scenario, NOTHING), charge.cost
        more = Cost(
            aside.cost.requests,  # counted one by one
            max(aside.cost.input_tokens, cost.input_tokens),
            max(aside.cost.output_tokens, cost.output_tokens),
            max(aside.cost.images, cost.images),
        )
        self._hold(scenario, Charge(more, max(aside.money, charge.money)))
        if self._of[scenario] != aside and (over := self.limits.broken_by(self.held)):
            self.refused = f"{scenario} has brought the run to {over}"
            raise BudgetExceeded(self.refused)

    def settle(self, scenario: str, charge: Charge) -> None:
        """A scenario has ended: what it has come to takes the place of what was set aside."""
        self._hold(scenario, charge)
        self._under_way.discard(scenario)
        self._settled.set()

    def spend(self, scenario: str) -> None:
        """Count one request.

        Raises:
            BudgetExceeded: The limit is reached; the request was not sent.
        """
        if self.sent >= self.limits.requests:
            self.refused = f"{scenario} would be request {self.sent + 1}; the limit is {self.limits.requests}"
            raise BudgetExceeded(self.refused)
        self.sent += 1

    def _hold(self, scenario: str, charge: Charge) -> None:
        self.held += charge - self._of.get(scenario, NOTHING)
        self._of[scenario] = charge
