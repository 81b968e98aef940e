"""Streams of images (wire-grammars 4); the order is in specs/streams/images.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.contract.grammar import stream_grammar
from llmapi_conformance.judging.chat_answer import is_whole_number, shown, string
from llmapi_conformance.judging.image_answer import (
    asked,
    asked_number,
    asked_size,
    decoded,
    entries_of,
    events_of,
)
from llmapi_conformance.judging.message_answer import object_of
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.grammar import classified, judge_machine, reads_as_stream
from llmapi_conformance.judging.oracles.images import OPERATIONS, answer_in_words, judged_usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.sse import ServerSentEvent

STREAM: Final = On(operations=OPERATIONS, mode="stream")
BROKEN_TOO: Final = On(operations=OPERATIONS, mode="stream", disturbed=True)
_MACHINES: Final = {"generateImage": "generation", "editImage": "edit"}
_LOOKS: Final = ("size", "quality", "background", "output_format")


@oracle("IMG-S01", on=STREAM)
def a_stream_is_answered_with_events(exchange: Exchange) -> Judgement:
    """``stream: true`` asks for text/event-stream (F6.11, F1.6)."""
    yield Examined("streamed answer")
    if exchange.media_type != "text/event-stream" or not exchange.events.events:
        found = f"{exchange.media_type or 'no content type'}, beginning with {exchange.body[:40].decode('latin-1')!a}"
        yield Deviation("text/event-stream with events", found, (0, min(40, len(exchange.body))))


@oracle("IMG-S02", on=STREAM)
def partial_images_then_the_completed_one(exchange: Exchange) -> Judgement:
    """Any number of partial images, then the completed one, under the route's own names (I-stream)."""
    grammar = stream_grammar("images")
    yield from judge_machine(grammar, _MACHINES[exchange.operation], exchange)
    own = _MACHINES[exchange.operation]
    for name, event in classified(grammar, exchange.events):
        told = event.payload().get("type")
        if name.endswith(("_partial", "_completed")) and (not name.startswith(own) or event.name != told):
            yield Deviation(
                f"events of {own}, each named like its type", f"event {event.name}, type {shown(told)}", _span(event)
            )
            return


@oracle("IMG-S03", on=STREAM)
def partial_images_are_numbered(exchange: Exchange) -> Judgement:
    """``partial_image_index`` counts up from 0, below the number asked for (I-S1)."""
    limit: Any = asked(exchange).get("partial_images")
    last = -1
    for event in exchange.events.events:
        payload = event.payload()
        kind = string(payload.get("type"))
        if kind.endswith(".completed"):
            last = -1
        if not kind.endswith(".partial_image"):
            continue
        yield Examined("partial image")
        index: Any = payload.get("partial_image_index")
        if not is_whole_number(index) or index <= last or (is_whole_number(limit) and index >= limit):
            wanted = f"partial_image_index above {last}" + (f" and below {limit}" if is_whole_number(limit) else "")
            yield Deviation(wanted, f"partial_image_index {shown(index)}", _span(event))
            return
        last = index


@oracle("IMG-S04", on=STREAM)
def events_carry_their_members(exchange: Exchange) -> Judgement:
    """``type`` and ``b64_json`` in each, no index in the completed one, one ``created_at`` (I-S2)."""
    times: list[Any] = []
    for event, payload in _image_events(exchange):
        yield Examined("event")
        if not string(payload.get("b64_json")):
            yield Deviation("b64_json, a text", f"b64_json {shown(payload.get('b64_json'))}", _span(event))
            return
        completed = string(payload.get("type")).endswith(".completed")
        if completed and payload.get("partial_image_index") is not None:
            found = f"partial_image_index {shown(payload['partial_image_index'])}"
            yield Deviation("no partial_image_index in the completed event", found, _span(event))
            return
        for name in stream_grammar("images").constant:
            times.append(payload.get(name))
            if times[0] != times[-1]:
                yield Deviation(f"{name} {shown(times[0])}, as before", f"{name} {shown(times[-1])}", _span(event))
                return


@oracle("IMG-S05", on=STREAM)
def events_say_how_the_image_looks(exchange: Exchange) -> Judgement:
    """size, quality, background and output_format in each event (I-S2)."""
    for event, payload in _image_events(exchange):
        yield Examined("event")
        missing = [name for name in _LOOKS if not string(payload.get(name))]
        if missing:
            yield Deviation(f"{', '.join(_LOOKS)}", f"{', '.join(missing)} missing", _span(event))
            return


@oracle("IMG-S06")
def the_completed_event_brings_what_the_plain_answer_brings(plain: Exchange, stream: Exchange) -> Judgement:
    """An image of the size asked for, and usage where the plain answer has it (I-S3, oracle M1)."""
    if not entries_of(plain):
        return
    for event, payload in events_of(stream, "completed"):
        yield Examined("completed event")
        picture, size = decoded(payload.get("b64_json")), asked_size(stream)
        if picture is None:
            yield Deviation("b64_json of an image that decodes", shown(payload.get("b64_json")), _span(event), stream)
        elif size and (picture.width, picture.height) != size:
            yield Deviation(
                f"an image of {size[0]}x{size[1]} pixels",
                f"one of {picture.width}x{picture.height}",
                _span(event),
                stream,
            )
        if object_of(plain.json).get("usage"):
            yield from _with_exchange(judged_usage(payload.get("usage"), _span(event)), stream)


@oracle("IMG-S07")
def several_images_in_a_stream(exchange: Exchange) -> Judgement:
    """A stream with n above 1 completes n images, or is refused; nothing is specified (I-S3)."""
    yield Examined("stream of several images")
    found = len(list(events_of(exchange, "completed")))
    if not exchange.refused and found != asked_number(exchange):
        yield Deviation(f"{asked_number(exchange)} completed events, or a refusal", f"{found}")


@oracle("IMG-S11")
def asking_for_a_stream_is_no_server_error(plain: Exchange, stream: Exchange) -> Judgement:
    """OpenAI's image routes take ``stream``; a gateway that can't says so with a 4xx (I-stream).

    Only 500 is the gateway's own failure for sure: 502 to 504 and 529 may pass.
    """
    if not plain.succeeded:
        return
    yield Examined("image asked for as a stream")
    if stream.status == 500:
        yield Deviation("a stream, or a 4xx", answer_in_words(stream), exchange=stream)


@oracle("IMG-S08")
def an_error_in_mid_stream_is_told(exchange: Exchange) -> Judgement:
    """An upstream's error is an error object or event, and the last thing said; no image is made up (I-S4)."""
    if not exchange.succeeded or not reads_as_stream(exchange):
        return
    yield Examined("end of the stream")
    names = [(name, event) for name, event in classified(stream_grammar("images"), exchange.events) if name != "done"]
    errors = [event for name, event in names if name == "error"]
    completed = [event for name, event in names if name.endswith("_completed")]
    if completed:
        yield Deviation("no completed image, since the upstream failed", "a completed event", _span(completed[0]))
    elif not errors:
        yield Deviation("an error event", f"{len(names)} events without one")
    elif names[-1][0] != "error":
        yield Deviation("nothing after the error", names[-1][0], _span(names[-1][1]))
    else:
        payload = errors[0].payload()
        error = object_of(payload.get("error")) or payload
        if not string(error.get("message")):
            yield Deviation("an error with a message", shown(payload), _span(errors[0]))


@oracle("IMG-S09", on=STREAM)
def no_done_follows(exchange: Exchange) -> Judgement:
    """``[DONE]`` belongs to Chat (I-S2)."""
    if not reads_as_stream(exchange):
        return
    yield Examined("end of the stream")
    for name, event in classified(stream_grammar("images"), exchange.events):
        if name == "done":
            yield Deviation("no [DONE]", "data: [DONE]", _span(event))
            return


@oracle("IMG-S10")
def a_refused_stream_is_refused_by_status(exchange: Exchange) -> Judgement:
    """With ``stream: true`` too a bad request is an error status (E1, defect M10)."""
    yield Examined("bad request with stream: true")
    if not 400 <= exchange.status < 500:
        yield Deviation("4xx", answer_in_words(exchange))


def _image_events(exchange: Exchange) -> Iterator[tuple[ServerSentEvent, dict[str, Any]]]:
    for name, event in classified(stream_grammar("images"), exchange.events):
        if name.endswith(("_partial", "_completed")):
            yield event, event.payload()


def _with_exchange(judgement: Judgement, exchange: Exchange) -> Judgement:
    for item in judgement:
        yield Deviation(item.expected, item.observed, item.span, exchange) if isinstance(item, Deviation) else item


def _span(event: ServerSentEvent) -> tuple[int, int]:
    return event.start, event.end
