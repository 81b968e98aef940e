from __future__ import annotations

import asyncio
import re
from decimal import Decimal

import pytest

from llmapi_conformance.errors import BudgetExceeded
from llmapi_conformance.sending.budget import Budget, Limits
from llmapi_conformance.sending.credentials import Auth, Credential, bearer, made_up
from llmapi_conformance.sending.scenario import Cost
from llmapi_conformance.sending.spending import Charge

KEY = Credential("key:general:openai", "sk-llmapi-0123456789abcdef")


def test_a_scenario_that_would_break_a_limit_is_not_started() -> None:
    budget = Budget(Limits(10, 100, 100))
    budget.reserve("first", Charge(Cost(2, 60, 10)))
    with pytest.raises(BudgetExceeded, match="second would bring the run to 120 input tokens; the limit is 100"):
        budget.reserve("second", Charge(Cost(1, 60, 10)))
    assert budget.held == Charge(Cost(2, 60, 10))
    assert "second" in budget.refused


def test_money_is_limited_like_everything_else() -> None:
    budget = Budget(Limits(10, 100, 100, Decimal("0.50"), "EUR"))
    budget.reserve("first", Charge(Cost(1), Decimal("0.31")))
    said = re.escape("second would bring the run to 0.510000 EUR; the limit is 0.50 EUR")
    with pytest.raises(BudgetExceeded, match=said):
        budget.reserve("second", Charge(Cost(1), Decimal("0.20")))
    budget.reserve("third", Charge(Cost(1), Decimal("0.19")))
    assert budget.held.money == Decimal("0.50")


def test_what_a_scenario_did_not_use_is_there_for_the_next_one_which_waits_for_it() -> None:
    async def both() -> list[str]:
        budget = Budget(Limits(10, 100, 100))
        await budget.admit("first", Charge(Cost(5, 90, 0)))
        waiting = asyncio.create_task(budget.admit("second", Charge(Cost(5, 90, 0))))
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.settle("first", Charge(Cost(1, 10, 0)))
        await waiting
        assert budget.held == Charge(Cost(6, 100, 0))
        third = asyncio.create_task(budget.admit("third", Charge(Cost(1, 1, 0))))
        await asyncio.sleep(0)
        budget.settle("second", Charge(Cost(5, 95, 0)))  # more than it declared
        with pytest.raises(BudgetExceeded, match="106 input tokens"):
            await third
        return [budget.refused]

    assert asyncio.run(both()) == ["third would bring the run to 106 input tokens; the limit is 100"]


def test_a_scenario_that_comes_to_more_than_it_declared_sends_nothing_beyond_the_limit() -> None:
    budget = Budget(Limits(10, 100, 100, Decimal(1), "EUR"))
    budget.reserve("first", Charge(Cost(2, 10, 10), Decimal("0.1")))
    budget.come_to("first", Charge(Cost(1, 5, 5), Decimal("0.05")))  # less: what was set aside stays so
    assert budget.held == Charge(Cost(2, 10, 10), Decimal("0.1"))
    budget.come_to("first", Charge(Cost(1, 60, 5), Decimal("0.6")))
    assert budget.held == Charge(Cost(2, 60, 10), Decimal("0.6"))
    with pytest.raises(BudgetExceeded, match=r"first has brought the run to 1\.200000 EUR; the limit is 1 EUR"):
        budget.come_to("first", Charge(Cost(2, 90, 5), Decimal("1.2")))
    budget.settle("first", Charge(Cost(2, 90, 5), Decimal("0.9")))
    assert budget.held == Charge(Cost(2, 90, 5), Decimal("0.9"))


def test_the_request_over_the_limit_is_not_sent() -> None:
    budget = Budget(Limits(1, 100, 100))
    budget.spend("a")
    with pytest.raises(BudgetExceeded, match="request 2; the limit is 1"):
        budget.spend("b")
    assert budget.sent == 1


@pytest.mark.parametrize(
    ("changed", "marker", "value"),
    [
        (KEY.truncated(), "key:general:openai:truncated", "sk-llmapi-0123456789abcde"),
        (KEY.extended(), "key:general:openai:extended", "sk-llmapi-0123456789abcdefx"),
        (KEY.last_character_changed(), "key:general:openai:last-changed", "sk-llmapi-0123456789abcdeg"),
        (KEY.upper(), "key:general:openai:case-changed", "SK-LLMAPI-0123456789ABCDEF"),
        (KEY.padded(" "), "key:general:openai", " sk-llmapi-0123456789abcdef"),
    ],
)
def test_a_changed_key_differs_and_shows_only_its_marker(changed: Credential, marker: str, value: str) -> None:
    assert changed.reveal() == value
    assert changed.marker == marker
    assert "0123456789" not in repr(changed) + repr(Auth("x-api-key", changed))


def test_a_made_up_key_looks_alike_and_is_another_one_each_time() -> None:
    one, two = made_up(KEY), made_up(KEY)
    assert one.reveal() != two.reveal()
    assert len(one.reveal()) == len(KEY.reveal())
    assert one.reveal().startswith("sk-llmapi-")
    assert one.marker == "key:made-up"


def test_a_bearer_header_is_kept_as_a_marker() -> None:
    auth = bearer(KEY)
    assert auth.value() == "Bearer sk-llmapi-0123456789abcdef"
    assert auth.shown() == "Bearer [[key:general:openai]]"
