"""Token counting: its shape, that it counts everything, that it costs nothing, and where it is refused (F5.6-F5.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.judging.chat_answer import shown
from llmapi_conformance.judging.message_answer import is_count, message_of, object_of, total_input, usage_of
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

COUNT: Final = On(operations=("countMessageTokens",))

TOLERANCE: Final = 0.1
"""Share by which a count may miss the usage of the same request (M27, D201)."""

SLACK: Final = 4
"""Tokens by which it may miss beside that: small requests."""


@oracle("MSG-T01", on=COUNT)
def a_count_is_a_positive_integer(exchange: Exchange) -> Judgement:
    """``{"input_tokens": n}`` with n an integer above 0 (A-response)."""
    if not exchange.complete:
        return
    yield Examined("count")
    body = exchange.json
    told = object_of(body).get("input_tokens")
    if not is_count(told) or not told:
        seen = f"input_tokens {shown(told)}" if isinstance(body, dict) else "a body that is no JSON object"
        yield Deviation("input_tokens, an integer above 0", seen)


@oracle("MSG-T02")
def a_count_is_not_recorded_as_usage(
    before: Exchange, count: Exchange, message: Exchange, after: Exchange
) -> Judgement:
    """After a count and a message the ledger has grown by the message alone (F5.6).

    Nothing is judged where the ledger shows neither, since then it is late or counts otherwise. One more request may be
    the question for the ledger itself, which nothing forbids to count: then the tokens tell.
    """
    if not count.succeeded or not message.succeeded:
        return
    grown = _grown(before, after, "requests")
    if grown is None or grown < 1:
        return
    yield Examined("ledger")
    if grown > 2:
        yield Deviation("one more request in the ledger: the message", f"{grown} more", exchange=after)
        return
    cost = usage_of(message_of(message))
    told = total_input(cost)
    output = cost.get("output_tokens")
    tokens = _grown(before, after, "total_tokens")
    if tokens is not None and told is not None and is_count(output) and tokens > told + output:
        yield Deviation(f"{told + output} more tokens in the ledger: the message's", f"{tokens} more", exchange=after)


@oracle("MSG-T03")
def an_openai_group_is_told_that_it_cannot_count(exchange: Exchange) -> Judgement:
    """not_found_error in Anthropic's envelope, with a message that begins with Token (F5.7, F5.9)."""
    if exchange.succeeded:
        yield Examined("refusal")
        yield Deviation("a refusal: OpenAI groups have no token counting", f"status {exchange.status}")
        return
    body = exchange.json
    if not isinstance(body, dict):
        return  # the clauses about error bodies say so
    yield Examined("refusal")
    error = object_of(body.get("error"))
    message = error.get("message")
    if body.get("type") != "error":
        yield Deviation("a top-level type error", f"type {shown(body.get('type'))}")
    if error.get("type") != "not_found_error":
        yield Deviation("error.type not_found_error", f"error.type {shown(error.get('type'))}")
    if not isinstance(message, str) or not message.startswith("Token "):
        yield Deviation('an error.message that begins with "Token "', shown(message))


@oracle("MSG-T04")
def a_longer_conversation_counts_more(short: Exchange, longer: Exchange) -> Judgement:
    """Further turns raise the count (M17)."""
    yield from _counts_more(short, longer, "turns")


@oracle("MSG-T05")
def a_system_prompt_counts(short: Exchange, longer: Exchange) -> Judgement:
    """A system prompt raises the count (M17, M27)."""
    yield from _counts_more(short, longer, "a system prompt")


@oracle("MSG-T06")
def tools_count(short: Exchange, longer: Exchange) -> Judgement:
    """Tool definitions raise the count (M17, M27)."""
    yield from _counts_more(short, longer, "tools")


@oracle("MSG-T07")
def a_count_agrees_with_the_usage_of_the_same_request(count: Exchange, message: Exchange) -> Judgement:
    """The count is an estimate of the usage, within 10 % (M17, D201)."""
    told = _told(count)
    used = total_input(usage_of(message_of(message)))
    if told is None or not used:
        return
    yield Examined("pair of counts")
    if abs(told - used) > max(TOLERANCE * used, SLACK):
        yield Deviation(f"about {used} input tokens, as the message cost", f"{told}")


@oracle("MSG-T08")
def a_count_ignores_a_query(exchange: Exchange) -> Judgement:
    """``?beta=true`` is ignored, as Claude Code sends it (A-headers)."""
    if exchange.refused or _told(exchange) is not None:
        yield Examined("count")
    if exchange.refused:
        yield Deviation("status 200 with a count", f"status {exchange.status}")


@oracle("MSG-T09")
def the_documented_count_is_answered(exchange: Exchange) -> Judgement:
    """The documentation's example request is served to an Anthropic group (F5.6, F5.8)."""
    if exchange.refused or _told(exchange) is not None:
        yield Examined("count")
    if exchange.refused:
        yield Deviation("status 200 with a count", f"status {exchange.status}")


def _counts_more(short: Exchange, longer: Exchange, what: str) -> Judgement:
    less, more = _told(short), _told(longer)
    if less is None or more is None:
        return
    yield Examined("pair of counts")
    if more <= less:
        yield Deviation(f"more than {less} tokens with {what} added", f"{more}", exchange=longer)


def _told(exchange: Exchange) -> int | None:
    told = object_of(exchange.json).get("input_tokens") if exchange.succeeded else None
    return told if is_count(told) else None


def _grown(before: Exchange, after: Exchange, name: str) -> int | None:
    """By how much a total of the usage ledger grew, of the key's whole life where that is told, of today otherwise."""
    for period in ("total", "today"):
        first, last = _entry(before, period, name), _entry(after, period, name)
        if is_count(first) and is_count(last):
            return last - first
    return None


def _entry(ledger: Exchange, period: str, name: str) -> Any:
    return object_of(object_of(object_of(ledger.json).get("usage")).get(period)).get(name)
