"""Documents are held against the request schemas of the contract."""

from __future__ import annotations

from typing import Any

import pytest

from llmapi_conformance.generating.description import described
from llmapi_conformance.generating.shapes import allowed_types, difference, missing, wrong_types

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x"}]}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, []),
        ({"model": 7}, ["body.model"]),
        ({"model": None}, ["body.model"]),
        ({"messages": {}}, ["body.messages"]),
        ({"messages": ["x"]}, ["body.messages[0]"]),
        ({"messages": [{"role": "user", "content": 7}]}, ["body.messages[0].content"]),
        ({"messages": [{"role": "user", "content": ["x"]}]}, ["body.messages[0].content[0]"]),
        ({"temperature": "hot", "n": 1.5}, ["body.temperature", "body.n"]),
        ({"temperature": 1, "n": 2.0}, []),
        ({"n": True}, ["body.n"]),
        ({"user": None, "tools": None}, []),  # null where a member may be absent
        ({"stop": {"a": 1}}, ["body.stop"]),
        ({"unknown": object}, []),
    ],
)
def test_a_member_of_another_type_is_found(change: dict[str, Any], wrong: list[str]) -> None:
    one = described("createChatCompletion")
    assert list(wrong_types(one, {**CHAT, **change}, one.schema)) == wrong


@pytest.mark.parametrize("document", [None, [], "x", 7, True])
def test_a_body_that_is_no_object_is_of_the_wrong_type(document: Any) -> None:
    one = described("createMessage")
    assert list(wrong_types(one, document, one.schema)) == ["body"]


def test_required_members_that_are_not_there_are_missing() -> None:
    one = described("createChatCompletion")
    assert list(missing(one, {"model": "m"}, one.schema)) == ["body.messages"]
    assert list(missing(one, CHAT, one.schema)) == []
    assert list(missing(one, [], one.schema)) == []


def test_what_a_schema_lets_pass_is_read_through_references_and_alternatives() -> None:
    one = described("createMessage")
    properties = one.resolved(one.schema)["properties"]
    assert allowed_types(one, properties["system"]) == {"string", "array"}
    assert allowed_types(one, {"enum": ["a", None]}) == {"string", "null"}
    assert allowed_types(one, False) == frozenset()  # noqa: FBT003 - a schema


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        (CHAT, CHAT, ""),
        (CHAT, {**CHAT, "model": "n"}, "body.model"),
        (CHAT, {**CHAT, "n": 1}, "body.n"),
        (CHAT, {"messages": CHAT["messages"]}, "body.model"),
        (CHAT, {**CHAT, "messages": [{"role": "user", "content": "y"}]}, "body.messages[0].content"),
        (CHAT, {**CHAT, "messages": []}, "body.messages"),
        (CHAT, {"model": "n", "messages": []}, "body"),
        ({"a": 1}, {"a": True}, "body.a"),
        ({"a": 1}, {"a": 1.0}, "body.a"),
        (CHAT, None, "body"),
    ],
)
def test_the_place_where_two_documents_differ(before: Any, after: Any, where: str) -> None:
    assert difference(before, after) == where
