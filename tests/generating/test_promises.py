"""What is promised of an answer follows from the pages, not from the description alone."""

from __future__ import annotations

from typing import Any

import pytest

from llmapi_conformance.generating.description import described
from llmapi_conformance.generating.promises import DOCUMENTED, REQUIRED, promise_of_document, promise_of_query

MESSAGE: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}


@pytest.mark.parametrize(
    ("document", "promise"),
    [
        (MESSAGE, "robust"),
        ({**MESSAGE, "max_tokens": "9"}, "refused"),
        ({**MESSAGE, "stream": "yes"}, "refused"),
        ({"max_tokens": 9, "messages": MESSAGE["messages"]}, "refused"),
        ([MESSAGE], "refused"),
        ({**MESSAGE, "temperature": "hot"}, "refused_assumed"),  # of the protocol, on no page
        ({**MESSAGE, "messages": [{"role": 7, "content": "x"}]}, "refused_assumed"),  # within a parameter
        ({**MESSAGE, "stream": None}, "robust"),
        ({**MESSAGE, "unknown": 7}, "robust"),
        ({**MESSAGE, "max_tokens": -1}, "robust"),  # bounds are data of their own
    ],
)
def test_a_wrong_type_of_a_documented_parameter_is_refused(document: Any, promise: str) -> None:
    assert promise_of_document(described("createMessage"), document) == promise


def test_an_alias_promises_what_its_standard_does() -> None:
    assert promise_of_document(described("createResponseAlias"), {"model": "m", "input": 7}) == "refused"


@pytest.mark.parametrize(
    ("name", "value", "promise"),
    [
        ("days", "abc", "refused"),
        ("days", "0.5", "refused"),
        ("days", "7", "robust"),
        ("days", "-7", "robust"),
        ("days", "", "robust"),
        ("days", " 7", "robust"),
        ("timezone", "7", "robust"),
        ("nothing", "abc", "robust"),
    ],
)
def test_a_query_parameter_that_is_no_whole_number_is_refused(name: str, value: str, promise: str) -> None:
    assert promise_of_query(described("getUsage"), name, value) == promise


@pytest.mark.parametrize("operation", sorted({*DOCUMENTED, *REQUIRED}))
def test_every_documented_parameter_is_described(operation: str) -> None:
    one = described(operation)
    schema = one.resolved(one.schema) if one.contents else {"properties": {}, "required": []}
    names = {each["name"] for each in one.parameters} | {*schema["properties"]}
    assert {*DOCUMENTED.get(operation, ())} <= names
    assert {*REQUIRED.get(operation, ())} <= {*DOCUMENTED[operation]} & {*schema["required"]}
