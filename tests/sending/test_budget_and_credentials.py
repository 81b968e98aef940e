from __future__ import annotations

import pytest

from llmapi_conformance.errors import BudgetExceeded
from llmapi_conformance.sending.budget import Budget
from llmapi_conformance.sending.credentials import Auth, Credential, bearer, made_up
from llmapi_conformance.sending.scenario import Cost

KEY = Credential("key:general:openai", "sk-llmapi-0123456789abcdef")


def test_a_scenario_that_would_break_a_limit_is_not_started() -> None:
    budget = Budget(10, 100, 100)
    budget.reserve("first", Cost(2, 60, 10))
    with pytest.raises(BudgetExceeded, match="second would bring the run to 120 input tokens; the limit is 100"):
        budget.reserve("second", Cost(1, 60, 10))
    assert budget.reserved == Cost(2, 60, 10)
    assert "second" in budget.refused


def test_the_request_over_the_limit_is_not_sent() -> None:
    budget = Budget(1, 100, 100)
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
