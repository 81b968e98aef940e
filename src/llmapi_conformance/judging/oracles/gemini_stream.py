"""What a Gemini stream has to look like (wire-grammars 5.3); the order is in specs/streams/gemini.yaml."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.contract.grammar import stream_grammar
from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.judging.chat_answer import shown, string
from llmapi_conformance.judging.gemini_answer import (
    answer_of,
    candidates_of,
    count,
    error_pieces,
    pieces,
    pieces_of,
    scripted,
)
from llmapi_conformance.judging.message_answer import is_count, object_of, same_json
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.gemini import all_parts
from llmapi_conformance.judging.oracles.grammar import judge_machine, reads_as_stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.evidence.sse import ServerSentEvent

_OPERATION: Final = ("streamGeminiContent",)
SSE: Final = On(operations=_OPERATION, mode="stream")
SSE_BROKEN_TOO: Final = On(operations=_OPERATION, mode="stream", disturbed=True)
ARRAY: Final = On(operations=_OPERATION, mode="plain")
STREAMED: Final = On(operations=_OPERATION)
BROKEN_TOO: Final = On(operations=_OPERATION, disturbed=True)
DONE: Final = "[DONE]"
_APART: Final = 0.004
"""Seconds between two arrivals that count as two."""


@oracle("GEM-S01", on=SSE)
def alt_sse_is_answered_with_events(exchange: Exchange) -> Judgement:
    """``alt=sse`` asks for text/event-stream (G-stream, H1)."""
    yield Examined("streamed answer")
    if exchange.media_type != "text/event-stream" or not exchange.events.events:
        yield Deviation("text/event-stream with events", _beginning(exchange), _opening(exchange))


@oracle("GEM-S02", on=ARRAY)
def without_alt_it_is_one_array(exchange: Exchange) -> Judgement:
    """One JSON array of pieces; Google's REST clients look for the bracket first (G-stream)."""
    yield Examined("streamed answer")
    body = exchange.json
    if exchange.body[:1] != b"[" or not isinstance(body, list) or not all(isinstance(each, dict) for each in body):
        yield Deviation("one JSON array of pieces, from its first byte on", _beginning(exchange), _opening(exchange))


@oracle("GEM-S03", on=SSE_BROKEN_TOO)
def there_are_data_lines_only(exchange: Exchange) -> Judgement:
    """No event, id or retry line, no comment, no byte order mark, no [DONE]: Google's clients crash (G-S7)."""
    if not reads_as_stream(exchange):
        return
    yield Examined("stream")
    stream, framing = exchange.events, stream_grammar("gemini").framing
    if stream.bom:
        yield Deviation("a stream without a byte order mark", "a byte order mark", (0, 3))
    if stream.comments and framing.comments == "forbidden":
        comment = stream.comments[0]
        yield Deviation("no comment", f":{comment.text[:60]}", (comment.start, comment.start + 1 + len(comment.text)))
    if stream.retries:
        yield Deviation("no retry line", f"retry: {stream.retries[0][:40]}")
    for event in stream.events:
        if event.named and framing.named == "forbidden":
            yield Deviation("no event line", f"event: {event.name[:60]}", _span(event))
            return
        if event.id is not None:
            yield Deviation("no id line", f"id: {event.id[:60]}", _span(event))
            return
        if event.data.strip() == DONE and framing.done == "forbidden":
            yield Deviation("no [DONE]", "data: [DONE]", _span(event))


@oracle("GEM-S04", on=SSE)
def each_event_is_one_data_line(exchange: Exchange) -> Judgement:
    """``data: `` with one space, JSON on one line, a blank line behind, after the last one too (G-stream)."""
    if not reads_as_stream(exchange):
        return
    for event in exchange.events.events:
        yield Examined("event")
        lines = exchange.body[event.start : event.end].decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
        found = [line for line in lines if line.startswith("data")]
        if event.data.strip() != DONE and (len(found) != 1 or not found[0].startswith("data: {")):
            seen = f"{len(found)} data lines" if len(found) != 1 else f"{shown(found[0][:40])}"
            yield Deviation("one line, data: and one space before the JSON", seen, _span(event))
            return
    if exchange.complete and exchange.events.incomplete:
        end = len(exchange.body)
        yield Deviation("a blank line after the last event", "none", (end - len(exchange.events.incomplete), end))


@oracle("GEM-S05", on=STREAMED)
def each_candidate_finishes_once(exchange: Exchange) -> Judgement:
    """One finish reason for each candidate, on its last piece (G-S1)."""
    stream = pieces_of(exchange)
    if stream is not None:
        yield from judge_machine(stream_grammar("gemini"), "finish", exchange, stream)


@oracle("GEM-S06", on=STREAMED)
def id_and_model_stay_the_same(exchange: Exchange) -> Judgement:
    """One responseId and one modelVersion in the whole stream (G-S2)."""
    found = pieces(exchange)
    if not found:
        return
    yield Examined("piece", len(found))
    first = found[0][1]
    for name in stream_grammar("gemini").constant:
        for event, piece in found[1:]:
            if (name in piece or name in first) and piece.get(name) != first.get(name):
                yield Deviation(
                    f"{name} {shown(first.get(name))}, as in the first piece",
                    f"{name} {shown(piece[name])}" if name in piece else f"no {name}",
                    _span(event),
                )
                break


@oracle("GEM-S07", on=STREAMED)
def usage_is_in_every_piece_and_never_falls(exchange: Exchange) -> Judgement:
    """Each piece has usageMetadata: the prompt's count constant, the others growing (G-S3)."""
    last: dict[str, Any] = {}
    for event, piece in pieces(exchange):
        yield Examined("piece")
        usage = piece.get("usageMetadata")
        if not isinstance(usage, dict) or not is_count(usage.get("promptTokenCount", 0)):
            yield Deviation("usageMetadata with promptTokenCount", f"{shown(usage)}", _span(event))
            return
        if last and count(usage, "promptTokenCount") != count(last, "promptTokenCount"):
            yield Deviation(
                f"promptTokenCount {count(last, 'promptTokenCount')}, as before",
                f"promptTokenCount {shown(usage.get('promptTokenCount'))}",
                _span(event),
            )
            return
        for name in ("candidatesTokenCount", "totalTokenCount"):
            if count(usage, name) < count(last, name):
                yield Deviation(f"{name} of at least {count(last, name)}", f"{count(usage, name)}", _span(event))
                return
        last = usage


@oracle("GEM-S08")
def the_stream_adds_up_to_the_plain_answer(plain: Exchange, stream: Exchange) -> Judgement:
    """Text, thoughts, calls, finish reason and usage are those of the answer without stream (G-S4, oracle M1)."""
    one, other = answer_of(plain), answer_of(stream)
    if one is None or other is None or "nonce" not in scripted(plain):
        return
    yield Examined("pair of answers")
    for what, wanted, found in (
        ("text", one.text, other.text),
        ("text of thoughts", one.thoughts, other.thoughts),
        ("function calls", [(c.name, c.args) for c in one.calls], [(c.name, c.args) for c in other.calls]),
        ("finishReason", one.finish_reason, other.finish_reason),
        ("usageMetadata", _counts(one.usage), _counts(other.usage)),
    ):
        if not same_json(_plainly(wanted), _plainly(found)):
            yield Deviation(f"the {what} of the plain answer: {shown(wanted)}", f"{shown(found)}", exchange=stream)


@oracle("GEM-S09", on=STREAMED)
def a_function_call_comes_whole(exchange: Exchange) -> Judgement:
    """Name and arguments in one part, no partialArgs (G-S4)."""
    for event, part in all_parts(exchange):
        call = part.get("functionCall")
        if not isinstance(call, dict):
            continue
        yield Examined("functionCall")
        if not string(call.get("name")) or "partialArgs" in call or call.get("willContinue"):
            yield Deviation("a functionCall with its name and all of its args", shown(call), _span(event))
            return


@oracle("GEM-S11", on=BROKEN_TOO)
def an_error_piece_ends_the_stream(exchange: Exchange) -> Judgement:
    """``error.code`` is there, since clients crash or go on without it, and nothing follows (G-S6)."""
    stream = pieces_of(exchange)
    errors = error_pieces(exchange)
    if stream is None or not errors:
        return
    event, piece = errors[0]
    yield Examined("error in the stream")
    error = object_of(piece.get("error"))
    if not is_count(error.get("code")) or not string(error.get("message")):
        yield Deviation("an error object with code and message", shown(piece.get("error")), _span(event))
    yield from judge_machine(stream_grammar("gemini"), "stream", exchange, stream)


@oracle("GEM-S12")
def pieces_are_passed_on_at_once(exchange: Exchange, held: int) -> Judgement:
    """The gateway hands over each piece before it has the next one (H3, defect M17).

    Args:
        exchange: A stream whose upstream sent a piece only after an earlier one had arrived here.
        held: How many events had arrived when nothing more came and the upstream was let go; -1 when that never was.
    """
    if not exchange.events.events:
        return
    yield Examined("piece", len(exchange.events.events))
    if held >= 0:
        yield Deviation(
            "each piece as soon as the upstream has sent it",
            f"{held} events, and no further one while the upstream waited for it to arrive",
        )


@oracle("GEM-S13")
def a_broken_answer_gets_no_finish_reason(exchange: Exchange) -> Judgement:
    """An upstream that breaks off gave no finish reason, and none is invented (H5, defect M14)."""
    if not exchange.succeeded:
        return
    yield Examined("end of the stream")
    for event, piece in pieces(exchange):
        for candidate in candidates_of(piece):
            if string(candidate.get("finishReason")):
                yield Deviation(
                    "no finishReason, since the upstream gave none",
                    f"finishReason {shown(candidate['finishReason'])}",
                    _span(event),
                )
                return


@oracle("GEM-S14")
def hanging_up_ends_the_upstreams_request(exchange: Exchange, log: Exchange) -> Judgement:
    """When the client is gone, the upstream's answer is given up (H5)."""
    entries = [entry for entry in object_of(log.json).get("requests", ()) if isinstance(entry, dict)]
    if exchange.ending is not Ending.ABORTED or not entries:
        return
    yield Examined("upstream request")
    if any(entry.get("finished") is True or entry.get("disconnected") is not True for entry in entries):
        yield Deviation(
            "the upstream request given up, soon after the client hung up",
            f"the upstream still answering, {shown(entries[-1].get('deltas_sent'))} pieces sent",
        )


@oracle("GEM-S15")
def the_array_is_written_as_the_pieces_come(answers: Sequence[Exchange], paced: Sequence[float]) -> Judgement:
    """Without ``alt`` too the pieces arrive one after another (G-stream, H3).

    One answer that does so is enough: a stall of the machine can push a good array together once, and a gateway that
    holds arrays back does it every time.

    Args:
        answers: The same array, asked for once or several times.
        paced: Seconds between the upstream's first and last piece, for each answer.
    """
    judged = [
        (answer, seconds)
        for answer, seconds in zip(answers, paced, strict=False)
        if isinstance(answer.json, list) and len(answer.json) >= 3
    ]
    if not judged:
        return
    if any(comes_bit_by_bit(answer, seconds) for answer, seconds in judged):
        yield Examined("paced array", len(judged))
        return
    undisturbed = [one for one in judged if not one[0].stalled()]
    if not undisturbed:
        return
    yield Examined("paced array", len(undisturbed))
    answer, seconds = undisturbed[-1]
    instants, spread = _arrival(answer)
    yield Deviation(
        f"pieces spread over about {seconds:.1f} s, as the upstream made them",
        f"{len(answer.json)} pieces at {instants} distinct times within {spread:.3f} s",
        exchange=answer,
    )


def comes_bit_by_bit(exchange: Exchange, seconds: float) -> bool:
    """Whether an answer arrives at three times or more, over about the time that the upstream takes (seconds)."""
    instants, spread = _arrival(exchange)
    return instants >= 3 and spread >= 0.4 * seconds


def _arrival(exchange: Exchange) -> tuple[int, float]:
    """At how many distinct times the body arrived, and within how many seconds."""
    times = [chunk.at for chunk in exchange.response.chunks] if exchange.response else []
    instants = sum(later - earlier >= _APART for earlier, later in pairwise(times))
    return (instants + 1, times[-1] - times[0]) if times else (0, 0.0)


@oracle("GEM-S16")
def a_client_can_tell_that_the_answer_broke_off(exchange: Exchange) -> Judgement:
    """An error piece, or a connection that ends against its framing (G-S6, H5)."""
    if not exchange.succeeded or exchange.response is None:
        return
    yield Examined("end of the stream")
    if not error_pieces(exchange) and exchange.response.ending not in {Ending.CUT, Ending.RESET}:
        yield Deviation("an error piece, or a connection that is cut", f"the stream ended ({exchange.response.ending})")


def _counts(usage: dict[str, Any]) -> dict[str, Any]:
    """The counts that are not zero, which may be left out."""
    return {name: value for name, value in usage.items() if name.endswith("TokenCount") and value}


def _plainly(value: Any) -> Any:
    """Tuples as lists, to be compared as JSON."""
    return [list(each) for each in value] if isinstance(value, list) else value


def _beginning(exchange: Exchange) -> str:
    text = exchange.body[:60].decode("utf-8", "replace")
    return f"{exchange.media_type or 'no content type'}, beginning with {shown(text)}"


def _opening(exchange: Exchange) -> tuple[int, int] | None:
    return (0, min(len(exchange.body), 120)) if exchange.body else None


def _span(event: ServerSentEvent) -> tuple[int, int]:
    return event.start, event.end
