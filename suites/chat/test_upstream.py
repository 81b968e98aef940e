"""Chat Completions between the client and the upstream: what is passed on, and what becomes of failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import chat_content as content
from llmapi_conformance.judging.oracles import chat_upstream as oracles
from llmapi_conformance.judging.oracles import upstream_failures

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("CHAT-A01", "CHAT-F06")
def test_a_conversation_reaches_the_upstream_and_is_answered(chat_conversation: dict[str, Exchange]) -> None:
    judge(content.conversation_is_answered, chat_conversation["answer"])
    judge(oracles.conversation_reaches_the_upstream, chat_conversation["answer"], chat_conversation["log"])


@clause("CHAT-F01")
def test_the_clients_key_is_not_passed_on(chat_conversation: dict[str, Exchange]) -> None:
    judge(oracles.clients_key_stays_here, chat_conversation["answer"], chat_conversation["log"])


@clause("CHAT-D04")
def test_temperature_and_max_tokens_are_forwarded(chat_conversation: dict[str, Exchange]) -> None:
    judge(oracles.temperature_and_max_tokens_are_forwarded, chat_conversation["answer"], chat_conversation["log"])


@clause("CHAT-F03", "CHAT-F04", "CHAT-F05")
def test_a_request_is_passed_on_as_sent(chat_conversation: dict[str, Exchange]) -> None:
    answer, log = chat_conversation["answer"], chat_conversation["log"]
    judge(oracles.messages_reach_the_upstream_as_sent, answer, log)
    judge(oracles.tools_reach_the_upstream_as_sent, answer, log)
    judge(oracles.nothing_is_added_to_the_request, answer, log)


@clause("CHAT-F04", "CHAT-F05", "CHAT-F07")
def test_an_unknown_member_is_not_dropped(chat_unknown_member: dict[str, Any]) -> None:
    answer, log = chat_unknown_member["answer"], chat_unknown_member["log"]
    judge(oracles.unknown_member_is_passed_on_or_refused, answer, log, chat_unknown_member["member"])
    judge(oracles.tools_reach_the_upstream_as_sent, answer, log)
    judge(oracles.nothing_is_added_to_the_request, answer, log)


@clause("CHAT-E01")
def test_an_error_in_the_stream_is_told(chat_broken_off: dict[str, Exchange]) -> None:
    judge(oracles.error_of_the_upstream_is_told_in_the_stream, chat_broken_off["error"])


@clause("CHAT-E02", "CHAT-E03", "CHAT-E04")
def test_an_answer_that_breaks_off_is_not_dressed_up(chat_broken_off: dict[str, Exchange]) -> None:
    for name in ("error", "eof", "cut"):
        judge(oracles.broken_answer_is_not_dressed_up, chat_broken_off[name])
        judge(oracles.client_can_tell_that_the_answer_broke_off, chat_broken_off[name])
    for name in ("eof", "cut"):
        judge(oracles.broken_answer_ends_with_an_error_event, chat_broken_off[name])


@clause("CHAT-E05", "ERR-U03")
def test_an_empty_answer_of_the_upstream_is_an_error(chat_broken_off: dict[str, Exchange]) -> None:
    judge(oracles.empty_upstream_answer_is_an_error, chat_broken_off["empty"])
    judge(upstream_failures.a_failing_upstream_is_a_server_error, chat_broken_off["empty"])


@clause("CHAT-E06", "CHAT-E07", "CHAT-E08", "CHAT-E09", "ERR-U01")
def test_a_rate_limit_of_the_upstream_is_passed_on(chat_rate_limited_upstream: dict[str, Exchange]) -> None:
    for answer in chat_rate_limited_upstream.values():
        judge(upstream_failures.an_upstream_failure_is_an_error_status, answer)
        judge(oracles.rate_limit_of_the_upstream_keeps_its_status, answer)
        judge(oracles.rate_limit_is_told_in_openais_envelope, answer)
        judge(oracles.rate_limit_says_when_to_come_back, answer)
        judge(oracles.rate_limit_has_its_error_type, answer)
