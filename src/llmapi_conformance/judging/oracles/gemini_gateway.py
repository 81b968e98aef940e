"""Gemini between the client and the upstream: what is passed on, what arrives, and what other protocols make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.judging import chat_answer, message_answer
from llmapi_conformance.judging.chat_answer import (
    arguments_in,
    array,
    parsed_arguments,
    payload_in,
    sent,
    shown,
    string,
    usage_in,
    words_in,
)
from llmapi_conformance.judging.gemini_answer import answer_of, count, prompt_of, scripted
from llmapi_conformance.judging.message_answer import object_of, same_json
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.chat_upstream import UPSTREAM_KEY, UPSTREAM_OWN, without
from llmapi_conformance.judging.upstream_log import received_body, without_client_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange

_PROVIDER_HEADERS: Final = ("x-goog-api-key", "x-internal-host", "set-cookie")


@oracle("GEM-P06")
def the_output_limit_cuts_the_answer(exchange: Exchange) -> Judgement:
    """``maxOutputTokens`` ends the answer with MAX_TOKENS (G-request, oracle M7)."""
    answer = answer_of(exchange)
    if answer is None:
        return
    yield Examined("limited answer")
    if answer.finish_reason != "MAX_TOKENS":
        yield Deviation("finishReason MAX_TOKENS", f"finishReason {answer.finish_reason}: {shown(answer.text)}")


@oracle("GEM-P06")
def a_stop_sequence_cuts_the_answer(exchange: Exchange) -> Judgement:
    """The answer ends before the first of ``stopSequences`` (G-request, oracle M8)."""
    answer, payload = answer_of(exchange), payload_in(prompt_of(exchange))
    told = array(object_of(sent(exchange).get("generationConfig")), "stopSequences")
    stops = [stop for stop in told if isinstance(stop, str) and stop]
    if answer is None or not stops:
        return
    yield Examined("stopped answer")
    found = next((stop for stop in stops if stop in answer.text), "")
    cut = min((payload.find(stop) for stop in stops if stop in payload), default=-1) if payload is not None else -1
    if found:
        yield Deviation(f"a text that ends before {shown(found)}", f"it goes on: {shown(answer.text)}")
    elif payload is not None and cut >= 0 and answer.text != payload[:cut]:
        yield Deviation(f"{shown(payload[:cut])}", f"{shown(answer.text)}")
    elif answer.finish_reason != "STOP":
        yield Deviation("finishReason STOP", f"finishReason {answer.finish_reason}")


@oracle("GEM-P06")
def the_system_instruction_reaches_the_upstream(exchange: Exchange, log: Exchange) -> Judgement:
    """The text of ``systemInstruction`` is in the upstream's request (G-request)."""
    received = received_body(log)
    parts = array(object_of(sent(exchange).get("systemInstruction")), "parts")
    text = string(object_of(parts[0]).get("text")) if parts else ""
    if received is None or not text:
        return
    yield Examined("system instruction")
    if not any(text in each for each in _strings(received)):
        yield Deviation(f"{shown(text)} in the request to the upstream", "it is not there")


@oracle("GEM-P07")
def a_thought_signature_goes_back_unchanged(exchange: Exchange, log: Exchange) -> Judgement:
    """What the history carries as ``thoughtSignature`` reaches the upstream to the character (G-N6)."""
    received = received_body(log)
    wanted = list(_signatures(sent(exchange)))
    if received is None or not wanted:
        return
    yield Examined("thought signature", len(wanted))
    found = list(_signatures(received))
    if found != wanted:
        yield Deviation(f"thoughtSignature {shown(wanted)} at the upstream", shown(found))


@oracle("GEM-G01")
def the_clients_key_is_kept_from_the_upstream(log: Exchange) -> Judgement:
    """No request to the upstream carries the client's key (CWE-522)."""
    yield from without_client_key(log)


@oracle("GEM-G02")
def the_upstreams_key_is_kept_from_the_client(exchange: Exchange) -> Judgement:
    """The provider's key comes back neither in a header nor in the body (CWE-522)."""
    yield from without(exchange, UPSTREAM_KEY, "the upstream's key")


@oracle("GEM-G04")
def the_upstreams_headers_are_kept_from_the_client(exchange: Exchange) -> Judgement:
    """The provider's own headers and its address do not come back (CWE-200)."""
    yield from without(exchange, UPSTREAM_OWN, "the upstream's headers and address")
    for name, value in exchange.response.headers if exchange.response else ():
        if name.lower() in _PROVIDER_HEADERS and not UPSTREAM_OWN.search(value):
            yield Deviation("headers of the gateway's own", shown(f"{name}: {value}"))


@oracle("GEM-G03")
def the_request_reaches_the_upstream_as_sent(exchange: Exchange, log: Exchange) -> Judgement:
    """A Gemini upstream gets every member as the client sent it, and no tools of the gateway's own (oracle M19)."""
    received = received_body(log)
    if received is None or "contents" not in received:
        return
    body = sent(exchange)
    for name in {**body, "tools": None}:
        yield Examined(name)
        if not same_json(_without_defaults(received.get(name)), _without_defaults(body.get(name))):
            yield Deviation(f"{name} {shown(body.get(name))} at the upstream", shown(received.get(name)))


@oracle("GEM-N09")
def usage_is_the_upstreams(exchange: Exchange) -> Judgement:
    """Prompt and output tokens are those that the upstream counted: thoughts are output (oracle M16)."""
    told, answer = usage_in(prompt_of(exchange)), answer_of(exchange)
    if told is None or answer is None or not answer.usage:
        return
    yield Examined("usageMetadata")
    usage = answer.usage
    for what, wanted, found in (
        ("promptTokenCount", told[0], count(usage, "promptTokenCount")),
        (
            "candidatesTokenCount and thoughtsTokenCount together",
            told[1],
            count(usage, "candidatesTokenCount") + count(usage, "thoughtsTokenCount"),
        ),
        ("cachedContentTokenCount", told[2], count(usage, "cachedContentTokenCount")),
    ):
        if found != wanted:
            yield Deviation(f"{what}: {wanted}, as the upstream counted", f"{found}")


@oracle("GEM-X01")
def text_arrives_to_the_code_point(exchange: Exchange) -> Judgement:
    """What the upstream says arrives, however its bytes were cut (oracle M11, H4)."""
    payload, answer = payload_in(prompt_of(exchange)), answer_of(exchange)
    if payload is None or answer is None:
        return
    yield Examined("text")
    if answer.text != payload:
        at = next((i for i, (a, b) in enumerate(zip(answer.text, payload, strict=False)) if a != b), 0)
        at = at or min(len(answer.text), len(payload))
        yield Deviation(
            f"the upstream's text, {len(payload)} characters",
            f"{len(answer.text)} characters, other from the {at + 1}th on: {shown(answer.text[at : at + 40])}",
        )


@oracle("GEM-X02")
def every_call_arrives_with_its_values(exchange: Exchange) -> Judgement:
    """All calls of the upstream's answer, their arguments equal in value (oracle M12)."""
    words, answer = scripted(exchange), answer_of(exchange)
    wanted, text = words.get("tool_calls", ""), arguments_in(prompt_of(exchange))
    if answer is None or not wanted.isdecimal():
        return
    yield Examined("function calls", max(1, len(answer.calls)))
    if len(answer.calls) != int(wanted):
        yield Deviation(f"{wanted} function calls", f"{len(answer.calls)}")
    elif text is not None:
        value = parsed_arguments(text)
        wrong = next((call for call in answer.calls if not same_json(call.args, value)), None)
        if wrong:
            yield Deviation(f"arguments {shown(value)}", f"{shown(wrong.args)} for {wrong.name}")


@oracle("GEM-V01")
def messages_are_converted(exchange: Exchange) -> Judgement:
    """A key of a Gemini group gets a message, with the upstream's text (F5.2, oracle M20)."""
    message = message_answer.message_of(exchange) if exchange.succeeded else None
    yield from _converted(exchange, None if message is None else message_answer.text_of(message), "a message")


@oracle("GEM-V02")
def chat_is_converted(exchange: Exchange) -> Judgement:
    """A key of a Gemini group gets a chat completion, with the upstream's text (F5.17, oracle M20)."""
    answer = chat_answer.answer_of(exchange) if exchange.succeeded else None
    yield from _converted(exchange, answer.text if answer else None, "a chat completion")


@oracle("GEM-V03")
def thoughts_count_as_output(exchange: Exchange) -> Judgement:
    """The output tokens of a converted answer are Gemini's candidates and thoughts together (oracle M20)."""
    told = usage_in(chat_answer.prompt_text(exchange))
    usage = _converted_usage(exchange)
    if told is None or "thinking" not in words_in(chat_answer.prompt_text(exchange)) or not usage:
        return
    yield Examined("output tokens")
    name = "output_tokens" if exchange.operation == "createMessage" else "completion_tokens"
    if usage.get(name) != told[1]:
        yield Deviation(f"{name} {told[1]}, thoughts among them", f"{name} {shown(usage.get(name))}")


@oracle("GEM-V04")
def function_calls_are_converted(exchange: Exchange) -> Judgement:
    """Each functionCall becomes a call of the protocol: its name, its values, its reason to stop (oracle M20)."""
    text = chat_answer.prompt_text(exchange)
    wanted, value = words_in(text).get("tool_calls", ""), arguments_in(text)
    calls, reason = _converted_calls(exchange)
    if not wanted.isdecimal() or reason is None:
        return
    yield Examined("function calls", max(1, len(calls)))
    if len(calls) != int(wanted):
        yield Deviation(f"{wanted} calls", f"{len(calls)}")
    elif value is not None and not all(same_json(args, parsed_arguments(value)) for args in calls):
        yield Deviation(f"arguments {shown(parsed_arguments(value))}", shown(calls))
    elif reason not in ("tool_use", "tool_calls"):
        yield Deviation("tool_use or tool_calls as the reason to stop", shown(reason))


def _converted(exchange: Exchange, text: str | None, what: str) -> Judgement:
    yield Examined("converted answer")
    payload = payload_in(chat_answer.prompt_text(exchange))
    if text is None:
        told = shown(exchange.body[:160].decode("utf-8", "replace"))
        yield Deviation(f"{what} for a key of {exchange.role}", f"status {exchange.status}: {told}")
    elif payload is not None and text != payload:
        yield Deviation(f"the text {shown(payload)}", shown(text))


def _converted_usage(exchange: Exchange) -> dict[str, Any]:
    if exchange.operation == "createMessage":
        return message_answer.usage_of(message_answer.message_of(exchange))
    answer = chat_answer.answer_of(exchange)
    return answer.usage if answer else {}


def _converted_calls(exchange: Exchange) -> tuple[list[Any], str | None]:
    """Arguments of the calls, and the reason to stop; ``None`` where there is no answer."""
    if exchange.operation == "createMessage":
        message = message_answer.message_of(exchange)
        found = [block.get("input") for block in message_answer.blocks(message, "tool_use")]
        return found, string(message.get("stop_reason")) if message else None
    answer = chat_answer.answer_of(exchange)
    if answer is None:
        return [], None
    return [parsed_arguments(call.arguments) for call in answer.tool_calls], answer.finish_reason or ""


def _signatures(body: Any) -> Iterator[str]:
    for content in array(body, "contents"):
        for part in array(content, "parts"):
            told = object_of(part).get("thoughtSignature")
            if isinstance(told, str):
                yield told


def _without_defaults(value: Any) -> Any:
    """JSON with empty lists and the role of the user left out: they mean the same as being absent."""
    if isinstance(value, list):
        return [_without_defaults(each) for each in value] or None
    if isinstance(value, dict):
        return {name: _without_defaults(inner) for name, inner in value.items() if (name, inner) != ("role", "user")}
    return value


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from _strings(each)
