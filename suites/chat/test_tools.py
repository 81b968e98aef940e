"""Tool calls of Chat Completions, whole and in fragments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import chat_content as content
from llmapi_conformance.judging.oracles import chat_stream as streams
from llmapi_conformance.judging.oracles import chat_tools as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

EITHER = (
    oracles.tool_calls_are_the_finish_reason,
    oracles.arguments_are_json_text,
    oracles.tool_call_ids_differ,
)
FRAGMENTS = (
    oracles.tool_calls_are_numbered_from_0,
    oracles.first_fragment_names_the_call,
    oracles.later_fragments_bring_no_id_and_no_name,
    oracles.type_is_in_the_first_fragment_only,
    streams.chunks_come_in_order,
    streams.each_choice_finishes_once,
)


@clause("CHAT-T01", "CHAT-T08", "CHAT-T09", "CHAT-T10", *(oracle.clause for oracle in EITHER))
def test_a_plain_answer_brings_every_tool_call(chat_tools: dict[str, Exchange]) -> None:
    plain = chat_tools["plain"]
    judge(oracles.tool_call_has_its_members, plain)
    judge(oracles.every_call_arrives, plain)
    judge(oracles.arguments_are_exact_to_the_character, plain)
    judge(oracles.arguments_have_the_same_value, plain)
    for oracle in EITHER:
        judge(oracle, plain)


@clause("CHAT-T08", "CHAT-T09", "CHAT-T10", *(oracle.clause for oracle in (*EITHER, *FRAGMENTS)))
def test_a_stream_brings_every_tool_call(chat_tools: dict[str, Exchange]) -> None:
    stream = chat_tools["stream"]
    judge(oracles.every_call_arrives, stream)
    judge(oracles.arguments_are_exact_to_the_character, stream)
    judge(oracles.arguments_have_the_same_value, stream)
    for oracle in (*EITHER, *FRAGMENTS):
        judge(oracle, stream)


@clause("CHAT-M02", "CHAT-M03")
def test_the_calls_of_a_stream_are_those_of_the_plain_answer(chat_tools: dict[str, Exchange]) -> None:
    judge(content.stream_calls_what_the_plain_answer_calls, chat_tools["plain"], chat_tools["stream"])
    judge(content.stream_ends_like_the_plain_answer, chat_tools["plain"], chat_tools["stream"])


@clause("CHAT-T11", "CHAT-T12", *(oracle.clause for oracle in (*EITHER, *FRAGMENTS)))
def test_text_and_a_call_without_arguments_arrive_together(chat_text_then_tool: Exchange) -> None:
    judge(oracles.text_before_the_calls_is_kept, chat_text_then_tool)
    judge(oracles.call_without_arguments_has_an_empty_object, chat_text_then_tool)
    for oracle in (*EITHER, *FRAGMENTS):
        judge(oracle, chat_text_then_tool)
