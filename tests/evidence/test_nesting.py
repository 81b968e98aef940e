from __future__ import annotations

import json
from typing import Any

import pytest

from llmapi_conformance.evidence.exchange import NOT_JSON, decode_json
from llmapi_conformance.evidence.nesting import DEEPEST, is_too_deep
from llmapi_conformance.evidence.sse import parse_event_stream


def nested(depth: int, *, objects: bool) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value, "b": 2} if objects else [0, value]
    return value


@pytest.mark.parametrize("kind", ["objects", "arrays"])
def test_what_is_nested_as_deep_as_allowed_is_json_and_no_deeper(kind: str) -> None:
    whole, deeper = (nested(depth, objects=kind == "objects") for depth in (DEEPEST, DEEPEST + 1))
    assert not is_too_deep(whole)
    assert is_too_deep(deeper)
    assert decode_json(json.dumps(whole).encode()) == whole
    assert decode_json(json.dumps(deeper).encode()) is NOT_JSON


def test_the_data_of_an_event_has_the_same_limit() -> None:
    whole, deeper = nested(DEEPEST, objects=True), nested(DEEPEST + 1, objects=True)
    body = f"data: {json.dumps(whole)}\n\ndata: {json.dumps(deeper)}\n\n".encode()
    first, second = parse_event_stream([(0.1, body)]).events
    assert (first.payload(), second.payload()) == (whole, {})
