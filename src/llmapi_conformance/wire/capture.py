"""From the wire to evidence: the one place where what was sent and received is redacted."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmapi_conformance.evidence.exchange import Chunk, Ending, Request, Response
from llmapi_conformance.wire.message import WireAnswer, WireFailure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.evidence.exchange import Frame, Headers
    from llmapi_conformance.evidence.redaction import Redactor
    from llmapi_conformance.wire.message import WireRequest


LONGEST_KEPT: Final = 256 * 1024
"""Bytes of a request body that are kept: a longer one was sent for its length; its beginning and digest tell it."""


def cut_short(beginning: bytes, length: int, digest: str) -> bytes:
    """What is kept of a request body that is too long: its beginning, its length in bytes and its SHA-256 (hex)."""
    return beginning[:1024] + f"[[{length} bytes in all, SHA-256 {digest}]]".encode()


def _kept(body: bytes, longest: int = LONGEST_KEPT) -> bytes:
    return body if len(body) <= longest else cut_short(body, len(body), hashlib.sha256(body).hexdigest())


def captured_request(request: WireRequest, headers: Headers, redactor: Redactor) -> Request:
    """What was sent, redacted; ``headers`` are those of ``complete_headers``."""
    return Request(
        method=redactor.redact_text(request.method),
        target=redactor.redact_text(request.target),
        headers=redactor.redact_headers(headers),
        body=_kept(redactor.redact(request.body)),
    )


def captured_raw_request(data: bytes, redactor: Redactor) -> Request:
    """Bytes that went out as they are, redacted and read as well as they can be: request line, header lines, body."""
    head, _, body = redactor.redact(data).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    target = rest.rpartition(" ")[0] if " " in rest else rest
    headers = tuple((name, value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines))
    return Request(method=method, target=target, headers=headers, body=_kept(body))


def captured_response(outcome: WireAnswer | WireFailure, redactor: Redactor) -> tuple[Response | None, str]:
    """What came back, redacted, and one sentence when no response head did; times rounded to the microsecond."""
    if isinstance(outcome, WireFailure):
        return None, redactor.redact_text(outcome.sentence)
    cut = outcome.ending is not Ending.COMPLETE
    chunks = redactor.redact_chunks(outcome.chunks, body=True, cut=cut)
    return (
        Response(
            status=outcome.status,
            headers=redactor.redact_headers(outcome.headers),
            headers_at=round(outcome.headers_at, 6),
            chunks=tuple(Chunk(round(at, 6), data) for at, data in chunks),
            ending=outcome.ending,
            detail=redactor.redact_text(outcome.detail),
            ended_at=round(outcome.ended_at, 6),
            wire_length=outcome.wire_length,
            wire_digest=outcome.wire_digest,
            http_version=outcome.http_version,
        ),
        "",
    )


def _without_scattered(
    pieces: Sequence[tuple[float, bytes]], finals: Sequence[bool], redactor: Redactor
) -> list[tuple[float, bytes]]:
    """Frames without secrets that are scattered over messages: these are read as lines, each by itself."""
    ends = [b"\n" if final else b"" for final in finals]
    lines = [(at, data + end) for (at, data), end in zip(pieces, ends, strict=True)]
    redacted = redactor.redact_chunks(lines, body=True)
    return [(at, data.removesuffix(end)) for (at, data), end in zip(redacted, ends, strict=True)]


def captured_frames(frames: Sequence[Frame], redactor: Redactor, *, longest: int = LONGEST_KEPT) -> tuple[Frame, ...]:
    """The frames of a WebSocket, redacted, also across the borders of fragments and messages.

    Of a sent frame with more than ``longest`` bytes the beginning is kept.

    The messages of one side are one text to the redactor, its control frames another.
    """
    kept = list(frames)
    for sent in (True, False):
        for control in (True, False):
            places = [i for i, frame in enumerate(frames) if (frame.sent, frame.is_control) == (sent, control)]
            pieces = [(frames[place].at, frames[place].data) for place in places]
            # A close that we answer says the gateway's reason again, however that was cut.
            redacted = redactor.redact_chunks(pieces, cut=not sent or control)
            if not control:
                redacted = _without_scattered(redacted, [frames[place].final for place in places], redactor)
            for place, (at, data) in zip(places, redacted, strict=True):
                kept[place] = replace(frames[place], at=round(at, 6), data=_kept(data, longest) if sent else data)
    return tuple(kept)
