"""The text examples of the page Getting Started: run as printed, each is answered in its protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.judging.any_answer import any_answer
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.parity import form_of
from llmapi_conformance.judging.oracles.websocket import answer

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@oracle("MSG-B01")
def the_messages_example_is_answered(exchange: Exchange) -> Judgement:
    """A model, max_tokens and one message bring a message with text (facts F5.1, F5.4)."""
    yield from _answered(exchange, "a message")


@oracle("RSP-B01")
def the_responses_example_is_answered(exchange: Exchange) -> Judgement:
    """A model and a text as input bring a response with text (facts F5.11, F5.13)."""
    yield from _answered(exchange, "a response")


@oracle("CHAT-B01")
def the_chat_example_is_answered(exchange: Exchange) -> Judgement:
    """A model and one message bring a completion with text (facts F5.17, F5.19)."""
    yield from _answered(exchange, "a chat completion")


def _answered(exchange: Exchange, what: str) -> Judgement:
    yield Examined("example of the page")
    if not exchange.succeeded:
        yield Deviation(f"{what} for the example as printed", answer(exchange))
        return
    told = any_answer(exchange)
    if told is None or exchange.media_type != "application/json":
        yield Deviation(f"{what} in JSON", f"{exchange.media_type or 'no content type'}, {form_of(exchange)}")
    elif not told.text or told.end not in {"natural", "length"}:
        yield Deviation(
            f"{what} with a text that ends by itself or at the limit",
            f"{len(told.text)} characters, stop reason {told.told_end or 'none'}",
        )
