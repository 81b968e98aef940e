"""The ledger: what a call reports is what usage grows by."""

from __future__ import annotations

from typing import Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import usage_ledger as oracles


@clause("USE-L01", "USE-L02", "USE-L03", "USE-L08", "USE-L09")
def test_chat_is_counted_as_reported(usage_around_chat: dict[str, Any]) -> None:
    first, still, foreign, plain, refused, streamed = usage_around_chat["readings"]
    of_another_key, whole, bad, stream = usage_around_chat["calls"]
    own = oracles.growth(first, still)
    judge(oracles.asking_for_usage_is_no_request, first, still)
    judge(oracles.another_key_of_the_tenant_has_its_own_usage, still, of_another_key, foreign, own)
    judge(oracles.a_call_counts_what_it_reports, foreign, whole, plain, own)
    judge(oracles.a_refused_call_adds_nothing, plain, bad, refused, own)
    judge(oracles.a_stream_counts_what_it_reports, refused, stream, streamed, own)


@clause("USE-L01", "USE-L02", "USE-L04")
def test_messages_are_counted_as_reported(usage_around_messages: dict[str, Any]) -> None:
    first, before, counted, plain, streamed = usage_around_messages["readings"]
    count, whole, stream = usage_around_messages["calls"]
    own = oracles.growth(first, before)
    judge(oracles.counting_tokens_adds_nothing, before, count, counted, own)
    judge(oracles.a_call_counts_what_it_reports, counted, whole, plain, own)
    judge(oracles.a_stream_counts_what_it_reports, plain, stream, streamed, own)


@clause("USE-L01", "USE-L02")
def test_gemini_is_counted_as_reported(usage_around_gemini: dict[str, Any]) -> None:
    first, before, plain, streamed = usage_around_gemini["readings"]
    whole, stream = usage_around_gemini["calls"]
    own = oracles.growth(first, before)
    judge(oracles.a_call_counts_what_it_reports, before, whole, plain, own)
    judge(oracles.a_stream_counts_what_it_reports, plain, stream, streamed, own)


@clause("USE-L06")
def test_turns_over_websocket_are_counted_as_reported(usage_around_websocket: dict[str, Any]) -> None:
    first, before, after = usage_around_websocket["readings"]
    turns = usage_around_websocket["calls"][0]
    own = oracles.growth(first, before)
    judge(oracles.a_turn_over_websocket_counts_what_it_reports, before, turns, after, own)


@clause("USE-L07")
def test_a_quota_is_used_by_the_cost(usage_of_a_quota: dict[str, Any]) -> None:
    before, after = usage_of_a_quota["readings"]
    judge(oracles.the_quota_is_used_by_the_cost, before, usage_of_a_quota["calls"][0], after)
