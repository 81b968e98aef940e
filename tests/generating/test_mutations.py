"""Mutations change little of a correct body, and the constants that they are made of not at all."""

from __future__ import annotations

import pytest

from llmapi_conformance.generating.mutations import mutation_cases
from tests.generating.ordering import order


@pytest.mark.parametrize("operation", ["createChatCompletion", "countGeminiTokens", "generateImage"])
def test_mutations_depend_on_the_seed_alone(operation: str) -> None:
    first = list(mutation_cases(order(operation, count=200)))
    assert list(mutation_cases(order(operation, count=200))) == first
    assert len({case.id for case in first}) > 100
    assert list(mutation_cases(order(operation, seed=2, count=200))) != first


def test_a_mutation_says_where_and_what() -> None:
    sample = order("createChatCompletion")
    for case in mutation_cases(order("createChatCompletion", count=100)):
        assert case.body != sample.sample.body
        assert case.where.startswith("body")
        assert case.about
        assert case.family == "fuzz"


def test_an_operation_without_a_json_body_has_none() -> None:
    assert not list(mutation_cases(order("getUsage")))
    assert not list(mutation_cases(order("editImage")))
