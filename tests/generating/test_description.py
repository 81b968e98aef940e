"""What the generator is told of an operation: all of it, and nothing of another or of credentials."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fixtures.generated import operations
from llmapi_conformance.errors import ContractError
from llmapi_conformance.generating.description import described, document_for
from tests.generating.ordering import MODELS, order


@pytest.mark.parametrize("operation", list(operations()))
def test_the_document_of_an_operation_stands_alone(operation: str) -> None:
    document = document_for(described(operation), order(operation).sample)
    text = json.dumps(document)
    references = {part.partition('"')[0] for part in text.split('"$ref": "')[1:]}
    assert references <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert "security" not in text
    assert [*document["paths"]] == [operations()[operation].path]


def test_the_targets_own_models_are_the_examples() -> None:
    [item] = document_for(described("createChatCompletion"), order("createChatCompletion").sample)["paths"].values()
    example = item["post"]["requestBody"]["content"]["application/json"]["example"]
    assert example["model"] == MODELS["general:openai"][0]
    assert example["max_tokens"] == 16
    [item] = document_for(described("countGeminiTokens"), order("countGeminiTokens").sample)["paths"].values()
    assert parameters(item["post"])["model"]["example"] == MODELS["general:gemini"][0]


def test_a_parameter_that_the_sample_gives_has_its_value_and_type() -> None:
    one = order("getUsage")
    sample = one.case("", "served", family="sample", target="/v1/usage?days=3&timezone=UTC")
    [item] = document_for(described("getUsage"), sample)["paths"].values()
    found = parameters(item["get"])
    assert (found["days"]["example"], found["timezone"]["example"]) == (3, "UTC")


def test_an_operation_that_is_not_described_is_a_mistake_of_ours() -> None:
    with pytest.raises(ContractError, match="no operation nothing"):
        described("nothing")


def parameters(operation: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in operation["parameters"]}
