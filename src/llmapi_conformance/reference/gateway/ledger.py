"""The books: what each key used, when and at what price."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmapi_conformance.reference.gateway.keys import ApiKey

# Every time zone's offset from UTC is a whole number of these, so a local day is a whole number of slots.
_SLOT_SECONDS: Final = 900
_MINUTE: Final = 60.0
_WALLET_USD: Final = 1000.0
# USD per token, input and output.
_PRICES: Final = {
    "claude-sonnet-4-5": (3e-6, 15e-6),
    "claude-haiku-4-5": (1e-6, 5e-6),
    "gpt-5.1": (1.25e-6, 10e-6),
    "gpt-5.1-mini": (0.25e-6, 2e-6),
}
_USUAL_PRICE: Final = (1e-6, 4e-6)


@dataclass(slots=True)
class Totals:
    """Sums over some requests: counts, tokens, US dollars."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0

    def add(self, other: Totals) -> None:
        """Add other sums to these."""
        self.requests += other.requests
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.cost += other.cost


class Account:
    """The books of one key."""

    def __init__(self) -> None:
        self.total = Totals()
        self.milliseconds = 0.0
        self._slots: dict[tuple[int, str], Totals] = defaultdict(Totals)
        self._recent: deque[tuple[float, int]] = deque()

    def enter(self, at: float, model: str, entry: Totals, milliseconds: float) -> None:
        """Book one request that ended at a time (unix seconds) after some milliseconds."""
        self.total.add(entry)
        self.milliseconds += milliseconds
        self._slots[int(at // _SLOT_SECONDS), model].add(entry)
        self._recent.append((at, entry.input_tokens + entry.output_tokens))
        self._forget(at)

    def last_minute(self, at: float) -> tuple[int, int]:
        """Return the requests and the tokens of the minute before a time."""
        self._forget(at)
        return len(self._recent), sum(tokens for _, tokens in self._recent)

    def between(self, start: float, end: float) -> dict[str, Totals]:
        """Return the sums by model of the time from start to end (unix seconds, end not included)."""
        found: dict[str, Totals] = defaultdict(Totals)
        for (slot, model), totals in self._slots.items():
            if start <= slot * _SLOT_SECONDS < end:
                found[model].add(totals)
        return dict(found)

    def _forget(self, at: float) -> None:
        while self._recent and self._recent[0][0] <= at - _MINUTE:
            self._recent.popleft()


class Ledger:
    """The books of all keys.

    Args:
        now: The clock, in unix seconds.
        leaves_out: Whether the request at hand is not booked.
        account_of: The name of the account that a key's requests are entered in.
        times: How often each request is entered.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.time,
        leaves_out: Callable[[], bool] = lambda: False,
        account_of: Callable[[ApiKey], str] = lambda key: key.secret,
        times: int = 1,
    ) -> None:
        self.now = now
        self._leaves_out = leaves_out
        self._account_of = account_of
        self._times = times
        self._accounts: dict[str, Account] = defaultdict(Account)
        self._spent: dict[str, float] = defaultdict(float)

    def account(self, key: ApiKey) -> Account:
        """Return the books of one key."""
        return self._accounts[self._account_of(key)]

    def balance(self, key: ApiKey) -> float:
        """Return what is left in the wallet of the key's tenant, in US dollars."""
        return _WALLET_USD - self._spent[key.tenant]

    def record(self, key: ApiKey, model: str, input_tokens: int, output_tokens: int, milliseconds: float = 0.0) -> None:
        """Book one answered request."""
        if self._leaves_out():
            return
        price_in, price_out = _PRICES.get(model, _USUAL_PRICE)
        cost = input_tokens * price_in + output_tokens * price_out
        for _ in range(self._times):
            self._spent[key.tenant] += cost
            self.account(key).enter(self.now(), model, Totals(1, input_tokens, output_tokens, cost), milliseconds)
