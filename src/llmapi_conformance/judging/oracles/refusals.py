"""Bad requests: refused, with the right status, alike in both modes (facts F9.2, F9.11, rules E1, E-table)."""

from __future__ import annotations

from typing import Any

from llmapi_conformance.evidence.exchange import NOT_JSON, Exchange
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.envelopes import error_of, error_type


@oracle("ERR-S01")
def invalid_json_is_400(exchange: Exchange) -> Judgement:
    """A body that is no JSON, or empty, is answered with 400 (F9.11)."""
    yield from _status(exchange, (400,), "a body that is no JSON")


@oracle("ERR-S02")
def a_wrong_type_is_400(exchange: Exchange) -> Judgement:
    """A parameter of the wrong type is answered with 400 (F9.11)."""
    yield from _status(exchange, (400,), "a parameter of the wrong type")


@oracle("ERR-S03")
def an_unreadable_body_is_refused(exchange: Exchange) -> Judgement:
    """A body that is no JSON object is a client's error: 4xx (E-table)."""
    yield from _client_error(exchange, "a body that is no JSON object")


@oracle("ERR-S04")
def a_wrong_type_is_refused(exchange: Exchange) -> Judgement:
    """A required parameter of the wrong type is a client's error: 4xx (E-table)."""
    yield from _client_error(exchange, "a required parameter of the wrong type")


@oracle("ERR-S05")
def a_missing_parameter_is_refused(exchange: Exchange) -> Judgement:
    """A request without ``model`` or ``messages`` is a client's error: 4xx (A-request, C-request)."""
    yield from _client_error(exchange, "a request without a required parameter")


@oracle("ERR-S06")
def an_invalid_request_is_400(exchange: Exchange) -> Judgement:
    """Where a request is refused as invalid, the status is 400 (E-table); the class belongs to other clauses."""
    if 400 <= exchange.status < 500:
        yield from _status(exchange, (400,), "an invalid request")


@oracle("ERR-S07")
def a_negative_limit_is_refused(exchange: Exchange) -> Judgement:
    """``max_tokens: -1`` on Messages is a client's error: 4xx (A-request, defect M13)."""
    yield from _client_error(exchange, "max_tokens -1")


@oracle("ERR-S08")
def a_negative_limit_on_chat_is_refused(exchange: Exchange) -> Judgement:
    """``max_tokens: -1`` on Chat is a client's error: 4xx (defect M13); OpenAI's schema prints no bound."""
    yield from _client_error(exchange, "max_tokens -1")


@oracle("ERR-S09")
def an_unknown_model_is_refused(exchange: Exchange) -> Judgement:
    """A model that nobody has is a client's error, never a server's (E-table, defect M08).

    A count of tokens may be an estimate that needs no model; there only a 5xx is wrong.
    """
    if exchange.operation == "countMessageTokens" and exchange.succeeded:
        yield Examined("request for an unknown model")
        return
    yield from _client_error(exchange, "an unknown model")


@oracle("ERR-S10")
def an_unknown_model_is_404(exchange: Exchange) -> Judgement:
    """A model that nobody has is answered with 404 (E-table)."""
    if exchange.status < 500:
        yield from _status(exchange, (404,), "an unknown model")


@oracle("ERR-S11")
def an_unknown_role_is_refused(exchange: Exchange) -> Judgement:
    """A message of a role that the protocol does not know is a client's error: 4xx (A-request, C-request)."""
    yield from _client_error(exchange, "a message of an unknown role")


@oracle("ERR-S12")
def a_limit_of_zero_makes_no_text(exchange: Exchange) -> Judgement:
    """``max_tokens: 0`` is refused, or served without any text; never raised to a default (A-request, defect M13)."""
    yield Examined("request with max_tokens 0")
    if exchange.status >= 500:
        yield Deviation("4xx, or 200 without text", f"status {exchange.status}")
    elif exchange.succeeded and (text := _text_of(exchange.json)):
        yield Deviation("4xx, or 200 without text", f"status {exchange.status} with {len(text)} characters of text")


@oracle("ERR-S13")
def a_lone_surrogate_is_no_crash(exchange: Exchange) -> Judgement:
    """An escaped lone surrogate in a text is served or refused, and crashes nothing (oracle M11)."""
    yield from _no_crash(exchange, "a text with a lone surrogate")


@oracle("ERR-S14")
def an_awkward_request_is_no_crash(exchange: Exchange) -> Judgement:
    """Deep nesting, a huge number, an odd option or media type is never a 5xx (RFC 8259 section 9, CWE-674)."""
    yield from _no_crash(exchange, f"an awkward request ({exchange.label or 'without label'})")


@oracle("ERR-S15")
def a_bad_request_harms_only_itself(exchange: Exchange) -> Judgement:
    """The next correct request with the same key is served: no cooldown, no dead worker."""
    yield Examined("correct request after bad ones")
    if not exchange.succeeded:
        yield Deviation("2xx for a correct request after bad ones", f"status {exchange.status}")


@oracle("ERR-S16")
def a_body_over_the_limit_is_413(exchange: Exchange) -> Judgement:
    """A body larger than the limit that the target declares is answered with 413 (F9.11)."""
    yield from _status(exchange, (413,), "a body over the declared limit")


@oracle("ERR-S17")
def both_ways_of_a_large_body_are_refused_alike(sized: Exchange, chunked: Exchange) -> Judgement:
    """The limit holds whether the length is announced or the body comes in chunks (defect M12)."""
    yield Examined("large body in chunks")
    if sized.status != chunked.status:
        yield Deviation(
            f"status {sized.status} in chunks too, as with Content-Length", f"status {chunked.status}", exchange=chunked
        )


@oracle("ERR-T01")
def a_bad_stream_request_is_refused_by_status(plain: Exchange, stream: Exchange) -> Judgement:
    """With ``stream: true`` too a refusal is an HTTP status, never 200 and an event (E1, defect M10)."""
    if not plain.refused:
        return
    yield Examined("bad request with stream: true")
    if not stream.refused:
        what = "an event stream" if stream.media_type == "text/event-stream" else stream.media_type or "no media type"
        yield Deviation(
            f"an error status, as without streaming ({plain.status})",
            f"status {stream.status} with {what}",
            exchange=stream,
        )


@oracle("ERR-T02")
def both_modes_refuse_with_the_same_status(plain: Exchange, stream: Exchange) -> Judgement:
    """The status of a refusal does not depend on ``stream`` (E1, oracle M15)."""
    if not (plain.refused and stream.refused):
        return
    yield Examined("pair of refusals")
    if plain.status != stream.status:
        yield Deviation(f"status {plain.status}, as without streaming", f"status {stream.status}", exchange=stream)


@oracle("ERR-T03")
def both_modes_refuse_with_the_same_type(plain: Exchange, stream: Exchange) -> Judgement:
    """Neither do ``error.type`` and ``error.code`` (oracle M15)."""
    if not (plain.refused and stream.refused and plain.status == stream.status) or NOT_JSON in (
        plain.json,
        stream.json,
    ):
        return
    yield Examined("pair of refusals")
    told = [(error_type(one.json), error_of(one.json).get("code")) for one in (plain, stream)]
    if told[0] != told[1]:
        yield Deviation(f"type and code {told[0]!r}, as without streaming", f"{told[1]!r}", exchange=stream)


@oracle("ERR-M01")
def a_wrong_method_is_refused(exchange: Exchange) -> Judgement:
    """A method that a route does not serve is refused with 405, 404 or 501 (RFC 9110 sections 9.1 and 15.5.6)."""
    yield from _status(exchange, (404, 405, 501), f"{exchange.request.method} {exchange.request.path}")


@oracle("ERR-M02")
def a_405_names_the_methods(exchange: Exchange) -> Judgement:
    """405 comes with an Allow header that does not list the refused method (RFC 9110 section 15.5.6)."""
    if exchange.status != 405:
        return
    yield Examined("answer 405")
    allow = exchange.header("allow")
    if allow is None:
        yield Deviation("an Allow header", "none")
    elif exchange.request.method in (word.strip() for word in ",".join(exchange.header_values("allow")).split(",")):
        yield Deviation(f"an Allow header without {exchange.request.method}", f"Allow: {allow[:80]}")


@oracle("ERR-P01")
def an_unknown_path_is_refused(exchange: Exchange) -> Judgement:
    """A path below ``/v1`` that names nothing is neither served nor a 5xx (RFC 9110 section 15.5.5)."""
    yield from _client_error(exchange, f"{exchange.request.method} {exchange.request.path}")


@oracle("ERR-P02")
def an_unknown_path_is_404(exchange: Exchange) -> Judgement:
    """And its status is 404 (RFC 9110 section 15.5.5, F9.11); another class belongs to ERR-P01."""
    if 400 <= exchange.status < 500:
        yield from _status(exchange, (404,), f"{exchange.request.method} {exchange.request.path}")


def _status(exchange: Exchange, wanted: tuple[int, ...], request: str) -> Judgement:
    yield Examined("refusal")
    if exchange.status not in wanted:
        yield Deviation(
            f"status {' or '.join(map(str, wanted))} for {request}{_case(exchange)}", f"status {exchange.status}"
        )


def _client_error(exchange: Exchange, request: str) -> Judgement:
    yield Examined("bad request")
    if not 400 <= exchange.status < 500:
        yield Deviation(f"4xx for {request}{_case(exchange)}", f"status {exchange.status}")


def _no_crash(exchange: Exchange, request: str) -> Judgement:
    yield Examined("awkward request")
    if exchange.status >= 500:
        yield Deviation(f"2xx or 4xx for {request}", f"status {exchange.status}")


def _case(exchange: Exchange) -> str:
    return f" ({exchange.label})" if exchange.label else ""


def _text_of(body: Any) -> str:
    """The text of a Messages answer; empty for anything else."""
    content = body.get("content") if isinstance(body, dict) else None
    blocks = content if isinstance(content, list) else []
    return "".join(block["text"] for block in blocks if isinstance(block, dict) and isinstance(block.get("text"), str))
