"""What other protocols make of a Gemini group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import gemini_gateway as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("GEM-V01", "GEM-V03", "GEM-V04")
def test_messages_are_converted(gemini_as_messages: dict[str, Exchange]) -> None:
    for name in ("plain", "stream"):
        judge(oracles.messages_are_converted, gemini_as_messages[name])
        judge(oracles.thoughts_count_as_output, gemini_as_messages[name])
    judge(oracles.function_calls_are_converted, gemini_as_messages["calls"])


@clause("GEM-V02", "GEM-V03", "GEM-V04")
def test_chat_is_converted(gemini_as_chat: dict[str, Exchange]) -> None:
    for name in ("plain", "stream"):
        judge(oracles.chat_is_converted, gemini_as_chat[name])
        judge(oracles.thoughts_count_as_output, gemini_as_chat[name])
    judge(oracles.function_calls_are_converted, gemini_as_chat["calls"])
