"""Legal variations of Gemini's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.edge import (
    Seen,
    Whole,
    changing_answers,
    changing_streams,
    each_document,
    is_gemini,
)

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def _without_defaults(app: ASGIApp) -> ASGIApp:
    """V5."""

    def drop_in_answer(_seen: Seen, answer: Whole) -> None:
        document = answer.json()
        _drop(document)
        answer.put(document)

    answers = changing_answers(app, lambda seen, status: is_gemini(seen) and status == 200, drop_in_answer)
    return changing_streams(answers, is_gemini, lambda: each_document(_drop))


def _drop(document: dict[str, Any]) -> None:
    for candidate in document.get("candidates") or []:
        if candidate.get("index") == 0:
            del candidate["index"]
    usage = document.get("usageMetadata")
    if isinstance(usage, dict):
        document["usageMetadata"] = {name: value for name, value in usage.items() if value != 0}


VARIATIONS: Final = {"V5": _without_defaults}
