"""What schemathesis makes becomes cases that say what is changed, and carry no credential."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fixtures.generated import operations
from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.contract.operations import match_operation
from llmapi_conformance.generating.schema_cases import CREDENTIALS, coverage_cases, fuzz_cases
from llmapi_conformance.tree import tree
from tests.generating.ordering import MODELS, order

if TYPE_CHECKING:
    from llmapi_conformance.generating.cases import Case


@pytest.fixture(scope="module")
def covered() -> dict[str, list[Case]]:
    return {operation: list(coverage_cases(order(operation))) for operation in operations()}


def test_every_operation_has_cases(covered: dict[str, list[Case]]) -> None:
    assert all(covered.values())
    assert sum(map(len, covered.values())) > 2_000
    assert len(covered["createMessage"]) > 200


def test_no_case_carries_a_credential_or_what_a_client_adds(covered: dict[str, list[Case]]) -> None:
    names = {name.lower() for cases in covered.values() for case in cases for name, _ in case.headers}
    assert not names & CREDENTIALS
    assert not names & {"user-agent", "x-schemathesis-testcaseid"}


def test_no_case_is_the_correct_call_of_another_operation(covered: dict[str, list[Case]]) -> None:
    known = load_contract(tree()).operations
    for operation, cases in covered.items():
        for case in cases:
            meant = match_operation(known, case.method, case.target)
            assert meant is None or meant.id == operation
            assert (case.family == "method") == (case.method != operations()[operation].method)


def test_each_case_says_what_it_changes_and_the_rest_is_the_samples(covered: dict[str, list[Case]]) -> None:
    sample = order("createChatCompletion").document
    for case in covered["createChatCompletion"]:
        assert case.where
        assert case.about
        if case.where == "body.model":
            assert {**json.loads(case.body), "model": ""} == {**sample, "model": ""}
        elif case.where.startswith("body.") and not case.where.startswith("body.model"):
            assert json.loads(case.body)["model"] == MODELS["general:openai"][0]


def test_wrong_types_of_documented_parameters_are_promised_to_be_refused(covered: dict[str, list[Case]]) -> None:
    refused = {case.where for case in covered["createChatCompletion"] if case.promise == "refused"}
    assert {"body.model", "body.messages", "body.stream", "body.temperature", "body.max_tokens", "body"} <= refused
    assert {case.promise for case in covered["getUsage"] if case.target.endswith("days=AAA")} == {"refused"}


def test_a_form_has_the_same_boundary_each_time(covered: dict[str, list[Case]]) -> None:
    forms = [case for case in covered["editImage"] if case.header("content-type").startswith("multipart/form-data; b")]
    assert forms
    assert len({case.header("content-type") for case in forms}) == 1
    assert {"form.prompt", "form.mask"} <= {case.where for case in forms}
    assert all(case.body.endswith(b"5eed--\r\n") for case in forms if case.family == "coverage")


def test_what_a_seed_draws_another_one_does_not() -> None:
    first, again, other = (list(fuzz_cases(order("createChatCompletion", seed=seed, count=80))) for seed in (1, 1, 2))
    assert first
    assert first == again
    assert not {case.id for case in first} & {case.id for case in other}
    assert not list(fuzz_cases(order("createChatCompletion", count=20)))  # a draw is dear: few cases have none
