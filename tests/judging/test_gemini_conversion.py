"""What other protocols make of a Gemini group, and the Antigravity prefix, judged offline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracles import antigravity, gemini_gateway
from tests.judging import chat_cases, message_cases
from tests.judging.build import exchange
from tests.judging.gemini_cases import (
    ARGUMENTS,
    ENCODED,
    answer,
    broken,
    judged,
    plain,
    question,
    refusal,
    scripted,
    sse,
    streamed,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

SAID = "Hallo Welt"
WORDS = scripted("echo thinking usage=41,23", SAID)
CALLS = scripted(f"tool_calls=2 arguments={ENCODED}")


def message(said: str = SAID, words: str = WORDS, **usage: int) -> Exchange:
    body = message_cases.message(message_cases.text_block(said))
    body["usage"] = {"input_tokens": 41, "output_tokens": 23} | usage
    return message_cases.plain(body, request=message_cases.question(words))


def completion(said: str = SAID, words: str = WORDS, **usage: int) -> Exchange:
    told = {"prompt_tokens": 41, "completion_tokens": 23, "total_tokens": 64} | usage
    body = chat_cases.completion(message=chat_cases.message(content=said), usage=told)
    return chat_cases.plain(body, chat_cases.question(words))


def test_a_converted_message_brings_the_text() -> None:
    oracle = gemini_gateway.messages_are_converted
    assert judged(oracle, message()) == (1, [])
    assert len(judged(oracle, message("Hal"))[1]) == 1
    assert len(judged(oracle, exchange(status=404, body={"error": {}}))[1]) == 1


def test_a_converted_completion_brings_the_text() -> None:
    oracle = gemini_gateway.chat_is_converted
    assert judged(oracle, completion()) == (1, [])
    assert len(judged(oracle, completion("Hal"))[1]) == 1
    assert len(judged(oracle, chat_cases.plain({"error": {}}, status=404))[1]) == 1


def test_thoughts_that_are_not_counted_are_told() -> None:
    oracle = gemini_gateway.thoughts_count_as_output
    assert judged(oracle, message()) == (1, [])
    assert judged(oracle, completion()) == (1, [])
    assert len(judged(oracle, message(output_tokens=15))[1]) == 1
    assert len(judged(oracle, completion(completion_tokens=15))[1]) == 1


def called(reason: str = "tool_calls", *arguments: str) -> Exchange:
    told = chat_cases.message(content=None, tool_calls=chat_cases.calls(*(arguments or (ARGUMENTS, ARGUMENTS))))
    return chat_cases.plain(chat_cases.completion(reason, message=told), chat_cases.question(CALLS))


def used(*blocks: dict[str, Any], reason: str = "tool_use") -> Exchange:
    body = message_cases.message(*blocks, reason=reason)
    return message_cases.plain(body, request=message_cases.question(CALLS))


def test_calls_that_are_lost_in_conversion_are_told() -> None:
    oracle = gemini_gateway.function_calls_are_converted
    assert judged(oracle, called()) == (2, [])
    for wrong in (called("stop"), called("tool_calls", ARGUMENTS), called("tool_calls", ARGUMENTS, '{"n": 2}')):
        assert len(judged(oracle, wrong)[1]) == 1
    block = message_cases.call_block(0) | {"input": {"place": "K\u00f6ln", "n": 1}}
    assert judged(oracle, used(block, block | {"id": "toolu_2"})) == (2, [])
    assert len(judged(oracle, used(block, block, reason="end_turn"))[1]) == 1


def under(one: Exchange, operation: str, role: str = "general:antigravity") -> Exchange:
    return replace(one, operation=operation, role=role)


def test_the_prefix_serves_both_protocols() -> None:
    asked = question(scripted("echo"))
    content = under(plain(asked=asked), "generateAntigravityContent")
    assert judged(antigravity.its_key_gets_content, content) == (1, [])
    assert judged(antigravity.its_key_gets_a_message, under(message(), "createAntigravityMessage")) == (1, [])
    cut = under(plain(answer({"text": "Hal"}), asked), "generateAntigravityContent")
    assert len(judged(antigravity.its_key_gets_content, cut)[1]) == 1
    assert len(judged(antigravity.its_key_gets_content, refusal(404))[1]) == 1
    assert len(judged(antigravity.its_key_gets_a_message, under(message("Hal"), "createAntigravityMessage"))[1]) == 1
    assert len(judged(antigravity.its_key_gets_a_message, exchange(status=404))[1]) == 1


def test_geminis_musts_hold_under_the_prefix() -> None:
    good = under(sse(), "streamAntigravityContent")
    assert broken(good, "AGY-") == set()
    assert judged(antigravity.geminis_rules_hold_under_the_prefix, good)[0] > 5
    lost = under(sse(streamed()[:-1]), "streamAntigravityContent")
    assert broken(lost, "AGY-") == {"AGY-P02"}
    told = judged(
        antigravity.geminis_rules_hold_under_the_prefix, under(plain(answer(reason=None)), "generateAntigravityContent")
    )
    assert len(told[1]) == 1


def test_a_should_of_gemini_is_no_must_under_the_prefix() -> None:
    assert broken(under(plain(answer(responseId="")), "generateAntigravityContent"), "AGY-") == set()


def test_the_musts_of_messages_hold_under_the_prefix() -> None:
    assert broken(under(message(), "createAntigravityMessage"), "AGY-") == set()
    wrong = under(message_cases.plain(message_cases.message(reason=None)), "createAntigravityMessage")
    assert broken(wrong, "AGY-") == {"AGY-P01"}


def test_errors_under_the_prefix_are_those_of_their_path() -> None:
    anthropic = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
    assert broken(under(refusal(400), "generateAntigravityContent"), "AGY-") == set()
    assert broken(under(refusal(400, anthropic), "createAntigravityMessage"), "AGY-") == set()
    assert broken(under(refusal(400, anthropic), "generateAntigravityContent"), "AGY-") == {"AGY-P03"}
    assert broken(under(refusal(400), "createAntigravityMessage"), "AGY-") == {"AGY-P03"}
    assert broken(under(refusal(401, anthropic), "generateAntigravityContent"), "AGY-") == set()


@pytest.mark.parametrize(
    ("oracle", "good", "bad"),
    [
        (antigravity.other_keys_are_refused, refusal(403, role="general:gemini"), plain(role="general:gemini")),
        (
            antigravity.its_key_is_refused_without_the_prefix,
            refusal(400, role="general:antigravity"),
            plain(role="general:antigravity"),
        ),
        (antigravity.its_models_are_listed, plain({"models": [{"name": "models/a"}]}), plain({"models": []})),
        (
            antigravity.messages_are_converted_for_its_key,
            plain(role="general:antigravity"),
            refusal(404, role="general:antigravity"),
        ),
        (
            antigravity.chat_is_converted_for_its_key,
            plain(role="general:antigravity"),
            refusal(404, role="general:antigravity"),
        ),
        (
            antigravity.tokens_are_counted_under_the_prefix,
            plain({"totalTokens": 1}, role="general:antigravity"),
            refusal(404, role="general:antigravity"),
        ),
    ],
)
def test_access_under_the_prefix_that_is_wrong_is_told(oracle: Any, good: Exchange, bad: Exchange) -> None:
    assert judged(oracle, good) == (1, [])
    assert len(judged(oracle, bad)[1]) == 1
