"""Generated cases travel between two processes as JSON, and are named by their bytes."""

from __future__ import annotations

import json
from dataclasses import replace

from llmapi_conformance.generating.cases import Case, Order, case_from_json, order_from_json

SAMPLE = Case(
    "createChatCompletion",
    "POST",
    "/v1/chat/completions",
    (("Content-Type", "application/json"),),
    b'{"model":"gpt-5.1","messages":[{"role":"user","content":"Hello"}]}',
    "sample",
    "the correct call",
    "served",
    tokens=16,
)
ORDER = Order(SAMPLE, 7, 20, ("gpt-5.1",), ("bounds",))


def test_a_case_travels_as_json_with_every_byte() -> None:
    odd = replace(SAMPLE, body=bytes(range(256)), headers=(("X-Odd", "\xe9"),))
    assert case_from_json(json.loads(json.dumps(odd.to_json()))) == odd


def test_an_order_travels_as_json() -> None:
    assert order_from_json(json.loads(json.dumps(ORDER.to_json()))) == ORDER


def test_the_id_names_what_is_sent_and_nothing_else() -> None:
    assert replace(SAMPLE, about="otherwise", promise="robust").id == SAMPLE.id
    for changed in (
        replace(SAMPLE, body=SAMPLE.body + b" "),
        replace(SAMPLE, target="/v1/chat/completions?a=1"),
        replace(SAMPLE, method="PUT"),
        replace(SAMPLE, headers=()),
    ):
        assert changed.id != SAMPLE.id


def test_chance_depends_on_seed_operation_and_purpose() -> None:
    def draw(order: Order, purpose: str) -> int:
        return order.random(purpose).getrandbits(64)

    assert draw(ORDER, "a") == draw(ORDER, "a")
    assert len({draw(ORDER, "a"), draw(ORDER, "b"), draw(replace(ORDER, seed=8), "a")}) == 3


def test_a_document_can_be_changed_without_changing_the_sample() -> None:
    document = ORDER.document
    document["messages"].clear()
    assert ORDER.document["messages"]
    assert ORDER.json_case(document, "no message", "refused", family="bounds", where="body.messages").body.endswith(
        b'"messages":[]}'
    )


def test_a_case_that_frames_itself_says_so() -> None:
    assert not SAMPLE.framed
    assert replace(SAMPLE, headers=SAMPLE.with_header("transfer-encoding", "chunked")).framed
    assert SAMPLE.with_header("content-type", None) == ()
