"""Answer a request for text as its directive says, in any protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmapi_conformance.reference.upstream.answers import (
    EVENT_STREAM,
    Answer,
    as_directed,
    streamed,
    told_refusal,
    whole,
    with_headers,
)
from llmapi_conformance.reference.upstream.directives import DirectiveError, read_prompt
from llmapi_conformance.reference.upstream.documents import read_document
from llmapi_conformance.reference.upstream.errors import ApiError
from llmapi_conformance.reference.upstream.frames import COMMENT, Frame, first_deltas, sprinkled
from llmapi_conformance.reference.upstream.script import write_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from llmapi_conformance.reference.upstream.directives import Directive
    from llmapi_conformance.reference.upstream.endpoint import Request
    from llmapi_conformance.reference.upstream.script import Question, Script


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a protocol answers.

    Attributes:
        whole: Writes the answer that is not streamed.
        frames: Writes the stream, its terminal included.
        error_frames: Writes an error into a stream, for a request id, after the frames before it.
        pinged: Puts the provider's pings between the frames; None: it has none.
        comments: Comments may stand between its events.
        stream_type: The content type of its stream.
    """

    whole: Callable[[Question, Script], dict[str, Any]]
    frames: Callable[[Question, Script], Iterable[Frame]]
    error_frames: Callable[[ApiError, str, Sequence[Frame]], Iterable[Frame]]
    pinged: Callable[[Iterable[Frame]], Iterable[Frame]] | None = None
    comments: bool = True
    stream_type: str = EVENT_STREAM


def generate(read: Callable[[dict[str, Any], Request], Question], dialect: Dialect, request: Request) -> Answer:
    """Answer a request for text.

    Args:
        read: Validates the request's document; it may raise ApiError.
        dialect: How the answer is written.
        request: The request.

    Raises:
        ApiError: The request is refused, as a provider would, or its directive is not understood.
    """
    return answer_question(dialect, request, read(read_document(request.body), request))


def answer_question(dialect: Dialect, request: Request, question: Question) -> Answer:
    """Answer a request that has been read.

    Raises:
        ApiError: Its directive is not understood, or asks for what the request makes impossible.
    """
    try:
        directive, payload = read_prompt(question.text)
    except DirectiveError as error:
        raise ApiError(400, str(error)) from error
    request.entry.nonce = directive.nonce
    answer = as_directed(_answer(dialect, request, question, directive, payload), directive)
    return with_headers(answer, request.state.leaks) if directive.leak_headers else answer


def _answer(dialect: Dialect, request: Request, question: Question, directive: Directive, payload: str) -> Answer:
    if directive.status is not None:
        return told_refusal(_told(directive.status), request.vendor, request.id, directive)
    script = write_script(question, directive, payload)
    if question.stream:
        return streamed(tuple(_stream(dialect, request, question, directive, script)), dialect.stream_type)
    if directive.error is not None:
        return told_refusal(_told(directive.error), request.vendor, request.id, directive)
    if directive.eof:
        return Answer(200, (("content-type", "application/json"),), ())
    return whole(dialect.whole(question, script))


def _stream(
    dialect: Dialect, request: Request, question: Question, directive: Directive, script: Script
) -> Iterable[Frame]:
    frames = dialect.frames(question, script)
    if directive.error is not None or directive.cut or directive.eof:
        frames = first_deltas(frames, directive.after)
    if directive.ping and dialect.pinged is not None:
        frames = dialect.pinged(frames)
    if directive.comments and dialect.comments:
        frames = sprinkled(frames, COMMENT)
    sent = tuple(frames)
    yield from sent
    if directive.error is not None:
        yield from dialect.error_frames(_told(directive.error), request.id, sent)


def _told(status: int) -> ApiError:
    return ApiError(status, f"The directive asks for the error {status}.")
