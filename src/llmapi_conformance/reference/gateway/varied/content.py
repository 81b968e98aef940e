"""Legal variations of what is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.edge import (
    Seen,
    Whole,
    changing_answers,
    changing_streams,
    each_document,
    is_chat,
    is_gemini,
    is_messages,
    object_in,
)
from llmapi_conformance.reference.gateway.envelopes import Family, family_of
from llmapi_conformance.reference.gateway.sse import Comment, Frame, ServerEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp

_LITERALS: Final = (
    "Invalid API key",
    "Request body is empty",
    "Token counting is not supported for this platform",
    "Images API is not supported for this platform",
    "images endpoint requires an image model",
    "images[].image_url is required",
)
_PING: Final = ServerEvent('{"type": "ping"}', "ping")
_NOTICE: Final = ServerEvent('{"type":"x_notice","detail":{"of":"no consequence"}}', "x_notice")
_CACHE_FIELDS: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


def _takes_comments(seen: Seen) -> bool:
    return family_of(seen.path) is not Family.GOOGLE


def _interspersed(app: ASGIApp) -> ASGIApp:
    """C3."""

    def new_change() -> Callable[[Frame], Iterable[Frame]]:
        count = 0
        named = False

        def change(frame: Frame) -> Iterable[Frame]:
            nonlocal count, named
            count += 1
            name = frame.event if isinstance(frame, ServerEvent) else None
            if name == "error":
                return (frame,)
            before: tuple[Frame, ...] = (Comment(f"still here {count}"),)
            if named:
                before = (*before, _PING) if count % 2 else (_PING, *before)
            # Pings belong to Messages streams, after their start.
            named = named or name == "message_start"
            return (*before, frame)

        return change

    return changing_streams(app, _takes_comments, new_change)


def _more_fields(app: ASGIApp) -> ASGIApp:
    """C5."""
    answers = changing_answers(app, lambda _seen, status: status == 200, _extend_answer)
    pieces = changing_streams(answers, is_gemini, lambda: each_document(_extend_gemini))
    fields = changing_streams(pieces, _takes_comments, lambda: each_document(_extend))

    def notice(frame: Frame) -> Iterable[Frame]:
        name = frame.event if isinstance(frame, ServerEvent) else None
        return (frame, _NOTICE) if name in ("message_start", "content_block_stop") else (frame,)

    return changing_streams(fields, is_messages, lambda: notice)


def _extend_answer(seen: Seen, answer: Whole) -> None:
    document = answer.json()
    if document:
        (_extend_gemini if is_gemini(seen) else _extend)(document)
        answer.put(document)


def _extend_gemini(document: dict[str, Any]) -> None:
    """Gemini's members are named in another style."""
    if "error" not in document:
        document["xTrace"] = {"hops": 2, "notes": [None, "é"]}
        for candidate in document.get("candidates") or []:
            candidate["xRank"] = 1


def _extend(document: dict[str, Any]) -> None:
    if "error" in document:
        return
    document["x_trace"] = {"hops": 2, "notes": [None, "é"]}
    for name in ("usage", "message", "delta"):
        if isinstance(document.get(name), dict) and document[name]:
            document[name]["x_note"] = "extra"
    for name in ("choices", "data", "model_stats"):
        for item in document.get(name) or []:
            item["x_rank"] = 1


def _full_delta_usage(app: ASGIApp) -> ASGIApp:
    """C6."""

    def new_change() -> Callable[[Frame], Iterable[Frame]]:
        started: dict[str, int] = {}

        def change(event: dict[str, Any]) -> None:
            if event.get("type") == "message_start":
                started.update({name: event["message"]["usage"].get(name) or 0 for name in _CACHE_FIELDS})
            if event.get("type") == "message_delta":
                event["usage"] = started | event["usage"]

        return each_document(change)

    return changing_streams(app, is_messages, new_change)


def _one_output_token(app: ASGIApp) -> ASGIApp:
    """C8."""

    def change(event: dict[str, Any]) -> None:
        if event.get("type") == "message_start":
            event["message"]["usage"]["output_tokens"] = 1

    return changing_streams(app, is_messages, lambda: each_document(change))


def _empty_deltas(app: ASGIApp) -> ASGIApp:
    """C9."""

    def change(frame: Frame) -> Iterable[Frame]:
        chunk = object_in(frame.data) if isinstance(frame, ServerEvent) else {}
        choices = chunk.get("choices") or []
        if len(choices) != 1:
            return (frame,)
        choice = choices[0]
        if "role" in choice["delta"]:
            rest = {name: value for name, value in choice["delta"].items() if name != "role"}
            first = _with_delta(chunk, {"role": choice["delta"]["role"]}, None)
            useful = {name: value for name, value in rest.items() if value not in ("", None)}
            return (first, _with_delta(chunk, rest, choice.get("finish_reason"))) if useful else (first,)
        if choice.get("finish_reason") is not None:
            return (_with_delta(chunk, {"content": ""}, None), frame)
        return (frame,)

    return changing_streams(app, is_chat, lambda: change)


def _with_delta(chunk: dict[str, Any], delta: dict[str, Any], finish: str | None) -> ServerEvent:
    choice = {**chunk["choices"][0], "delta": delta, "finish_reason": finish}
    return ServerEvent(compact({**chunk, "choices": [choice]}))


def _other_words(app: ASGIApp) -> ASGIApp:
    """C14."""

    def reword(document: dict[str, Any]) -> None:
        error = document.get("error")
        if isinstance(error, dict) and error.get("message") not in _LITERALS:
            error["message"] = f"We are sorry, this did not work. Details: {error.get('message')}"

    def reword_answer(_seen: Seen, answer: Whole) -> None:
        document = answer.json()
        reword(document)
        answer.put(document)

    answers = changing_answers(app, lambda _seen, status: status >= 400, reword_answer)
    return changing_streams(answers, lambda _seen: True, lambda: each_document(reword))


VARIATIONS: Final = {
    "C5": _more_fields,
    "C6": _full_delta_usage,
    "C8": _one_output_token,
    "C9": _empty_deltas,
    "C14": _other_words,
    "C3": _interspersed,
}
