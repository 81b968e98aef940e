"""The Antigravity prefix: its own keys are served in both protocols, other keys are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import antigravity as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

FORMS = ("plain", "stream")


@clause("AGY-A01", "AGY-P01", "AGY-P03")
def test_messages_are_served_under_the_prefix(antigravity_messages: dict[str, Exchange]) -> None:
    for name in FORMS:
        judge(oracles.its_key_gets_a_message, antigravity_messages[name])
        judge(oracles.messages_rules_hold_under_the_prefix, antigravity_messages[name])
    judge(oracles.errors_have_the_envelope_of_their_path, antigravity_messages["bad"])


@clause("AGY-A02", "AGY-P02", "AGY-P03", "AGY-P04")
def test_content_is_served_under_the_prefix(antigravity_content: dict[str, Exchange]) -> None:
    judge(oracles.its_models_are_listed, antigravity_content["list"])
    for name in FORMS:
        judge(oracles.its_key_gets_content, antigravity_content[name])
        judge(oracles.geminis_rules_hold_under_the_prefix, antigravity_content[name])
    judge(oracles.errors_have_the_envelope_of_their_path, antigravity_content["bad"])


@clause("AGY-A03", "AGY-P03", "AGY-P07")
def test_other_keys_open_nothing_under_the_prefix(antigravity_of_each_role: dict[str, dict[str, Any]]) -> None:
    for cell in antigravity_of_each_role.values():
        judge(oracles.other_keys_are_refused, cell["answer"])
        judge(oracles.errors_have_the_envelope_of_their_path, cell["answer"])
    if count := antigravity_of_each_role.get("countAntigravityTokens"):
        judge(oracles.tokens_are_counted_under_the_prefix, count["answer"])


@clause("AGY-A04")
def test_its_key_needs_the_prefix(gemini_of_each_role: dict[str, dict[str, Any]]) -> None:
    for cell in gemini_of_each_role.values():
        judge(oracles.its_key_is_refused_without_the_prefix, cell["answer"])


@clause("AGY-P05")
def test_its_key_gets_messages_by_conversion(message_of_each_role: dict[str, Any]) -> None:
    judge(oracles.messages_are_converted_for_its_key, message_of_each_role["answer"])


@clause("AGY-P06")
def test_its_key_gets_chat_by_conversion(chat_completion_of_each_role: dict[str, Any]) -> None:
    judge(oracles.chat_is_converted_for_its_key, chat_completion_of_each_role["answer"])
