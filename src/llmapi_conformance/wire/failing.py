"""Name what went wrong on a connection, in sentences that hold nothing of the request or the response."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import TYPE_CHECKING

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.wire.message import FailureKind

if TYPE_CHECKING:
    from collections.abc import Iterator

_SILENT = "the connection was closed before a response head was complete"
_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL})
_CUT = "peer closed connection without sending complete message body"
# What h11 says about a response, by the start of its message; the rest of a message can quote received bytes.
_COMPLAINTS = {
    "illegal header line": "a header line is malformed",
    "illegal status line": "the first line is no status line",
    "illegal chunk header": "the size of a chunk is malformed",
    "malformed chunk footer": "the end of a chunk is malformed",
    "Receive buffer too long": "a head, trailer or chunk size does not end",
    "conflicting Content-Length": "two Content-Length values disagree",
    "bad Content-Length": "Content-Length is not a number",
    "multiple Transfer-Encoding": "there are several Transfer-Encoding headers",
    "Only Transfer-Encoding": "Transfer-Encoding is not chunked alone",
    "continuation line": "the head starts with a folded line",
    "illegal request line": "the first line is no status line",
    "no response line": "the head is empty",
}


def complaint_about(message: str) -> str:
    """Why a response is no HTTP/1.1, from h11's message and without its quotations."""
    for start, meaning in _COMPLAINTS.items():
        if message.startswith(start):
            return meaning
    return "the message is malformed"


def is_cut(message: str) -> bool:
    """Whether h11's message means that the connection ended before the framing of the body was satisfied."""
    return message.startswith(_CUT)


def failure_of(error: BaseException, *, connected: bool) -> tuple[FailureKind, str]:
    """Kind and sentence for an error before the head of the response was complete."""
    causes = list(_causes(error))
    if connected:
        return _failure_of_head(error, causes)
    known = (_failure_to_connect(cause) for cause in causes)
    return next((failure for failure in known if failure), (FailureKind.UNREACHABLE, "no connection could be opened"))


_TO_CONNECT: tuple[tuple[type[BaseException], FailureKind, str], ...] = (
    (ssl.SSLError, FailureKind.TLS, "the TLS handshake failed: the server may not speak TLS on this port"),
    (socket.gaierror, FailureKind.NAME, "the host name was not found"),
    (ConnectionRefusedError, FailureKind.REFUSED, "the connection was refused: nothing listens there"),
    (ConnectionError, FailureKind.RESET, "the connection was reset while it was being opened"),
)


def _failure_to_connect(cause: BaseException) -> tuple[FailureKind, str] | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return FailureKind.TLS, f"the certificate was not accepted: {cause.verify_message}"
    for kind_of_error, kind, sentence in _TO_CONNECT:
        if isinstance(cause, kind_of_error):
            return kind, sentence
    if isinstance(cause, OSError) and cause.errno in _UNREACHABLE:
        return FailureKind.UNREACHABLE, "the host cannot be reached"
    return None


def _failure_of_head(error: BaseException, causes: list[BaseException]) -> tuple[FailureKind, str]:
    message = str(error)
    if any(isinstance(cause, ConnectionResetError | BrokenPipeError) for cause in causes):
        return FailureKind.RESET, "the connection was reset before a response head was complete"
    if message.startswith(("Server disconnected", "peer unexpectedly closed")) or not _is_protocol_error(error):
        return FailureKind.RESET, _SILENT
    return FailureKind.NOT_HTTP, f"the answer is no HTTP/1.1 response: {complaint_about(message)}"


def broken_body(error: BaseException) -> tuple[Ending, str]:
    """Ending and sentence for an error after the head of the response."""
    message = str(error)
    if is_cut(message):
        return Ending.CUT, "the connection was closed before the body was complete"
    if _is_protocol_error(error):
        return Ending.RESET, f"the body is no valid HTTP/1.1: {complaint_about(message)}"
    return Ending.RESET, "the connection was reset before the body was complete"


def _is_protocol_error(error: BaseException) -> bool:
    return type(error).__name__ == "RemoteProtocolError"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, and the members of groups."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        if isinstance(current, BaseExceptionGroup):
            waiting.extend(current.exceptions)
        waiting.extend((current.__cause__, current.__context__))
