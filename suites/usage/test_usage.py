"""Usage: its views, its parameters, its arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import usage as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

GENERAL = ("general:openai", "general:anthropic", "general:gemini", "general:antigravity")
VIEW = (
    oracles.the_mode_is_one_of_two,
    oracles.a_quota_makes_the_mode_quota_limited,
    oracles.a_balance_or_plan_makes_the_mode_unrestricted,
    oracles.the_quota_view_has_its_members,
    oracles.what_remains_is_the_limit_less_what_is_used,
    oracles.the_top_repeats_the_quota,
    oracles.total_tokens_are_input_and_output,
    oracles.the_wallet_view_tells_the_balance,
    oracles.the_wallets_plan_has_its_name,
    oracles.the_subscription_view_has_its_members,
    oracles.today_is_not_above_the_total,
)


@clause("USE-V01", "USE-P04", *(oracle.clause for oracle in VIEW))
def test_a_general_key_is_told_its_usage(usage_of_each_role: dict[str, Any]) -> None:
    answer = usage_of_each_role["answer"]
    if answer.role in GENERAL:
        judge(oracles.usage_is_told, answer)
        judge(oracles.no_parameter_is_required, answer)
    for oracle in VIEW:
        if answer.succeeded:
            judge(oracle, answer)


@clause(*(oracle.clause for oracle in VIEW))
def test_a_key_with_a_quota_is_told_of_it(usage_of_a_quota: dict[str, Any]) -> None:
    for reading in usage_of_a_quota["readings"]:
        for oracle in VIEW:
            judge(oracle, reading)


@clause("USE-V04", "USE-A01", "USE-A02")
def test_odd_keys_are_told_too(usage_of_odd_keys: Exchange) -> None:
    if usage_of_odd_keys.role.startswith("image:"):
        judge(oracles.an_image_key_reads_its_usage, usage_of_odd_keys)
    elif usage_of_odd_keys.role.endswith("+exhausted"):
        judge(oracles.an_exhausted_key_reads_its_usage, usage_of_odd_keys)
    else:
        judge(oracles.a_rate_limit_makes_the_mode_quota_limited, usage_of_odd_keys)


@clause("USE-P01", "USE-P03")
def test_right_queries_are_accepted(usage_parameters: dict[str, Exchange]) -> None:
    judge(oracles.one_and_ninety_days_are_accepted, usage_parameters["one day"])
    judge(oracles.one_and_ninety_days_are_accepted, usage_parameters["ninety days"])
    judge(oracles.the_documented_query_is_accepted, usage_parameters["example"])


@clause("USE-P02", "USE-P05", "USE-P06", "USE-P07")
def test_wrong_queries_are_refused(usage_parameters: dict[str, Exchange]) -> None:
    for name in ("no day", "too many days", "no number"):
        judge(oracles.other_days_are_refused, usage_parameters[name])
    judge(oracles.what_is_no_date_is_refused, usage_parameters["no date"])
    judge(oracles.a_timezone_that_is_none_is_refused, usage_parameters["no timezone"])
    judge(oracles.an_end_before_its_start_is_refused, usage_parameters["end first"])


@clause("USE-P08")
def test_there_is_one_entry_a_day(usage_of_a_quota: dict[str, Any]) -> None:
    for reading in usage_of_a_quota["readings"]:
        judge(oracles.there_is_one_entry_a_day, reading)
