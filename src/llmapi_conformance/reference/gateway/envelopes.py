"""Error envelopes: each route family keeps its own shape (F9.1, F9.7, F9.10; rules E1 to E5)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from llmapi_conformance.reference.gateway.refusals import Refusal


class Family(Enum):
    """Which envelope a route answers in."""

    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    IMAGES = "images"
    TASKS = "tasks"
    GOOGLE = "google"


_ANTHROPIC_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OPENAI_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}
_GOOGLE_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def family_of(path: str) -> Family:
    """Return the family that answers for a path, served or not.

    What belongs to no vendor's protocol (`/v1/usage`, an unknown path) is answered like the documented 401.
    """
    steps = [step for step in path.lower().split("/") if step]
    if "v1beta" in steps:
        return Family.GOOGLE
    if steps[:1] == ["v1"]:
        steps = steps[1:]
    if steps[:2] == ["images", "tasks"]:
        return Family.TASKS
    if steps[:1] == ["images"]:
        return Family.IMAGES
    if steps[:1] in (["chat"], ["models"], ["responses"]) or steps[:3] == ["backend-api", "codex", "responses"]:
        return Family.OPENAI
    return Family.ANTHROPIC


def envelope(refusal: Refusal, family: Family, request_id: str) -> dict[str, Any]:
    """Return the error document for a refusal.

    A 401 outside of Google paths is the documented body, whatever the family (F9.7).
    """
    if family is Family.GOOGLE:
        return {"error": google_error(refusal)}
    if refusal.status == 401 or family is Family.ANTHROPIC:
        kind = refusal.kind or anthropic_type(refusal.status)
        document: dict[str, Any] = {"type": "error", "error": {"type": kind, "message": refusal.message}}
        if not refusal.literal:
            document["request_id"] = request_id
        return document
    if family is Family.TASKS:
        return {"error": task_error(refusal)}
    if family is Family.IMAGES:
        return {"error": image_error(refusal)}
    return {"error": openai_error(refusal)}


def anthropic_type(status: int) -> str:
    """Return Anthropic's `error.type` for a status."""
    return _ANTHROPIC_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


def google_error(refusal: Refusal) -> dict[str, Any]:
    """Return Google's error object; its code is the HTTP status."""
    status = _GOOGLE_STATUSES.get(refusal.status, "INTERNAL" if refusal.status >= 500 else "UNKNOWN")
    return {"code": refusal.status, "message": refusal.message, "status": status}


def image_error(refusal: Refusal) -> dict[str, Any]:
    """Return the error object of the image routes (F9.10)."""
    return {"type": refusal.kind or anthropic_type(refusal.status), "message": refusal.message}


def task_error(refusal: Refusal) -> dict[str, Any]:
    """Return the error object of the image tasks: that of the image routes, with the reason as its code (F9.12)."""
    error = image_error(refusal)
    return error if refusal.code is None else {"type": error["type"], "code": refusal.code, "message": error["message"]}


def openai_error(refusal: Refusal) -> dict[str, Any]:
    """Return OpenAI's four-key error object."""
    usual = _OPENAI_TYPES.get(refusal.status, "invalid_request_error" if refusal.status < 500 else "server_error")
    return {
        "message": refusal.message,
        "type": refusal.kind or usual,
        "param": refusal.param,
        "code": refusal.code,
    }
