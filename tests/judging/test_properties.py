"""Oracles of properties: what means the same is answered in the same way, and reaches the upstream as the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracles import properties
from tests.judging import chat_cases, gemini_cases, response_cases
from tests.judging.build import exchange
from tests.judging.chat_cases import judged

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.judging.oracle import Oracle

ASKED = "@upstream echo nonce=aa11\nHello there"
AGAIN = "@upstream echo nonce=bb22\nHello there"
SPELLINGS = (
    properties.the_order_of_members_changes_nothing,
    properties.white_space_between_tokens_changes_nothing,
    properties.escapes_in_strings_change_nothing,
)


def log(body: Any, *, protocol: str = "chat", path: str = "/v1/chat/completions") -> Exchange:
    """What the upstream received once; nothing for ``None``."""
    rows = [] if body is None else [{"protocol": protocol, "path": path, "body": body}]
    return exchange(operation="upstream:log", method="GET", path="/log", body={"requests": rows}, role="")


def answer(text: str = "Hello there", **extra: Any) -> Exchange:
    body = chat_cases.completion(message=chat_cases.message(content=text))
    return chat_cases.plain(body, chat_cases.question(ASKED), **extra)


def received(text: str = AGAIN, **extra: Any) -> dict[str, Any]:
    return chat_cases.question(text, **extra)


def found(oracle: Oracle, *subjects: object) -> list[str]:
    """What deviates, in short; something was examined."""
    examined, deviations = judged(oracle, *subjects)
    assert examined
    return [f"{one.expected} | {one.observed}" for one in deviations]


@pytest.mark.parametrize("oracle", SPELLINGS)
def test_an_equal_answer_and_an_equal_receipt_are_equal_but_for_the_nonce(oracle: Oracle) -> None:
    usual = log(received(ASKED))
    assert not found(oracle, answer(), usual, usual, answer(), log(received()))


@pytest.mark.parametrize("oracle", SPELLINGS)
def test_a_spelling_that_is_refused_or_answered_otherwise_is_found(oracle: Oracle) -> None:
    usual = log(received(ASKED))
    refused = answer(status=400)
    (told,) = found(oracle, answer(), usual, usual, refused, log(None))
    assert told.startswith("status 200")
    (told,) = found(oracle, answer(), usual, usual, answer("Hello theer"), log(received()))
    assert told.startswith("text")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"temperature": 0.5}, "temperature"),
        ({"messages": []}, "messages"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]},
            "messages[0].content[0].text",
        ),
        ({"model": "gpt-5.1-mini"}, "model"),
    ],
)
def test_what_the_upstream_receives_otherwise_is_found_at_its_place(change: dict[str, Any], place: str) -> None:
    usual = log(received(ASKED))
    (told,) = found(SPELLINGS[0], answer(), usual, usual, answer(), log(received() | change))
    assert told.startswith(place)


def test_another_path_or_protocol_of_the_upstream_is_found() -> None:
    usual, other = log(received(ASKED)), log(received(), protocol="messages", path="/v1/messages")
    assert len(found(SPELLINGS[0], answer(), usual, usual, answer(), other)) == 2


def test_what_differs_between_two_equal_requests_is_the_gateways_own() -> None:
    usual, again = log(received(ASKED, user="a1")), log(received(user="a2"))
    assert not found(SPELLINGS[0], answer(), usual, again, answer(), log(received(user="a3")))
    assert found(SPELLINGS[0], answer(), usual, usual, answer(), log(received(user="a3")))


def test_nothing_is_judged_without_an_answer_to_the_usual_spelling() -> None:
    usual = log(received(ASKED))
    assert judged(SPELLINGS[0], answer(status=400), usual, usual, answer("other"), log(received())) == (0, [])


@pytest.mark.parametrize(
    ("oracle", "short", "long"),
    [
        (
            properties.a_turn_of_one_text_block_is_a_turn_of_text,
            {"messages": [{"role": "user", "content": "x"}], "system": "s"},
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}], "system": "s"},
        ),
        (
            properties.a_system_prompt_of_one_block_is_a_text,
            {"messages": [], "system": "s"},
            {"messages": [], "system": [{"type": "text", "text": "s"}]},
        ),
        (properties.one_stop_text_in_an_array_is_a_stop_text, {"stop": "x"}, {"stop": ["x"]}),
        (properties.a_null_in_chat_is_no_member, {"n": 1}, {"n": 1, "stop": None}),
        (properties.a_null_in_responses_is_no_member, {"input": "x"}, {"input": "x", "instructions": None}),
        (
            properties.one_text_part_is_a_text,
            {"messages": [{"role": "user", "content": "x"}]},
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]},
        ),
        (
            properties.a_text_as_input_is_one_message,
            {"input": "x"},
            {"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}]},
        ),
        (
            properties.no_role_is_the_users_role,
            {"contents": [{"role": "user", "parts": [{"text": "x"}]}]},
            {"contents": [{"parts": [{"text": "x"}]}]},
        ),
        (
            properties.any_member_may_be_in_snake_case,
            {"contents": [], "systemInstruction": {"parts": []}, "generationConfig": {"maxOutputTokens": 1}},
            {"contents": [], "system_instruction": {"parts": []}, "generation_config": {"max_output_tokens": 1}},
        ),
    ],
)
def test_sugar_may_reach_the_upstream_in_either_form_and_not_changed(
    oracle: Oracle, short: dict[str, Any], long: dict[str, Any]
) -> None:
    for one, other in ((short, long), (long, short), (short, short)):
        assert not found(oracle, answer(), log(one), answer(), log(other))
    changed = json.loads(json.dumps(long).replace('"x"', '"y"').replace('"s"', '"t"').replace(": 1", ": 2"))
    if changed != long:
        assert found(oracle, answer(), log(short), answer(), log(changed))


def test_names_that_clients_choose_keep_their_form() -> None:
    call = {"functionCall": {"name": "f", "args": {"max_depth": 1}}}
    body = {"contents": [{"role": "model", "parts": [call]}]}
    assert properties.long_form(body) == body


PIECES = (
    (properties.a_completion_is_the_same_in_any_pieces, lambda text: chat_cases.stream(chat_cases.text_events(text))),
    (
        properties.a_response_is_the_same_in_any_pieces,
        lambda text: response_cases.plain(response_cases.response(response_cases.message(text))),
    ),
    (
        properties.a_gemini_answer_is_the_same_in_any_pieces,
        lambda text: gemini_cases.plain(gemini_cases.answer({"text": text})),
    ),
    (
        properties.a_message_is_the_same_in_any_pieces,
        lambda text: exchange(
            body={
                "type": "message",
                "content": [{"type": "text", "text": text}],
                "stop_reason": "end_turn",
                "usage": {"input_tokens": 3, "output_tokens": 2},
            }
        ),
    ),
)


@pytest.mark.parametrize(("oracle", "say"), PIECES)
def test_other_pieces_are_another_answer_only_where_it_says_something_else(oracle: Oracle, say: Any) -> None:
    assert not found(oracle, say("Z\u00fcrich"), say("Z\u00fcrich"))
    (told,) = found(oracle, say("Z\u00fcrich"), say("Z\ufffd\ufffdrich"))
    assert told.startswith("text")


def test_a_stream_that_broke_off_in_pieces_is_found() -> None:
    oracle = properties.a_completion_is_the_same_in_any_pieces
    broken = chat_cases.cut(chat_cases.text_events()[:2])
    assert found(oracle, chat_cases.stream(), broken)
    assert found(oracle, chat_cases.stream(), chat_cases.plain(status=502))


def counted(tokens: int) -> tuple[tuple[Oracle, Exchange], ...]:
    """An answer of each protocol that cost so many input tokens."""
    usage = {"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens + 1}
    of_response = {"input_tokens": tokens, "output_tokens": 1, "total_tokens": tokens + 1}
    message = {"type": "message", "content": [], "usage": {"input_tokens": tokens, "output_tokens": 1}}
    gemini = gemini_cases.answer(usageMetadata={"promptTokenCount": tokens})
    return (
        (
            properties.a_longer_conversation_costs_more_through_chat,
            chat_cases.plain(chat_cases.completion(usage=usage)),
        ),
        (
            properties.a_longer_conversation_costs_more_through_responses,
            response_cases.plain(response_cases.response(response_cases.message(), usage=of_response)),
        ),
        (properties.a_longer_conversation_costs_more_through_messages, exchange(body=message)),
        (properties.a_longer_conversation_costs_more_through_gemini, gemini_cases.plain(gemini)),
        (
            properties.one_more_content_counts_more,
            exchange(operation="countGeminiTokens", body={"totalTokens": tokens}),
        ),
    )


def test_a_message_more_costs_more() -> None:
    for (oracle, less), (_, more) in zip(counted(10), counted(14), strict=True):
        assert not found(oracle, less, more)
        assert found(oracle, more, less)
        assert found(oracle, less, less)


def test_what_is_not_counted_is_not_compared() -> None:
    nothing = exchange(operation="countGeminiTokens", body={})
    assert judged(properties.one_more_content_counts_more, nothing, nothing) == (0, [])


@pytest.mark.parametrize("status", [200, 404])
def test_a_model_of_another_group_is_never_asked(status: int) -> None:
    oracle = properties.a_second_model_opens_nothing
    given = exchange(status=status, body={"model": "gpt-5.1"})
    assert not found(oracle, given, log({"model": "gpt-5.1"}), "claude-sonnet-4-5")
    assert not found(oracle, given, log(None), "claude-sonnet-4-5")
    assert found(oracle, given, log({"model": "claude-sonnet-4-5"}), "claude-sonnet-4-5")


def test_an_answer_of_another_groups_model_is_found_without_the_upstreams_log() -> None:
    oracle = properties.a_second_model_opens_nothing
    assert found(oracle, exchange(body={"model": "claude-sonnet-4-5"}), log(None), "claude-sonnet-4-5")


def test_geminis_path_says_which_model_was_asked_and_not_the_body_beside_it() -> None:
    oracle = properties.a_model_beside_geminis_path_opens_nothing
    given = exchange(body={"modelVersion": "gemini-2.5-flash"})
    own = log({"model": "gpt-5.1"}, protocol="gemini", path="/v1beta/models/gemini-2.5-flash:generateContent")
    assert not found(oracle, given, own, "gpt-5.1")
    assert found(oracle, given, own, "gemini-2.5-flash")
