"""Parity: one question asked in two ways gets one answer (wire-grammars 11, oracles M1, M2, M3 and M20)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from llmapi_conformance.evidence.exchange import NOT_JSON
from llmapi_conformance.judging.any_answer import AnyAnswer, any_answer
from llmapi_conformance.judging.chat_answer import directive, payload_of, shown, string, told_usage
from llmapi_conformance.judging.message_answer import same_json
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.envelopes import envelope_of, error_type, shape_of
from llmapi_conformance.judging.oracles.grammar import reads_as_stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llmapi_conformance.evidence.exchange import Exchange

_SCRIPT: Final = b"@upstream"
_NAMES: Final = {
    "createMessage": "Messages",
    "createChatCompletion": "Chat Completions",
    "createResponse": "Responses",
    "generateGeminiContent": "Gemini",
}


class Difference(NamedTuple):
    """Where two answers disagree: what, as the one has it, as the other has it."""

    what: str
    one: str
    other: str


def differences_of_form(one: Exchange, other: Exchange) -> Iterator[Difference]:
    """Status, content type, and the shape of the body; each only where the one before agrees."""
    for what, read in (("status", _status), ("content type", _media_type), ("body", form_of)):
        first, second = read(one), read(other)
        if first != second:
            yield Difference(what, first, second)
            return


def differences_of_answer(one: Exchange, other: Exchange) -> Iterator[Difference]:
    """What two answers say: of a model that is no script of ours, only whether they say it in the same way."""
    first, second = any_answer(one), any_answer(other)
    if first is None and second is None:
        return
    if first is None or second is None:
        if one.mode == "stream":
            return  # a stream that adds up to nothing breaks its grammar, which is told elsewhere
        yield Difference("answer", _readable(first), _readable(second))
    elif is_scripted(one) and is_scripted(other):
        yield from differences_in(first, second)


def differences_in(one: AnyAnswer, other: AnyAnswer) -> Iterator[Difference]:
    """Text, calls, class of the stop reason and counts, as far as two answers disagree in them."""
    for aspect in (_text, _calls, _end, _counts):
        yield from aspect(one, other)


def form_of(exchange: Exchange) -> str:
    """What a body is: an event stream, an error envelope, or an object with its name and members."""
    if exchange.mode == "stream" and reads_as_stream(exchange):
        return "server-sent events"
    body = exchange.json
    if body is NOT_JSON:
        return "no JSON" if exchange.body else "nothing"
    if exchange.refused:
        return f"{shape_of(body)}, type {error_type(body)!a}" if envelope_of(body) != "none" else shape_of(body)
    if not isinstance(body, dict):
        return f"a JSON {type(body).__name__}"
    for name in ("object", "type"):
        if string(body.get(name)):
            return f"{name} {body[name]}"
    return f"an object with {', '.join(sorted(body)[:12])}" if body else "an empty object"


def is_scripted(exchange: Exchange) -> bool:
    """Whether the request carries a directive for our upstream, so that equality is exact."""
    return _SCRIPT in exchange.request.body


@oracle("AUTH-H10")
def answer_is_the_same_under_every_key_header(answers: Mapping[str, Exchange]) -> Judgement:
    """The header that carries the key changes nothing in the answer (oracle M3).

    Args:
        answers: To one call, by the header that carried the key; the first is what the others are compared with.
    """
    served = {header: exchange for header, exchange in answers.items() if exchange.succeeded}
    if len(served) < 2:
        return
    usual, first = next(iter(served.items()))
    for header, exchange in list(served.items())[1:]:
        yield Examined("answer under another key header")
        for found in (*differences_of_form(first, exchange), *differences_of_answer(first, exchange)):
            yield Deviation(
                f"{found.what} as with the key in {usual}: {found.one}",
                f"{found.other} with {header}",
                exchange=exchange,
            )
            break


@oracle("MSG-Q01")
def messages_carries_the_same_text(native: Exchange, other: Exchange) -> Judgement:
    """Text of a turn through Messages and through another protocol (oracle M20)."""
    yield from _same("text", native, other)


@oracle("MSG-Q02")
def messages_carries_the_same_calls(native: Exchange, other: Exchange) -> Judgement:
    """Tool calls of a turn through Messages and through another protocol (oracle M20)."""
    yield from _same("tool calls", native, other)


@oracle("MSG-Q03")
def messages_ends_for_the_same_reason(native: Exchange, other: Exchange) -> Judgement:
    """Class of the stop reason through Messages and through another protocol (oracle M20)."""
    yield from _same("stop reason", native, other)


@oracle("MSG-Q04")
def messages_counts_the_same_tokens(native: Exchange, other: Exchange) -> Judgement:
    """Usage through Messages and through another protocol (oracle M20)."""
    yield from _same("usage", native, other)


@oracle("CHAT-Q01")
def chat_carries_the_same_text(native: Exchange, other: Exchange) -> Judgement:
    """Text of a turn through Chat and through another protocol (oracle M20)."""
    yield from _same("text", native, other)


@oracle("CHAT-Q02")
def chat_carries_the_same_calls(native: Exchange, other: Exchange) -> Judgement:
    """Tool calls of a turn through Chat and through another protocol (oracle M20)."""
    yield from _same("tool calls", native, other)


@oracle("CHAT-Q03")
def chat_ends_for_the_same_reason(native: Exchange, other: Exchange) -> Judgement:
    """Class of the stop reason through Chat and through another protocol (oracle M20)."""
    yield from _same("stop reason", native, other)


@oracle("CHAT-Q04")
def chat_counts_the_same_tokens(native: Exchange, other: Exchange) -> Judgement:
    """Usage through Chat and through another protocol (oracle M20)."""
    yield from _same("usage", native, other)


@oracle("RSP-Q01")
def responses_carries_the_same_text(native: Exchange, other: Exchange) -> Judgement:
    """Text of a turn through Responses and through another protocol (oracle M20)."""
    yield from _same("text", native, other)


@oracle("RSP-Q02")
def responses_carries_the_same_calls(native: Exchange, other: Exchange) -> Judgement:
    """Tool calls of a turn through Responses and through another protocol (oracle M20)."""
    yield from _same("tool calls", native, other)


@oracle("RSP-Q03")
def responses_ends_for_the_same_reason(native: Exchange, other: Exchange) -> Judgement:
    """Class of the stop reason through Responses and through another protocol (oracle M20)."""
    yield from _same("stop reason", native, other)


@oracle("RSP-Q04")
def responses_counts_the_same_tokens(native: Exchange, other: Exchange) -> Judgement:
    """Usage through Responses and through another protocol (oracle M20)."""
    yield from _same("usage", native, other)


@oracle("GEM-Q01")
def gemini_carries_the_same_text(native: Exchange, other: Exchange) -> Judgement:
    """Text of a turn through Gemini and through another protocol (oracle M20)."""
    yield from _same("text", native, other)


@oracle("GEM-Q02")
def gemini_carries_the_same_calls(native: Exchange, other: Exchange) -> Judgement:
    """Tool calls of a turn through Gemini and through another protocol (oracle M20)."""
    yield from _same("tool calls", native, other)


@oracle("GEM-Q03")
def gemini_ends_for_the_same_reason(native: Exchange, other: Exchange) -> Judgement:
    """Class of the stop reason through Gemini and through another protocol (oracle M20)."""
    yield from _same("stop reason", native, other)


@oracle("GEM-Q04")
def gemini_counts_the_same_tokens(native: Exchange, other: Exchange) -> Judgement:
    """Usage through Gemini and through another protocol (oracle M20)."""
    yield from _same("usage", native, other)


def _same(aspect: str, native: Exchange, other: Exchange) -> Judgement:
    """Two scripted turns agree in one aspect; an answer that can't be read is another clause's finding.

    A turn through Chat that is not what its script says is no measure: the fault is Chat's, as clauses of Chat tell.
    """
    first, second = any_answer(native), any_answer(other)
    if first is None or second is None or not (is_scripted(native) and is_scripted(other)):
        return
    compare, there = _ASPECTS[aspect]
    if not there(first) or not _as_scripted(aspect, native, first):
        return
    yield Examined(f"{aspect} of a turn through two protocols")
    for found in compare(first, second):
        yield Deviation(
            f"{found.what} as through {_through(native)}: {found.one}",
            f"{found.other} through {_through(other)}",
            exchange=other,
        )


def _as_scripted(aspect: str, chat: Exchange, answer: AnyAnswer) -> bool:
    """Whether an answer of Chat has what its directive told the upstream to say; true where it told nothing."""
    words = directive(chat)
    match aspect:
        case "text":
            return payload_of(chat) in (None, answer.text)
        case "tool calls":
            return words.get("tool_calls", str(len(answer.calls))) == str(len(answer.calls))
        case "stop reason":
            return words.get("stop", "tools" if "tool_calls" in words else answer.end) == answer.end
    told, counts = told_usage(chat), answer.counts
    return told in (None, (counts.input, counts.output, counts.cached))


def _text(one: AnyAnswer, other: AnyAnswer) -> Iterator[Difference]:
    if not other.text and one.end == other.end == "filtered":
        return  # what a filter stopped may be withheld, as Gemini itself does
    if one.text != other.text:
        yield Difference("text", shown(one.text, 200), shown(other.text, 200))


def _calls(one: AnyAnswer, other: AnyAnswer) -> Iterator[Difference]:
    names, others = [call.name for call in one.calls], [call.name for call in other.calls]
    if names != others:
        yield Difference("tool calls", ", ".join(names) or "none", ", ".join(others) or "none")
        return
    for first, second in zip(one.calls, other.calls, strict=True):
        if not same_json(first.arguments, second.arguments):
            yield Difference(f"arguments of {first.name}", _spelled(first.arguments), _spelled(second.arguments))


def _end(one: AnyAnswer, other: AnyAnswer) -> Iterator[Difference]:
    if one.end != other.end:
        yield Difference("stop reason", f"{one.end} ({one.told_end})", f"{other.end} ({other.told_end})")


def _counts(one: AnyAnswer, other: AnyAnswer) -> Iterator[Difference]:
    for name in ("input", "cached", "output"):
        first, second = getattr(one.counts, name), getattr(other.counts, name)
        if first is not None and first != second:
            yield Difference(f"{name} tokens", str(first), "none" if second is None else str(second))


def _has_text(answer: AnyAnswer) -> bool:
    return bool(answer.text)


def _has_calls(answer: AnyAnswer) -> bool:
    return bool(answer.calls)


def _has_end(answer: AnyAnswer) -> bool:
    return answer.end not in {"none", "other"}


def _has_counts(answer: AnyAnswer) -> bool:
    return answer.counts.input is not None or answer.counts.output is not None


_ASPECTS: Final = {
    "text": (_text, _has_text),
    "tool calls": (_calls, _has_calls),
    "stop reason": (_end, _has_end),
    "usage": (_counts, _has_counts),
}


def _status(exchange: Exchange) -> str:
    return str(exchange.status)


def _media_type(exchange: Exchange) -> str:
    return exchange.media_type or "none"


def _readable(answer: AnyAnswer | None) -> str:
    return "none that could be read" if answer is None else f"an answer of {len(answer.text)} characters"


def _spelled(arguments: Any) -> str:
    return "no JSON" if arguments is NOT_JSON else shown(arguments, 200)


def _through(exchange: Exchange) -> str:
    name = _NAMES.get(exchange.operation, exchange.operation)
    return f"{name} with a key of {exchange.role}"
