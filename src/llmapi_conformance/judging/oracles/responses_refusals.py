"""Requests that Responses has to refuse (facts F5.12, F9.11); what such an error looks like is judged elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.responses import opening

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@oracle("RSP-P07")
def a_response_without_model_is_refused(exchange: Exchange) -> Judgement:
    """``model`` is required (fact F5.12)."""
    yield from _client_error(exchange, "a request without model")


@oracle("RSP-P08")
def a_response_without_input_is_refused(exchange: Exchange) -> Judgement:
    """``input`` is required (fact F5.12)."""
    yield from _client_error(exchange, "a request without input")


@oracle("RSP-P09")
def a_wrong_type_in_a_response_is_400(exchange: Exchange) -> Judgement:
    """A parameter of the wrong type is answered with 400 (fact F9.11)."""
    yield Examined("parameter of the wrong type")
    if exchange.status != 400:
        yield Deviation(f"status 400 for {exchange.label}", f"status {exchange.status}", opening(exchange))


def _client_error(exchange: Exchange, what: str) -> Judgement:
    yield Examined("bad request")
    if not 400 <= exchange.status < 500:
        yield Deviation(f"4xx for {what}", f"status {exchange.status}", opening(exchange))
