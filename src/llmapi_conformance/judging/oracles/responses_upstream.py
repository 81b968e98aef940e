"""Responses between the client and the upstream: what is passed on, when, and what becomes of its failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.evidence.exchange import NOT_JSON, Ending, Exchange
from llmapi_conformance.judging.chat_answer import sent, shown, string
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.chat_upstream import UPSTREAM_KEY, UPSTREAM_OWN, without
from llmapi_conformance.judging.oracles.envelopes import fits, name_of, shape_of
from llmapi_conformance.judging.oracles.responses import opening
from llmapi_conformance.judging.response_answer import (
    directive,
    event_type,
    events_of,
    object_of,
    objects,
    terminal_of,
)
from llmapi_conformance.judging.upstream_log import log_entries, received_body, without_client_key

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN: Final = frozenset({"stream", "store", "previous_response_id"})
"""Members that are the gateway's own affair: how it reads the upstream, and where responses are stored."""
_TEXT_MEMBERS: Final = ("content", "output")


@oracle("RSP-P03")
def both_forms_of_input_reach_the_upstream_alike(log: Exchange) -> Judgement:
    """A text and one user message with it are the same input (R-request, oracle M5).

    Args:
        log: The upstream's record of two requests, the first with a text as input, the second with the message.
    """
    bodies = [object_of(entry.get("body")) for entry in log_entries(log)]
    if len(bodies) != 2 or not all(bodies):
        return
    yield Examined("pair of inputs")
    first, second = map(_turns, bodies)
    if first != second:
        yield Deviation(f"the same input twice: {shown(first)}", shown(second))


@oracle("RSP-P04")
def instructions_reach_the_upstream(exchange: Exchange, log: Exchange) -> Judgement:
    """What the client instructs is in the request to the upstream (fact F5.12)."""
    instructions, received = string(sent(exchange).get("instructions")), received_body(log)
    if not instructions or received is None:
        return
    yield Examined("instructions")
    if not any(instructions in text for text in strings_in(received)):
        yield Deviation(f"{shown(instructions)} in the request to the upstream", "it is not there")


@oracle("RSP-P14")
def input_reaches_the_upstream(exchange: Exchange, log: Exchange) -> Judgement:
    """Each text of the input, a function's output too, is in the request to the upstream (R-request)."""
    received = received_body(log)
    if received is None:
        return
    held = list(strings_in(received))
    for text in _input_texts(sent(exchange).get("input")):
        yield Examined("text")
        if not any(text in each for each in held):
            yield Deviation(f"{shown(text)} in the request to the upstream", "it is not there")


@oracle("RSP-S20")
def response_events_are_passed_on_at_once(exchange: Exchange, held: int) -> Judgement:
    """The gateway hands over what it has before it gets more (H3, defect M17).

    Args:
        exchange: A stream whose upstream sent a delta only after earlier events had arrived here.
        held: How many events had arrived when nothing more came and the upstream was let go; -1 when that never was.
    """
    yield Examined("event", max(1, len(exchange.events.events)))
    if held >= 0:
        yield Deviation(
            "each delta soon after the upstream has sent it",
            f"{held} events, and no further one while the upstream waited for it to arrive",
        )


@oracle("RSP-E06")
def a_hang_up_reaches_the_upstream(exchange: Exchange, log: Exchange) -> Judgement:
    """When the client is gone, the upstream's answer is given up (H5)."""
    if exchange.response is None or exchange.response.ending is not Ending.ABORTED:
        return
    entries = log_entries(log)
    if not entries or exchange.response.ended_at > _seconds_of_script(exchange) / 2:
        return  # the upstream may have been done before the client was gone
    yield Examined("upstream request")
    if any(entry.get("finished") is True or entry.get("disconnected") is not True for entry in entries):
        counts = [count for entry in entries if isinstance(count := entry.get("deltas_sent"), int)]
        yield Deviation(
            "the upstream request given up, soon after the client hung up",
            f"the upstream still answering, {max(counts, default=0)} deltas sent",
        )


@oracle("RSP-E01")
def a_failure_before_the_first_event_is_a_status(exchange: Exchange) -> Judgement:
    """What fails before the first event is told by an error status, streaming or not (E1)."""
    yield Examined("answer to a request that fails")
    if not exchange.refused:
        yield Deviation(
            f"an error status{f' ({exchange.label})' if exchange.label else ''}",
            f"status {exchange.status} with {exchange.media_type or 'no media type'}",
            opening(exchange),
        )


@oracle("RSP-E02", on=On(operations=("createResponse", "createResponseSubpath"), outcome="error"))
def an_error_is_in_openais_envelope(exchange: Exchange) -> Judgement:
    """The error object of the OpenAI family, whatever the upstream says (fact F9.10, E3)."""
    if exchange.json is NOT_JSON:
        return
    yield Examined("error envelope")
    if not fits(exchange.json, "openai"):
        yield Deviation(name_of("openai"), shape_of(exchange.json), opening(exchange))


@oracle("RSP-E04")
def upstream_error_is_told_in_the_stream(exchange: Exchange) -> Judgement:
    """An error of the upstream after the first delta comes as an error event or as response.failed (H5, R-S10)."""
    if not exchange.succeeded:
        return
    yield Examined("end of the stream")
    if not _tells_failure(exchange):
        yield Deviation("an error event or response.failed", _ending(exchange), _last_span(exchange))


@oracle("RSP-E05")
def broken_response_is_not_completed(exchange: Exchange) -> Judgement:
    """A stream that breaks off at the upstream never ends with ``response.completed`` (H5, defect M14)."""
    if not exchange.succeeded:
        return
    yield Examined("end of the stream")
    for event, _ in events_of(exchange.events, "response.completed"):
        yield Deviation(
            "no response.completed, since the upstream broke off", "response.completed", (event.start, event.end)
        )


@oracle("RSP-E09")
def client_can_tell_that_the_response_broke_off(exchange: Exchange) -> Judgement:
    """An event says that the response is not complete, or the connection ends against its framing (R-S10, H5)."""
    if not exchange.succeeded or exchange.response is None:
        return
    yield Examined("end of the stream")
    told = any(events_of(exchange.events, "response.incomplete")) or _tells_failure(exchange)
    if not told and exchange.response.ending not in {Ending.CUT, Ending.RESET}:
        yield Deviation(
            "an error event, response.failed or a connection that is cut", _ending(exchange), _last_span(exchange)
        )


@oracle("RSP-E10")
def broken_response_ends_with_its_failure(exchange: Exchange) -> Judgement:
    """The client is told by an event, not by a connection that is cut (R-S10, H5)."""
    if not exchange.succeeded:
        return
    yield Examined("end of the stream")
    if not _tells_failure(exchange):
        yield Deviation("an error event or response.failed", _ending(exchange), _last_span(exchange))


@oracle("RSP-E11")
def upstream_rate_limit_is_429(exchange: Exchange) -> Judgement:
    """429 stays 429, streaming or not (E1, defects M09 and M37)."""
    yield Examined("status")
    if exchange.status != 429:
        yield Deviation("status 429, as the upstream answered", f"status {exchange.status}", opening(exchange))


@oracle("RSP-E12")
def an_empty_upstream_answer_is_a_server_error(exchange: Exchange) -> Judgement:
    """A plain request whose upstream answers nothing gets an error status, not 200 (E2)."""
    yield Examined("status")
    if exchange.status < 500:
        yield Deviation(
            "a status from 500, since the upstream's answer was empty",
            f"status {exchange.status}: {shown(exchange.body[:80].decode('utf-8', 'replace'))}",
            opening(exchange),
        )


@oracle("RSP-F01")
def the_clients_key_stays_here(exchange: Exchange, log: Exchange) -> Judgement:  # noqa: ARG001 - shown with the finding
    """No request to the upstream carries the client's key (CWE-522)."""
    yield from without_client_key(log)


@oracle("RSP-F02")
def the_upstreams_key_stays_there(exchange: Exchange) -> Judgement:
    """The provider's key comes back neither in a header nor in the body (CWE-522)."""
    yield from without(exchange, UPSTREAM_KEY, "the upstream's key")


@oracle("RSP-F06")
def the_upstreams_headers_stay_there(exchange: Exchange) -> Judgement:
    """The provider's own headers and its address do not come back (CWE-200)."""
    yield from without(exchange, UPSTREAM_OWN, "the upstream's headers and address")


@oracle("RSP-F03")
def members_reach_the_upstream_as_sent(exchange: Exchange, log: Exchange) -> Judgement:
    """Where both sides speak Responses, settings, tools and instructions are passed on unchanged (R-request)."""
    body, received = sent(exchange), _received_response(log)
    if received is None:
        return
    for name in sorted(body.keys() - _OWN - {"input"}):
        if body[name] is None:
            continue
        yield Examined(name)
        if received.get(name) != body[name]:
            yield Deviation(
                f"{name} as the client sent it: {shown(body[name])}",
                shown(received[name]) if name in received else f"no {name}",
            )


@oracle("RSP-F04")
def nothing_is_added_to_the_response_request(exchange: Exchange, log: Exchange) -> Judgement:
    """The upstream gets no member and no tool that the client did not send (R-request)."""
    received = _received_response(log)
    if received is None:
        return
    yield Examined("request")
    added = sorted(
        name for name in received.keys() - sent(exchange).keys() - _OWN if received[name] not in (None, [], {})
    )
    if added:
        yield Deviation("the members that the client sent", f"{', '.join(added)} added: {shown(received[added[0]])}")


@oracle("RSP-F05")
def an_unknown_member_is_passed_on_or_refused(exchange: Exchange, log: Exchange, name: str) -> Judgement:
    """A member that the gateway doesn't know is not dropped in silence (oracle M19)."""
    if exchange.status == 400:
        yield Examined("unknown member")
        return
    received = _received_response(log)
    if not exchange.succeeded or received is None:
        return
    yield Examined("unknown member")
    if received.get(name) != sent(exchange).get(name):
        yield Deviation(f"{name} at the upstream, or status 400", f"{name} dropped")


def strings_in(value: Any) -> Iterator[str]:
    """Every string in a JSON value, at any depth."""
    if isinstance(value, str):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from strings_in(each)


def _received_response(log: Exchange) -> dict[str, Any] | None:
    """The body of the latest request to the upstream; ``None`` where it was asked in another protocol."""
    spoken = [entry.get("protocol") for entry in log_entries(log)]
    return received_body(log) if spoken and spoken[-1] == "responses" else None


def _turns(body: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Role and texts of each turn of a request, in either of OpenAI's text protocols."""
    given = body.get("input", body.get("messages"))
    if isinstance(given, str):
        return [("user", [given])]
    turns = []
    for item in given if isinstance(given, list) else []:
        content = object_of(item).get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        turns.append((string(object_of(item).get("role")), [string(object_of(part).get("text")) for part in parts]))
    return turns


def _input_texts(given: Any) -> Iterator[str]:
    """Every text of an input: of messages and of what functions gave back."""
    if isinstance(given, str):
        yield given
    for item in given if isinstance(given, list) else ():
        for name in _TEXT_MEMBERS:
            told = object_of(item).get(name)
            texts = [told] if isinstance(told, str) else [string(part.get("text")) for part in objects(item, name)]
            yield from (string(text) for text in texts if text)


def _tells_failure(exchange: Exchange) -> bool:
    return any(events_of(exchange.events, "error", "response.failed"))


def _seconds_of_script(exchange: Exchange) -> float:
    """How long the upstream takes to answer as its directive says, in seconds."""
    words = directive(exchange)
    chunks, pause = words.get("chunks", ""), words.get("every", "").removesuffix("ms")
    return int(chunks) * int(pause) / 1000 if chunks.isdecimal() and pause.isdecimal() else 0.0


def _ending(exchange: Exchange) -> str:
    end = terminal_of(exchange.events)
    events = exchange.events.events
    last = event_type(end) if end else f"nothing behind {event_type(events[-1])}" if events else "no event"
    return f"{last} ({exchange.response.ending if exchange.response else 'no answer'})"


def _last_span(exchange: Exchange) -> tuple[int, int] | None:
    events = exchange.events.events
    return (events[-1].start, events[-1].end) if events else None
