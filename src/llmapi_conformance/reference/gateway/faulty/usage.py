"""Faults of what `GET /v1/usage` says; those of the books themselves are in `books`."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlencode

from llmapi_conformance.reference.gateway.edge import Seen, Whole, changing_answers
from llmapi_conformance.reference.gateway.faulty.doors import rewriting

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Scope

    from llmapi_conformance.reference.gateway.core import Core

    Wrapper = Callable[[ASGIApp, Core], ASGIApp]

_PATH: Final = "/v1/usage"


def _statements(change: Callable[[dict[str, Any]], None]) -> Wrapper:
    def changed(_seen: Seen, answer: Whole) -> None:
        document = answer.json()
        change(document)
        answer.put(document)

    return lambda app, _core: changing_answers(app, lambda seen, status: seen.path == _PATH and status == 200, changed)


def _limit_left(document: dict[str, Any]) -> None:
    """U01."""
    quota = document.get("quota")
    if isinstance(quota, dict):
        quota["remaining"] = document["remaining"] = quota["limit"]


def _output_is_all(document: dict[str, Any]) -> None:
    """U02."""
    for sums in (document["usage"]["today"], document["usage"]["total"]):
        sums["total_tokens"] = sums["output_tokens"]


def _crash(_seen: Seen, answer: Whole) -> None:
    """U05."""
    message = (answer.json().get("error") or {}).get("message")
    if str(message).startswith("Invalid days"):
        answer.status = 500
        answer.put({"type": "error", "error": {"type": "api_error", "message": "Internal error"}})


def _always_limited(document: dict[str, Any]) -> None:
    """U06."""
    document["mode"] = "unrestricted" if document["mode"] == "quota_limited" else "quota_limited"


def _balance_apart(document: dict[str, Any]) -> None:
    """U07."""
    if "balance" in document:
        document["balance"] += 1


def _input_is_free(document: dict[str, Any]) -> None:
    """U08."""
    for sums in (document["usage"]["today"], document["usage"]["total"]):
        sums["total_tokens"] -= sums["input_tokens"]
        sums["input_tokens"] = 0


def _days_twice(document: dict[str, Any]) -> None:
    """U10."""
    document["daily_usage"] = [day for day in document["daily_usage"] for _ in range(2)]


def _quota_stands(document: dict[str, Any]) -> None:
    """U11."""
    quota = document.get("quota")
    if isinstance(quota, dict):
        quota["used"] = float(int(quota["used"]))
        quota["remaining"] = document["remaining"] = quota["limit"] - quota["used"]


def _english(document: dict[str, Any]) -> None:
    """U12."""
    if "planName" in document:
        document["planName"] = "Wallet balance"


def _two_remainders(document: dict[str, Any]) -> None:
    """U14."""
    if "quota" in document:
        document["remaining"] += 1


def _busy_day(document: dict[str, Any]) -> None:
    """U15."""
    document["usage"]["today"]["requests"] = document["usage"]["total"]["requests"] + 1


def _lenient(name: str) -> Wrapper:
    """U16, U17: what can't be read in the query is ignored."""

    def ignore(scope: Scope) -> Scope:
        if scope["path"] != _PATH:
            return scope
        query = parse_qs(scope["query_string"].decode("latin-1"))
        values = query.get(name)
        if values and not _READABLE[name](values[0]):
            del query[name]
        return {**scope, "query_string": urlencode(query, doseq=True).encode()}

    return lambda app, _core: rewriting(app, ignore)


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


_READABLE: Final[dict[str, Callable[[str], bool]]] = {
    "start_date": _is_date,
    "timezone": lambda text: text in zoneinfo.available_timezones(),
}


def _ninety_is_too_much(seen: Seen, answer: Whole) -> None:
    """U13."""
    if b"days=90" in seen.scope["query_string"].split(b"&"):
        answer.status = 400
        answer.put({"type": "error", "error": {"type": "invalid_request_error", "message": "days is too large"}})


FAULTS: Final[dict[str, Wrapper]] = {
    "U01": _statements(_limit_left),
    "U02": _statements(_output_is_all),
    "U05": lambda app, _core: changing_answers(app, lambda seen, status: seen.path == _PATH and status == 400, _crash),
    "U06": _statements(_always_limited),
    "U07": _statements(_balance_apart),
    "U08": _statements(_input_is_free),
    "U10": _statements(_days_twice),
    "U11": _statements(_quota_stands),
    "U12": _statements(_english),
    "U14": _statements(_two_remainders),
    "U15": _statements(_busy_day),
    "U16": _lenient("start_date"),
    "U17": _lenient("timezone"),
    "U13": lambda app, _core: changing_answers(
        app, lambda seen, status: seen.path == _PATH and status == 200, _ninety_is_too_much
    ),
}
