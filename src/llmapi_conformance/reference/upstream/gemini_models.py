"""Gemini's list of models, and each of them (wire-grammars.md section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.reference.upstream.answers import whole
from llmapi_conformance.reference.upstream.errors import ApiError
from llmapi_conformance.reference.upstream.gemini_request import path_parts
from llmapi_conformance.reference.upstream.vendors import GOOGLE

if TYPE_CHECKING:
    from llmapi_conformance.reference.upstream.answers import Answer
    from llmapi_conformance.reference.upstream.endpoint import Request

_DEFAULT_PAGE = 50


def list_gemini_models(request: Request) -> Answer:
    """Answer `GET /v1beta/models`; a page token is the number of models before the page.

    Raises:
        ApiError: 400, a paging parameter is wrong.
    """
    size, start = _number(request, "pageSize", _DEFAULT_PAGE), _number(request, "pageToken", 0)
    names = list(GOOGLE.models)
    page: dict[str, Any] = {"models": [_model(name) for name in names[start : start + (size or _DEFAULT_PAGE)]]}
    if start + len(page["models"]) < len(names):
        page["nextPageToken"] = str(start + len(page["models"]))
    return whole(page)


def show_gemini_model(request: Request) -> Answer:
    """Answer `GET /v1beta/models/{model}`.

    Raises:
        ApiError: 404, there is no such model.
    """
    model, action = path_parts(request.entry.path)
    if action:
        raise ApiError(404, f"There is nothing to read at {request.entry.path}.")
    return whole(_model(model))


def _number(request: Request, name: str, default: int) -> int:
    value = request.query.get(name, str(default))
    if not value.isdecimal():
        raise ApiError(400, f"{name} must be a whole number.")
    return int(value)


def _model(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name.replace("-", " ").title(),
        "description": "A scripted model.",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
    }
