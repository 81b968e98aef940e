"""Faults of what Gemini's protocol says, with the Antigravity prefix or without it, and of its conversion."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.edge import (
    Seen,
    Whole,
    changing_answers,
    changing_requests,
    changing_streams,
    each_document,
    is_chat,
    is_gemini,
    is_messages,
    object_in,
)
from llmapi_conformance.reference.gateway.faulty.doors import rewriting
from llmapi_conformance.reference.gateway.sse import KEEP_ALIVE, Frame, ServerEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Scope

    from llmapi_conformance.reference.gateway.core import Core

    Change = Callable[[Frame], Iterable[Frame]]
    Wrapper = Callable[[ASGIApp, Core], ASGIApp]

_PREFIX: Final = "/antigravity"
_CALLS: Final = "/v1beta/models/"
_OF_THE_UPSTREAM: Final = (429, 502, 503, 504)
_SNAKE: Final = {
    "finishReason": "finish_reason",
    "usageMetadata": "usage_metadata",
    "modelVersion": "model_version",
    "responseId": "response_id",
}


def _errors(change: Callable[[Whole, dict[str, Any]], None]) -> Wrapper:
    """Change the whole answers of Gemini paths that are errors."""

    def changed(_seen: Seen, answer: Whole) -> None:
        change(answer, answer.json().get("error") or {})

    return lambda app, _core: changing_answers(app, lambda seen, status: is_gemini(seen) and status >= 400, changed)


def _documents(change: Callable[[dict[str, Any]], None]) -> Wrapper:
    """Change answers of Gemini's protocol, whole ones and the pieces of `alt=sse`."""

    def changed(_seen: Seen, answer: Whole) -> None:
        document = answer.json()
        change(document)
        answer.put(document)

    def wrap(app: ASGIApp, _core: Core) -> ASGIApp:
        answers = changing_answers(app, lambda seen, status: is_gemini(seen) and status == 200, changed)
        return changing_streams(answers, is_gemini, lambda: each_document(change))

    return wrap


def _stream(new_change: Callable[[], Change]) -> Wrapper:
    return lambda app, _core: changing_streams(app, is_gemini, new_change)


def _drop_code(answer: Whole, error: dict[str, Any]) -> None:
    """Y01."""
    error.pop("code", None)
    answer.put({"error": error})


def _openai_envelope(answer: Whole, error: dict[str, Any]) -> None:
    """Y02."""
    kind = "invalid_request_error" if answer.status < 500 else "server_error"
    answer.put({"error": {"message": error.get("message"), "type": kind, "param": None, "code": None}})


def _other_code(answer: Whole, error: dict[str, Any]) -> None:
    """Y03."""
    answer.put({"error": {**error, "code": 500}})


def _error_without_code(piece: dict[str, Any]) -> None:
    """Y04."""
    if "error" in piece:
        piece["error"].pop("code", None)


def _done() -> Change:
    """Y05."""

    def change(frame: Frame) -> Iterable[Frame]:
        document = object_in(frame.data) if isinstance(frame, ServerEvent) else {}
        candidates = document.get("candidates") or [{}]
        return (frame, ServerEvent("[DONE]")) if candidates[0].get("finishReason") else (frame,)

    return change


def _named(frame: Frame) -> Iterable[Frame]:
    """Y07."""
    return (ServerEvent(frame.data, "message") if isinstance(frame, ServerEvent) else frame,)


def _no_finish(document: dict[str, Any]) -> None:
    """Y08."""
    for candidate in document.get("candidates") or []:
        candidate.pop("finishReason", None)


def _arguments_as_text(document: dict[str, Any]) -> None:
    """Y09."""
    for part in _parts(document):
        if isinstance(part.get("functionCall"), dict):
            part["functionCall"]["args"] = compact(part["functionCall"].get("args") or {})


def _total_without_thoughts(document: dict[str, Any]) -> None:
    """Y10."""
    usage = document.get("usageMetadata")
    if isinstance(usage, dict) and usage.get("thoughtsTokenCount"):
        usage["totalTokenCount"] -= usage["thoughtsTokenCount"]


def _thoughts_are_free(app: ASGIApp, _core: Core) -> ASGIApp:
    """Y11."""

    def drop(document: dict[str, Any]) -> None:
        usage = document.get("usage")
        if not isinstance(usage, dict):
            return
        thoughts = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens", 0)
        if thoughts:
            usage["completion_tokens"] -= thoughts
            usage["total_tokens"] -= thoughts
        thoughts = (usage.get("output_tokens_details") or {}).get("thinking_tokens", 0)
        if thoughts and usage.get("output_tokens"):
            usage["output_tokens"] -= thoughts
            del usage["output_tokens_details"]

    def drop_in_answer(_seen: Seen, answer: Whole) -> None:
        document = answer.json()
        drop(document)
        answer.put(document)

    def converted(seen: Seen) -> bool:
        return is_chat(seen) or is_messages(seen) or seen.path == f"{_PREFIX}/v1/messages"

    answers = changing_answers(app, lambda seen, status: converted(seen) and status == 200, drop_in_answer)
    return changing_streams(answers, converted, lambda: each_document(drop))


def _usage_at_the_end(frame: Frame) -> Iterable[Frame]:
    """Y12."""
    document = object_in(frame.data) if isinstance(frame, ServerEvent) else {}
    if not isinstance(frame, ServerEvent) or not document.get("candidates"):
        return (frame,)
    if not document["candidates"][0].get("finishReason"):
        document.pop("usageMetadata", None)
    return (ServerEvent(compact(document), frame.event),)


def _snake_case(document: dict[str, Any]) -> None:
    """Y16."""
    for fields in (document, *(document.get("candidates") or [])):
        for camel in [name for name in fields if name in _SNAKE]:
            fields[_SNAKE[camel]] = fields.pop(camel)


def _always_events(app: ASGIApp, _core: Core) -> ASGIApp:
    """Y17."""

    def ask(scope: Scope) -> Scope:
        streams = scope["path"].endswith(":streamGenerateContent")
        return {**scope, "query_string": b"alt=sse"} if streams else scope

    return rewriting(app, ask)


def _new_ids(piece: dict[str, Any]) -> None:
    """Y18."""
    piece["responseId"] = secrets.token_hex(12)


def _no_signatures(app: ASGIApp, _core: Core) -> ASGIApp:
    """Y19."""

    def forget(body: dict[str, Any]) -> None:
        for content in body.get("contents") or []:
            for part in content.get("parts") or [] if isinstance(content, dict) else []:
                if isinstance(part, dict):
                    part.pop("thoughtSignature", None)
                    part.pop("thought_signature", None)

    return changing_requests(app, is_gemini, forget)


def _bare_names(document: dict[str, Any]) -> None:
    """Y20."""
    for model in document.get("models") or []:
        model["name"] = model["name"].removeprefix("models/")


def _of_the_assistant(document: dict[str, Any]) -> None:
    """Y21."""
    for candidate in document.get("candidates") or []:
        if isinstance(candidate.get("content"), dict):
            candidate["content"]["role"] = "assistant"


def _google_envelope(app: ASGIApp, _core: Core) -> ASGIApp:
    """Y22."""

    def change(_seen: Seen, answer: Whole) -> None:
        message = (answer.json().get("error") or {}).get("message")
        answer.put({"error": {"code": answer.status, "message": message, "status": "INVALID_ARGUMENT"}})

    return changing_answers(
        app, lambda seen, status: seen.path.startswith(f"{_PREFIX}/v1/messages") and status >= 400, change
    )


def _count_as_text(document: dict[str, Any]) -> None:
    """Y23."""
    if "totalTokens" in document:
        document["totalTokens"] = str(document["totalTokens"])


def _any_model(app: ASGIApp, _core: Core) -> ASGIApp:
    """Y24."""

    def describe(seen: Seen, answer: Whole) -> None:
        answer.status = 200
        answer.put({"name": f"models/{seen.path.rpartition('/')[2]}", "supportedGenerationMethods": []})

    def unknown(seen: Seen, status: int) -> bool:
        return seen.method == "GET" and _CALLS in seen.path and status == 404

    return changing_answers(app, unknown, describe)


def _finish_everywhere(piece: dict[str, Any]) -> None:
    """Y25."""
    for candidate in piece.get("candidates") or []:
        candidate.setdefault("finishReason", "STOP")


def _one_call_only(document: dict[str, Any]) -> None:
    """Y26."""
    for candidate in document.get("candidates") or []:
        parts = (candidate.get("content") or {}).get("parts") or []
        calls = [part for part in parts if "functionCall" in part]
        for late in calls[1:]:
            parts.remove(late)


def _stop_after_calls(app: ASGIApp, _core: Core) -> ASGIApp:
    """Y27."""

    def mend(document: dict[str, Any]) -> None:
        if not str(document.get("model")).startswith("gemini-"):
            return
        for choice in document.get("choices") or []:
            if choice.get("finish_reason") == "tool_calls":
                choice["finish_reason"] = "stop"

    def mend_answer(_seen: Seen, answer: Whole) -> None:
        document = answer.json()
        mend(document)
        answer.put(document)

    answers = changing_answers(app, lambda seen, status: is_chat(seen) and status == 200, mend_answer)
    return changing_streams(answers, is_chat, lambda: each_document(mend))


def _asked(change: Callable[[dict[str, Any]], None]) -> Wrapper:
    return lambda app, _core: changing_requests(app, is_gemini, change)


def _no_config(body: dict[str, Any]) -> None:
    """Y28."""
    for name in ("generationConfig", "generation_config", "systemInstruction", "system_instruction"):
        body.pop(name, None)


def _one_candidate(body: dict[str, Any]) -> None:
    """Y29."""
    for name in ("generationConfig", "generation_config"):
        config = body.get(name)
        if isinstance(config, dict):
            config.pop("candidateCount", None)
            config.pop("candidate_count", None)


def _camel_case_only(body: dict[str, Any]) -> None:
    """Y30."""
    for name in [name for name in body if "_" in name]:
        del body[name]


def _error_in_stream(seen: Seen, answer: Whole) -> None:
    """Y31."""
    if ":streamGenerateContent" in seen.path:
        answer.status = 200
        answer.put_text(f"data: {compact(answer.json())}\n\n", "text/event-stream; charset=utf-8")


def _always_seven(document: dict[str, Any]) -> None:
    """Y32."""
    if "totalTokens" in document:
        document["totalTokens"] = 7


def _first_piece_lost() -> Change:
    """Y33."""
    lost = False

    def change(frame: Frame) -> Iterable[Frame]:
        nonlocal lost
        if lost:
            return (frame,)
        lost = True
        return ()

    return change


def _cached_apart(document: dict[str, Any]) -> None:
    """Y34."""
    usage = document.get("usageMetadata")
    if isinstance(usage, dict) and usage.get("cachedContentTokenCount"):
        usage["promptTokenCount"] -= usage["cachedContentTokenCount"]
        usage["totalTokenCount"] -= usage["cachedContentTokenCount"]


def _parts(document: dict[str, Any]) -> list[dict[str, Any]]:
    contents = [candidate.get("content") or {} for candidate in document.get("candidates") or []]
    return [part for content in contents for part in content.get("parts") or []]


FAULTS: Final[dict[str, Wrapper]] = {
    "Y01": _errors(_drop_code),
    "Y02": _errors(_openai_envelope),
    "Y03": _errors(_other_code),
    "Y04": _stream(lambda: each_document(_error_without_code)),
    "Y05": _stream(_done),
    "Y06": _stream(lambda: lambda frame: (KEEP_ALIVE, frame)),
    "Y07": _stream(lambda: _named),
    "Y08": _documents(_no_finish),
    "Y09": _documents(_arguments_as_text),
    "Y10": _documents(_total_without_thoughts),
    "Y11": _thoughts_are_free,
    "Y12": _stream(lambda: _usage_at_the_end),
    "Y16": _documents(_snake_case),
    "Y17": _always_events,
    "Y18": _stream(lambda: each_document(_new_ids)),
    "Y19": _no_signatures,
    "Y20": _documents(_bare_names),
    "Y21": _documents(_of_the_assistant),
    "Y22": _google_envelope,
    "Y23": _documents(_count_as_text),
    "Y24": _any_model,
    "Y25": _stream(lambda: each_document(_finish_everywhere)),
    "Y26": _documents(_one_call_only),
    "Y27": _stop_after_calls,
    "Y28": _asked(_no_config),
    "Y29": _asked(_one_candidate),
    "Y30": _asked(_camel_case_only),
    "Y31": lambda app, _core: changing_answers(
        app, lambda seen, status: is_gemini(seen) and status in _OF_THE_UPSTREAM, _error_in_stream
    ),
    "Y32": _documents(_always_seven),
    "Y33": _stream(_first_piece_lost),
    "Y34": _documents(_cached_apart),
}
