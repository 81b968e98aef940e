"""The ledger across answers: what a call reports is what ``/v1/usage`` grows by (fact F8.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.judging import chat_answer, gemini_answer, message_answer
from llmapi_conformance.judging.message_answer import is_count, object_of
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.usage import SMALLEST_AMOUNT, counters

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

_TOKENS: Final = ("total.input_tokens", "total.output_tokens", "total.total_tokens")
_COUNTED: Final = ("total.requests", *_TOKENS)

Growth = dict[str, float]
"""How much each counter grew, by where it stands."""


@oracle("USE-L01")
def a_call_counts_what_it_reports(before: Exchange, call: Exchange, after: Exchange, own: Growth) -> Judgement:
    """One request more, and the tokens of the answer (F8.1).

    Args:
        before: Usage.
        call: A call that was answered.
        after: Usage after it.
        own: What asking for usage itself adds.
    """
    yield from _counts_its_report(before, call, after, own)


@oracle("USE-L02")
def a_stream_counts_what_it_reports(before: Exchange, call: Exchange, after: Exchange, own: Growth) -> Judgement:
    """A streamed call counts like one without stream (F8.1)."""
    yield from _counts_its_report(before, call, after, own)


@oracle("USE-L03")
def a_refused_call_adds_nothing(before: Exchange, call: Exchange, after: Exchange, own: Growth) -> Judgement:
    """A bad request adds no tokens and no cost (F8.1)."""
    if call.refused:
        yield from _unmoved(before, after, own, "the refused call", (*_TOKENS, "total.actual_cost"))


@oracle("USE-L04")
def counting_tokens_adds_nothing(before: Exchange, call: Exchange, after: Exchange, own: Growth) -> Judgement:
    """A token count is not recorded as usage (F5.6)."""
    if call.succeeded:
        yield from _unmoved(before, after, own, "counting tokens", (*_COUNTED, "total.actual_cost"))


@oracle("USE-L06")
def a_turn_over_websocket_counts_what_it_reports(
    before: Exchange, call: Exchange, after: Exchange, own: Growth
) -> Judgement:
    """Each turn over WebSocket counts like one over HTTP (F8.1, defect B3)."""
    yield from _counts_its_report(before, call, after, own)


@oracle("USE-L07")
def the_quota_is_used_by_the_cost(before: Exchange, call: Exchange, after: Exchange) -> Judgement:
    """``quota.used`` grows by what ``actual_cost`` grows by, and the rest falls by it (F8.5)."""
    first, second = counters(before), counters(after)
    wanted = {"quota.used", "remaining", "total.actual_cost"}
    if not call.succeeded or not (wanted <= first.keys() and wanted <= second.keys()):
        return
    grown = {name: second[name] - first[name] for name in wanted}
    yield Examined("quota after a call")
    if abs(grown["quota.used"] - grown["total.actual_cost"]) > SMALLEST_AMOUNT:
        yield Deviation(
            f"used {grown['total.actual_cost']:g} more, the actual cost",
            f"{grown['quota.used']:g} more",
            exchange=after,
        )
    elif second["remaining"] > 0 and abs(grown["remaining"] + grown["quota.used"]) > SMALLEST_AMOUNT:
        yield Deviation(f"{grown['quota.used']:g} less remaining", f"{-grown['remaining']:g} less", exchange=after)


@oracle("USE-L08")
def asking_for_usage_is_no_request(before: Exchange, still: Exchange) -> Judgement:
    """Whether ``GET /v1/usage`` counts itself (unknown 10)."""
    first, second = counters(before), counters(still)
    if "total.requests" in first and "total.requests" in second:
        yield Examined("usage asked for twice")
        if second["total.requests"] != first["total.requests"]:
            yield Deviation(
                "as many requests as before", f"{second['total.requests'] - first['total.requests']:g} more"
            )


@oracle("USE-L09")
def another_key_of_the_tenant_has_its_own_usage(
    before: Exchange, call: Exchange, after: Exchange, own: Growth
) -> Judgement:
    """Usage is the calling key's: a call with another key of the same tenant is not in it (F8.1)."""
    if call.succeeded:
        yield from _unmoved(before, after, own, "the call of another key", _COUNTED)


def growth(before: Exchange, after: Exchange) -> Growth:
    """How much each counter grew that both answers have."""
    first, second = counters(before), counters(after)
    return {name: second[name] - first[name] for name in first.keys() & second.keys()}


def _counts_its_report(before: Exchange, call: Exchange, after: Exchange, own: Growth) -> Judgement:
    grown, reported = growth(before, after), _reported(call)
    if reported is None or "total.requests" not in grown:
        return
    turns = _turns(call)
    wanted = dict(zip(_COUNTED, (turns, *reported, sum(reported)), strict=True))
    yield Examined("usage after a call")
    for name, number in wanted.items():
        if own.get(name):
            continue  # asking moves it too, and how often usage was asked for until it had settled is not said
        if name in grown and grown[name] != number:
            yield Deviation(f"{name} {number:g} more, as the answer reports", f"{grown[name]:g} more", exchange=after)


def _unmoved(before: Exchange, after: Exchange, own: Growth, cause: str, names: tuple[str, ...]) -> Judgement:
    grown = growth(before, after)
    if not grown:
        return
    yield Examined("usage after a call")
    for name in names:
        moved = grown.get(name, 0.0) - own.get(name, 0.0)
        if abs(moved) > SMALLEST_AMOUNT / 1000:
            yield Deviation(f"{name} unmoved by {cause}", f"{moved:g} more", exchange=after)


def _reported(call: Exchange) -> tuple[int, int] | None:
    """Input and output tokens that an answer reports, whatever its protocol; ``None`` when it reports none."""
    pair: tuple[Any, Any]
    match call.operation:
        case "createMessage" | "createAntigravityMessage":
            usage = message_answer.usage_of(message_answer.message_of(call))
            pair = message_answer.total_input(usage), usage.get("output_tokens")
        case "createChatCompletion":
            chat = chat_answer.answer_of(call)
            usage = chat.usage if chat else {}
            pair = usage.get("prompt_tokens"), usage.get("completion_tokens")
        case "connectResponses":
            return _reported_turns(call)
        case _:
            gemini = gemini_answer.answer_of(call)
            usage = gemini.usage if gemini else {}
            if not usage:
                return None
            pair = (
                gemini_answer.count(usage, "promptTokenCount") + gemini_answer.count(usage, "toolUsePromptTokenCount"),
                gemini_answer.count(usage, "candidatesTokenCount") + gemini_answer.count(usage, "thoughtsTokenCount"),
            )
    reported, written = pair
    return (reported, written) if is_count(reported) and is_count(written) else None


def _turns(call: Exchange) -> int:
    """How many requests an exchange was: each finished turn of a WebSocket is one."""
    return len(_completed(call)) if call.operation == "connectResponses" else 1


def _reported_turns(call: Exchange) -> tuple[int, int] | None:
    """What the turns of a WebSocket report together."""
    usages = [object_of(object_of(message.get("response")).get("usage")) for message in _completed(call)]
    pairs: list[tuple[Any, Any]] = [(usage.get("input_tokens"), usage.get("output_tokens")) for usage in usages]
    if not pairs or not all(is_count(one) and is_count(other) for one, other in pairs):
        return None
    return sum(one for one, _ in pairs), sum(other for _, other in pairs)


def _completed(call: Exchange) -> list[dict[str, object]]:
    found = (object_of(message.json) for message in call.messages)
    return [message for message in found if message.get("type") == "response.completed"]
