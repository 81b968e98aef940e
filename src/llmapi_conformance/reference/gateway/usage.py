"""`GET /v1/usage`: balance, quota and usage of the calling key (F8.1 to F8.6)."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from llmapi_conformance.reference.gateway.access import Access, admit
from llmapi_conformance.reference.gateway.answers import json_answer
from llmapi_conformance.reference.gateway.core import core_of
from llmapi_conformance.reference.gateway.ledger import Totals
from llmapi_conformance.reference.gateway.refusals import Refusal, wrong_field

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response

    from llmapi_conformance.reference.gateway.keys import ApiKey
    from llmapi_conformance.reference.gateway.ledger import Account, Ledger

_DAYS: Final = 30
_DAYS_LIMIT: Final = 90
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2999
_OPEN = Access(metered=False)
_WALLET_PLAN: Final = "钱包余额"
_SUBSCRIPTION_PLAN: Final = "Pro Plan"
# Groups whose keys draw on a subscription instead of the wallet (F8.7).
_SUBSCRIBED: Final = ("antigravity",)


@dataclass(frozen=True, slots=True)
class Window:
    """What the query asks for: days of daily usage, their time zone, first and last day of the model statistics."""

    days: int
    zone: dt.tzinfo
    first: dt.date | None
    last: dt.date | None


async def usage(request: Request) -> Response:
    """Answer `GET /v1/usage`; an exhausted key may read it too."""
    key = admit(request, _OPEN)
    window = asked(request.query_params)
    return json_answer(statement(key, core_of(request).ledger, window))


def asked(query: QueryParams) -> Window:
    """Read the query (F8.2).

    Raises:
        Refusal: 400 for `days` outside of 1 to 90, an unknown time zone, a date that is none, an end before its start.
    """
    days = query.get("days", str(_DAYS))
    if not re.fullmatch(r"[0-9]{1,3}", days, re.ASCII) or not 1 <= int(days) <= _DAYS_LIMIT:
        raise Refusal(400, f"Invalid days, allowed range is 1-{_DAYS_LIMIT}", param="days")
    first, last = _date(query, "start_date"), _date(query, "end_date")
    if first is not None and last is not None and last < first:
        raise wrong_field("end_date", "lies before start_date")
    return Window(int(days), _zone(query.get("timezone", "UTC")), first, last)


def _date(query: QueryParams, name: str) -> dt.date | None:
    text = query.get(name)
    if text is None:
        return None
    malformed = wrong_field(name, "must be a date of the form YYYY-MM-DD")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        raise malformed
    try:
        date = dt.date.fromisoformat(text)
    except ValueError:
        raise malformed from None
    if not _FIRST_YEAR <= date.year <= _LAST_YEAR:
        raise wrong_field(name, f"must lie between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    return date


def _zone(name: str) -> dt.tzinfo:
    if name.upper() in ("UTC", "Z"):
        return dt.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        # A machine without a time zone database can't tell a right name from a wrong one.
        if not zoneinfo.available_timezones() and re.fullmatch(r"[A-Za-z_+\-/0-9]+", name):
            return dt.UTC
        raise wrong_field("timezone", "must be an IANA time zone name") from None


def statement(key: ApiKey, ledger: Ledger, window: Window) -> dict[str, Any]:
    """Return the usage document: `quota_limited` for a key with a quota, else the view of what its group draws on."""
    account = ledger.account(key)
    if key.quota_usd is not None:
        used = _money(key.spent_usd + account.total.cost)
        remaining = _money(max(0.0, key.quota_usd - used))
        document: dict[str, Any] = {
            "mode": "quota_limited",
            "isValid": True,
            "status": "active" if remaining > 0 else "quota_exhausted",
            "quota": {"limit": key.quota_usd, "used": used, "remaining": remaining, "unit": "USD"},
            "remaining": remaining,
            "unit": "USD",
        }
    elif key.platform in _SUBSCRIBED:
        document = {"mode": "unrestricted", "isValid": True, "planName": _SUBSCRIPTION_PLAN, "unit": "USD"}
    else:
        balance = _money(ledger.balance(key))
        document = {
            "mode": "unrestricted",
            "isValid": True,
            "planName": _WALLET_PLAN,
            "remaining": balance,
            "unit": "USD",
            "balance": balance,
        }
    return document | _history(account, ledger.now(), window)


def _history(account: Account, now: float, window: Window) -> dict[str, Any]:
    today = dt.datetime.fromtimestamp(now, window.zone).date()
    days = [today - dt.timedelta(days=back) for back in range(window.days - 1, -1, -1)]
    daily = [(day, _sum(account.between(_midnight(day, window), _midnight(day, window, 1)))) for day in days]
    last = window.last or today
    first = window.first or last - dt.timedelta(days=_DAYS - 1)
    by_model = account.between(_midnight(first, window), _midnight(last, window, 1))
    requests, tokens = account.last_minute(now)
    average = account.milliseconds / account.total.requests if account.total.requests else 0
    return {
        "usage": {
            "today": _fields(daily[-1][1]),
            "total": _fields(account.total),
            "average_duration_ms": round(average),
            "rpm": requests,
            "tpm": tokens,
        },
        "daily_usage": [{"date": day.isoformat(), **_fields(sums)} for day, sums in daily if sums.requests],
        "model_stats": [{"model": model, **_fields(sums)} for model, sums in sorted(by_model.items())],
    }


def _midnight(day: dt.date, window: Window, later: int = 0) -> float:
    return dt.datetime.combine(day + dt.timedelta(days=later), dt.time(), window.zone).timestamp()


def _sum(by_model: dict[str, Totals]) -> Totals:
    sums = Totals()
    for totals in by_model.values():
        sums.add(totals)
    return sums


def _fields(totals: Totals) -> dict[str, Any]:
    cost = _money(totals.cost)
    return {
        "requests": totals.requests,
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "total_tokens": totals.input_tokens + totals.output_tokens,
        "cost": cost,
        "actual_cost": cost,
    }


def _money(dollars: float) -> float:
    return round(dollars, 8)


ROUTES: Final = (Route("/v1/usage", usage, methods=["GET"]),)
