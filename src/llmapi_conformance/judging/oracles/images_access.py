"""Who gets images, how the others are told, and that a refusal costs nothing (facts F6.1 to F6.8, F6.14, F9.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmapi_conformance.evidence.exchange import NOT_JSON
from llmapi_conformance.judging.chat_answer import shown
from llmapi_conformance.judging.image_answer import has_picture
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.envelopes import error_message, error_type, fits, name_of, shape_of
from llmapi_conformance.judging.oracles.images import OPERATIONS, answer_in_words
from llmapi_conformance.judging.oracles.usage import counters
from llmapi_conformance.judging.upstream_log import log_entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.evidence.exchange import Exchange

OTHER_PLATFORMS: Final = ("general:anthropic", "general:gemini", "general:antigravity")
NOT_SUPPORTED: Final = "Images API is not supported for this platform"
ERRORS: Final = On(operations=OPERATIONS, outcome="error")


@oracle("IMG-A01")
def an_openai_key_gets_images(exchange: Exchange) -> Judgement:
    """A general key of an OpenAI group is served on both routes (F6.2, F6.1)."""
    if exchange.role != "general:openai":
        return
    yield Examined(exchange.operation)
    streamed = exchange.mode == "stream" and exchange.succeeded and bool(exchange.events.events)
    if not streamed and not has_picture(exchange):
        yield Deviation("an image for a key of an OpenAI group", answer_in_words(exchange))


@oracle("IMG-A02")
def images_that_are_switched_off_are_403(exchange: Exchange) -> Judgement:
    """With image generation off for the group, both routes answer 403 (F9.11, F6.2)."""
    if not exchange.role.endswith("+no_images"):
        return
    yield Examined(exchange.operation)
    if exchange.status != 403:
        yield Deviation("403, since the group makes no images", answer_in_words(exchange))


@oracle("IMG-A03")
def another_platform_gets_the_documented_body(exchange: Exchange) -> Judgement:
    """The documented body of generations: type, message, no top-level type (F6.14)."""
    if exchange.role not in OTHER_PLATFORMS or exchange.operation != "generateImage" or exchange.json is NOT_JSON:
        return
    yield Examined("refusal")
    found = (error_type(exchange.json), error_message(exchange.json))
    if found != ("not_found_error", NOT_SUPPORTED):
        yield Deviation(f'not_found_error: "{NOT_SUPPORTED}"', shown(f"{found[0]}: {found[1]}"))
    elif "type" in exchange.json:
        yield Deviation("no top-level type", f"type {shown(exchange.json['type'])}")


@oracle("IMG-A04")
def another_platform_gets_404(exchange: Exchange) -> Judgement:
    """A general key of another platform gets 404 on both routes (F9.11)."""
    if exchange.role not in OTHER_PLATFORMS:
        return
    yield Examined(exchange.operation)
    if exchange.status != 404:
        yield Deviation(f"404 for {exchange.role}", answer_in_words(exchange))


@oracle("IMG-A05")
def another_platform_is_told_why(exchange: Exchange) -> Judgement:
    """The message names the platform as the reason, on both routes (F6.6, F6.8, F6.23)."""
    if exchange.role not in OTHER_PLATFORMS:
        return
    yield Examined(exchange.operation)
    if not exchange.refused or error_message(exchange.json) != NOT_SUPPORTED:
        yield Deviation(f'"{NOT_SUPPORTED}"', answer_in_words(exchange))


@oracle("IMG-A06")
def an_image_key_gets_no_synchronous_images(exchange: Exchange) -> Judgement:
    """A key of an image batch group is for tasks only (F6.1)."""
    if not exchange.role.startswith("image:"):
        return
    yield Examined(exchange.operation)
    if exchange.status not in (400, 401, 403, 404):
        yield Deviation("400, 401, 403 or 404 for an image key", answer_in_words(exchange))


@oracle("IMG-A07")
def a_refused_call_reaches_no_upstream(exchange: Exchange, log: Exchange) -> Judgement:
    """What the gateway refuses is not sent on (unknown 10)."""
    if not exchange.refused:
        return
    yield Examined("refused call")
    if log_entries(log):
        yield Deviation(
            f"no request at the upstream for {exchange.label or 'the refused call'}",
            f"{len(log_entries(log))} with its nonce",
            exchange=exchange,
        )


@oracle("IMG-A07")
def refused_calls_charge_nothing(
    before: Exchange, still: Exchange, calls: Sequence[Exchange], after: Exchange
) -> Judgement:
    """Cost and tokens after refused calls are what they were (F8.1).

    Args:
        before: Usage.
        still: Usage again: what asking itself moves.
        calls: The refused calls.
        after: Usage once more.
    """
    readings = [counters(one) for one in (before, still, after)]
    if not all(readings) or not calls or not all(call.refused for call in calls):
        return
    yield Examined("usage around refused calls")
    first, second, third = readings
    for name in ("total.actual_cost", "total.total_tokens"):
        if name in first and name in second and name in third:
            moved = third[name] - second[name] - (second[name] - first[name])
            if moved > 1e-9:
                yield Deviation(f"{name} unmoved by {len(calls)} refused calls", f"{moved:g} more", exchange=after)


@oracle("IMG-A08", on=ERRORS)
def image_errors_have_their_envelope(exchange: Exchange) -> Judgement:
    """``{"error": {"type", "message"}}`` without a top-level type; the documented 401 aside (F9.10, F9.1, F9.7)."""
    if exchange.json is NOT_JSON or exchange.status == 401:
        return
    yield Examined("error envelope")
    if not fits(exchange.json, "openai_image"):
        yield Deviation(name_of("openai_image"), shape_of(exchange.json))


@oracle("IMG-E11")
def edits_are_checked_too(exchange: Exchange) -> Judgement:
    """Platform and permission are checked on edits as on generations (F6.17)."""
    if exchange.operation != "editImage" or exchange.role not in (*OTHER_PLATFORMS, "general:openai+no_images"):
        return
    yield Examined("edit with a key that gets no images")
    if exchange.status not in (403, 404):
        yield Deviation(f"403 or 404 for {exchange.role}", answer_in_words(exchange))
