"""Token counts of Chat Completions (rules C-N4, C-S5, oracle M16)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.contract.grammar import stream_grammar
from llmapi_conformance.judging.chat_answer import (
    answer_of,
    array,
    directive,
    is_whole_number,
    sent,
    shown,
    told_usage,
)
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.chat import EITHER, PLAIN, span_of
from llmapi_conformance.judging.oracles.chat_stream import STREAM, chunks_of
from llmapi_conformance.judging.oracles.grammar import classified, member

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.sse import ServerSentEvent

COUNTS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")


@oracle("CHAT-U01", on=PLAIN)
def answer_tells_its_usage(exchange: Exchange) -> Judgement:
    """A whole answer has the three counts, each an integer from 0 (C-N4)."""
    answer = answer_of(exchange)
    if answer is None:
        return
    yield Examined("usage")
    yield from _missing_counts(answer.usage, span_of(exchange, "usage"))


@oracle("CHAT-U02", on=EITHER)
def total_is_prompt_and_completion(exchange: Exchange) -> Judgement:
    """``total_tokens`` is the sum of the other two (C-N4)."""
    answer = answer_of(exchange)
    if answer is None or not all(is_whole_number(answer.usage.get(name)) for name in COUNTS):
        return
    yield Examined("total_tokens")
    prompt, completion, total = (answer.usage[name] for name in COUNTS)
    if total != prompt + completion:
        yield Deviation(
            f"total_tokens {prompt + completion}, which is {prompt} + {completion}",
            f"total_tokens {total}",
            span_of(exchange, "total_tokens"),
        )


@oracle("CHAT-U03", on=EITHER)
def parts_of_the_usage_fit_into_it(exchange: Exchange) -> Judgement:
    """Cached tokens are among the prompt's, reasoning tokens among the completion's (C-N4)."""
    answer = answer_of(exchange)
    if answer is None:
        return
    for whole, part in (
        ("prompt_tokens", "prompt_tokens_details.cached_tokens"),
        ("completion_tokens", "completion_tokens_details.reasoning_tokens"),
    ):
        told, among = answer.usage.get(whole), member(answer.usage, part)
        if not is_whole_number(told) or not is_whole_number(among):
            continue
        yield Examined(part)
        if among > told:
            yield Deviation(
                f"{part} of at most {told}, the {whole}", f"{among}", span_of(exchange, part.partition(".")[2])
            )


@oracle("CHAT-U04", on=STREAM)
def usage_asked_for_comes_in_a_chunk_of_its_own(exchange: Exchange) -> Judgement:
    """With ``stream_options.include_usage`` exactly one usage chunk (C-S5, defect M26)."""
    if not asks_for_usage(exchange) or answer_of(exchange) is None:
        return
    yield Examined("usage chunk")
    carriers = [event for event in chunks_of(exchange) if _is_usage_chunk(event)]
    if len(carriers) != 1:
        event = carriers[-1] if carriers else None
        yield Deviation(
            "one usage chunk after the last choice",
            f"{len(carriers)} of them" if carriers else "none",
            (event.start, event.end) if event else None,
        )
        return
    yield from _missing_counts(carriers[0].payload()["usage"], (carriers[0].start, carriers[0].end))


@oracle("CHAT-U05", on=STREAM)
def usage_chunk_has_no_choices(exchange: Exchange) -> Judgement:
    """The usage chunk's choices are an empty array (C-S5)."""
    if not asks_for_usage(exchange):
        return
    for event in chunks_of(exchange):
        if not _is_usage_chunk(event):
            continue
        yield Examined("usage chunk")
        choices = event.payload().get("choices")
        if choices != []:
            yield Deviation(
                "choices []",
                f"choices {shown(choices)}" if choices is not None else "no choices",
                (event.start, event.end),
            )


@oracle("CHAT-U06", on=STREAM)
def usage_that_was_not_asked_for_stays_out(exchange: Exchange) -> Judgement:
    """Without ``include_usage`` no chunk comes for the usage alone, since clients read ``choices[0]`` of each (C-S5).

    Usage beside the answer's own choices is a member that clients ignore (variation C5).
    """
    if asks_for_usage(exchange) or answer_of(exchange) is None:
        return
    yield Examined("stream")
    for event in chunks_of(exchange):
        if _is_usage_chunk(event):
            yield Deviation(
                "no usage chunk, since the request does not ask for one",
                f"usage {shown(event.payload()['usage'])}",
                (event.start, event.end),
            )
            return


@oracle("CHAT-U07", on=STREAM)
def usage_is_null_until_the_usage_chunk(exchange: Exchange) -> Judgement:
    """With ``include_usage`` the chunks that bring the answer have usage null or none (C-S5)."""
    if not asks_for_usage(exchange):
        return
    for name, event in classified(stream_grammar("chat"), exchange.events):
        if name != "chunk" or _is_usage_chunk(event):
            continue
        yield Examined("chunk")
        if event.payload().get("usage") is not None:
            yield Deviation(
                "usage null or absent in a chunk of the answer",
                f"usage {shown(event.payload()['usage'])}",
                (event.start, event.end),
            )
            return


@oracle("CHAT-U08")
def usage_is_what_the_upstream_counted(exchange: Exchange) -> Judgement:
    """The counts are the upstream's: cached tokens are part of the prompt (oracles M16, M20)."""
    told, answer = told_usage(exchange), answer_of(exchange)
    if told is None or answer is None or not answer.usage:
        return
    prompt, completion, _ = told
    yield Examined("usage")
    for name, wanted in zip(COUNTS[:2], (prompt, completion), strict=True):
        if answer.usage.get(name) != wanted:
            yield Deviation(
                f"{name} {wanted}, as the upstream counted",
                f"{name} {shown(answer.usage.get(name))}",
                span_of(exchange, name),
            )


@oracle("CHAT-U09")
def cached_tokens_are_told(exchange: Exchange) -> Judgement:
    """``prompt_tokens_details.cached_tokens`` is the upstream's number (oracle M20)."""
    told, answer = told_usage(exchange), answer_of(exchange)
    if told is None or not told[2] or answer is None or not answer.usage:
        return
    yield Examined("cached_tokens")
    found = member(answer.usage, "prompt_tokens_details.cached_tokens")
    if found != told[2]:
        yield Deviation(
            f"prompt_tokens_details.cached_tokens {told[2]}",
            shown(answer.usage.get("prompt_tokens_details")),
            span_of(exchange, "cached_tokens", "prompt_tokens_details", "usage"),
        )


@oracle("CHAT-U10")
def stream_counts_like_the_plain_answer(plain: Exchange, stream: Exchange) -> Judgement:
    """The same request costs the same tokens either way (oracle M16)."""
    one, other = answer_of(plain), answer_of(stream)
    if one is None or other is None or not one.usage or not other.usage or "nonce" not in directive(plain):
        return
    yield Examined("usage")
    for name in COUNTS:
        if one.usage.get(name) != other.usage.get(name):
            yield Deviation(
                f"{name} {shown(one.usage.get(name))}, as in the plain answer",
                f"{name} {shown(other.usage.get(name))}",
                span_of(stream, name),
                stream,
            )


def asks_for_usage(exchange: Exchange) -> bool:
    """Whether the request asks for a usage chunk."""
    return member(sent(exchange), "stream_options.include_usage") is True


def _is_usage_chunk(event: ServerSentEvent) -> bool:
    """A chunk with a usage object that brings nothing of the answer."""
    payload = event.payload()
    if not isinstance(payload.get("usage"), dict):
        return False
    return not any(
        isinstance(choice, dict) and (choice.get("delta") or choice.get("finish_reason"))
        for choice in array(payload, "choices")
    )


def _missing_counts(usage: Any, span: tuple[int, int] | None) -> Judgement:
    wrong = [name for name in COUNTS if not is_whole_number(usage.get(name))]
    if wrong:
        yield Deviation(f"usage with {', '.join(COUNTS)}", f"usage {shown(usage)}", span)
