"""Gemini: what an answer is (wire-grammars.md sections 5.2 and 5.3)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from llmapi_conformance.reference.upstream.documents import write_document
from llmapi_conformance.reference.upstream.errors import ApiError, google_envelope
from llmapi_conformance.reference.upstream.frames import Frame, Part, event
from llmapi_conformance.reference.upstream.gemini_request import read_count, read_generate
from llmapi_conformance.reference.upstream.generation import Dialect, generate
from llmapi_conformance.reference.upstream.messages_request import sign
from llmapi_conformance.reference.upstream.pictures import picture
from llmapi_conformance.reference.upstream.script import EndReason, cut_text, estimate
from llmapi_conformance.reference.upstream.vendors import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TypeAlias

    from llmapi_conformance.reference.upstream.answers import Answer
    from llmapi_conformance.reference.upstream.endpoint import Request
    from llmapi_conformance.reference.upstream.script import Question, Script

    Chunk: TypeAlias = tuple[Part, dict[str, Any]]

_PROTOCOL = "Gemini"
_FINISH_REASONS = {
    EndReason.NATURAL: "STOP",
    EndReason.STOP_STRING: "STOP",
    EndReason.LENGTH: "MAX_TOKENS",
    # There is no word for an end by calls (rule G-N2).
    EndReason.CALLS: "STOP",
    EndReason.FILTERED: "SAFETY",
}


def generate_content(request: Request) -> Answer:
    """Answer generateContent, and streamGenerateContent in the form that `alt` asks for.

    Raises:
        ApiError: The request is refused.
    """
    return generate(read_generate, GEMINI if request.query.get("alt") == "sse" else GEMINI_IN_AN_ARRAY, request)


def count_tokens(request: Request) -> Answer:
    """Answer countTokens.

    Raises:
        ApiError: The request is refused.
    """
    return generate(read_count, _COUNT_TOKENS, request)


def whole_content(question: Question, script: Script) -> dict[str, Any]:
    """Write the answer that is not streamed.

    Raises:
        ApiError: 400, the directive's arguments are no JSON object.
    """
    parts: list[dict[str, Any]] = []
    if script.thinking is not None:
        parts.append({"text": script.thinking, "thought": True, "thoughtSignature": sign(script.thinking)})
    if script.pieces or not script.calls:
        parts.append({"text": script.text})
    parts += [{"functionCall": {"name": call.name, "args": call.as_object(_PROTOCOL)}} for call in script.calls]
    if _draws(question, script):
        parts.append(_picture(question))
    candidates = [_candidate(index, parts, _FINISH_REASONS[script.reason]) for index in range(question.choices)]
    return {"candidates": candidates, "usageMetadata": _usage(script, script.usage.output), **_tail(question)}


def event_frames(question: Question, script: Script) -> Iterator[Frame]:
    """Write the stream of `alt=sse`.

    Raises:
        ApiError: 400, the directive's arguments are no JSON object.
    """
    for part, chunk in _chunks(question, script):
        yield event(part, write_document(chunk))


def event_error(error: ApiError, request_id: str, _sent: Sequence[Frame]) -> Iterator[Frame]:
    """Write an error into the stream of `alt=sse` (rule G-S6)."""
    yield event(Part.CLOSING, write_document(google_envelope(error, request_id)))


def array_frames(question: Question, script: Script) -> Iterator[Frame]:
    """Write the stream without `alt`: one JSON array.

    Raises:
        ApiError: 400, the directive's arguments are no JSON object.
    """
    for number, (part, chunk) in enumerate(_chunks(question, script)):
        yield Frame(part, (b",\r\n" if number else b"[") + write_document(chunk))
    yield Frame(Part.CLOSING, b"]")


def array_error(error: ApiError, request_id: str, sent: Sequence[Frame]) -> Iterator[Frame]:
    """Write an error into the array and close it."""
    document = write_document(google_envelope(error, request_id))
    yield Frame(Part.CLOSING, (b",\r\n" if sent else b"[") + document + b"]")


def token_count(question: Question, script: Script) -> dict[str, Any]:  # noqa: ARG001 - the dialects share a signature
    """Write the answer of countTokens: the whole input, cached or not."""
    count = script.usage.input
    return {"totalTokens": count, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": count}]}


def _chunks(question: Question, script: Script) -> Iterator[Chunk]:
    """Return the chunks: one candidate after the other, the last chunk of each with its reason."""
    tail = _tail(question)
    parts = list(_streamed_parts(script))
    if _draws(question, script):
        parts.append((Part.OTHER, _picture(question)))
    said = 0
    for index in range(question.choices):
        for kind, part in parts:
            # Thoughts are counted apart; what is said so far is an estimate until the last chunk.
            said += 0 if part.get("thought") else estimate(part.get("text") or str(part))
            usage = _usage(script, min(script.usage.thoughts + said, script.usage.output))
            yield kind, {"candidates": [_candidate(index, [part])], "usageMetadata": usage, **tail}
        last = _candidate(index, [{"text": ""}], _FINISH_REASONS[script.reason])
        if index < question.choices - 1:
            usage = _usage(script, min(script.usage.thoughts + said, script.usage.output))
            yield Part.OTHER, {"candidates": [last], "usageMetadata": usage, **tail}
        else:
            yield Part.CLOSING, {"candidates": [last], "usageMetadata": _usage(script, script.usage.output), **tail}


def _streamed_parts(script: Script) -> Iterable[Chunk]:
    if script.thinking is not None:
        # Other protocols show no thoughts, so none of them counts as a delta of the answer.
        *pieces, last = cut_text(script.thinking)
        yield from ((Part.OTHER, {"text": piece, "thought": True}) for piece in pieces)
        yield Part.OTHER, {"text": last, "thought": True, "thoughtSignature": sign(script.thinking)}
    yield from ((Part.DELTA, {"text": piece}) for piece in script.pieces)
    for call in script.calls:
        yield Part.DELTA, {"functionCall": {"name": call.name, "args": call.as_object(_PROTOCOL)}}


def _draws(question: Question, script: Script) -> bool:
    return question.details is not None and script.reason is not EndReason.FILTERED


def _picture(question: Question) -> dict[str, Any]:
    """Draw what an image model was asked for."""
    width, height = question.details
    data = picture(question.text, width, height, "png")
    return {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(data).decode()}}


def _candidate(index: int, parts: list[dict[str, Any]], reason: str | None = None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": index}
    return candidate if reason is None else {**candidate, "finishReason": reason}


def _tail(question: Question) -> dict[str, Any]:
    return {"modelVersion": question.model, "responseId": new_id("")}


def _usage(script: Script, output: int) -> dict[str, Any]:
    """Write the counts when so much of the output is there (rule G-N3)."""
    usage = script.usage
    document: dict[str, Any] = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": output - usage.thoughts,
        "totalTokenCount": usage.input + output,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.input}],
    }
    if usage.cached:
        document["cachedContentTokenCount"] = usage.cached
    if script.thinking is not None:
        document["thoughtsTokenCount"] = usage.thoughts
    return document


GEMINI = Dialect(whole=whole_content, frames=event_frames, error_frames=event_error, comments=False)
GEMINI_IN_AN_ARRAY = Dialect(
    whole=whole_content,
    frames=array_frames,
    error_frames=array_error,
    comments=False,
    stream_type="application/json; charset=UTF-8",
)
_COUNT_TOKENS = Dialect(whole=token_count, frames=event_frames, error_frames=event_error)
