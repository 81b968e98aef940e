"""What a message says it cost, against what the provider reported and against its twin (oracle M16)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmapi_conformance.judging.chat_answer import directive, shown, told_usage
from llmapi_conformance.judging.message_answer import (
    Json,
    events_of,
    is_count,
    message_of,
    object_of,
    total_input,
    usage_of,
)
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.messages import EVERY
from llmapi_conformance.judging.oracles.messages_stream import STREAM

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

TOLERANCE: Final = 0.1
"""Share by which an estimate of input tokens may miss (M25)."""

_COUNTS: Final = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_FAILING: Final = ("error", "cut", "eof", "status")


@oracle("MSG-U01", on=EVERY)
def usage_is_what_the_provider_reported(exchange: Exchange) -> Judgement:
    """All input tokens, cached ones included, and all output tokens are the upstream's (M20 table)."""
    told = told_usage(exchange)
    message = message_of(exchange)
    if told is None or message is None or any(word in directive(exchange) for word in _FAILING):
        return
    yield Examined("usage")
    usage = usage_of(message)
    for name, expected, observed in (
        ("input tokens, cached ones included", told[0], total_input(usage)),
        ("output tokens", told[1], usage.get("output_tokens")),
    ):
        if observed != expected:
            yield Deviation(f"{expected} {name}", shown(observed))


@oracle("MSG-U02", on=EVERY)
def cached_input_is_told_apart(exchange: Exchange) -> Judgement:
    """cache_read_input_tokens tells the cached part, input_tokens leaves it out (A-N4)."""
    told = told_usage(exchange)
    message = message_of(exchange)
    if told is None or not told[2] or message is None:
        return
    yield Examined("cached input tokens")
    usage = usage_of(message)
    if usage.get("cache_read_input_tokens") != told[2]:
        yield Deviation(f"cache_read_input_tokens {told[2]}", shown(usage.get("cache_read_input_tokens")))
    if usage.get("input_tokens") != told[0] - told[2]:
        yield Deviation(f"input_tokens {told[0] - told[2]}, the cached ones left out", shown(usage.get("input_tokens")))


@oracle("MSG-U03")
def a_stream_costs_what_the_plain_answer_costs(plain: Exchange, stream: Exchange) -> Judgement:
    """The same request counts the same input in both modes; with a script the whole usage is equal (M16, M28)."""
    one, other = message_of(plain), message_of(stream)
    if one is None or other is None:
        return
    if told_usage(plain) is None:
        wanted, told = total_input(usage_of(one)), total_input(usage_of(other))
        if wanted is not None and told is not None:  # else another clause's finding
            yield Examined("pair of usages")
            if wanted != told:
                yield Deviation(f"{wanted} input tokens in the stream too", f"{told}", exchange=stream)
        return
    yield Examined("pair of usages")
    expected, observed = _counts(usage_of(one)), _counts(usage_of(other))
    if expected != observed:
        yield Deviation(f"the usage of the plain answer: {shown(expected)}", shown(observed), exchange=stream)


@oracle("MSG-U04", on=STREAM)
def message_start_tells_the_input_tokens(exchange: Exchange) -> Judgement:
    """On an Anthropic group message_start knows the input: what the provider says, never nought (A-S1, M25)."""
    if exchange.role.startswith("general:anthropic"):
        told = told_usage(exchange)
        yield from _tells_input(exchange, told[0] if told else None)


@oracle("MSG-U05", on=STREAM)
def message_start_of_a_converted_stream_tells_the_input_tokens(exchange: Exchange) -> Judgement:
    """Elsewhere the provider tells its usage last, so message_start can only estimate it, and should (M25)."""
    if not exchange.role.startswith("general:anthropic"):
        yield from _tells_input(exchange)


@oracle("MSG-U06", on=STREAM)
def message_start_and_message_delta_agree_on_the_input(exchange: Exchange) -> Judgement:
    """What message_start says of the input holds at the end, within 10 % (A-S6, M28)."""
    if not exchange.role.startswith("general:anthropic"):
        return
    for event, data in events_of(exchange.events, "message_start")[:1]:
        start = total_input(usage_of(object_of(data.get("message"))))
        end = total_input(usage_of(message_of(exchange)))
        if not start or end is None:
            continue  # MSG-U04 speaks of a start without input
        yield Examined("input tokens")
        if abs(end - start) > TOLERANCE * start:
            yield Deviation(
                f"about {start} input tokens at the end, as in message_start", f"{end}", (event.start, event.end)
            )


def _tells_input(exchange: Exchange, expected: int | None = None) -> Judgement:
    for event, data in events_of(exchange.events, "message_start")[:1]:
        usage = usage_of(object_of(data.get("message")))
        told = total_input(usage)
        yield Examined("message_start")
        if expected is not None and told != expected:
            yield Deviation(f"{expected} input tokens in message_start", shown(usage), (event.start, event.end))
        elif not told:
            yield Deviation("more than 0 input tokens in message_start", shown(usage), (event.start, event.end))


def _counts(usage: Json) -> Json:
    """The counts that say something: null, absent and 0 are the same."""
    return {name: usage[name] for name in _COUNTS if is_count(usage.get(name)) and usage[name]}
