"""What a Chat Completions stream has to look like (wire-grammars 2.3); the order is in specs/streams/chat.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.contract.grammar import stream_grammar
from llmapi_conformance.judging.chat_answer import is_whole_number, shown, stream_choices, string
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.chat import FINISH_REASONS, asked_choices, is_unix_time
from llmapi_conformance.judging.oracles.grammar import classified, judge_machine, reads_as_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.sse import ServerSentEvent

STREAM: Final = On(operations=("createChatCompletion",), mode="stream")


@oracle("CHAT-S01", on=STREAM)
def chunks_come_in_order(exchange: Exchange) -> Judgement:
    """Chunks with choices, then at most the usage chunk (C-stream)."""
    yield from judge_machine(stream_grammar("chat"), "stream", exchange)


@oracle("CHAT-S02", on=STREAM)
def each_choice_finishes_once(exchange: Exchange) -> Judgement:
    """One finish_reason for each index, on its last chunk (C-S2)."""
    yield from judge_machine(stream_grammar("chat"), "finish", exchange)


@oracle("CHAT-S03", on=STREAM)
def role_is_in_the_first_delta_only(exchange: Exchange) -> Judgement:
    """The first delta of each index names the role, and no other does (C-S3)."""
    yield from judge_machine(stream_grammar("chat"), "roles", exchange)


@oracle("CHAT-S04", on=STREAM)
def one_done_ends_the_stream(exchange: Exchange) -> Judgement:
    """Exactly one ``[DONE]``, and nothing after it (C-S6)."""
    yield from judge_machine(stream_grammar("chat"), "end", exchange)


@oracle("CHAT-S05", on=STREAM)
def events_have_no_name(exchange: Exchange) -> Judgement:
    """Data lines only, no event line (C-stream)."""
    if stream_grammar("chat").framing.named != "forbidden":
        return
    for event in exchange.events.events:
        yield Examined("event")
        if event.named:
            yield Deviation("an event without an event line", f"event: {event.name}", (event.start, event.end))
            return


@oracle("CHAT-S06", on=STREAM)
def head_of_every_chunk_is_the_same(exchange: Exchange) -> Judgement:
    """One id, created, model and object in the whole stream (C-S1)."""
    chunks = list(chunks_of(exchange))
    if not chunks:
        return
    yield Examined("chunk", len(chunks))
    first = chunks[0].payload()
    for name in stream_grammar("chat").constant:
        for chunk in chunks[1:]:
            found = chunk.payload()
            if (name in found or name in first) and found.get(name) != first.get(name):
                yield Deviation(
                    f"{name} {shown(first.get(name))} as in the first chunk",
                    f"{name} {shown(found.get(name))}" if name in found else f"no {name}",
                    (chunk.start, chunk.end),
                )
                break


@oracle("CHAT-S07", on=STREAM)
def chunk_has_its_members(exchange: Exchange) -> Judgement:
    """``chat.completion.chunk`` with id, created, model and choices (C-stream)."""
    for chunk in chunks_of(exchange):
        yield Examined("chunk")
        payload = chunk.payload()
        wrong = next((name for name, holds in _chunk_members(payload) if not holds), None)
        if wrong:
            yield Deviation(
                f"a chunk with {_WANTED[wrong]}",
                f"{wrong} {shown(payload[wrong])}" if wrong in payload else f"no {wrong}",
                (chunk.start, chunk.end),
            )
            return


@oracle("CHAT-S08", on=STREAM)
def choice_has_an_index_and_a_delta(exchange: Exchange) -> Judgement:
    """Each choice is an object with a numeric index and a delta object (C-stream)."""
    for event, choice in stream_choices(exchange):
        yield Examined("choice")
        if not is_whole_number(choice.get("index")):
            yield Deviation("index, a number from 0", f"index {shown(choice.get('index'))}", (event.start, event.end))
            return
        if not isinstance(choice.get("delta"), dict):
            yield Deviation("delta, an object", f"delta {shown(choice.get('delta'))}", (event.start, event.end))
            return


@oracle("CHAT-S09", on=STREAM)
def finish_reason_is_one_of_the_five_or_none(exchange: Exchange) -> Judgement:
    """Null, left out, or one of the five words; never an empty string (C-N1, C-S2)."""
    for event, choice in stream_choices(exchange):
        yield Examined("finish_reason")
        reason = choice.get("finish_reason")
        if reason is not None and reason not in FINISH_REASONS:
            yield Deviation(
                f"finish_reason, null or one of {', '.join(FINISH_REASONS)}",
                f"finish_reason {shown(reason)}",
                (event.start, event.end),
            )
            return


@oracle("CHAT-S12", on=STREAM)
def finish_reason_is_null_until_it_is_known(exchange: Exchange) -> Judgement:
    """The member is in every choice, as OpenAI's schema asks for (C-stream)."""
    for event, choice in stream_choices(exchange):
        if "usage" in event.payload() and not choice.get("delta"):
            continue  # a usage chunk that should have no choices is one clause's finding
        yield Examined("choice")
        if "finish_reason" not in choice:
            yield Deviation(
                "finish_reason in every choice, null until it ends",
                "no finish_reason in the choice",
                (event.start, event.end),
            )
            return


@oracle("CHAT-S10", on=STREAM)
def choices_asked_for_are_there(exchange: Exchange) -> Judgement:
    """The indices are those from 0 to n - 1 (C-N2)."""
    if not exchange.complete or any(name == "error" for name, _ in classified(stream_grammar("chat"), exchange.events)):
        return
    found = {choice["index"] for _, choice in stream_choices(exchange) if is_whole_number(choice.get("index"))}
    if not found:
        return
    yield Examined("index", len(found))
    wanted = set(range(asked_choices(exchange)))
    if found != wanted:
        yield Deviation(f"choices with index {shown(sorted(wanted))}", f"index {shown(sorted(found))}")


@oracle("CHAT-S11", on=STREAM)
def choices_appear_in_order(exchange: Exchange) -> Judgement:
    """The first chunk of index 1 comes after the first one of index 0 (C-S8)."""
    order: list[int] = []
    for event, choice in stream_choices(exchange):
        index = choice.get("index")
        if not isinstance(index, int) or index in order:
            continue
        yield Examined("index")
        if order and index < order[-1]:
            yield Deviation(
                "choices that appear in the order of their index",
                f"index {index} after {order[-1]}",
                (event.start, event.end),
            )
            return
        order.append(index)


def chunks_of(exchange: Exchange) -> Iterator[ServerSentEvent]:
    """The events that should be chunks: neither ``[DONE]`` nor an error, no prelude, and JSON objects at all."""
    if not reads_as_stream(exchange):
        return
    for name, event in classified(stream_grammar("chat"), exchange.events):
        if name not in {"done", "error", "prelude"} and event.payload():
            yield event


_WANTED: Final = {
    "object": 'object "chat.completion.chunk"',
    "id": "id, a string that is not empty",
    "created": "created in whole Unix seconds",
    "model": "model, a string that is not empty",
    "choices": "choices, an array",
}


def _chunk_members(payload: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    yield "object", payload.get("object") == "chat.completion.chunk"
    yield "id", bool(string(payload.get("id")))
    yield "created", is_unix_time(payload.get("created"))
    yield "model", bool(string(payload.get("model")))
    yield "choices", isinstance(payload.get("choices"), list)
