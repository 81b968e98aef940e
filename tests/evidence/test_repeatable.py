"""What of a recording can be sent again as it is, and what can't, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmapi_conformance.evidence.exchange import Chunk, Ending, Exchange, Frame, Request
from llmapi_conformance.reporting.repeatable import has_own_key, named_by_answers, obstacle, told_by_answers
from tests.evidence.recordings import conversation, exchange

TASK = "64f498ccff4d424c34218bd8a15e360e"


def asking(target: str = "/v1/models", body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()) -> Exchange:
    return exchange(request=Request("POST", target, headers, body), started_at=1_700_000_005.0)


def answering(body: bytes) -> Exchange:
    whole = exchange(step=9)
    assert whole.response is not None
    return replace(whole, response=replace(whole.response, chunks=(Chunk(0.2, body),)))


def ended(ending: Ending) -> Exchange:
    whole = exchange()
    assert whole.response is not None
    return replace(whole, response=replace(whole.response, ending=ending))


def test_a_plain_request_and_a_conversation_can_be_sent_again() -> None:
    assert obstacle(exchange()) == ""
    assert obstacle(conversation()) == ""
    assert obstacle(asking(headers=(("Authorization", "Bearer [[key:general:openai:truncated]]"),))) == ""


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (exchange(operation="upstream:log"), "control port"),
        (ended(Ending.ABORTED), "hung up on purpose"),
        (ended(Ending.LEFT), "was left"),
        (asking(body=b"aaa[[900000 bytes in all, SHA-256 " + b"ab" * 32 + b"]]"), "too long to be kept"),
        (asking(body=b'"@upstream hold-until=x"'), "waited for a word"),
        (asking(headers=(("Authorization", "Basic [[key:general:openai]]"),)), "Base64"),
        (asking(target="/v1/x?key=[[secret:openai-like]]"), "in no target file"),
        (asking(body=b"[[upstream-key]]"), "in no target file"),
        (conversation(frames=(Frame(0.1, sent=True, kind="text", data=b"[[secret:bearer]]"),)), "in no target file"),
    ],
    ids=range(9),
)
def test_what_can_not_be_sent_again_is_told(shown: Exchange, words: str) -> None:
    assert words in obstacle(shown)


def test_an_id_that_an_answer_gave_before_is_known_by_that_answer() -> None:
    asked = asking(f"/v1/images/tasks/{TASK}")
    given = answering(b'{"id":"' + TASK.encode() + b'"}')
    assert named_by_answers(asked, [asked, given]) == TASK
    assert named_by_answers(asked, [asked, exchange()]) == ""  # made up
    later = replace(given, started_at=asked.started_at + 1)
    assert named_by_answers(asked, [asked, later]) == ""
    goes_on = asking("/v1/responses", b'{"previous_response_id":"resp_1"}')
    assert named_by_answers(goes_on, [answering(b'{"id":"resp_1"}')]) == "resp_1"


def test_a_model_is_no_id() -> None:
    asked = asking("/v1beta/models/gemini-3.5-flash-preview-2026:generateContent")
    listed = answering(b'{"models":[{"name":"models/gemini-3.5-flash-preview-2026"}]}')
    assert named_by_answers(asked, [listed], ["gemini-3.5-flash-preview-2026"]) == ""
    assert named_by_answers(asked, [listed]) != ""


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"nested": [{"id": TASK}]}, TASK),
        ([TASK[:8]], ""),
        ("what nobody said before", ""),
        ("this stands in the request too", ""),
        (None, ""),
    ],
)
def test_a_result_that_repeats_an_answer_is_known(value: Any, found: str) -> None:
    asked = asking(body=b"this stands in the request too")
    given = answering(TASK.encode() + b" this stands in the request too")
    assert told_by_answers(value, [asked, given]) == found


def test_a_key_of_its_own_is_known() -> None:
    assert has_own_key(asking(headers=(("Authorization", "Bearer [[key:general:openai:own]]"),)))
    assert has_own_key(asking("/v1/x?key=[[key:general:openai:own]]"))
    assert not has_own_key(asking(headers=(("Authorization", "Bearer [[key:general:openai]]"),)))
