"""Refused calls and the calls of others leave a key's usage alone."""

from llmapi_conformance.evidence.exchange import Exchange
from llmapi_conformance.judging.check import clause, judge
from llmapi_conformance.judging.oracles.access import a_refusal_moves_no_ledger, a_tenant_sees_only_its_own_usage


@clause("ACC-L02")
def test_a_refused_call_leaves_usage_and_balance_alone(usage_around_a_refusal: list[Exchange]) -> None:
    judge(a_refusal_moves_no_ledger, *usage_around_a_refusal)


@clause("ACC-T01")
def test_a_call_of_one_tenant_does_not_show_in_the_usage_of_another(
    usage_around_a_foreign_call: list[Exchange],
) -> None:
    judge(a_tenant_sees_only_its_own_usage, *usage_around_a_foreign_call)
