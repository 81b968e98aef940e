"""The budget: what a run may send, checked before each request."""

from __future__ import annotations

from dataclasses import dataclass

from llmapi_conformance.errors import BudgetExceeded
from llmapi_conformance.sending.scenario import Cost


@dataclass(slots=True)
class Budget:
    """Limits and what was spent of them.

    Attributes:
        requests: Requests, at most.
        input_tokens: Tokens read, at most, as scenarios declare them.
        output_tokens: Tokens written, at most.
        sent: Requests sent, retries too.
        reserved: What the started scenarios declared.
        refused: Why a request was not sent, empty while nothing was refused.
    """

    requests: int
    input_tokens: int
    output_tokens: int
    sent: int = 0
    reserved: Cost = Cost(0)
    refused: str = ""

    def reserve(self, scenario: str, cost: Cost) -> None:
        """Set aside what a scenario declares.

        Raises:
            BudgetExceeded: It would go over a limit; nothing of it was sent.
        """
        total = self.reserved + cost
        for what, spent, limit in (
            ("requests", total.requests, self.requests),
            ("input tokens", total.input_tokens, self.input_tokens),
            ("output tokens", total.output_tokens, self.output_tokens),
        ):
            if spent > limit:
                self.refused = f"{scenario} would bring the run to {spent} {what}; the limit is {limit}"
                raise BudgetExceeded(self.refused)
        self.reserved = total

    def spend(self, scenario: str) -> None:
        """Count one request.

        Raises:
            BudgetExceeded: The limit is reached; the request was not sent.
        """
        if self.sent >= self.requests:
            self.refused = f"{scenario} would be request {self.sent + 1}; the limit is {self.requests}"
            raise BudgetExceeded(self.refused)
        self.sent += 1
