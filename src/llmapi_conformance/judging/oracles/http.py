"""HTTP around every answer: media types, framing, headers, codings, methods (RFC 9110, RFC 9112, rules H1, H2, H7)."""

from __future__ import annotations

import re
from typing import Final

from llmapi_conformance.evidence.exchange import NOT_JSON, Ending, Exchange
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle

ANY: Final = On(outcome="any")
STREAMS: Final = On(mode="stream", outcome="success")
JSON_ANSWERS: Final = On(mode="plain", outcome="success")
TEXT_ROUTES: Final = ("createMessage", "countMessageTokens", "createChatCompletion", "createResponse", "listModels")
JSON_ROUTES: Final = (
    *TEXT_ROUTES,
    "createResponse",
    "getUsage",
    "generateImage",
    "editImage",
    "listGeminiModels",
    "getGeminiModel",
    "generateGeminiContent",
    "countGeminiTokens",
    "createAntigravityMessage",
    "listAntigravityModels",
    "getAntigravityModel",
    "generateAntigravityContent",
    "countAntigravityTokens",
    "submitImageTask",
    "getImageTask",
)
"""Operations whose plain answer is one JSON document."""
REQUEST_IDS: Final = ("request-id", "x-request-id")
# Fields that are no lists: a second line changes or voids the first (RFC 9110 section 5.3).
_SINGLETONS: Final = (
    "content-type",
    "content-length",
    "content-range",
    "date",
    "etag",
    "expires",
    "last-modified",
    "location",
    "retry-after",
    "server",
)
# How wire/decoding.py says that a body does not keep to its declared coding.
_OF_THE_UPSTREAM = re.compile(r"\[\[upstream-(?:key|header)\]\]")
_LONGEST_VALUE: Final = 120
_UNDECODED = re.compile(
    r"the body is not valid \w+|the \w+ data is incomplete|bytes follow the end of the deflate data"
)
_BROKEN: Final = {
    Ending.CUT: "the connection was closed before the body was complete",
    Ending.RESET: "the connection was reset in the body",
    Ending.TIMEOUT: "the body stalled until a deadline of ours",
}


@oracle("HTTP-S01", on=STREAMS)
def a_stream_is_text_event_stream(exchange: Exchange) -> Judgement:
    """A streamed answer has the media type ``text/event-stream`` (H1, S8)."""
    yield Examined("streamed answer")
    if exchange.media_type != "text/event-stream":
        yield Deviation("Content-Type: text/event-stream", _content_type(exchange))


@oracle("HTTP-S02", on=STREAMS)
def the_charset_of_a_stream_is_utf8(exchange: Exchange) -> Judgement:
    """A charset parameter, where there is one, says UTF-8 (WHATWG-SSE 9.2.2)."""
    if exchange.media_type != "text/event-stream":
        return
    yield Examined("streamed answer")
    charset = re.search(r";\s*charset\s*=\s*\"?([^\s\";]*)", exchange.header("content-type") or "", re.IGNORECASE)
    if charset and charset[1].lower() not in ("utf-8", "utf8"):
        yield Deviation("charset=utf-8 or none", f"charset={charset[1][:40]}")


@oracle("HTTP-S03", on=STREAMS)
def a_stream_has_no_content_length(exchange: Exchange) -> Judgement:
    """A stream of unknown length announces none (H1)."""
    if exchange.media_type != "text/event-stream":
        return
    yield Examined("streamed answer")
    if (length := exchange.header("content-length")) is not None:
        yield Deviation("no Content-Length", f"Content-Length: {length[:40]}")


@oracle("HTTP-S04", on=STREAMS)
def a_stream_is_not_cached(exchange: Exchange) -> Judgement:
    """Cache-Control keeps caches away from a stream (H2)."""
    if exchange.media_type != "text/event-stream":
        return
    yield Examined("streamed answer")
    control = ", ".join(exchange.header_values("cache-control"))
    if not re.search(r"\bno-(?:cache|store)\b", control, re.IGNORECASE):
        yield Deviation(
            "Cache-Control: no-cache (or no-store)", f"Cache-Control: {control[:80]}" if control else "none"
        )


@oracle("HTTP-S05", on=STREAMS)
def a_stream_tells_proxies_not_to_buffer(exchange: Exchange) -> Judgement:
    """``X-Accel-Buffering: no`` keeps nginx from holding a stream back (H2)."""
    if exchange.media_type != "text/event-stream":
        return
    yield Examined("streamed answer")
    if (exchange.header("x-accel-buffering") or "").strip().lower() != "no":
        yield Deviation("X-Accel-Buffering: no", exchange.header("x-accel-buffering") or "none")


@oracle("HTTP-J01", on=On(JSON_ROUTES, mode="plain"))
def a_json_answer_is_application_json(exchange: Exchange) -> Judgement:
    """A plain answer has the media type ``application/json``; a body that is no JSON belongs to HTTP-J02."""
    if exchange.json is NOT_JSON:
        return
    yield Examined("JSON answer")
    if exchange.media_type != "application/json":
        yield Deviation("Content-Type: application/json", _content_type(exchange))


@oracle("HTTP-J02", on=On(JSON_ROUTES, mode="plain"))
def a_plain_answer_is_one_json_document(exchange: Exchange) -> Judgement:
    """A plain success of a JSON operation is exactly one JSON document in UTF-8 (RFC 8259 sections 2 and 8.1)."""
    if not exchange.complete or _undecoded(exchange):
        return
    yield Examined("plain answer")
    if exchange.json is NOT_JSON:
        yield Deviation("one JSON document in UTF-8", body_in_words(exchange), (0, min(len(exchange.body), 200)))


@oracle("HTTP-B01", on=ANY)
def a_body_arrives_whole(exchange: Exchange) -> Judgement:
    """The message framing is satisfied: no cut, reset or stall after the head (RFC 9112 section 8).

    A stream that we left never came to its end.
    """
    if exchange.response is None or exchange.response.ending in (Ending.CAPPED, Ending.LEFT):
        return
    if exchange.status == 413 and exchange.response.ending is Ending.RESET:
        return  # who refuses to read a body may close the connection under it (RFC 9110 section 15.5.14)
    yield Examined("body")
    ending = exchange.response.ending
    if ending in _BROKEN and not _announced_more(exchange):
        observed = f"{_BROKEN[ending]}, after {exchange.response.wire_length} bytes"
        yield Deviation(
            "a body that ends as its framing says", observed, (max(0, len(exchange.body) - 40), len(exchange.body))
        )


@oracle("HTTP-B02", on=ANY)
def content_length_is_the_length(exchange: Exchange) -> Judgement:
    """Content-Length equals the bytes that came (RFC 9110 section 8.6, defect M40)."""
    response = exchange.response
    length = exchange.header("content-length")
    if response is None or length is None or exchange.request.method == "HEAD" or response.status in (204, 304):
        return
    if response.ending in (Ending.CAPPED, Ending.ABORTED, Ending.LEFT, Ending.TIMEOUT):
        return
    yield Examined("Content-Length")
    if not length.strip().isdecimal():
        yield Deviation("a number as Content-Length", f"Content-Length: {length[:40]}")
    elif int(length) != response.wire_length and not (
        response.ending is Ending.RESET and int(length) > response.wire_length
    ):
        yield Deviation(f"{int(length)} bytes, as Content-Length says", f"{response.wire_length} bytes")


@oracle("HTTP-E01", on=ANY)
def no_content_coding_goes_unasked(exchange: Exchange) -> Judgement:
    """A content coding is used only where the request accepts it (RFC 9110 section 12.5.3)."""
    yield Examined("answer")
    accepted = ",".join(value for name, value in exchange.request.headers if name.lower() == "accept-encoding").lower()
    asked = {part.partition(";")[0].strip() for part in accepted.split(",")}
    for coding in _codings(exchange):
        if coding not in asked and "*" not in asked:
            wanted = f"Accept-Encoding: {accepted}" if accepted else "no Accept-Encoding"
            yield Deviation(
                f"no content coding but those asked for ({wanted[:80]})", f"Content-Encoding: {coding[:40]}"
            )


@oracle("HTTP-E02", on=ANY)
def a_declared_coding_decodes(exchange: Exchange) -> Judgement:
    """A body is in the content coding that it declares (RFC 9110 section 8.4, defect M40)."""
    if (
        exchange.response is None
        or exchange.response.ending is not Ending.COMPLETE
        or exchange.request.method == "HEAD"
    ):
        return
    if "accept-encoding" in (name.lower() for name, _ in exchange.request.headers) or _codings(exchange):
        yield Examined("content coding")
    if found := _UNDECODED.search(exchange.response.detail):
        declared = ", ".join(_codings(exchange))
        yield Deviation(f"a body in the declared coding ({declared[:40]})", found[0], (0, min(len(exchange.body), 40)))


@oracle("HTTP-H01", on=ANY)
def single_fields_come_once(exchange: Exchange) -> Judgement:
    """Fields that are no lists come once (RFC 9110 section 5.3)."""
    yield Examined("response head")
    for name in _SINGLETONS:
        values = exchange.header_values(name)
        if len(values) > 1:
            yield Deviation(f"one {name} field", f"{len(values)}: {' | '.join(value[:40] for value in values[:4])}")


@oracle("HTTP-H02", on=ANY)
def length_and_transfer_coding_exclude_each_other(exchange: Exchange) -> Judgement:
    """No Content-Length beside Transfer-Encoding (RFC 9112 section 6.2): two framings let requests be smuggled."""
    yield Examined("response head")
    length, coding = exchange.header("content-length"), exchange.header("transfer-encoding")
    if length is not None and coding is not None:
        yield Deviation(
            "one of Content-Length and Transfer-Encoding",
            f"Content-Length: {length[:20]} and Transfer-Encoding: {coding[:20]}",
        )


@oracle("HTTP-H03", on=ANY)
def a_body_has_a_media_type(exchange: Exchange) -> Judgement:
    """A body is labelled with a Content-Type (RFC 9110 section 8.3)."""
    if not exchange.body:
        return
    yield Examined("body")
    if not exchange.media_type:
        yield Deviation("a Content-Type", f"none, on a body of {len(exchange.body)} bytes")


@oracle("HTTP-H04", on=On(TEXT_ROUTES, outcome="any"))
def an_answer_carries_a_request_id(exchange: Exchange) -> Judgement:
    """``request-id`` (Anthropic) or ``x-request-id`` (OpenAI) names the exchange (A-headers, E-envelope)."""
    yield Examined("response head")
    if not any((exchange.header(name) or "").strip() for name in REQUEST_IDS):
        yield Deviation("a request-id or x-request-id header", "neither")


@oracle("HTTP-H05", on=On(TEXT_ROUTES, outcome="any"))
def a_request_id_is_one(exchange: Exchange) -> Judgement:
    """One value in each request id header: two of them name two exchanges."""
    for name in REQUEST_IDS:
        values = exchange.header_values(name)
        if values:
            yield Examined("request id header")
        if len(values) > 1:
            yield Deviation(f"one {name}", f"{len(values)}: {', '.join(value[:40] for value in values[:4])}")


@oracle("HTTP-H06")
def request_ids_differ(exchanges: list[Exchange]) -> Judgement:
    """Two answers never carry the same request id (A-N8: uniqueness is the hard rule)."""
    for name in REQUEST_IDS:
        seen: dict[str, Exchange] = {}
        for exchange in exchanges:
            value = (exchange.header(name) or "").strip()
            if not value:
                continue
            yield Examined("request id")
            if value in seen:
                yield Deviation(f"another {name} in each answer", f"{value[:60]} twice", exchange=exchange)
            seen[value] = exchange


@oracle("HTTP-H07", on=ANY)
def an_answer_is_dated(exchange: Exchange) -> Judgement:
    """A Date header (RFC 9110 section 6.6.1)."""
    yield Examined("response head")
    if not exchange.header("date"):
        yield Deviation("a Date header", "none")


@oracle("HTTP-H08", on=ANY)
def an_answer_forbids_content_sniffing(exchange: Exchange) -> Judgement:
    """``X-Content-Type-Options: nosniff`` keeps browsers from reading an answer as a page."""
    yield Examined("response head")
    if (exchange.header("x-content-type-options") or "").strip().lower() != "nosniff":
        yield Deviation("X-Content-Type-Options: nosniff", exchange.header("x-content-type-options") or "none")


@oracle("HTTP-H09", on=ANY)
def an_api_answer_sets_no_cookie(exchange: Exchange) -> Judgement:
    """No Set-Cookie: a key is the only state of this API."""
    yield Examined("response head")
    if values := exchange.header_values("set-cookie"):
        yield Deviation("no Set-Cookie", f"{len(values)} of them, the first for {values[0].partition('=')[0][:40]!r}")


@oracle("HTTP-L02")
def headers_of_the_upstream_are_not_passed_on(exchange: Exchange) -> Judgement:
    """What our upstream's ``leak-headers`` sends stays behind: credential, cookie, name and host (CWE-200)."""
    yield Examined("answer to an upstream that sends its own headers")
    for name, value in exchange.response.headers if exchange.response else ():
        # A gateway may pass them on under names of its own, so the value tells as well.
        if name.lower() in {"x-goog-api-key", "x-internal-host"} or _OF_THE_UPSTREAM.search(value):
            yield Deviation("none of the upstream's own headers", f"a header {name}: {value[:_LONGEST_VALUE]}")


@oracle("HTTP-R01")
def the_standard_route_is_served(exchange: Exchange) -> Judgement:
    """A documented route under ``/v1`` is there (F1.1): a correct request is not told 404 or 405."""
    yield Examined("documented route")
    if exchange.status in (404, 405, 501):
        yield Deviation(
            "a route that is served", f"status {exchange.status} for {exchange.request.method} {exchange.request.path}"
        )


@oracle("HTTP-R02")
def a_json_request_is_taken(exchange: Exchange) -> Judgement:
    """A request with ``Content-Type: application/json``, parameters or not, is taken (F1.5; RFC 9110 section 8.3.1)."""
    yield Examined("JSON request")
    if not exchange.succeeded:
        sent = next((value for name, value in exchange.request.headers if name.lower() == "content-type"), "none")
        yield Deviation(f"success for a correct request with Content-Type: {sent[:60]}", f"status {exchange.status}")


@oracle("HTTP-R03")
def a_json_request_with_a_charset_is_taken(exchange: Exchange) -> Judgement:
    """``application/json; charset=utf-8`` is the same media type (RFC 9110 section 8.3.1)."""
    yield from a_json_request_is_taken(exchange)


@oracle("HTTP-V01")
def an_answer_to_head_has_no_body(exchange: Exchange) -> Judgement:
    """No body follows the head of an answer to HEAD (RFC 9110 section 9.3.2)."""
    if exchange.response is None:
        return
    yield Examined("answer to HEAD")
    if exchange.body or exchange.response.wire_length:
        yield Deviation("no body", f"{exchange.response.wire_length} bytes")
    elif exchange.response.detail and exchange.response.ending is not Ending.COMPLETE:
        yield Deviation("a connection that stays usable", exchange.response.detail)


@oracle("HTTP-V02")
def an_odd_method_is_no_server_error(exchange: Exchange) -> Judgement:
    """HEAD and OPTIONS are answered, and not with a server error (H7; Claude Code asks HEAD / first)."""
    yield Examined(f"answer to {exchange.request.method}")
    if exchange.status >= 500 and exchange.status != 501:
        yield Deviation(
            "a status below 500", f"{exchange.status} for {exchange.request.method} {exchange.request.path}"
        )


def body_in_words(exchange: Exchange) -> str:
    """What a body is that is not one JSON document."""
    body = exchange.body
    if not body.strip():
        return "an empty body" if not body else f"{len(body)} bytes of white space"
    text = body[:100_000].decode("utf-8", "replace")
    start = text.lstrip("\ufeff \t\r\n")
    if start[:1] == "<":
        return f"a page: {start[:80]!r}"
    if re.match(r"(?:data|event|id|retry)?:", start):
        return f"server-sent events: {start[:80]!r}"
    if exchange.events.invalid_utf8 is not None:
        return f"bytes that are no UTF-8, from offset {exchange.events.invalid_utf8}"
    if start[:1] in "{[" and re.search(r"[}\]]\s*[{\[]|[}\]]\s*(?:data|event):", start):
        return f"a JSON document with something behind it: ...{start.rstrip()[-80:]!r}"
    return f"text that is no JSON: {start[:80]!r}"


def _content_type(exchange: Exchange) -> str:
    value = exchange.header("content-type")
    return "no Content-Type" if value is None else f"Content-Type: {value[:80]}"


def _codings(exchange: Exchange) -> list[str]:
    listed = ",".join(exchange.header_values("content-encoding")).lower().split(",")
    return [coding.strip() for coding in listed if coding.strip() not in ("", "identity")]


def _undecoded(exchange: Exchange) -> bool:
    """Whether the body is still encoded, which belongs to the clauses on codings."""
    return exchange.response is not None and bool(_codings(exchange)) and bool(exchange.response.detail)


def _announced_more(exchange: Exchange) -> bool:
    """Whether the body ended before the announced length, which belongs to HTTP-B02."""
    length = (exchange.header("content-length") or "").strip()
    if exchange.response is None or exchange.response.ending is not Ending.CUT or not length.isdecimal():
        return False
    return int(length) > exchange.response.wire_length
