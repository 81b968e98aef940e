from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.contract.access import AccessMatrix, Allow, Deny, Unspecified, load_access
from llmapi_conformance.contract.clauses import Clause, load_clauses
from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.judging.oracle import Deviation, Examined, Oracle
from llmapi_conformance.judging.oracles import access
from tests.judging.build import exchange

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

SPECS = Path(__file__).parents[2] / "specs"
CELL = (
    access.what_the_group_has_is_served,
    access.what_is_converted_is_served,
    access.what_its_protocol_has_is_served,
    access.what_its_prefix_has_is_served,
    access.what_the_group_lacks_is_refused,
    access.an_image_key_is_refused_at_general_operations,
    access.a_key_that_is_no_longer_good_is_refused,
    access.a_key_without_money_is_refused,
    access.a_key_over_its_rate_is_refused,
    access.a_key_is_refused_under_another_groups_prefix,
    access.the_list_of_tasks_is_served_to_image_keys,
    access.a_general_key_is_refused_the_tasks_of_image_keys,
    access.the_list_of_tasks_is_refused_to_other_keys,
)
BODIES: dict[str, Any] = {
    "anthropic": {"type": "error", "error": {"type": "some_error", "message": "no"}, "request_id": "req_1"},
    "openai": {"error": {"message": "no", "type": "some_error", "param": None, "code": None}},
    "openai_image": {"error": {"type": "some_error", "message": "no"}},
    "any": {"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}},
}
USAGE: dict[str, Any] = {
    "mode": "quota_limited",
    "quota": {"limit": 100, "used": 12.34, "remaining": 87.66},
    "remaining": 87.66,
    "usage": {
        "today": {"requests": 3, "total_tokens": 40, "actual_cost": 0.1},
        "total": {"requests": 30, "total_tokens": 400, "actual_cost": 1.1},
        "average_duration_ms": 12,
        "rpm": 2,
        "tpm": 7,
    },
    "daily_usage": [{"date": "2026-11-23", "requests": 3}],
}


@pytest.fixture(scope="module")
def matrix() -> AccessMatrix:
    return load_access(SPECS)


@pytest.fixture(scope="module")
def clauses() -> dict[str, Clause]:
    return {name: clause for name, clause in load_clauses(SPECS).items() if clause.surface == "access"}


def judged(oracle: Oracle, *subjects: object) -> tuple[int, list[str]]:
    found = list(oracle(*subjects))
    examined = sum(item.count for item in found if isinstance(item, Examined))
    return examined, [item.observed for item in found if isinstance(item, Deviation)]


def at(role: str, operation: str, status: int = 200, body: Any = b"{}", **named: Any) -> Exchange:
    return exchange(operation=operation, role=role, status=status, body=body, **named)


def usage(**changed: Any) -> Exchange:
    return at("general:openai", "getUsage", 200, {**USAGE, **changed})


def active_cells(matrix: AccessMatrix) -> list[tuple[str, str]]:
    return [(role, operation) for operation in matrix.operation_ids() for role in matrix.specified_roles(operation)]


def test_each_active_cell_is_judged_by_one_clause_of_its_basis_and_level(
    matrix: AccessMatrix, clauses: dict[str, Clause]
) -> None:
    for role, operation in active_cells(matrix):
        cell = matrix.cell(role, operation)
        assert isinstance(cell, Allow | Deny)
        clause = clauses[access.clause_of(role, operation, cell)]
        assert (clause.basis, clause.level) == (cell.basis, cell.level), f"{role} at {operation}"
        examined = [oracle.clause for oracle in CELL if judged(oracle, matrix, at(role, operation))[0]]
        assert examined == [clause.id]


def test_the_answer_that_a_cell_asks_for_passes(matrix: AccessMatrix) -> None:
    for role, operation in active_cells(matrix):
        cell = matrix.cell(role, operation)
        statuses = cell.statuses if isinstance(cell, Deny) else (200, 201)
        for status in statuses:
            for oracle in CELL:
                assert judged(oracle, matrix, at(role, operation, status))[1] == [], f"{role} at {operation}"


def test_the_opposite_of_what_a_cell_asks_for_is_told(matrix: AccessMatrix) -> None:
    for role, operation in active_cells(matrix):
        opposite = 403 if isinstance(matrix.cell(role, operation), Allow) else 200
        told = [judged(oracle, matrix, at(role, operation, opposite))[1] for oracle in CELL]
        assert sum(len(one) for one in told) == 1, f"{role} at {operation}"


def test_an_image_key_that_is_told_of_the_end_of_its_task_was_let_in(matrix: AccessMatrix) -> None:
    oracle = access.what_the_group_has_is_served
    assert judged(oracle, matrix, at("image:batch", "cancelImageTask", 409)) == (1, [])
    assert len(judged(oracle, matrix, at("image:batch", "cancelImageTask", 404))[1]) == 1
    assert len(judged(oracle, matrix, at("image:batch", "getImageTask", 409))[1]) == 1


def test_a_stream_that_brought_nothing_before_we_left_proves_nothing(matrix: AccessMatrix) -> None:
    oracle = access.what_the_group_has_is_served
    for body, examined in ((b": heartbeat\n\n", 1), (b"", 0)):
        one = at("image:batch", "streamImageTaskEvents", 200, body, mode="stream", ending=Ending.LEFT)
        assert judged(oracle, matrix, one) == (examined, [])
    assert len(judged(oracle, matrix, at("image:batch", "streamImageTaskEvents", 403, b"", mode="stream"))[1]) == 1


def test_a_general_key_that_is_told_of_the_end_of_a_task_was_let_in(matrix: AccessMatrix) -> None:
    oracle = access.a_general_key_is_refused_the_tasks_of_image_keys
    assert judged(oracle, matrix, at("general:openai", "cancelImageTask", 404)) == (1, [])
    assert len(judged(oracle, matrix, at("general:openai", "cancelImageTask", 409))[1]) == 1


def test_a_server_error_is_no_refusal(matrix: AccessMatrix) -> None:
    one = at("general:openai", "countMessageTokens", 500)
    assert len(judged(access.what_the_group_lacks_is_refused, matrix, one)[1]) == 1


def test_an_unspecified_cell_is_not_judged(matrix: AccessMatrix) -> None:
    role, operation = "general:anthropic+rate_limited", "countMessageTokens"
    assert isinstance(matrix.cell(role, operation), Unspecified)
    for oracle in CELL:
        assert judged(oracle, matrix, at(role, operation, 500)) == (0, [])


def test_a_second_key_has_the_cells_of_its_base(matrix: AccessMatrix) -> None:
    one = at("general:openai+second_key", "countMessageTokens", 200)
    assert len(judged(access.what_the_group_lacks_is_refused, matrix, one)[1]) == 1


def test_a_disabled_key_that_is_refused_otherwise_than_an_invalid_one_is_told(matrix: AccessMatrix) -> None:
    oracle, role = access.a_key_that_is_no_longer_good_gets_401, "general:openai+disabled"
    assert judged(oracle, matrix, at(role, "listModels", 401)) == (1, [])
    assert len(judged(oracle, matrix, at(role, "listModels", 403))[1]) == 1
    assert judged(oracle, matrix, at(role, "listModels", 200)) == (0, [])
    assert judged(oracle, matrix, at("general:openai", "countMessageTokens", 404)) == (0, [])


def test_a_missing_balance_with_another_status_than_403_is_told(matrix: AccessMatrix) -> None:
    oracle, role = access.a_key_without_money_gets_403, "general:openai+exhausted"
    assert judged(oracle, matrix, at(role, "createChatCompletion", 403)) == (1, [])
    assert len(judged(oracle, matrix, at(role, "createChatCompletion", 429))[1]) == 1
    assert judged(oracle, matrix, at(role, "countMessageTokens", 404)) == (0, [])


@pytest.mark.parametrize("value", ["1", "20", " 7 ", "Mon, 23 Nov 2026 10:00:00 GMT"])
def test_seconds_and_dates_are_both_times_to_come_back(value: str) -> None:
    one = exchange(status=429, headers=(("Retry-After", value),))
    assert judged(access.the_429_says_when_to_come_back, one) == (1, [])


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "soon", "", "٣", "Mon, 99 Nov 2026", "9" * 5000 + "x"])
def test_anything_else_in_retry_after_is_told(value: str) -> None:
    one = exchange(status=429, headers=(("retry-after", value),))
    assert len(judged(access.the_429_says_when_to_come_back, one)[1]) == 1


def test_a_429_without_retry_after_is_told() -> None:
    assert judged(access.the_429_says_when_to_come_back, exchange(status=429)) == (1, ["no such header"])
    assert judged(access.the_429_says_when_to_come_back, exchange(status=403)) == (0, [])


def test_the_documented_refusal_of_token_counting_passes(matrix: AccessMatrix) -> None:
    body = {"type": "error", "error": {"type": "not_found_error", "message": "Token counting is not supported"}}
    one = at("general:openai", "countMessageTokens", 404, body)
    assert judged(access.a_documented_refusal_reads_as_documented, matrix, one) == (1, [])


@pytest.mark.parametrize(
    "body",
    [
        {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}},
        {"error": {"type": "not_found_error", "message": "no"}},
        {"detail": "not found"},
        [],
    ],
)
def test_another_body_than_the_documented_is_told(matrix: AccessMatrix, body: Any) -> None:
    one = at("general:openai", "countMessageTokens", 404, body)
    assert len(judged(access.a_documented_refusal_reads_as_documented, matrix, one)[1]) == 1


def test_a_documented_message_is_exact(matrix: AccessMatrix) -> None:
    good = {"error": {"type": "not_found_error", "message": "Images API is not supported for this platform"}}
    bad = {"error": {"type": "not_found_error", "message": "images api is not supported for this platform"}}
    for body, told in ((good, 0), (bad, 1)):
        one = at("general:anthropic", "generateImage", 404, body)
        assert len(judged(access.a_documented_refusal_reads_as_documented, matrix, one)[1]) == told


def test_a_429_in_a_foreign_envelope_is_told(matrix: AccessMatrix) -> None:
    role, oracle = "general:anthropic+rate_limited", access.a_refusal_of_the_protocol_reads_like_it
    assert judged(oracle, matrix, at(role, "createMessage", 429, BODIES["anthropic"])) == (1, [])
    assert len(judged(oracle, matrix, at(role, "createMessage", 429, BODIES["openai"]))[1]) == 1
    chat = at("general:openai+rate_limited", "createChatCompletion", 429, BODIES["openai"])
    assert judged(oracle, matrix, chat) == (1, [])


def test_a_body_that_is_not_json_is_left_to_the_errors(matrix: AccessMatrix) -> None:
    one = at("general:openai", "countMessageTokens", 404, b"<html>")
    assert judged(access.a_documented_refusal_reads_as_documented, matrix, one) == (0, [])


def test_a_refused_call_at_the_upstream_is_told() -> None:
    refused = at("general:openai", "countMessageTokens", 404)
    assert judged(access.a_refusal_reaches_no_upstream, refused, exchange(body={"requests": []})) == (1, [])
    assert len(judged(access.a_refusal_reaches_no_upstream, refused, exchange(body={"requests": [{}, {}]}))[1]) == 1
    served = at("general:openai", "createChatCompletion", 200)
    assert judged(access.a_refusal_reaches_no_upstream, served, exchange(body={"requests": [{}]})) == (0, [])


def test_a_ledger_that_stands_still_passes() -> None:
    refused = at("general:openai", "countMessageTokens", 404)
    moved = {**USAGE["usage"], "rpm": 9, "tpm": 99, "average_duration_ms": 5}
    assert judged(access.a_refusal_moves_no_ledger, usage(), usage(), refused, usage(usage=moved)) == (1, [])


def test_usage_that_counts_itself_is_no_charge_for_the_refusal() -> None:
    refused = at("general:openai", "countMessageTokens", 404)
    reads = [usage(usage={"today": {"requests": count}}) for count in (3, 4, 5)]
    assert judged(access.a_refusal_moves_no_ledger, *reads[:2], refused, reads[2]) == (1, [])


@pytest.mark.parametrize(
    "changed",
    [
        {"remaining": 87.6599},
        {"usage": {**USAGE["usage"], "today": {"requests": 4, "total_tokens": 40, "actual_cost": 0.1}}},
        {"daily_usage": [{"date": "2026-11-23", "requests": 4}]},
    ],
)
def test_a_ledger_that_moves_is_told(changed: dict[str, Any]) -> None:
    refused = at("general:openai", "countMessageTokens", 404)
    assert judged(access.a_refusal_moves_no_ledger, usage(), usage(), refused, usage(**changed))[1] != []
    foreign = at("general:openai", "createChatCompletion", 200)
    assert judged(access.a_tenant_sees_only_its_own_usage, usage(), usage(), foreign, usage(**changed))[1] != []


def test_a_wallet_is_no_ledger_of_a_key_since_others_draw_on_it_too() -> None:
    refused = at("general:openai", "countMessageTokens", 404)
    foreign = at("general:openai", "createChatCompletion", 200)
    still, after = (usage(quota=None, balance=money, remaining=money) for money in (87.66, 80.0))
    assert judged(access.a_refusal_moves_no_ledger, still, still, refused, after) == (1, [])
    assert judged(access.a_tenant_sees_only_its_own_usage, still, still, foreign, after) == (1, [])
    told = usage(quota=None, balance=80.0, remaining=80.0, daily_usage=[{"date": "2026-11-23", "requests": 4}])
    assert len(judged(access.a_refusal_moves_no_ledger, still, still, refused, told)[1]) == 1


def test_a_ledger_that_can_not_be_read_says_nothing() -> None:
    refused = at("general:openai", "countMessageTokens", 404)
    closed = at("image:batch", "getUsage", 403)
    assert judged(access.a_refusal_moves_no_ledger, closed, closed, refused, closed) == (0, [])
    served = at("general:openai", "countMessageTokens", 200)
    assert judged(access.a_refusal_moves_no_ledger, usage(), usage(), served, usage(remaining=1)) == (0, [])
    assert judged(access.a_tenant_sees_only_its_own_usage, usage(), usage(), refused, usage(remaining=1)) == (0, [])


def test_a_foreign_call_that_leaves_usage_alone_passes() -> None:
    foreign = at("general:openai", "createChatCompletion", 200)
    assert judged(access.a_tenant_sees_only_its_own_usage, usage(), usage(), foreign, usage()) == (1, [])


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"\xff", b"[" * 5000, b'{"remaining":1e999}', b'{"remaining":1' + b"0" * 400 + b"}", b'{"error":3}'],
)
def test_no_body_makes_an_oracle_raise(matrix: AccessMatrix, body: bytes) -> None:
    for status in (200, 404, 429):
        one = at("general:openai", "countMessageTokens", status, body)
        for oracle in (*CELL, access.a_documented_refusal_reads_as_documented):
            list(oracle(matrix, one))
        list(access.a_refusal_reaches_no_upstream(one, one))
        list(access.a_refusal_moves_no_ledger(one, one, one, one))
        list(access.a_tenant_sees_only_its_own_usage(one, one, one, one))
