"""The Antigravity prefix: both protocols keep their rules there, for keys of its own group (facts F2.9, F5.23)."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

import llmapi_conformance.judging.oracles.gemini
import llmapi_conformance.judging.oracles.gemini_stream
import llmapi_conformance.judging.oracles.messages
import llmapi_conformance.judging.oracles.messages_stream
import llmapi_conformance.judging.oracles.messages_usage  # noqa: F401 - these register the rules that hold here too
from llmapi_conformance.contract.clauses import Level, load_clauses
from llmapi_conformance.evidence.exchange import NOT_JSON, Exchange
from llmapi_conformance.judging.chat_answer import payload_in, prompt_text, shown
from llmapi_conformance.judging.gemini_answer import answer_of, error_body, prompt_of
from llmapi_conformance.judging.message_answer import message_of, text_of
from llmapi_conformance.judging.oracle import ORACLES, Deviation, Examined, Judgement, On, Oracle, oracle
from llmapi_conformance.judging.oracles.envelopes import (
    error_message,
    error_type,
    expected_envelope,
    fits,
    name_of,
    shape_of,
)
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Iterator

_GEMINI: Final = {
    "listAntigravityModels": "listGeminiModels",
    "generateAntigravityContent": "generateGeminiContent",
    "streamAntigravityContent": "streamGeminiContent",
    "countAntigravityTokens": "countGeminiTokens",
}
"""Operations under the prefix, each with the one whose protocol it follows."""
_MESSAGES: Final = {"createAntigravityMessage": "createMessage"}
OPERATIONS: Final = (*_MESSAGES, *_GEMINI, "getAntigravityModel")


@oracle("AGY-A01")
def its_key_gets_a_message(exchange: Exchange) -> Judgement:
    """A key of an Antigravity group is served on /antigravity/v1/messages (F2.9)."""
    yield Examined("message under the prefix")
    message = message_of(exchange) if exchange.succeeded else None
    payload = payload_in(prompt_text(exchange))
    if message is None:
        yield Deviation("a message", _answer(exchange))
    elif payload is not None and text_of(message) != payload:
        yield Deviation(f"the text {shown(payload)}", shown(text_of(message)))


@oracle("AGY-A02")
def its_key_gets_content(exchange: Exchange) -> Judgement:
    """A key of an Antigravity group is served generateContent under the prefix (F5.23, F6.4)."""
    yield Examined("content under the prefix")
    answer = answer_of(exchange) if exchange.succeeded else None
    payload = payload_in(prompt_of(exchange))
    if answer is None:
        yield Deviation("an answer with a candidate", _answer(exchange))
    elif payload is not None and answer.text != payload:
        yield Deviation(f"the text {shown(payload)}", shown(answer.text))


@oracle("AGY-A03")
def other_keys_are_refused(exchange: Exchange) -> Judgement:
    """Keys of other groups and image keys open nothing under the prefix (F5.23)."""
    if exchange.role.startswith("general:antigravity"):
        return
    yield Examined("key of another group")
    if exchange.status not in (400, 401, 403, 404):
        yield Deviation(f"400, 401, 403 or 404 for {exchange.role}", _answer(exchange))


@oracle("AGY-A04")
def its_key_is_refused_without_the_prefix(exchange: Exchange) -> Judgement:
    """The paths without the prefix need a Gemini group (F5.21, tension C7)."""
    if exchange.role != "general:antigravity":
        return
    yield Examined("key of an Antigravity group")
    if exchange.status not in (400, 404):
        yield Deviation("400 or 404 without the prefix", _answer(exchange))


@oracle("AGY-P01", on=On(operations=tuple(_MESSAGES)))
def messages_rules_hold_under_the_prefix(exchange: Exchange) -> Judgement:
    """Every MUST of the Messages protocol that an answer alone can show (A-stream, A-response)."""
    yield from _as_elsewhere(exchange, _MESSAGES, "MSG-")


@oracle("AGY-P02", on=On(operations=tuple(_GEMINI)))
def geminis_rules_hold_under_the_prefix(exchange: Exchange) -> Judgement:
    """Every MUST of Gemini's protocol that an answer alone can show (G-stream, G-response)."""
    yield from _as_elsewhere(exchange, _GEMINI, "GEM-")


@oracle("AGY-P03", on=On(operations=OPERATIONS, outcome="error"))
def errors_have_the_envelope_of_their_path(exchange: Exchange) -> Judgement:
    """Anthropic's under /antigravity/v1, Google's under /antigravity/v1beta; the documented 401 too (F9.10, F9.7)."""
    if exchange.json is NOT_JSON:
        return
    yield Examined("error envelope")
    family = expected_envelope(exchange.operation)
    body = error_body(exchange)
    if not fits(body, family) and not (exchange.status == 401 and fits(body, "anthropic")):
        yield Deviation(name_of(family), shape_of(exchange.json))


@oracle("AGY-P04")
def its_models_are_listed(exchange: Exchange) -> Judgement:
    """GET /antigravity/v1beta/models lists at least one model (G-response)."""
    yield Examined("list")
    body = exchange.json
    if not exchange.succeeded or not isinstance(body, dict) or not body.get("models"):
        yield Deviation("a list of models", _answer(exchange))


@oracle("AGY-P05")
def messages_are_converted_for_its_key(exchange: Exchange) -> Judgement:
    """A key of an Antigravity group is served on /v1/messages (F5.2)."""
    if exchange.role == "general:antigravity":
        yield Examined("converted answer")
        if not exchange.succeeded:
            yield Deviation("a message", _answer(exchange))


@oracle("AGY-P06")
def chat_is_converted_for_its_key(exchange: Exchange) -> Judgement:
    """A key of an Antigravity group is served on /v1/chat/completions (F5.17)."""
    if exchange.role == "general:antigravity":
        yield Examined("converted answer")
        if not exchange.succeeded:
            yield Deviation("a chat completion", _answer(exchange))


@oracle("AGY-P07")
def tokens_are_counted_under_the_prefix(exchange: Exchange) -> Judgement:
    """Whether :countTokens is served under the prefix (unknown 10)."""
    if exchange.role == "general:antigravity":
        yield Examined("token count under the prefix")
        if not exchange.succeeded:
            yield Deviation("a count of tokens", _answer(exchange))


def _as_elsewhere(exchange: Exchange, standard: dict[str, str], prefix: str) -> Judgement:
    """What the rules of a protocol say of an exchange, had it come from the standard path."""
    twin = replace(exchange, operation=standard[exchange.operation])
    for rule in _rules(prefix):
        if rule.on is not None and rule.on.covers(twin):
            for item in rule(twin):
                if isinstance(item, Deviation):
                    yield Deviation(f"{item.expected} ({rule.clause})", item.observed, item.span)
                else:
                    yield item


@cache
def _rules(prefix: str) -> tuple[Oracle, ...]:
    """The oracles of a surface's MUST clauses that speak about every exchange."""
    return tuple(_musts(prefix))


def _musts(prefix: str) -> Iterator[Oracle]:
    clauses = load_clauses(tree() / "specs")
    for rule in ORACLES.values():
        clause = clauses.get(rule.clause)
        if rule.on is not None and rule.clause.startswith(prefix) and clause and clause.level is Level.MUST:
            yield rule


def _answer(exchange: Exchange) -> str:
    body = error_body(exchange)
    told = ": ".join(part for part in (error_type(body), error_message(body)) if part)
    return f"status {exchange.status}" + (f" ({told[:160]})" if told else "")
