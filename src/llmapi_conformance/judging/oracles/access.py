"""Access: a valid key opens what its group has, is refused the rest, and refusals cost nothing."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

from llmapi_conformance.contract.access import AccessMatrix, Allow, Cell, Deny, Unspecified
from llmapi_conformance.contract.clauses import Basis, Level
from llmapi_conformance.evidence.exchange import NOT_JSON, Exchange
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.envelopes import error_message, error_type, fits, name_of, shape_of
from llmapi_conformance.judging.task_answer import heard_nothing

_LONGEST_QUOTE: Final = 160
_SERVED: Final = {
    (Basis.DOCUMENTED, Level.MUST): "ACC-A01",
    (Basis.DOCUMENTED, Level.SHOULD): "ACC-A02",
    (Basis.PROTOCOL, Level.MUST): "ACC-A03",
    (Basis.PROTOCOL, Level.SHOULD): "ACC-A04",
    (Basis.ASSUMED, Level.SHOULD): "ACC-A05",
}
"""Clauses of cells that are served."""
_OF_CONDITION: Final = {"disabled": "ACC-D03", "expired": "ACC-D03", "exhausted": "ACC-D05"}
"""Clauses of documented refusals that are due to the state of the key."""
_TASK_LIST: Final = "listImageTasks"
_CANCELLING: Final = "cancelImageTask"
_COUNTED: Final = frozenset(
    {
        "requests",
        "input_tokens",
        "output_tokens",
        "total_tokens",
        "cost",
        "actual_cost",
        "used",
        "remaining",
    }
)
"""Members of the usage answer that a call moves (F8.5)."""
_DEPTH: Final = 16
_SMALLEST_AMOUNT: Final = 1e-9
"""US dollars; what differs less is rounding."""

Ledger = dict[str, float]
"""The counted numbers of a usage answer by their path."""


def clause_of(role: str, operation: str, cell: Cell) -> str:
    """The clause that a cell of the matrix belongs to, empty when nothing is promised.

    Args:
        role: The cell's role, with its condition.
        operation: The cell's operation.
        cell: The cell.
    """
    if isinstance(cell, Unspecified):
        return ""
    if isinstance(cell, Allow):
        return _SERVED[cell.basis, cell.level]
    if cell.basis is Basis.ASSUMED:
        return _assumed_refusal(role, operation)
    if cell.basis is Basis.PROTOCOL:
        return "ACC-D07"
    if cell.level is Level.SHOULD:
        return "ACC-D10"
    # A key over its rate at an operation that its platform lacks: either refusal is documented, and may come first.
    return _OF_CONDITION.get(role.partition("+")[2], "ACC-D01")


def _assumed_refusal(role: str, operation: str) -> str:
    if operation == _TASK_LIST:
        return "ACC-D11"
    return "ACC-D02" if role.startswith("image:") else "ACC-D09"


@oracle("ACC-A01")
def what_the_group_has_is_served(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """A key is served where its type and platform say so (F2.3, F2.7, F2.9)."""
    yield from _judge_cell("ACC-A01", matrix, exchange)


@oracle("ACC-A02")
def what_is_converted_is_served(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """A key is served where the gateway converts for its platform (F5.17)."""
    yield from _judge_cell("ACC-A02", matrix, exchange)


@oracle("ACC-A03")
def what_its_protocol_has_is_served(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """A key of a Gemini group is served at every method of that protocol (F5.21, G-request)."""
    yield from _judge_cell("ACC-A03", matrix, exchange)


@oracle("ACC-A04")
def what_its_prefix_has_is_served(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """A key of an Antigravity group is served at every method of Gemini's protocol under the prefix (F5.23)."""
    yield from _judge_cell("ACC-A04", matrix, exchange)


@oracle("ACC-A05")
def the_list_of_tasks_is_served_to_image_keys(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """An image key is served where we take the list of its tasks to be (F7.21, tension C5)."""
    yield from _judge_cell("ACC-A05", matrix, exchange)


@oracle("ACC-D01")
def what_the_group_lacks_is_refused(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """A key is refused what its platform does not have, with the documented status (F9.8, F9.9, F9.11)."""
    yield from _judge_cell("ACC-D01", matrix, exchange)


@oracle("ACC-D02")
def an_image_key_is_refused_at_general_operations(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """An image key opens none of the operations listed for general keys (F2.3, F2.4)."""
    yield from _judge_cell("ACC-D02", matrix, exchange)


@oracle("ACC-D03")
def a_key_that_is_no_longer_good_is_refused(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """A disabled or expired key opens nothing (F9.3, F9.7)."""
    yield from _judge_cell("ACC-D03", matrix, exchange)


@oracle("ACC-D04")
def a_key_that_is_no_longer_good_gets_401(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """The refusal of a disabled or expired key has the status of an invalid one (F9.7)."""
    if _refused_as("ACC-D03", matrix, exchange):
        yield Examined("refusal")
        if exchange.status != 401:
            yield Deviation(f"status 401 for {_cell_name(exchange)}", _answer(exchange))


@oracle("ACC-D05")
def a_key_without_money_is_refused(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """A key without balance or quota is refused with a status for that (F9.11)."""
    yield from _judge_cell("ACC-D05", matrix, exchange)


@oracle("ACC-D06")
def a_key_without_money_gets_403(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """The refusal of a key without balance has status 403 (F9.11)."""
    # Where the platform may lack the operation as well, either refusal may come first (400, 404).
    if _refused_as("ACC-D05", matrix, exchange) and exchange.status not in (400, 404):
        yield Examined("refusal")
        if exchange.status != 403:
            yield Deviation(f"status 403 for {_cell_name(exchange)}", _answer(exchange))


@oracle("ACC-D07")
def a_key_over_its_rate_is_refused(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """A key over its rate is refused with 429 (F9.11, rule E-table)."""
    yield from _judge_cell("ACC-D07", matrix, exchange)


@oracle("ACC-D08")
def the_429_says_when_to_come_back(exchange: Exchange) -> Judgement:
    """A 429 carries Retry-After: seconds above 0, or a date (RFC 9110 section 10.2.3)."""
    if exchange.status != 429:
        return
    yield Examined("429")
    values = exchange.header_values("retry-after")
    if not values:
        yield Deviation("Retry-After in the 429 of a key over its rate", "no such header")
    elif len(values) > 1 or not _is_retry_after(values[0].strip()):
        yield Deviation(
            "one Retry-After with seconds above 0, or with a date", f"Retry-After: {', '.join(values)}"[:_LONGEST_QUOTE]
        )


@oracle("ACC-D09")
def a_key_is_refused_under_another_groups_prefix(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """A general key of another group opens nothing under /antigravity (F5.23, F6.4)."""
    yield from _judge_cell("ACC-D09", matrix, exchange)


@oracle("ACC-D10")
def a_general_key_is_refused_the_tasks_of_image_keys(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """A general key neither reads nor cancels an image task (F2.4, F9.9)."""
    yield from _judge_cell("ACC-D10", matrix, exchange)


@oracle("ACC-D11")
def the_list_of_tasks_is_refused_to_other_keys(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """The list of image tasks opens for no general key and for none that is no longer good (F7.21, F2.4)."""
    yield from _judge_cell("ACC-D11", matrix, exchange)


@oracle("ACC-E01")
def a_documented_refusal_reads_as_documented(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """A documented refusal has its envelope, type and message (F9.10, F5.9)."""
    yield from _judge_body(Basis.DOCUMENTED, matrix, exchange)


@oracle("ACC-E02")
def a_refusal_of_the_protocol_reads_like_it(matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    """The refusal of a key over its rate has its protocol's envelope (rule E3)."""
    yield from _judge_body(Basis.PROTOCOL, matrix, exchange)


@oracle("ACC-L01")
def a_refusal_reaches_no_upstream(exchange: Exchange, log: Exchange) -> Judgement:
    """A refused call is not in the upstream's log (CWE-696, CWE-863)."""
    received = log.json.get("requests") if isinstance(log.json, dict) else None
    if not exchange.refused or not isinstance(received, list):
        return
    yield Examined("refused call")
    if received:
        yield Deviation(
            f"no request at the upstream for the refused call of {_cell_name(exchange)}",
            f"{len(received)} with its nonce",
            exchange=exchange,
        )


@oracle("ACC-L02")
def a_refusal_moves_no_ledger(before: Exchange, still: Exchange, refused: Exchange, after: Exchange) -> Judgement:
    """Usage and quota of a key after a refused call are what they were (F8.1).

    Args:
        before: Usage.
        still: Usage again, with nothing in between: what asking itself moves.
        refused: The refused call.
        after: Usage once more.
    """
    if refused.refused:
        yield from _unmoved(
            before, still, after, f"the refused call of {_cell_name(refused)}", "usage around a refused call"
        )


@oracle("ACC-T01")
def a_tenant_sees_only_its_own_usage(
    before: Exchange, still: Exchange, foreign: Exchange, after: Exchange
) -> Judgement:
    """A call of another tenant does not move this tenant's usage (OWASP API 1).

    Args:
        before: Usage of the first tenant.
        still: The same again.
        foreign: A call that the second tenant made.
        after: Usage of the first tenant once more.
    """
    if foreign.succeeded:
        yield from _unmoved(before, still, after, "the call of another tenant", "usage around another tenant's call")


def _judge_cell(clause: str, matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    cell = matrix.cell(exchange.role, exchange.operation)
    if clause_of(exchange.role, exchange.operation, cell) != clause:
        return
    if isinstance(cell, Allow) and heard_nothing(exchange):
        return
    yield Examined("cell of the access matrix")
    if isinstance(cell, Allow) and not _served(exchange):
        yield Deviation(f"2xx for {_cell_name(exchange)}", _answer(exchange))
    elif isinstance(cell, Deny) and exchange.status not in cell.statuses:
        statuses = ", ".join(str(status) for status in cell.statuses)
        yield Deviation(f"a refusal with {statuses} for {_cell_name(exchange)}", _answer(exchange))


def _served(exchange: Exchange) -> bool:
    """Who is told that the task had finished (409, F9.11) was let in."""
    return exchange.succeeded or (exchange.operation == _CANCELLING and exchange.status == 409)


def _refused_as(clause: str, matrix: AccessMatrix, exchange: Exchange) -> bool:
    """Whether the exchange is the refusal that its cell of this clause asks for."""
    cell = matrix.cell(exchange.role, exchange.operation)
    if not isinstance(cell, Deny) or exchange.status not in cell.statuses:
        return False
    return clause_of(exchange.role, exchange.operation, cell) == clause


def _judge_body(basis: Basis, matrix: AccessMatrix, exchange: Exchange) -> Judgement:
    cell = matrix.cell(exchange.role, exchange.operation)
    if not isinstance(cell, Deny) or cell.basis is not basis or exchange.status not in cell.statuses:
        return
    if exchange.json is NOT_JSON:
        return  # one clause of the errors says so already
    yield Examined("body of a refusal")
    if not fits(exchange.json, cell.envelope):
        yield Deviation(f"{name_of(cell.envelope)} for {_cell_name(exchange)}", shape_of(exchange.json))
        return
    for what, wanted, found in (
        ("error.type", cell.error_type, error_type(exchange.json)),
        ("error.message", cell.message, error_message(exchange.json)),
    ):
        if wanted and found != wanted:
            yield Deviation(f'{what} "{wanted}" for {_cell_name(exchange)}', f'"{found[:_LONGEST_QUOTE]}"')


def _unmoved(before: Exchange, still: Exchange, after: Exchange, cause: str, what: str) -> Judgement:
    """The third reading differs from the second no more than the second from the first."""
    ledgers = [_ledger_of_a_key(one.json) for one in (before, still, after) if one.succeeded]
    if len(ledgers) != 3 or not ledgers[0]:
        return
    first, second, third = ledgers
    yield Examined(what)
    for path in sorted(second.keys() | third.keys()):
        asked = second.get(path, 0.0) - first.get(path, 0.0)
        moved = third.get(path, 0.0) - second.get(path, 0.0)
        if abs(moved - asked) > _SMALLEST_AMOUNT:
            yield Deviation(
                f"{path} unmoved by {cause}",
                f"{second.get(path, 0.0):g} before it and {third.get(path, 0.0):g} after it",
                exchange=after,
            )


def _ledger_of_a_key(body: Any) -> Ledger:
    """What calls with other keys can't move: beside a balance stands what remains in the tenant's wallet (F8.6)."""
    if isinstance(body, dict) and "balance" in body:
        body = {name: value for name, value in body.items() if name != "remaining"}
    return _ledger(body)


def _ledger(body: Any, path: str = "", depth: int = _DEPTH) -> Ledger:
    found: Ledger = {}
    if not depth:
        return found
    if isinstance(body, dict):
        for name, value in body.items():
            here = f"{path}.{name}" if path else name
            if name in _COUNTED and _is_amount(value):
                found[here] = float(value)
            else:
                found |= _ledger(value, here, depth - 1)
    elif isinstance(body, list):
        for number, value in enumerate(body):
            found |= _ledger(value, f"{path}[{number}]", depth - 1)
    return found


def _is_amount(value: Any) -> bool:
    """Whether a value is a number that a ledger could hold; larger ones don't fit a float exactly."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _is_retry_after(value: str) -> bool:
    if value.isascii() and value.isdecimal():
        return int(value[:19]) > 0
    try:
        return parsedate_to_datetime(value).astimezone(UTC).year > 1970
    except (ValueError, TypeError, OverflowError, IndexError, OSError):
        return False


def _cell_name(exchange: Exchange) -> str:
    return f"{exchange.role} at {exchange.operation}"


def _answer(exchange: Exchange) -> str:
    told = ": ".join(part for part in (error_type(exchange.json), error_message(exchange.json)) if part)
    return f"status {exchange.status}" + (f" ({told[:_LONGEST_QUOTE]})" if told else "")
