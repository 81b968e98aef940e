"""What becomes of an upstream's failure before the first byte of the answer (rules E1-E4, fact F9.11)."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

from llmapi_conformance.evidence.exchange import NOT_JSON, Exchange
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.envelopes import error_type


@oracle("ERR-U01")
def an_upstream_failure_is_an_error_status(exchange: Exchange) -> Judgement:
    """An upstream that fails before it answers is told by a status of 400 or more, in both modes (E1, E2, M09)."""
    yield Examined("answer to a failing upstream")
    if not exchange.refused:
        body = (
            "nothing"
            if not exchange.body
            else "JSON"
            if exchange.json is not NOT_JSON
            else exchange.media_type or "a body"
        )
        yield Deviation(
            f"an error status, since the upstream failed{_case(exchange)}", f"status {exchange.status} with {body}"
        )


@oracle("ERR-U02")
def a_refusal_of_the_request_keeps_its_status(exchange: Exchange, upstream: int) -> Judgement:
    """What the upstream finds wrong with the request itself stays that: 400 and 404 are passed on (A-gateway, E4)."""
    if exchange.refused:
        yield Examined("refusal by the upstream")
        if exchange.status != upstream:
            yield Deviation(f"status {upstream}, as the upstream said", f"status {exchange.status}")


@oracle("ERR-U03")
def a_failing_upstream_is_a_server_error(exchange: Exchange) -> Judgement:
    """An upstream's 5xx, page, empty body or reset is told as 5xx, so that clients try again (E4)."""
    if exchange.refused:
        yield Examined("failure of the upstream")
        if exchange.status < 500:
            yield Deviation(f"5xx, since the upstream failed{_case(exchange)}", f"status {exchange.status}")


@oracle("ERR-U04")
def an_upstream_error_is_502(exchange: Exchange) -> Judgement:
    """502 tells an upstream error, 503 that nobody was free, 504 that it took too long (F9.11)."""
    if exchange.status >= 500:
        yield Examined("failure of the upstream")
        if exchange.status not in (502, 503, 504, 529):
            yield Deviation(f"502, or 503, 504, 529 for what they mean{_case(exchange)}", f"status {exchange.status}")


@oracle("ERR-U05")
def the_upstreams_401_is_not_the_clients(exchange: Exchange) -> Judgement:
    """The upstream's refusal of the gateway's own key says nothing about the client's key: no 401."""
    if exchange.refused:
        yield Examined("upstream that refuses the gateway")
        if exchange.status == 401:
            yield Deviation(f"a server error, since the client's key is good{_case(exchange)}", "status 401")


@oracle("ERR-U06")
def a_busy_upstream_is_429(exchange: Exchange) -> Judgement:
    """429 tells that the upstream's accounts have no capacity, 503 that there is no account to ask (F9.11)."""
    if exchange.refused:
        yield Examined("upstream at its limit")
        if exchange.status not in (429, 503):
            yield Deviation("status 429, as the upstream said, or 503", f"status {exchange.status}")


@oracle("ERR-U07")
def retry_after_of_the_upstream_is_kept(exchange: Exchange, seconds: int) -> Judgement:
    """The upstream's Retry-After reaches the client on 429, as seconds or as a date (E4, variation C19)."""
    if exchange.status != 429:
        return
    yield Examined("answer 429")
    value = (exchange.header("retry-after") or "").strip()
    if not value:
        yield Deviation(f"Retry-After: {seconds}, as the upstream said", "no Retry-After")
    elif re.fullmatch(r"\d{1,9}", value):
        if not 1 <= int(value) <= seconds + 1:
            yield Deviation(f"Retry-After: {seconds}, as the upstream said", f"Retry-After: {value}")
    elif not _is_date(value):
        yield Deviation("seconds or an HTTP date in Retry-After", f"Retry-After: {value[:60]}")


@oracle("ERR-U08")
def an_overloaded_upstream_is_told_as_such(exchange: Exchange) -> Judgement:
    """An upstream's 529 is an ``overloaded_error`` with 529 or 503 on Messages, so that clients wait (E-table)."""
    if not exchange.refused or exchange.operation != "createMessage":
        return
    yield Examined("overloaded upstream")
    told = error_type(exchange.json)
    if exchange.status not in (503, 529) or told != "overloaded_error":
        yield Deviation(
            "529 or 503 with error.type overloaded_error", f"{exchange.status} with error.type {told[:60]!r}"
        )


def _is_date(value: str) -> bool:
    try:
        parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return False
    return True


def _case(exchange: Exchange) -> str:
    return f" ({exchange.label})" if exchange.label else ""
