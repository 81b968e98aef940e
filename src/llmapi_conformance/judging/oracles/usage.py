"""GET /v1/usage: its views, its parameters and the arithmetic inside one answer (facts F8.1 to F8.7)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from llmapi_conformance.judging.chat_answer import array, is_whole_number, shown, string
from llmapi_conformance.judging.message_answer import object_of
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.chat import span_of
from llmapi_conformance.judging.oracles.envelopes import error_message, error_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange

USAGE: Final = On(operations=("getUsage",), mode="plain")
WALLET_PLAN: Final = "\u94b1\u5305\u4f59\u989d"
"""The literal of the wallet view, also on the English page (F8.6)."""
SMALLEST_AMOUNT: Final = 1e-6
"""US dollars; what differs less is rounding."""
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_COUNTERS: Final = ("requests", "input_tokens", "output_tokens", "total_tokens", "cost", "actual_cost")
_WHOLE: Final = ("requests", "input_tokens", "output_tokens", "total_tokens")


@oracle("USE-V01")
def usage_is_told(exchange: Exchange) -> Judgement:
    """200 and one JSON object for a general key (F8.1)."""
    yield Examined("answer")
    if exchange.status != 200 or not isinstance(exchange.json, dict):
        yield Deviation("200 with a JSON object", answer_in_words(exchange))


@oracle("USE-V02", on=USAGE)
def the_mode_is_one_of_two(exchange: Exchange) -> Judgement:
    """``quota_limited`` or ``unrestricted`` (F8.4)."""
    yield Examined("mode")
    mode = object_of(exchange.json).get("mode")
    if mode not in ("quota_limited", "unrestricted"):
        yield Deviation("mode quota_limited or unrestricted", f"mode {shown(mode)}", span_of(exchange, "mode"))


@oracle("USE-V03", on=USAGE)
def a_quota_makes_the_mode_quota_limited(exchange: Exchange) -> Judgement:
    """An answer about a quota has mode quota_limited (F8.4)."""
    yield from _mode(exchange, has="quota", wanted="quota_limited")


@oracle("USE-V04")
def a_rate_limit_makes_the_mode_quota_limited(exchange: Exchange) -> Judgement:
    """So has that of a key with a rate limit alone (F8.4, tension C13)."""
    if not exchange.succeeded or not isinstance(exchange.json, dict):
        return
    yield Examined("usage of a key with a rate limit")
    if exchange.json.get("mode") != "quota_limited":
        yield Deviation("mode quota_limited", f"mode {shown(exchange.json.get('mode'))}", span_of(exchange, "mode"))


@oracle("USE-V05", on=USAGE)
def a_balance_or_plan_makes_the_mode_unrestricted(exchange: Exchange) -> Judgement:
    """The wallet and the subscription view have mode unrestricted (F8.4)."""
    yield from _mode(exchange, has="planName", wanted="unrestricted")


@oracle("USE-V06", on=USAGE)
def the_quota_view_has_its_members(exchange: Exchange) -> Judgement:
    """isValid, status, quota, remaining, unit, usage and the two lists, with the types of the example (F8.5)."""
    body = exchange.json
    if not isinstance(body, dict) or body.get("mode") != "quota_limited" or "quota" not in body:
        return
    yield Examined("quota view")
    wrong = [what for what, holds in _quota_members(body) if not holds]
    if wrong:
        yield Deviation(f"a quota view with {wrong[0]}", shown(body, 300), span_of(exchange, wrong[0].split()[0]))


@oracle("USE-V07", on=USAGE)
def what_remains_is_the_limit_less_what_is_used(exchange: Exchange) -> Judgement:
    """``quota.remaining`` is limit - used, or 0 when more is used (F8.5)."""
    quota = object_of(object_of(exchange.json).get("quota"))
    told: list[Any] = [quota.get(name) for name in ("limit", "used", "remaining")]
    if not all(_is_number(value) for value in told):
        return
    limit, used, remaining = told
    yield Examined("quota")
    if min(abs(limit - used - remaining), abs(max(0.0, limit - used) - remaining)) > SMALLEST_AMOUNT:
        yield Deviation(
            f"remaining {limit - used:g}, which is {limit:g} - {used:g}",
            f"remaining {remaining:g}",
            span_of(exchange, "remaining"),
        )


@oracle("USE-V08", on=USAGE)
def the_top_repeats_the_quota(exchange: Exchange) -> Judgement:
    """``remaining`` and ``unit`` at the top are those of the quota (F8.5)."""
    body = object_of(exchange.json)
    if not isinstance(body.get("quota"), dict):
        return
    for name in ("remaining", "unit"):
        yield Examined(name)
        if body.get(name) != body["quota"].get(name):
            yield Deviation(
                f"{name} {shown(body['quota'].get(name))}, as in the quota",
                f"{name} {shown(body.get(name))}",
                span_of(exchange, name),
            )


@oracle("USE-V09", on=USAGE)
def total_tokens_are_input_and_output(exchange: Exchange) -> Judgement:
    """``total_tokens`` is the sum wherever the three stand together (F8.5)."""
    for where, sums in _sums(exchange):
        told: list[Any] = [sums.get(name) for name in ("input_tokens", "output_tokens", "total_tokens")]
        if not all(is_whole_number(value) for value in told):
            continue
        # Where cached tokens are counted apart, whether they are in the total is not said.
        if any(number for name, number in sums.items() if name.startswith("cache_") and _is_number(number)):
            continue
        yield Examined(where)
        if told[0] + told[1] != told[2]:
            yield Deviation(
                f"total_tokens {told[0] + told[1]} in {where}",
                f"total_tokens {told[2]}",
                span_of(exchange, "total_tokens"),
            )
            return


@oracle("USE-V10", on=USAGE)
def the_wallet_view_tells_the_balance(exchange: Exchange) -> Judgement:
    """``remaining`` equals ``balance``, and a unit (F8.6)."""
    body = object_of(exchange.json)
    if body.get("mode") != "unrestricted" or "balance" not in body:
        return
    yield Examined("wallet view")
    if not _is_number(body["balance"]) or body.get("remaining") != body["balance"]:
        yield Deviation(
            f"remaining {shown(body['balance'])}, the balance",
            f"remaining {shown(body.get('remaining'))}",
            span_of(exchange, "remaining"),
        )
    if not string(body.get("unit")) or body.get("isValid") is not True:
        yield Deviation("a unit, and isValid true", shown({k: body.get(k) for k in ("unit", "isValid")}))


@oracle("USE-V11", on=USAGE)
def the_wallets_plan_has_its_name(exchange: Exchange) -> Judgement:
    """``planName`` of the wallet view is the literal of the example (F8.6)."""
    body = object_of(exchange.json)
    if body.get("mode") != "unrestricted" or "balance" not in body:
        return
    yield Examined("planName")
    if body.get("planName") != WALLET_PLAN:
        found = f"planName {shown(body.get('planName'))}"
        yield Deviation(f"planName {shown(WALLET_PLAN)}", found, span_of(exchange, "planName"))


@oracle("USE-V12", on=USAGE)
def the_subscription_view_has_its_members(exchange: Exchange) -> Judgement:
    """An unrestricted view without balance has isValid, planName and unit (F8.7)."""
    body = object_of(exchange.json)
    if body.get("mode") != "unrestricted" or "balance" in body:
        return
    yield Examined("subscription view")
    if not isinstance(body.get("isValid"), bool) or not string(body.get("planName")) or not string(body.get("unit")):
        yield Deviation("isValid, planName and unit", shown(body, 300))


@oracle("USE-V13", on=USAGE)
def today_is_not_above_the_total(exchange: Exchange) -> Judgement:
    """Each of today's counters is at most the total one (F8.5)."""
    usage = object_of(object_of(exchange.json).get("usage"))
    today, total = object_of(usage.get("today")), object_of(usage.get("total"))
    for name in _COUNTERS:
        if not (_is_number(today.get(name)) and _is_number(total.get(name))):
            continue
        yield Examined(name)
        if today[name] - total[name] > SMALLEST_AMOUNT:
            yield Deviation(f"at most {total[name]:g} {name} today", f"{today[name]:g}", span_of(exchange, name))


@oracle("USE-P01")
def one_and_ninety_days_are_accepted(exchange: Exchange) -> Judgement:
    """The bounds of ``days`` belong to it (F8.2)."""
    yield from _accepted(exchange)


@oracle("USE-P02")
def other_days_are_refused(exchange: Exchange) -> Judgement:
    """0, 91 and no number are 400 (F8.2)."""
    yield from _refused(exchange)


@oracle("USE-P03")
def the_documented_query_is_accepted(exchange: Exchange) -> Judgement:
    """The page's own example (F8.3)."""
    yield from _accepted(exchange)


@oracle("USE-P04")
def no_parameter_is_required(exchange: Exchange) -> Judgement:
    """Without a query it answers too (F8.2)."""
    if "?" not in exchange.request.target:
        yield from _accepted(exchange)


@oracle("USE-P05")
def what_is_no_date_is_refused(exchange: Exchange) -> Judgement:
    """A ``start_date`` that is no date is 400 (F8.2)."""
    yield from _refused(exchange)


@oracle("USE-P06")
def a_timezone_that_is_none_is_refused(exchange: Exchange) -> Judgement:
    """A ``timezone`` that does not exist is 400 (F8.2)."""
    yield from _refused(exchange)


@oracle("USE-P07")
def an_end_before_its_start_is_refused(exchange: Exchange) -> Judgement:
    """An ``end_date`` before the ``start_date`` is 400 (F8.2)."""
    yield from _refused(exchange)


@oracle("USE-P08", on=USAGE)
def there_is_one_entry_a_day(exchange: Exchange) -> Judgement:
    """``daily_usage`` has dates of its own, no more than the window has days (F8.2)."""
    entries = [entry for entry in array(exchange.json, "daily_usage") if isinstance(entry, dict)]
    if not entries:
        return
    yield Examined("daily_usage", len(entries))
    dates = [entry.get("date") for entry in entries]
    asked = parse_qs(exchange.request.target.partition("?")[2]).get("days", ["90"])[0]
    days = int(asked) if asked.isdecimal() else 90
    odd = [date for date in dates if not isinstance(date, str) or not _DATE.fullmatch(date)]
    if odd:
        yield Deviation("a date like 2026-05-01 in each entry", shown(odd[0]), span_of(exchange, "daily_usage"))
    elif len(set(dates)) != len(dates):
        yield Deviation("one entry a day", shown(sorted(dates)), span_of(exchange, "daily_usage"))
    elif len(dates) > days + 1:  # a day of the zone asked for touches two of the server's
        yield Deviation(f"at most {days} entries", f"{len(dates)}", span_of(exchange, "daily_usage"))


@oracle("USE-A01")
def an_image_key_reads_its_usage(exchange: Exchange) -> Judgement:
    """Whether a key of an image batch group is answered (F8.1, tension C6)."""
    yield Examined("usage of an image key")
    if not exchange.succeeded:
        yield Deviation("200", answer_in_words(exchange))


@oracle("USE-A02")
def an_exhausted_key_reads_its_usage(exchange: Exchange) -> Judgement:
    """Whether a key without money is told so by its usage (F8.5)."""
    yield Examined("usage of an exhausted key")
    if not exchange.succeeded:
        yield Deviation("200", answer_in_words(exchange))


def counters(exchange: Exchange) -> dict[str, float]:
    """The numbers that calls of its key alone move, by where they stand; none when usage was not told.

    A balance is that of a wallet, which all keys of a tenant draw on (F8.6): others may have moved it meanwhile.
    """
    body = exchange.json
    if not exchange.succeeded or not isinstance(body, dict):
        return {}
    usage = object_of(body.get("usage"))
    # The wallet's example shows today only (F8.6).
    sums = object_of(usage.get("total") or usage.get("today"))
    found: dict[str, Any] = {f"total.{name}": sums.get(name) for name in _COUNTERS}
    found["quota.used"] = object_of(body.get("quota")).get("used")
    found["remaining"] = None if "balance" in body else body.get("remaining")
    return {name: float(value) for name, value in found.items() if _is_number(value)}


def answer_in_words(exchange: Exchange) -> str:
    """Status and error of an answer, for a report."""
    told = ": ".join(part for part in (error_type(exchange.json), error_message(exchange.json)) if part)
    return f"status {exchange.status}" + (f" ({told[:160]})" if told else "")


def _mode(exchange: Exchange, *, has: str, wanted: str) -> Judgement:
    body = object_of(exchange.json)
    if not body.get(has):
        return
    yield Examined(f"answer with {has}")
    if body.get("mode") != wanted:
        yield Deviation(
            f"mode {wanted}, since it has {has}", f"mode {shown(body.get('mode'))}", span_of(exchange, "mode")
        )


def _quota_members(body: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    quota, usage = object_of(body.get("quota")), object_of(body.get("usage"))
    yield "isValid, true or false", isinstance(body.get("isValid"), bool)
    yield "status, a word", bool(string(body.get("status")))
    for name in ("limit", "used", "remaining"):
        yield f"{name} of the quota, a number", _is_number(quota.get(name))
    yield "unit of the quota, a word", bool(string(quota.get("unit")))
    yield "remaining, a number", _is_number(body.get("remaining"))
    yield "unit, a word", bool(string(body.get("unit")))
    for period in ("today", "total"):
        sums = object_of(usage.get(period))
        for name in _COUNTERS:
            value = sums.get(name)
            held = is_whole_number(value) if name in _WHOLE else _is_number(value)
            yield f"{name} of {period}, a number", held
    for name in ("average_duration_ms", "rpm", "tpm"):
        yield f"{name}, a number", _is_number(usage.get(name))
    for name in ("daily_usage", "model_stats"):
        yield f"{name}, an array", isinstance(body.get(name), list)


def _sums(exchange: Exchange) -> Iterator[tuple[str, dict[str, Any]]]:
    body = object_of(exchange.json)
    usage = object_of(body.get("usage"))
    for period in ("today", "total"):
        yield f"usage.{period}", object_of(usage.get(period))
    for name in ("daily_usage", "model_stats"):
        for entry in array(body, name):
            yield name, object_of(entry)


def _accepted(exchange: Exchange) -> Judgement:
    yield Examined("query")
    if exchange.status != 200:
        yield Deviation(f"200 for {exchange.request.target}", answer_in_words(exchange))


def _refused(exchange: Exchange) -> Judgement:
    yield Examined("query")
    if exchange.status != 400:
        yield Deviation(f"400 for {exchange.request.target}", answer_in_words(exchange))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
