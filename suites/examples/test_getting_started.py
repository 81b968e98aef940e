"""The text examples of the page Getting Started work as they are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import examples as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("MSG-B01")
def test_the_example_of_messages_is_answered(example_of_messages: Exchange) -> None:
    judge(oracles.the_messages_example_is_answered, example_of_messages)


@clause("RSP-B01")
def test_the_example_of_responses_is_answered(example_of_responses: Exchange) -> None:
    judge(oracles.the_responses_example_is_answered, example_of_responses)


@clause("CHAT-B01")
def test_the_example_of_chat_is_answered(example_of_chat: Exchange) -> None:
    judge(oracles.the_chat_example_is_answered, example_of_chat)
