"""Chat Completions between the client and the upstream: what is passed on, when, and what becomes of its failures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.contract.grammar import stream_grammar
from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.judging.chat_answer import (
    answer_of,
    array,
    directive,
    has_error,
    sent,
    shown,
    stream_choices,
    string,
)
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.chat import span_of
from llmapi_conformance.judging.oracles.grammar import classified
from llmapi_conformance.judging.upstream_log import log_entries, received_body, without_client_key

if TYPE_CHECKING:
    from llmapi_conformance.evidence.sse import ServerSentEvent

UPSTREAM_KEY: Final = re.compile(r"\[\[upstream-key\]\]")
UPSTREAM_OWN: Final = re.compile(r"\[\[upstream-(?:header|host)\]\]")
"""What redaction leaves in the place of the upstream's key, and of its address and the headers that it sends."""
_RATE_LIMIT_TYPES: Final = ("rate_limit_error", "rate_limit_exceeded", "insufficient_quota", "requests", "tokens")


@oracle("CHAT-D01")
def openai_group_answers_the_documented_request(exchange: Exchange) -> Judgement:
    """Model and messages are enough for a key of an OpenAI group (facts F5.17, F5.19)."""
    yield from _answers(exchange)


@oracle("CHAT-D02")
def other_groups_are_converted(exchange: Exchange) -> Judgement:
    """A key of another group gets the same kind of answer by conversion (fact F5.17)."""
    yield from _answers(exchange)


@oracle("CHAT-D04")
def temperature_and_max_tokens_are_forwarded(exchange: Exchange, log: Exchange) -> Judgement:
    """What the client sets reaches an upstream that knows it (fact F5.18)."""
    body, received = sent(exchange), received_body(log)
    if received is None:
        return
    for name, others in (("temperature", ()), ("max_tokens", ("max_completion_tokens",))):
        if body.get(name) is None:
            continue
        yield Examined(name)
        found = next((received[each] for each in (name, *others) if received.get(each) is not None), None)
        if found != body[name]:
            yield Deviation(f"{name} {shown(body[name])} at the upstream", shown(found))


@oracle("CHAT-H01")
def deltas_are_passed_on_at_once(exchange: Exchange, held: int) -> Judgement:
    """The gateway hands over each delta before it has the next one (H3, defect M17).

    Args:
        exchange: A stream whose upstream sent a delta only after an earlier one had arrived here.
        held: How many events had arrived when nothing more came and the upstream was let go; -1 when that never was.
    """
    if not exchange.events.events:
        return
    yield Examined("event", len(exchange.events.events))
    if held >= 0:
        yield Deviation(
            "each delta as soon as the upstream has sent it",
            f"{held} events, and no further one while the upstream waited for it to arrive",
        )


@oracle("CHAT-H02")
def hanging_up_reaches_the_upstream(exchange: Exchange, log: Exchange) -> Judgement:
    """When the client is gone, the upstream's answer is given up (H5)."""
    if exchange.response is None or exchange.response.ending is not Ending.ABORTED:
        return
    entries = log_entries(log)
    if not entries or exchange.response.ended_at > _seconds_of_script(exchange) / 2:
        return  # the upstream may have been done before the client was gone
    yield Examined("upstream request")
    if any(entry.get("finished") is True or entry.get("disconnected") is not True for entry in entries):
        counts = [entry.get("deltas_sent") for entry in entries]
        count = max((count for count in counts if isinstance(count, int)), default=0)
        yield Deviation(
            "the upstream request given up, soon after the client hung up",
            f"the upstream still answering, {count} deltas sent",
        )


@oracle("CHAT-E01")
def error_of_the_upstream_is_told_in_the_stream(exchange: Exchange) -> Judgement:
    """An error after the first delta comes as ``data: {"error": {...}}`` (C-S6)."""
    if not exchange.succeeded:
        return
    yield Examined("end of the stream")
    errors = _errors(exchange)
    if not errors:
        yield Deviation('an event with an "error" object', _ending(exchange), _last_span(exchange))
        return
    error = errors[0].payload().get("error")
    if not isinstance(error, dict) or not string(error.get("message")):
        yield Deviation("an error object with a message", shown(error), (errors[0].start, errors[0].end))


@oracle("CHAT-E02")
def broken_answer_is_not_dressed_up(exchange: Exchange) -> Judgement:
    """An upstream stream that breaks off never ends here like a finished answer (H5, defect M14)."""
    if not exchange.succeeded:
        return
    yield Examined("end of the stream")
    for event, choice in stream_choices(exchange):
        if string(choice.get("finish_reason")) and not has_error(event):
            yield Deviation(
                "no finish_reason, since the upstream gave none",
                f"finish_reason {shown(choice['finish_reason'])}",
                (event.start, event.end),
            )
            return
    done = [event for name, event in classified(stream_grammar("chat"), exchange.events) if name == "done"]
    if done and not _errors(exchange):
        yield Deviation(
            "no [DONE] without an error before it, since the upstream broke off", "[DONE]", (done[0].start, done[0].end)
        )


@oracle("CHAT-E03")
def client_can_tell_that_the_answer_broke_off(exchange: Exchange) -> Judgement:
    """An error event, or a connection that ends against its framing (C-S6, H5)."""
    if not exchange.succeeded or exchange.response is None:
        return
    yield Examined("end of the stream")
    if not _errors(exchange) and exchange.response.ending not in {Ending.CUT, Ending.RESET}:
        yield Deviation("an error event, or a connection that is cut", _ending(exchange), _last_span(exchange))


@oracle("CHAT-E04")
def broken_answer_ends_with_an_error_event(exchange: Exchange) -> Judgement:
    """The client is told by an error event, not by a connection that is cut (C-S6)."""
    if not exchange.succeeded:
        return
    yield Examined("end of the stream")
    if not _errors(exchange):
        yield Deviation('an event with an "error" object', _ending(exchange), _last_span(exchange))


@oracle("CHAT-E05")
def empty_upstream_answer_is_an_error(exchange: Exchange) -> Judgement:
    """A plain request whose upstream answers nothing gets an error status, not 200 (E2); ERR-U03 wants it to be 5xx."""
    yield Examined("status")
    if not exchange.refused:
        yield Deviation(
            "an error status, since the upstream's answer was empty",
            f"status {exchange.status}: {shown(exchange.body[:80].decode('utf-8', 'replace'))}",
            (0, len(exchange.body)) if exchange.body else None,
        )


@oracle("CHAT-E06")
def rate_limit_of_the_upstream_keeps_its_status(exchange: Exchange) -> Judgement:
    """429 stays 429, streaming or not (E1, defect M09)."""
    yield Examined("status")
    if exchange.status != 429:
        yield Deviation("status 429, as the upstream answered", f"status {exchange.status}", _last_span(exchange))


@oracle("CHAT-E07")
def rate_limit_is_told_in_openais_envelope(exchange: Exchange) -> Judgement:
    """The error body is OpenAI's, whatever the upstream's protocol (E3)."""
    if not exchange.refused or not isinstance(exchange.json, dict):
        return
    yield Examined("error body")
    error = exchange.json.get("error")
    if not isinstance(error, dict) or not string(error.get("message")) or not string(error.get("type")):
        yield Deviation('{"error": {"message", "type", ...}}', shown(exchange.json), (0, min(len(exchange.body), 200)))


@oracle("CHAT-E08")
def rate_limit_says_when_to_come_back(exchange: Exchange) -> Judgement:
    """The upstream's Retry-After is passed on (E4, defect M37)."""
    if exchange.status != 429:
        return
    yield Examined("Retry-After")
    told = exchange.header("retry-after")
    if told is None:
        yield Deviation("a Retry-After header, since the upstream sent one", "none")


@oracle("CHAT-E09")
def rate_limit_has_its_error_type(exchange: Exchange) -> Judgement:
    """The type of a 429 says that a rate or a quota is used up (E-table)."""
    error = exchange.json.get("error") if isinstance(exchange.json, dict) else None
    if exchange.status != 429 or not isinstance(error, dict) or not string(error.get("type")):
        return
    yield Examined("error.type")
    if error["type"] not in _RATE_LIMIT_TYPES:
        yield Deviation("error.type rate_limit_error", f"error.type {shown(error['type'])}", span_of(exchange, "type"))


@oracle("CHAT-F01")
def clients_key_stays_here(exchange: Exchange, log: Exchange) -> Judgement:  # noqa: ARG001 - shown with the finding
    """No request to the upstream carries the client's key (CWE-200)."""
    yield from without_client_key(log)


@oracle("CHAT-F02")
def upstreams_key_stays_there(exchange: Exchange) -> Judgement:
    """The upstream's key comes back neither in a header nor in the body (CWE-200)."""
    yield from without(exchange, UPSTREAM_KEY, "the upstream's key")


@oracle("CHAT-F08")
def upstreams_headers_and_address_stay_there(exchange: Exchange) -> Judgement:
    """What the upstream's headers say, and where it is, does not come back (CWE-200)."""
    yield from without(exchange, UPSTREAM_OWN, "the upstream's headers and address")


@oracle("CHAT-F03")
def messages_reach_the_upstream_as_sent(exchange: Exchange, log: Exchange) -> Judgement:
    """Where both sides speak Chat, model settings and messages are passed on unchanged (C-request)."""
    body, received = sent(exchange), received_chat(log)
    if received is None or not body:
        return
    for name in body.keys() - {"model", "stream", "stream_options", "tools", *_LIMITS}:
        if body[name] is None:
            continue
        yield Examined(name)
        if received.get(name) != body[name]:
            yield Deviation(
                f"{name} as the client sent it: {shown(body[name])}",
                shown(received[name]) if name in received else f"no {name}",
            )


@oracle("CHAT-F04")
def tools_reach_the_upstream_as_sent(exchange: Exchange, log: Exchange) -> Judgement:
    """Where both sides speak Chat, no tool is added, dropped or changed (C-request)."""
    received = received_chat(log)
    if received is None:
        return
    yield Examined("tools")
    asked, found = array(sent(exchange), "tools"), array(received, "tools")
    if asked == found:
        return
    others = [tool for tool in found if tool not in asked] + [tool for tool in asked if tool not in found]
    yield Deviation(
        f"the tools as sent: {_names(asked)}", f"{_names(found)}, of which differs {shown((others or found)[0])}"
    )


@oracle("CHAT-F05")
def nothing_is_added_to_the_request(exchange: Exchange, log: Exchange) -> Judgement:
    """The upstream gets no member that the client did not send; counting tokens of streams aside (C-request)."""
    received = received_chat(log)
    if received is None:
        return
    yield Examined("request")
    added = received.keys() - sent(exchange).keys() - {"stream", "stream_options", "tools", *_LIMITS}
    told = sorted(name for name in added if received[name] is not None)
    if told:
        yield Deviation("the members that the client sent", f"{', '.join(told)} added: {shown(received[told[0]])}")


@oracle("CHAT-F06")
def conversation_reaches_the_upstream(exchange: Exchange, log: Exchange) -> Judgement:
    """Each text of the conversation is in the upstream's request, whatever its protocol (oracle M20)."""
    received = received_body(log)
    if received is None:
        return
    held = list(_strings(received))
    for text in _message_texts(exchange):
        yield Examined("text")
        if not any(text in each for each in held):
            yield Deviation(f"{shown(text)} in the request to the upstream", "it is not there")


@oracle("CHAT-F07")
def unknown_member_is_passed_on_or_refused(exchange: Exchange, log: Exchange, name: str) -> Judgement:
    """A member that the gateway doesn't know is not dropped in silence (oracle M19)."""
    if exchange.status == 400:
        yield Examined("unknown member")
        return
    received = received_chat(log)
    if not exchange.succeeded or received is None:
        return
    yield Examined("unknown member")
    if received.get(name) != sent(exchange).get(name):
        yield Deviation(f"{name} at the upstream, or status 400", f"{name} dropped")


def without(exchange: Exchange, mark: re.Pattern[str], what: str) -> Judgement:
    """Judge that an answer with a body holds nothing that redaction marked so.

    Args:
        exchange: The answer.
        mark: The marker to look for.
        what: What it stands for, as a noun phrase.
    """
    if exchange.response is None or not exchange.body:
        return
    yield Examined("answer")
    for name, value in exchange.response.headers:
        if mark.search(f"{name}: {value}"):
            yield Deviation(f"headers without {what}", shown(f"{name}: {value}"))
    if found := re.search(mark.pattern.encode(), exchange.body):
        yield Deviation(f"a body without {what}", found[0].decode(), found.span())


def received_chat(log: Exchange) -> dict[str, Any] | None:
    """Like ``received_body``; ``None`` where the upstream was asked in another protocol."""
    spoken = [entry.get("protocol") for entry in log_entries(log)]
    return received_body(log) if spoken and spoken[-1] == "chat" else None


_LIMITS: Final = ("max_tokens", "max_completion_tokens")
"""One may be written as the other, and a converted request must have one."""


def _seconds_of_script(exchange: Exchange) -> float:
    """How long the upstream takes to answer as its directive says, in seconds."""
    words = directive(exchange)
    chunks, pause = words.get("chunks", ""), words.get("every", "").removesuffix("ms")
    return int(chunks) * int(pause) / 1000 if chunks.isdecimal() and pause.isdecimal() else 0.0


def _answers(exchange: Exchange) -> Judgement:
    yield Examined("answer")
    if not exchange.succeeded:
        yield Deviation(
            "a chat completion",
            f"status {exchange.status}",
            (0, min(len(exchange.body), 200)) if exchange.body else None,
        )
    elif answer_of(exchange) is None:
        yield Deviation("a choice with a message", shown(exchange.body[:80].decode("utf-8", "replace")), (0, 80))


def _errors(exchange: Exchange) -> list[ServerSentEvent]:
    return [event for name, event in classified(stream_grammar("chat"), exchange.events) if name == "error"]


def _ending(exchange: Exchange) -> str:
    events = exchange.events.events
    last = f"after {shown(events[-1].data)}" if events else "without an event"
    return f"the stream ended {last} ({exchange.response.ending if exchange.response else 'no answer'})"


def _last_span(exchange: Exchange) -> tuple[int, int] | None:
    events = exchange.events.events
    return (events[-1].start, events[-1].end) if events else None


def _names(tools: list[Any]) -> str:
    functions = [tool.get("function", tool) if isinstance(tool, dict) else tool for tool in tools]
    named = [function.get("name") if isinstance(function, dict) else function for function in functions]
    return ", ".join(shown(name) for name in named) or "none"


def _message_texts(exchange: Exchange) -> list[str]:
    texts: list[str] = []
    for message in array(sent(exchange), "messages"):
        content = message.get("content") if isinstance(message, dict) else None
        parts = content if isinstance(content, list) else [{"text": content}]
        texts.extend(text for part in parts if isinstance(part, dict) and (text := string(part.get("text"))))
    return texts


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _strings(each)]
