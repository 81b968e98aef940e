"""An answer before it is sent: status, headers, frames and their pace."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from llmapi_conformance.reference.treatments import TREATMENT_HEADER, End, Pieces, Treatment
from llmapi_conformance.reference.upstream.documents import write_document
from llmapi_conformance.reference.upstream.frames import Frame, Part

if TYPE_CHECKING:
    from llmapi_conformance.reference.upstream.directives import Directive
    from llmapi_conformance.reference.upstream.errors import ApiError
    from llmapi_conformance.reference.upstream.vendors import Vendor

EVENT_STREAM = "text/event-stream; charset=utf-8"

_PIECE_SECONDS = 0.0
_AS_IT_IS = Treatment()
_HTML = b"""<html>
<head><title>%(status)d</title></head>
<body><center><h1>%(status)d</h1></center><hr><center>nginx</center></body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """When the frames of an answer are sent; the attributes are those of the directive."""

    delay: float = 0.0
    every: float = 0.0
    hold_until: str | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer before it is sent.

    Attributes:
        status: The HTTP status.
        headers: The header fields, framing aside.
        frames: What is written, each in one go.
        streamed: Chunked; otherwise the length is announced.
        pace: When it is written.
        treatment: What the relay is to do to it.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    frames: tuple[Frame, ...]
    streamed: bool = False
    pace: Pace = Pace()
    treatment: Treatment = _AS_IT_IS

    def fields(self) -> list[tuple[bytes, bytes]]:
        """Return the header fields with framing, and with the treatment for the relay."""
        fields = list(self.headers)
        if not self.streamed:
            fields.append(("content-length", str(sum(len(frame.data) for frame in self.frames))))
        if self.treatment != _AS_IT_IS:
            fields.append((TREATMENT_HEADER, self.treatment.header()))
        return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]


def whole(document: object, status: int = 200) -> Answer:
    """Return an answer that is one JSON document."""
    headers = (("content-type", "application/json"),)
    kept = document if isinstance(document, dict) else None
    return Answer(status, headers, (Frame(Part.OTHER, write_document(document), kept),))


def streamed(frames: tuple[Frame, ...], content_type: str = EVENT_STREAM) -> Answer:
    """Return an answer that is a stream, by default of server-sent events."""
    headers = (("content-type", content_type), ("cache-control", "no-cache"))
    return Answer(200, headers, frames, streamed=True)


def refusal(error: ApiError, vendor: Vendor, request_id: str) -> Answer:
    """Return an error in the vendor's envelope."""
    answer = whole(vendor.envelope(error, request_id), error.status)
    return with_headers(answer, (("allow", error.allow),)) if error.allow is not None else answer


def told_refusal(error: ApiError, vendor: Vendor, request_id: str, directive: Directive) -> Answer:
    """Return the HTTP error that a directive asks for."""
    match directive.body:
        case "html":
            page = _HTML % {b"status": error.status}
            answer = Answer(error.status, (("content-type", "text/html"),), (Frame(Part.OTHER, page),))
        case "empty":
            answer = Answer(error.status, (), ())
        case None:
            answer = refusal(error, vendor, request_id)
    if directive.retry_after is not None:
        answer = with_headers(answer, (("retry-after", str(directive.retry_after)),))
    return answer


def with_headers(answer: Answer, headers: tuple[tuple[str, str], ...]) -> Answer:
    """Return the answer with more header fields."""
    return replace(answer, headers=(*answer.headers, *headers))


def as_directed(answer: Answer, directive: Directive) -> Answer:
    """Return the answer with the pace and the wire treatment that a directive asks for."""
    pace = Pace(directive.delay, directive.every, directive.hold_until, directive.step)
    treatment = _AS_IT_IS
    if directive.split:
        treatment = replace(treatment, pieces=Pieces.INSIDE_CHARACTERS, pause=_PIECE_SECONDS)
    if directive.pieces:
        treatment = replace(treatment, sizes=directive.pieces, pause=_PIECE_SECONDS)
    if directive.cut:
        treatment = replace(treatment, end=End.RESET, before_head=not answer.streamed)
    return replace(answer, pace=pace, treatment=treatment)
