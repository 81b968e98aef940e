"""What becomes of a message when the provider fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import messages_gateway as oracles
from llmapi_conformance.judging.oracles import messages_stream as stream
from llmapi_conformance.judging.oracles import upstream_failures

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("MSG-F01", "MSG-F02", "MSG-F03", "MSG-F04")
def test_a_broken_answer_is_told_as_broken(messages_broken: dict[str, Any]) -> None:
    for exchange in messages_broken["streams"]:
        judge(oracles.a_broken_answer_is_not_dressed_up, exchange)
        judge(oracles.a_client_can_tell_that_the_message_broke_off, exchange)
        judge(oracles.a_broken_message_ends_with_an_error_event, exchange)
        judge(
            oracles.what_came_before_the_failure_is_passed_on,
            exchange,
            messages_broken["text"],
            messages_broken["deltas"],
        )


@clause("MSG-S04", "MSG-S15", "MSG-S16")
def test_an_error_event_is_one_of_the_protocol(messages_broken: dict[str, Any]) -> None:
    for exchange in messages_broken["streams"]:
        judge(stream.events_come_in_the_order_of_the_grammar, exchange)
        judge(stream.an_error_event_is_an_error_of_the_protocol, exchange)
        judge(stream.an_error_event_uses_a_known_error_type, exchange)


@clause("MSG-F05", "MSG-F06", "MSG-F07", "ERR-U01")
def test_a_rate_limit_of_the_provider_is_told_as_one(messages_rate_limited_upstream: Exchange) -> None:
    judge(upstream_failures.an_upstream_failure_is_an_error_status, messages_rate_limited_upstream)
    judge(oracles.a_rate_limit_of_the_provider_keeps_its_status, messages_rate_limited_upstream)
    judge(oracles.a_rate_limit_is_told_in_anthropics_envelope, messages_rate_limited_upstream)
    judge(oracles.a_rate_limit_says_when_to_come_back, messages_rate_limited_upstream)
