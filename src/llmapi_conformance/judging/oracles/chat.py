"""What a plain Chat Completions answer has to look like (wire-grammars 2.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.judging.chat_answer import (
    answer_of,
    array,
    asks_the_same,
    completion,
    is_whole_number,
    plain_choices,
    sent,
    shown,
    string,
)
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.grammar import reads_as_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange

PLAIN: Final = On(operations=("createChatCompletion",), mode="plain")
EITHER: Final = On(operations=("createChatCompletion",))

FINISH_REASONS: Final = ("stop", "length", "tool_calls", "content_filter", "function_call")
"""Every value that finish_reason may have (rule C-N1)."""

SECONDS: Final = range(1_000_000_000, 100_000_000_000)
"""Unix seconds between the years 2001 and 5138: milliseconds are not among them."""


@oracle("CHAT-D03", on=EITHER)
def stream_is_answered_with_events_and_nothing_else_is(exchange: Exchange) -> Judgement:
    """``stream: true`` asks for server-sent events, its absence for one JSON document (facts F5.18, F1.6)."""
    yield Examined("answer")
    found = f"{exchange.media_type or 'no content type'}, beginning with {exchange.body[:40].decode('latin-1')!a}"
    if exchange.mode == "stream" and not reads_as_stream(exchange):
        yield Deviation("server-sent events, since the request says stream: true", found, _opening(exchange))
    if exchange.mode == "plain" and exchange.media_type == "text/event-stream":
        yield Deviation("one JSON document, since the request does not ask for a stream", found, _opening(exchange))


@oracle("CHAT-N01", on=PLAIN)
def answer_is_a_chat_completion(exchange: Exchange) -> Judgement:
    """An object with id, object, model and choices (C-response)."""
    body = exchange.json
    if isinstance(body, dict) and body.get("error") and "choices" not in body:
        return  # an error with status 200 is a clause of the errors surface (E2)
    yield Examined("chat completion")
    if not isinstance(body, dict):
        yield Deviation("a chat.completion object", f"a body that is none: {_beginning(exchange)}", _opening(exchange))
        return
    if body.get("object") != "chat.completion":
        yield Deviation('object "chat.completion"', f"object {_told(body, 'object')}", span_of(exchange, "object"))
    for name in ("id", "model"):
        if not string(body.get(name)):
            yield Deviation(
                f"{name}, a string that is not empty", f"{name} {_told(body, name)}", span_of(exchange, name)
            )
    choices = array(body, "choices")
    if not choices or not all(isinstance(choice, dict) for choice in choices):
        yield Deviation(
            "choices, an array of objects", f"choices {_told(body, 'choices')}", span_of(exchange, "choices")
        )


@oracle("CHAT-N02", on=PLAIN)
def created_is_in_unix_seconds(exchange: Exchange) -> Judgement:
    """``created`` is a whole number of seconds, not of milliseconds and no text (C-response)."""
    body = completion(exchange)
    if not array(body, "choices"):
        return
    yield Examined("created")
    if not is_unix_time(body.get("created")):
        yield Deviation(
            "created in whole Unix seconds", f"created {_told(body, 'created')}", span_of(exchange, "created")
        )


@oracle("CHAT-N03", on=PLAIN)
def message_is_the_assistants(exchange: Exchange) -> Judgement:
    """``message.role`` is assistant; ``message.content`` is a string, null or not there (C-response)."""
    for choice in plain_choices(exchange):
        yield Examined("message")
        message = choice.get("message")
        if not isinstance(message, dict):
            yield Deviation("message, an object", f"message {_told(choice, 'message')}", span_of(exchange, "message"))
            continue
        if message.get("role") != "assistant":
            yield Deviation('role "assistant"', f"role {_told(message, 'role')}", span_of(exchange, "role", "message"))
        if not isinstance(message.get("content"), str | None):
            yield Deviation(
                "content, a string or null",
                f"content {_told(message, 'content')}",
                span_of(exchange, "content", "message"),
            )


@oracle("CHAT-N04", on=PLAIN)
def unused_members_are_null(exchange: Exchange) -> Judgement:
    """``message.content``, ``message.refusal`` and ``logprobs`` are there, null when unused (C-response)."""
    for choice in plain_choices(exchange):
        yield Examined("choice")
        if "logprobs" not in choice:
            yield Deviation("logprobs, null when unused", "no logprobs in the choice", span_of(exchange, "choices"))
        message = choice.get("message")
        for name in ("content", "refusal"):
            if isinstance(message, dict) and name not in message:
                yield Deviation(f"{name}, null when unused", f"no {name} in the message", span_of(exchange, "message"))


@oracle("CHAT-N05", on=PLAIN)
def finish_reason_is_one_of_the_five(exchange: Exchange) -> Judgement:
    """A whole answer says why it ended (C-N1)."""
    for choice in plain_choices(exchange):
        yield Examined("finish_reason")
        if choice.get("finish_reason") not in FINISH_REASONS:
            yield Deviation(
                f"finish_reason, one of {', '.join(FINISH_REASONS)}",
                f"finish_reason {_told(choice, 'finish_reason')}",
                span_of(exchange, "finish_reason", "choices"),
            )


@oracle("CHAT-N06", on=PLAIN)
def choices_are_numbered_from_0(exchange: Exchange) -> Judgement:
    """As many choices as asked for, their index from 0 (C-N2)."""
    choices = list(plain_choices(exchange))
    if not choices:
        return
    yield Examined("choice", len(choices))
    wanted = list(range(asked_choices(exchange)))
    found = sorted((choice.get("index") for choice in choices), key=shown)
    if found != sorted(wanted, key=shown) or any(isinstance(index, bool) for index in found):
        yield Deviation(
            f"choices with index {shown(wanted)}", f"index {shown(found)}", span_of(exchange, "index", "choices")
        )


@oracle("CHAT-N07", on=EITHER)
def model_is_the_one_asked_for(exchange: Exchange) -> Judgement:
    """The answer names the model that was asked for, or a dated version of it (oracle M10, variation C15)."""
    asked = string(sent(exchange).get("model"))
    if not asked:  # written in a way that only the gateway could read
        return
    for told, span in _models_told(exchange):
        yield Examined("model")
        if not is_resolution(asked, told):
            yield Deviation(f"model {shown(asked)} or a dated version of it", f"model {shown(told)}", span)
            return


@oracle("CHAT-N08", on=EITHER)
def answer_stays_within_the_limit(exchange: Exchange) -> Judgement:
    """``completion_tokens`` is at most the limit that the request sets, for each choice (C-N5)."""
    body = sent(exchange)
    limit = next((v for k in ("max_completion_tokens", "max_tokens") if is_whole_number(v := body.get(k))), None)
    answer = answer_of(exchange)
    if limit is None or answer is None or not is_whole_number(answer.usage.get("completion_tokens")):
        return
    yield Examined("completion_tokens")
    written = answer.usage["completion_tokens"]
    if written > limit * asked_choices(exchange):
        yield Deviation(
            f"at most {limit} completion_tokens", f"{written}", span_of(exchange, "completion_tokens", "usage")
        )


@oracle("CHAT-N09", on=EITHER)
def stop_text_is_not_in_the_answer(exchange: Exchange) -> Judgement:
    """The answer ends before the stop text (C-N6)."""
    stop = sent(exchange).get("stop")
    stops = (
        [stop] if isinstance(stop, str) else [each for each in array(sent(exchange), "stop") if isinstance(each, str)]
    )
    answer = answer_of(exchange)
    if not any(stops) or answer is None or not answer.text:
        return
    yield Examined("text")
    found = [each for each in stops if each and each in answer.text]
    if found:
        yield Deviation(f"a text that ends before {shown(found[0])}", f"it goes on: {shown(answer.text)}")


@oracle("CHAT-N10", on=EITHER)
def ids_begin_like_openais(exchange: Exchange) -> Judgement:
    """``chatcmpl-`` for answers, ``call_`` for tool calls (C-N7: a habit, no promise)."""
    answer = answer_of(exchange)
    told = _first_id(exchange)
    if answer is None or not told:
        return
    yield Examined("id", 1 + len(answer.tool_calls))
    if not told.startswith("chatcmpl-"):
        yield Deviation("an id that begins with chatcmpl-", shown(told), span_of(exchange, "id"))
    for call in answer.tool_calls:
        if call.id and not call.id.startswith("call_"):
            yield Deviation("a tool call id that begins with call_", shown(call.id), span_of(exchange, "tool_calls"))


@oracle("CHAT-N11")
def ids_differ(*exchanges: Exchange) -> Judgement:
    """No two answers have the same id, but for one that a cache gives to the same question (C-N7, oracle M13)."""
    seen: dict[str, Exchange] = {}
    for exchange in exchanges:
        told = _first_id(exchange)
        if not told:
            continue
        yield Examined("id")
        if told in seen and not asks_the_same(seen[told], exchange):
            yield Deviation(
                "an id of its own", f"{shown(told)}, like {seen[told].id}", span_of(exchange, "id"), exchange
            )
        seen[told] = exchange


def asked_choices(exchange: Exchange) -> int:
    """How many choices the request asks for."""
    number = sent(exchange).get("n")
    return number if is_whole_number(number) and number else 1


def is_unix_time(value: Any) -> bool:
    """Whether a JSON value is a plausible time in whole Unix seconds."""
    return isinstance(value, int) and not isinstance(value, bool) and value in SECONDS


def is_resolution(asked: str, told: str) -> bool:
    """Whether a model id is the one asked for or a dated version of it."""
    return told == asked or bool(re.fullmatch(re.escape(asked) + r"[-@](\d{4}-\d{2}-\d{2}|\d{4,8}|latest)", told))


def span_of(exchange: Exchange, *names: str) -> tuple[int, int] | None:
    """Where the first of these member names that the body has stands in it."""
    for name in names:
        found = exchange.body.find(b'"%s"' % name.encode())
        if found >= 0:
            return found, found + len(name) + 2
    return None


def _models_told(exchange: Exchange) -> Iterator[tuple[str, tuple[int, int] | None]]:
    if exchange.mode == "plain":
        told = string(completion(exchange).get("model"))
        if told:
            yield told, span_of(exchange, "model")
        return
    for event in exchange.events.events:
        payload = event.payload()
        if array(payload, "choices") and string(payload.get("model")):
            yield payload["model"], (event.start, event.end)


def _first_id(exchange: Exchange) -> str:
    if exchange.mode == "plain":
        return string(completion(exchange).get("id"))
    return next((told for event in exchange.events.events if (told := string(event.payload().get("id")))), "")


def _told(value: dict[str, Any], name: str) -> str:
    return shown(value[name]) if name in value else "is not there"


def _beginning(exchange: Exchange) -> str:
    return shown(exchange.body[:80].decode("utf-8", "replace"))


def _opening(exchange: Exchange) -> tuple[int, int] | None:
    return (0, min(len(exchange.body), 80)) if exchange.body else None
