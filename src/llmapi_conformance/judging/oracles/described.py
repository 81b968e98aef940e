"""Answers held against the OpenAPI description: status, media type, headers, and the schemas of bodies and events."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.contract.answers import described_answers
from llmapi_conformance.evidence.exchange import NOT_JSON, Exchange, decode_json
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmapi_conformance.contract.answers import Complaint, DescribedAnswer, DescribedOperation

_HTTP_STATUSES: Final = frozenset({402, 405, 406, 408, 411, 412, 414, 415, 416, 417, 421, 422, 425, 426, 428, 431})
"""About the request itself, whatever the operation: RFC 9110 section 15.5, RFC 6585; 402 is Anthropic's (E-table)."""
_ANYWHERE: Final = frozenset({400, 401, 403, 404, 409, 413, 429, 500, 501, 502, 503, 504, 505, 529}) | _HTTP_STATUSES
"""With what the documentation has for any operation (F9.11), and 529 for an overloaded one (E-table)."""
_OF_PAGES: Final = (
    "getUsage",
    "submitImageTask",
    "submitImageTaskAlias",
    "getImageTask",
    "getImageTaskAlias",
    "listImageTasks",
    "cancelImageTask",
    "cancelImageTaskAlias",
)
"""Operations whose answers no vendor's protocol has: LLMAPI's pages alone show them."""
_RETRY_AFTER: Final = re.compile(
    r"[0-9]+|[A-Z][a-z]{2,8}, .{11,24} GMT|[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} \d{4}"
)
_MOST: Final = 5
"""Complaints about one document that are told; a wrong document is wrong in many places."""
_QUOTE: Final = 60


@oracle("HTTP-G03", on=On(outcome="success"))
def a_success_has_a_described_status(exchange: Exchange) -> Judgement:
    """The status of a success is one that the description has (``202`` of a submitted task: F7.1)."""
    described = _operation(exchange)
    if described is None:
        return
    yield Examined("success")
    if exchange.status not in described.answers:
        known = " or ".join(str(status) for status in sorted(described.answers) if status < 300)
        yield Deviation(f"status {known} for a success of {exchange.operation}", f"status {exchange.status}")


@oracle("HTTP-G04", on=On(outcome="error"))
def an_error_has_a_known_status(exchange: Exchange) -> Judgement:
    """The status of an error is one of the documentation, the protocol or HTTP (F9.11, E-table, RFC 9110)."""
    described = _operation(exchange)
    if described is None:
        return
    yield Examined("error")
    if exchange.status not in described.answers and exchange.status not in _ANYWHERE:
        yield Deviation("an error status that documentation, protocol or HTTP have", f"status {exchange.status}")


@oracle("HTTP-G05", on=On(outcome="any"))
def an_answer_has_a_described_media_type(exchange: Exchange) -> Judgement:
    """The media type is one that the description has for the status."""
    described = _described(exchange)
    if described is None or not exchange.body or not described.media_types:
        return
    yield Examined("answer")
    if exchange.media_type not in described.media_types:
        yield Deviation(
            f"Content-Type: {' or '.join(described.media_types)} with status {exchange.status}",
            f"Content-Type: {(exchange.header('content-type') or 'none')[:_QUOTE]}",
        )


@oracle("HTTP-G06", on=On())
def a_success_fits_its_schema(exchange: Exchange) -> Judgement:
    """The JSON document of a success is as the description says."""
    if exchange.operation not in _OF_PAGES:
        yield from _document(exchange)


@oracle("HTTP-G10", on=On(_OF_PAGES))
def a_success_of_usage_or_tasks_fits_its_schema(exchange: Exchange) -> Judgement:
    """The same of usage and of tasks, which LLMAPI's pages alone describe."""
    yield from _document(exchange)


@oracle("HTTP-G08", on=On(outcome="error"))
def an_error_fits_its_schema(exchange: Exchange) -> Judgement:
    """The JSON document of an error is as the description says for this status."""
    yield from _document(exchange)


@oracle("HTTP-G07", on=On())
def each_event_fits_its_schema(exchange: Exchange) -> Judgement:
    """Each event, and the JSON in its data, is as the description says; data that is no JSON belongs to HTTP-F04."""
    described = _described(exchange)
    if described is None or described.events is None or exchange.media_type != "text/event-stream":
        return
    for event in exchange.events.events:
        document = decode_json(event.data.encode("utf-8", "surrogatepass"))
        frame = {"data": event.data} | ({"event": event.name} if event.named else {})
        yield Examined("event")
        wrong = [*described.events.frame.complaints(frame)]
        if not wrong and described.events.data is not None and document is not NOT_JSON:
            wrong = [*described.events.data.complaints(document)]
        yield from _told(wrong, f"an event of {exchange.operation}", (event.start, event.end))


@oracle("HTTP-G07", on=On(mode="websocket"))
def each_message_of_a_websocket_fits_its_schema(exchange: Exchange) -> Judgement:
    """Each message of the gateway over a WebSocket is as the description says."""
    described = _operation(exchange)
    if described is None or described.server_message is None or not exchange.upgraded:
        return
    for message in exchange.messages:
        yield Examined("message")
        wrong = described.server_message.complaints(message.json)
        yield from _told(wrong, f"a message of {exchange.operation}", (message.start, message.end))


@oracle("HTTP-G09", on=On(outcome="any"))
def headers_are_as_described(exchange: Exchange) -> Judgement:
    """Described headers have their form, and are there where they are required (RFC 9110 section 10.2.3)."""
    described = _described(exchange)
    for header in described.headers if described else ():
        values = exchange.header_values(header.name)
        if values or header.required:
            yield Examined("header")
        if header.required and not values:
            yield Deviation(f"a {header.name} header with status {exchange.status}", "none")
        for value in values:
            wrong = header.schema.complaints(value)
            if not wrong and header.name.lower() == "retry-after" and not _RETRY_AFTER.fullmatch(value.strip()):
                yield Deviation("seconds or a date in Retry-After", f"Retry-After: {value[:_QUOTE]}")
            yield from _told(wrong, f"the header {header.name}")


def _operation(exchange: Exchange) -> DescribedOperation | None:
    """What is said of the operation; of a request with another method than its own nothing is said."""
    described = described_answers().get(exchange.operation)
    return described if described and described.method == exchange.request.method else None


def _described(exchange: Exchange) -> DescribedAnswer | None:
    described = _operation(exchange)
    return described.answers.get(exchange.status) if described else None


def _document(exchange: Exchange) -> Judgement:
    """A whole JSON document against the schema of its media type; one that is none belongs to other clauses."""
    described = _described(exchange)
    schema = described.documents.get(exchange.media_type) if described else None
    if schema is None or not exchange.complete or exchange.json is NOT_JSON:
        return
    yield Examined("JSON document")
    yield from _told(schema.complaints(exchange.json), f"the answer {exchange.status} of {exchange.operation}")


def _told(wrong: Iterable[Complaint], what: str, span: tuple[int, int] | None = None) -> Judgement:
    for complaint in list(wrong)[:_MOST]:
        place: Any = complaint.where or "the whole"
        yield Deviation(f"{what} as the description has it", f"{place}: {complaint.problem}", span)
