"""The vendors' error envelopes (wire-grammars.md section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_ANTHROPIC_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OPENAI_TYPES = {
    403: "permission_error",
    429: "rate_limit_error",
    503: "service_unavailable",
}
_OPENAI_CODES = {
    401: "invalid_api_key",
    429: "rate_limit_exceeded",
    503: "server_is_overloaded",
}


_GOOGLE_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


@dataclass(eq=False)  # neither frozen nor slotted: Python writes the traceback into an exception
class ApiError(Exception):
    """A request that is refused.

    Attributes:
        status: The HTTP status.
        message: What is wrong, for people.
        param: The parameter at fault (OpenAI).
        code: The stable code, where it is not the status's usual one (OpenAI), or has one at all (Google).
        allow: The methods that the path has, with a 405.
    """

    status: int
    message: str
    param: str | None = None
    code: str | None = None
    allow: str | None = None


def anthropic_envelope(error: ApiError, request_id: str) -> dict[str, Any]:
    """Return Anthropic's error document."""
    usual = "api_error" if error.status >= 500 else "invalid_request_error"
    kind = _ANTHROPIC_TYPES.get(error.status, usual)
    return {"type": "error", "error": {"type": kind, "message": error.message}, "request_id": request_id}


def openai_envelope(error: ApiError, request_id: str) -> dict[str, Any]:  # noqa: ARG001 - the vendors share a signature
    """Return OpenAI's error document."""
    usual = "server_error" if error.status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": error.message,
            "type": _OPENAI_TYPES.get(error.status, usual),
            "param": error.param,
            "code": error.code or _OPENAI_CODES.get(error.status),
        }
    }


def google_envelope(error: ApiError, request_id: str) -> dict[str, Any]:  # noqa: ARG001 - the vendors share a signature
    """Return Google's error document; a code of its own stands in the details, as google.rpc.ErrorInfo."""
    usual = "INTERNAL" if error.status >= 500 else "INVALID_ARGUMENT"
    document: dict[str, Any] = {
        "code": error.status,
        "message": error.message,
        "status": _GOOGLE_STATUSES.get(error.status, usual),
    }
    if error.code is not None:
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": error.code, "domain": "googleapis.com"}
        document["details"] = [info]
    return {"error": document}


def google_array_envelope(error: ApiError, request_id: str) -> list[dict[str, Any]]:
    """Return Google's error document as it stands where the answer would be a JSON array (rule G-S6)."""
    return [google_envelope(error, request_id)]
