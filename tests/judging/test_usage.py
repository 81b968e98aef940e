"""Usage, judged offline: views, parameters, and the ledger across answers."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.exchange import Ending, Frame
from llmapi_conformance.judging.oracles import usage, usage_ledger
from tests.judging import chat_cases, gemini_cases, message_cases
from tests.judging.build import exchange
from tests.judging.gemini_cases import broken, judged

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

SUMS: dict[str, Any] = {
    "requests": 3,
    "input_tokens": 30,
    "output_tokens": 12,
    "total_tokens": 42,
    "cost": 0.5,
    "actual_cost": 0.25,
}
QUOTA: dict[str, Any] = {
    "mode": "quota_limited",
    "isValid": True,
    "status": "active",
    "quota": {"limit": 100, "used": 12.34, "remaining": 87.66, "unit": "USD"},
    "remaining": 87.66,
    "unit": "USD",
    "usage": {"today": SUMS, "total": SUMS, "average_duration_ms": 12, "rpm": 1, "tpm": 9},
    "daily_usage": [{"date": "2026-11-22", **SUMS}, {"date": "2026-11-23", **SUMS}],
    "model_stats": [{"model": "m", **SUMS}],
}
WALLET: dict[str, Any] = {
    "mode": "unrestricted",
    "isValid": True,
    "planName": usage.WALLET_PLAN,
    "remaining": 42.5,
    "unit": "USD",
    "balance": 42.5,
    "usage": {"today": {"requests": 1, "total_tokens": 3, "actual_cost": 0.1}},
}
SUBSCRIPTION: dict[str, Any] = {"mode": "unrestricted", "isValid": True, "planName": "Pro Plan", "unit": "USD"}


def told(body: Any = None, query: str = "", status: int = 200, role: str = "general:openai") -> Exchange:
    return exchange(
        operation="getUsage",
        method="GET",
        path=f"/v1/usage{query}",
        status=status,
        body=QUOTA if body is None else body,
        role=role,
    )


def without(body: dict[str, Any], *path: str) -> dict[str, Any]:
    copied = copy.deepcopy(body)
    inner = copied
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return copied


@pytest.mark.parametrize("body", [QUOTA, WALLET, SUBSCRIPTION, QUOTA | {"further": {"x": 1}}])
def test_each_documented_view_breaks_nothing(body: Any) -> None:
    assert broken(told(body), "USE-") == set()


def test_a_quota_that_is_overdrawn_has_nothing_left() -> None:
    body = QUOTA | {"quota": {"limit": 10, "used": 12, "remaining": 0, "unit": "USD"}, "remaining": 0}
    assert broken(told(body), "USE-") == set()


@pytest.mark.parametrize(
    ("clause", "body"),
    [
        ("USE-V02", QUOTA | {"mode": "limited"}),
        ("USE-V03", QUOTA | {"mode": "unrestricted", "planName": "x"}),
        ("USE-V05", WALLET | {"mode": "quota_limited"}),
        ("USE-V06", without(QUOTA, "status")),
        ("USE-V06", without(QUOTA, "usage", "total", "input_tokens")),
        ("USE-V06", without(QUOTA, "model_stats")),
        ("USE-V06", QUOTA | {"isValid": "yes"}),
        ("USE-V06", QUOTA | {"usage": QUOTA["usage"] | {"today": SUMS | {"requests": "3"}}}),
        ("USE-V07", QUOTA | {"quota": QUOTA["quota"] | {"used": 1}}),
        ("USE-V08", QUOTA | {"remaining": 5}),
        ("USE-V08", QUOTA | {"unit": "EUR"}),
        ("USE-V09", QUOTA | {"usage": QUOTA["usage"] | {"today": SUMS | {"total_tokens": 30}}}),
        ("USE-V10", WALLET | {"balance": 40}),
        ("USE-V10", without(WALLET, "unit")),
        ("USE-V11", WALLET | {"planName": "Wallet"}),
        ("USE-V12", without(SUBSCRIPTION, "unit")),
        ("USE-V13", QUOTA | {"usage": QUOTA["usage"] | {"today": SUMS | {"requests": 4}}}),
        ("USE-P08", QUOTA | {"daily_usage": [{"date": "2026-11-22"}, {"date": "2026-11-22"}]}),
        ("USE-P08", QUOTA | {"daily_usage": [{"date": "today"}]}),
    ],
)
def test_a_broken_view_is_told(clause: str, body: Any) -> None:
    assert clause in broken(told(body), "USE-")


def test_more_days_than_the_window_are_told() -> None:
    days = [{"date": f"2026-11-{day:02}"} for day in range(1, 5)]
    assert broken(told(QUOTA | {"daily_usage": days}, "?days=3"), "USE-") == set()
    assert broken(told(QUOTA | {"daily_usage": days}, "?days=2"), "USE-") == {"USE-P08"}


def test_cached_tokens_that_stand_apart_are_left_alone() -> None:
    apart = SUMS | {"cache_read_tokens": 8, "total_tokens": 50}
    assert broken(told(QUOTA | {"usage": QUOTA["usage"] | {"total": apart}}), "USE-") == set()


REFUSAL: dict[str, Any] = {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": None}}


@pytest.mark.parametrize(
    ("oracle", "good", "bad"),
    [
        (usage.usage_is_told, told(), told(REFUSAL, status=403)),
        (usage.a_rate_limit_makes_the_mode_quota_limited, told(), told(WALLET)),
        (usage.one_and_ninety_days_are_accepted, told(), told(REFUSAL, status=400)),
        (usage.other_days_are_refused, told(REFUSAL, status=400), told()),
        (usage.the_documented_query_is_accepted, told(), told(REFUSAL, status=400)),
        (usage.no_parameter_is_required, told(), told(REFUSAL, status=400)),
        (usage.what_is_no_date_is_refused, told(REFUSAL, status=400), told(REFUSAL, status=500)),
        (usage.a_timezone_that_is_none_is_refused, told(REFUSAL, status=400), told()),
        (usage.an_end_before_its_start_is_refused, told(REFUSAL, status=400), told()),
        (usage.an_image_key_reads_its_usage, told(), told(REFUSAL, status=403)),
        (usage.an_exhausted_key_reads_its_usage, told(), told(REFUSAL, status=403)),
    ],
)
def test_the_wrong_outcome_is_told(oracle: Any, good: Exchange, bad: Exchange) -> None:
    assert judged(oracle, good) == (1, [])
    assert len(judged(oracle, bad)[1]) == 1


def reading(requests: float = 3, given: int = 30, written: int = 12, cost: float = 0.25, used: float = 1.0) -> Exchange:
    sums = SUMS | {
        "requests": requests,
        "input_tokens": given,
        "output_tokens": written,
        "total_tokens": given + written,
        "actual_cost": cost,
    }
    quota = {"limit": 100, "used": used, "remaining": 100 - used, "unit": "USD"}
    return told(QUOTA | {"usage": {"today": sums, "total": sums}, "quota": quota, "remaining": 100 - used})


def chat() -> Exchange:
    return chat_cases.plain(chat_cases.completion())


CALLS = [
    (chat(), 17, 5),
    (chat_cases.stream(chat_cases.text_events(usage=True), asked=chat_cases.question(**chat_cases.WITH_USAGE)), 17, 5),
    (message_cases.plain(), *(message_cases.message()["usage"][name] for name in ("input_tokens", "output_tokens"))),
    (gemini_cases.plain(), 41, 23),
    (gemini_cases.sse(), 41, 23),
]
LEDGER = [usage_ledger.a_call_counts_what_it_reports, usage_ledger.a_stream_counts_what_it_reports]


@pytest.mark.parametrize("oracle", LEDGER)
@pytest.mark.parametrize(("call", "given", "written"), CALLS)
def test_what_is_not_counted_as_reported_is_told(oracle: Any, call: Exchange, given: int, written: int) -> None:
    cached = (
        sum(
            value
            for name, value in (call.json or {}).get("usage", {}).items()
            if name.startswith("cache_") and isinstance(value, int)
        )
        if call.operation == "createMessage"
        else 0
    )
    exact = reading(4, 30 + given + cached, 12 + written)
    assert judged(oracle, reading(), call, exact, {}) == (1, [])
    assert len(judged(oracle, reading(), call, reading(), {})[1]) == 4
    twice = reading(5, 30 + 2 * (given + cached), 12 + 2 * written)
    assert len(judged(oracle, reading(), call, twice, {})[1]) == 4
    assert len(judged(oracle, reading(), call, reading(4, 30 + given + cached, 12), {})[1]) == 2


def test_a_gateway_that_counts_the_asking_is_not_accused_of_it() -> None:
    own = {"total.requests": 1.0}
    assert judged(LEDGER[0], reading(), chat(), reading(5, 47, 17), own) == (1, [])


@pytest.mark.parametrize(
    ("oracle", "call"),
    [
        (usage_ledger.a_refused_call_adds_nothing, chat_cases.plain(REFUSAL, status=400)),
        (usage_ledger.counting_tokens_adds_nothing, exchange(operation="countMessageTokens", body={"input_tokens": 3})),
        (usage_ledger.another_key_of_the_tenant_has_its_own_usage, chat()),
    ],
)
def test_what_ought_to_cost_nothing_and_does_is_told(oracle: Any, call: Exchange) -> None:
    assert judged(oracle, reading(), call, reading(), {}) == (1, [])
    assert judged(oracle, reading(), call, reading(4, 40, 12, 0.5), {})[1]


def turns(*usages: Any) -> Exchange:
    frames = [
        Frame(
            at=0.1,
            sent=False,
            kind="text",
            data=json.dumps({"type": "response.completed", "response": {"usage": one}}).encode(),
        )
        for one in usages
    ]
    made = exchange(operation="connectResponses", method="GET", path="/v1/responses", status=101, mode="websocket")
    return replace(made, frames=tuple(frames))


def test_a_turn_that_is_not_counted_is_told() -> None:
    oracle = usage_ledger.a_turn_over_websocket_counts_what_it_reports
    one = {"input_tokens": 17, "output_tokens": 5}
    assert judged(oracle, reading(), turns(one, one), reading(5, 64, 22), {}) == (1, [])
    assert len(judged(oracle, reading(), turns(one, one), reading(4, 47, 17), {})[1]) == 4
    assert judged(oracle, reading(), turns(), reading(), {}) == (0, [])
    assert judged(oracle, reading(), turns("odd"), reading(), {}) == (0, [])


def test_a_quota_that_is_not_used_by_the_cost_is_told() -> None:
    oracle = usage_ledger.the_quota_is_used_by_the_cost
    assert judged(oracle, reading(), chat(), reading(cost=0.5, used=1.25)) == (1, [])
    assert len(judged(oracle, reading(), chat(), reading(cost=0.5))[1]) == 1
    moved = told(json.loads(reading(cost=0.5, used=1.25).body) | {"remaining": 99.0})
    assert len(judged(oracle, reading(), chat(), moved)[1]) == 1


def test_asking_that_counts_itself_is_told() -> None:
    oracle = usage_ledger.asking_for_usage_is_no_request
    assert judged(oracle, reading(), reading()) == (1, [])
    assert len(judged(oracle, reading(), reading(4))[1]) == 1


def test_the_wallets_example_is_enough_for_the_ledger() -> None:
    before, after = told(WALLET), copy.deepcopy(WALLET)
    after["usage"]["today"] |= {"requests": 2, "total_tokens": 25}
    assert judged(LEDGER[0], before, chat(), told(after), {}) == (1, [])
    assert len(judged(LEDGER[0], before, chat(), told(WALLET), {})[1]) == 2


def test_an_answer_that_was_cut_reports_nothing() -> None:
    cut = chat_cases.stream(chat_cases.text_events()[:2], ending=Ending.CUT)
    assert judged(LEDGER[1], reading(), cut, reading(), {}) == (0, [])
