"""Messages between the client and the provider: what is taken, what is passed on, and when (wire-grammars 1.1, 1.5)."""

from __future__ import annotations

from typing import Any

from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.judging.chat_answer import directive, sent, shown
from llmapi_conformance.judging.message_answer import blocks, events_of, message_of, object_of, same_json
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.chat_upstream import UPSTREAM_KEY, UPSTREAM_OWN, without
from llmapi_conformance.judging.upstream_log import log_entries, received_body, without_client_key


@oracle("MSG-G01")
def the_clients_key_stays_at_the_gateway(log: Exchange) -> Judgement:
    """No request to the provider carries the client's key (CWE-522)."""
    yield from without_client_key(log)


@oracle("MSG-G02")
def the_providers_key_stays_at_the_gateway(exchange: Exchange) -> Judgement:
    """The provider's key comes back neither in a header nor in the body (CWE-200)."""
    yield from without(exchange, UPSTREAM_KEY, "the provider's key")


@oracle("MSG-G15")
def the_providers_headers_and_address_stay_at_the_gateway(exchange: Exchange) -> Judgement:
    """What the provider's headers say, and where it is, does not come back (CWE-200); the gateway has its own."""
    yield from without(exchange, UPSTREAM_OWN, "the provider's headers and address")


@oracle("MSG-G03")
def version_and_beta_headers_are_forwarded(exchange: Exchange, log: Exchange) -> Judgement:
    """An Anthropic provider gets anthropic-version and anthropic-beta as sent (1.5)."""
    for entry in log_entries(log) if exchange.body else ():
        received = [
            (str(pair[0]).lower(), pair[1])
            for pair in _list(entry.get("headers"))
            if isinstance(pair, list) and len(pair) == 2
        ]
        for name in ("anthropic-version", "anthropic-beta"):
            wanted = [value for header, value in exchange.request.headers if header.lower() == name]
            found = [value for header, value in received if header == name]
            if not wanted:
                continue
            yield Examined(name)
            if name == "anthropic-version" and found != wanted:
                yield Deviation(f"{name}: {wanted[0]} at the provider", shown(found), exchange=log)
            elif name == "anthropic-beta" and not _tokens(wanted) <= _tokens(found):
                yield Deviation(f"{name}: {', '.join(wanted)} at the provider", shown(found), exchange=log)


@oracle("MSG-G04")
def unknown_members_reach_the_provider(exchange: Exchange, log: Exchange, name: str) -> Judgement:
    """An Anthropic provider gets a member that the gateway doesn't know, or the client a 400 (1.5, M19)."""
    if exchange.status == 400 and exchange.body:
        yield Examined("unknown member")
        return
    received = received_body(log)
    if not exchange.succeeded or not exchange.body or received is None:
        return
    yield Examined("unknown member")
    if not same_json(received.get(name), sent(exchange).get(name)):
        yield Deviation(f"{name} at the provider, or status 400", shown(received.get(name)), exchange=log)


@oracle("MSG-G05")
def the_system_prompt_keeps_its_shape(exchange: Exchange, log: Exchange) -> Judgement:
    """An Anthropic provider gets the system blocks in their order, cache_control and all (1.5)."""
    yield from _arrives_as_sent(exchange, log, "system")


@oracle("MSG-G06")
def the_conversation_keeps_its_shape(exchange: Exchange, log: Exchange) -> Judgement:
    """An Anthropic provider gets the turns with their blocks, none turned into a string (1.5)."""
    yield from _arrives_as_sent(exchange, log, "messages")


@oracle("MSG-G07")
def a_thinking_block_goes_back_to_the_provider_untouched(exchange: Exchange, log: Exchange) -> Judgement:
    """A thinking block of an earlier turn keeps its text and signature to the character (A-S5)."""
    received = received_body(log)
    if received is None:
        return
    wanted = _history(sent(exchange), "thinking")
    if wanted and exchange.body:
        yield Examined("thinking block", len(wanted))
        found = _history(received, "thinking")
        if not same_json(found, wanted):
            yield Deviation(f"the thinking block as sent: {shown(wanted, 300)}", shown(found, 300), exchange=log)


@oracle("MSG-G08")
def the_current_version_is_accepted(exchange: Exchange) -> Judgement:
    """anthropic-version 2023-06-01 is served (A-headers)."""
    yield from _served(exchange)


@oracle("MSG-G09")
def the_new_version_is_accepted(exchange: Exchange) -> Judgement:
    """anthropic-version 2026-10-21, which current SDKs send, is served (A-headers)."""
    yield from _served(exchange)


@oracle("MSG-G10")
def a_missing_version_is_accepted(exchange: Exchange) -> Judgement:
    """No example of the documentation sends anthropic-version, so none is demanded."""
    yield from _served(exchange)


@oracle("MSG-G11")
def unknown_beta_values_are_tolerated(exchange: Exchange) -> Judgement:
    """There is no list of allowed anthropic-beta values (1.5)."""
    yield from _served(exchange)


@oracle("MSG-G12")
def a_query_does_not_change_the_route(exchange: Exchange) -> Judgement:
    """``?beta=true`` is ignored, as Claude Code sends it (A-headers)."""
    yield from _served(exchange)


@oracle("MSG-G13")
def system_turns_among_the_messages_are_accepted(exchange: Exchange) -> Judgement:
    """A turn of role system, as Claude Code sends it, is no error (A-request)."""
    yield from _served(exchange)


@oracle("MSG-G14")
def an_unknown_member_is_no_server_error(exchange: Exchange) -> Judgement:
    """A body member that nobody knows is passed on or refused with 400, nothing else (M19)."""
    good = exchange.succeeded or exchange.status == 400
    if good and not exchange.body:
        return
    yield Examined("answer")
    if not good:
        yield Deviation("status 200 or 400", f"status {exchange.status}")


@oracle("MSG-P01")
def each_delta_is_passed_on_before_the_next_one(exchange: Exchange, held: int) -> Judgement:
    """The gateway hands over each delta before it has the next one (H3, M17).

    Args:
        exchange: A stream whose upstream sent a delta only after an earlier event had arrived here.
        held: How many events had arrived when nothing more came and the upstream was let go; -1 when that never was.
    """
    if not exchange.events.events:
        return
    yield Examined("event", len(exchange.events.events))
    if held >= 0:
        yield Deviation(
            "each delta as soon as the provider has sent it",
            f"{held} events, and no further one while the provider waited for it to arrive",
        )


@oracle("MSG-P02")
def a_hang_up_reaches_the_provider(exchange: Exchange, log: Exchange) -> Judgement:
    """When the client is gone, the provider's answer is given up (H5)."""
    if exchange.response is None or exchange.response.ending is not Ending.ABORTED or not exchange.body:
        return
    if exchange.response.ended_at >= _pace(exchange):
        return  # the provider had said all before the first events were here: another clause's finding
    for entry in log_entries(log):
        yield Examined("request to the provider")
        if entry.get("finished") is True or entry.get("disconnected") is not True:
            yield Deviation(
                "the request to the provider given up soon after the client hung up",
                f"the provider still answering, {shown(entry.get('deltas_sent'))} deltas sent",
                exchange=log,
            )


@oracle("MSG-F01")
def a_broken_answer_is_not_dressed_up(exchange: Exchange) -> Judgement:
    """A provider's stream that breaks off never ends here like a finished message (H5, M14, D161)."""
    if not exchange.succeeded or not exchange.events.events:
        return
    yield Examined("end of the stream")
    ends = [
        (event, shown(reason))
        for event, data in events_of(exchange.events, "message_delta")
        if (reason := object_of(data.get("delta")).get("stop_reason")) is not None
    ]
    stops = [(event, "message_stop") for event, _ in events_of(exchange.events, "message_stop")]
    for event, what in (*ends, *stops)[:1]:
        yield Deviation(
            "no stop_reason and no message_stop, since the provider gave none", what, (event.start, event.end)
        )


@oracle("MSG-F02")
def a_client_can_tell_that_the_message_broke_off(exchange: Exchange) -> Judgement:
    """An error event, or a connection that ends against its framing (A-S11, H5)."""
    if not exchange.succeeded or exchange.response is None:
        return
    yield Examined("end of the stream")
    if not _errors(exchange) and exchange.response.ending not in {Ending.CUT, Ending.RESET}:
        yield Deviation(
            "an error event, or a connection that is cut",
            f"{_end(exchange)} ({exchange.response.ending})",
            _last_span(exchange),
        )


@oracle("MSG-F03")
def a_broken_message_ends_with_an_error_event(exchange: Exchange) -> Judgement:
    """The client is told by an error event rather than by a broken connection (A-S11)."""
    if not exchange.succeeded or exchange.response is None:
        return
    yield Examined("end of the stream")
    if not _errors(exchange):
        yield Deviation("an error event at the end", _end(exchange), _last_span(exchange))


@oracle("MSG-F04")
def what_came_before_the_failure_is_passed_on(exchange: Exchange, text: str, deltas: int) -> Judgement:
    """The text that arrived is a beginning of the provider's, and no delta is lost for the failure's sake (H5).

    Args:
        exchange: A stream whose provider failed after some deltas.
        text: What the provider would have said.
        deltas: Number of deltas that it had sent.
    """
    if not exchange.succeeded or not exchange.events.events:
        return
    parts = [object_of(data.get("delta")).get("text") for _, data in events_of(exchange.events, "content_block_delta")]
    seen = "".join(part for part in parts if isinstance(part, str))
    if not seen and "cut" in directive(exchange):
        return  # a reset may discard what the gateway had not read yet (RFC 9293, section 3.10.7)
    yield Examined("text before the failure")
    if not text.startswith(seen):
        yield Deviation("a beginning of the provider's text", shown(seen))
    elif not seen:
        yield Deviation(f"the {deltas} deltas that the provider sent", "no text")


@oracle("MSG-F05")
def a_rate_limit_of_the_provider_keeps_its_status(exchange: Exchange) -> Judgement:
    """429 stays 429, streamed or not, never 200 (E1, E2, M09)."""
    if exchange.status == 429 and not exchange.body:
        return  # the clauses about error bodies say so
    yield Examined("status")
    if exchange.status != 429:
        yield Deviation("status 429, as the provider answered", f"status {exchange.status}")


@oracle("MSG-F06")
def a_rate_limit_is_told_in_anthropics_envelope(exchange: Exchange) -> Judgement:
    """The error body is Anthropic's, of type rate_limit_error, whatever the provider's protocol (E3, M11)."""
    body = exchange.json
    if exchange.status != 429 or not isinstance(body, dict):
        return
    yield Examined("error body")
    error = object_of(body.get("error"))
    if body.get("type") != "error" or not isinstance(error.get("message"), str):
        yield Deviation('{"type":"error","error":{"type","message"}}', shown(body, 200))
    elif error.get("type") != "rate_limit_error":
        yield Deviation("error.type rate_limit_error", f"error.type {shown(error.get('type'))}")


@oracle("MSG-F07")
def a_rate_limit_says_when_to_come_back(exchange: Exchange) -> Judgement:
    """The provider's Retry-After is passed on (E4, M37)."""
    if exchange.status != 429 or not exchange.body:
        return
    yield Examined("Retry-After")
    if exchange.header("retry-after") is None:
        yield Deviation("a Retry-After header, since the provider sent one", "none")


def _pace(exchange: Exchange) -> float:
    """Seconds that the scripted answer takes."""
    words = directive(exchange)
    chunks, pause = words.get("chunks", ""), words.get("every", "").removesuffix("ms")
    return int(chunks) * int(pause) / 1000 if chunks.isdecimal() and pause.isdecimal() else 0.0


def _served(exchange: Exchange) -> Judgement:
    if exchange.refused:
        yield Examined("answer")
        yield Deviation("status 200 with a message", f"status {exchange.status}: {shown(_message(exchange))}")
    elif blocks(message_of(exchange)):
        yield Examined("answer")


def _message(exchange: Exchange) -> Any:
    return object_of(object_of(exchange.json).get("error")).get("message", exchange.media_type)


def _arrives_as_sent(exchange: Exchange, log: Exchange, name: str) -> Judgement:
    received = received_body(log)
    wanted = sent(exchange).get(name)
    if received is None or wanted is None or not exchange.body:
        return
    yield Examined(name)
    if not same_json(received.get(name), wanted):
        yield Deviation(f"{name} as sent: {shown(wanted, 400)}", shown(received.get(name), 400), exchange=log)


def _history(body: dict[str, Any], kind: str) -> list[Any]:
    """Blocks of a type in the turns of a request."""
    turns = [turn for turn in _list(body.get("messages")) if isinstance(turn, dict)]
    return [part for turn in turns for part in _list(turn.get("content")) if object_of(part).get("type") == kind]


def _errors(exchange: Exchange) -> bool:
    return bool(events_of(exchange.events, "error"))


def _end(exchange: Exchange) -> str:
    events = exchange.events.events
    return f"an end after the event {shown(events[-1].name)}" if events else "an end without any event"


def _last_span(exchange: Exchange) -> tuple[int, int] | None:
    events = exchange.events.events
    return (events[-1].start, events[-1].end) if events else None


def _tokens(values: list[Any]) -> set[str]:
    return {token.strip() for value in values for token in str(value).split(",") if token.strip()}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
