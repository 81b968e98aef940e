"""Responses that are kept: whom they are there for; and the subpaths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import responses_stored as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("RSP-C01")
def test_a_response_is_continued(responses_kept: dict[str, Any]) -> None:
    kept = responses_kept
    judge(oracles.the_conversation_is_continued, kept["first"], kept["own"], kept["log"], kept["memory"])


@clause("RSP-C02")
def test_an_unknown_response_is_not_continued(responses_kept: dict[str, Any]) -> None:
    judge(oracles.an_unknown_response_is_not_continued, responses_kept["unknown"], responses_kept["unknown_log"])


@clause("RSP-C03")
def test_a_response_of_another_tenant_is_not_continued(
    responses_kept: dict[str, Any], responses_of_another_tenant: dict[str, Any]
) -> None:
    judge(
        oracles.a_foreign_response_is_not_continued,
        responses_kept["own"],
        responses_kept["unknown"],
        responses_of_another_tenant["continued"],
        responses_of_another_tenant["log"],
        responses_kept["memory"],
    )


@clause("RSP-U05")
def test_a_response_of_another_tenant_is_as_good_as_unknown(
    responses_kept: dict[str, Any], responses_of_another_tenant: dict[str, Any]
) -> None:
    attempts = responses_of_another_tenant
    judge(
        oracles.a_foreign_response_is_as_good_as_unknown,
        responses_kept["read"],
        attempts["after"],
        attempts["foreign"],
        attempts["unknown"],
    )


@clause("RSP-C04")
def test_a_second_key_of_the_tenant_is_treated_alike(
    responses_kept: dict[str, Any], responses_of_a_second_key: dict[str, Exchange]
) -> None:
    judge(
        oracles.a_second_key_is_treated_alike,
        responses_kept["own"],
        responses_kept["read"],
        responses_of_a_second_key["read"],
        responses_of_a_second_key["continued"],
    )


@clause("RSP-U03")
def test_a_stored_response_is_read_as_it_ended(
    responses_pair: dict[str, Exchange], responses_read_and_deleted: dict[str, Exchange]
) -> None:
    judge(oracles.a_stored_response_is_read_as_it_ended, responses_pair["plain"], responses_read_and_deleted["read"])


@clause("RSP-U04")
def test_a_deleted_response_is_gone(responses_read_and_deleted: dict[str, Exchange]) -> None:
    judge(
        oracles.a_deleted_response_is_gone, responses_read_and_deleted["deleted"], responses_read_and_deleted["after"]
    )


@clause("RSP-U01")
def test_a_subpath_asks_for_a_key(responses_subpaths: dict[str, Any]) -> None:
    judge(oracles.a_subpath_asks_for_a_key, responses_subpaths["without a key"])


@clause("RSP-U02")
def test_an_unknown_subpath_is_refused(responses_subpaths: dict[str, Any]) -> None:
    judge(oracles.an_unknown_subpath_is_refused, responses_subpaths["unknown"])


@clause("RSP-U06", "RSP-U07")
def test_an_input_is_counted_and_compacted(responses_subpaths: dict[str, Any]) -> None:
    judge(oracles.input_tokens_are_counted, responses_subpaths["counted"], responses_subpaths["log"])
    judge(oracles.an_input_is_compacted, responses_subpaths["compacted"])
