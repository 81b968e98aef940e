"""Errors of the upstream in the words of the route that the client called (F9.11; rules E1 to E3, E5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.documents import object_or_none
from llmapi_conformance.reference.gateway.envelopes import Family
from llmapi_conformance.reference.gateway.refusals import Refusal
from llmapi_conformance.reference.gateway.upstream_client import UpstreamFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_THE_REQUEST: Final = (400, 404, 413, 422)
_UNSAFE = re.compile(
    r"https?:|wss?:|\b\d{1,3}(?:\.\d{1,3}){3}\b|\blocalhost\b|:\d{2,5}\b|\bAIza|\bsk-|\bkey=|Traceback|\bBearer\b",
    re.IGNORECASE,
)
# Google answers a key that is none with 400: the key is the gateway's, not the client's.
_REFUSED_KEY: Final = b"API_KEY_INVALID"
_OVERLOADED: Final = ("overloaded_error", "server_is_overloaded", "slow_down", "service_unavailable", "529", "503")
_RATE_LIMITED: Final = ("rate_limit_error", "rate_limit_exceeded", "insufficient_quota", "429")


def refusal_of_answer(status: int, headers: Mapping[str, str], body: bytes, family: Family) -> Refusal:
    """Return the refusal for an answer of the upstream that isn't a success.

    What the request itself caused keeps its status and, if it names no address and no key, its message. The rest is the
    gateway's own affair: a provider that refuses the gateway's key, or fails, is a 502.
    """
    if status in _OF_THE_REQUEST and _REFUSED_KEY not in body:
        error = _error_object(body)
        message = safe_message(error.get("message"), "The upstream refused the request as invalid")
        param, code = error.get("param"), error.get("code")
        return Refusal(
            status,
            message,
            param=param if isinstance(param, str) else None,
            code=code if isinstance(code, str) else None,
        )
    if status == 429:
        wait = headers.get("retry-after")
        return Refusal(
            429,
            "The upstream is at its rate limit, please retry later",
            code="rate_limit_exceeded",
            headers={"retry-after": wait} if wait is not None and re.fullmatch(r"[\w ,:]{1,40}", wait) else None,
        )
    return refusal_of_failure(UpstreamFailure(529 if status == 529 else 502, _words(status)), family)


def refusal_of_failure(failure: UpstreamFailure, family: Family) -> Refusal:
    """Return the refusal for an upstream that failed before the first event or byte of its answer.

    Overload is 529 where Anthropic's protocol is spoken and 503 elsewhere.
    """
    status = 503 if failure.status == 529 and family is not Family.ANTHROPIC else failure.status
    code = {429: "rate_limit_exceeded", 503: "server_is_overloaded"}.get(status)
    return Refusal(status, failure.message, code=code)


def failure_of_event(document: Mapping[str, Any]) -> UpstreamFailure:
    """Return what an error event of the upstream means, whichever of the two vendors' shapes it has."""
    error = document.get("error")
    error = error if isinstance(error, dict) else {}
    names = {str(error.get("type")), str(error.get("code"))}
    if names.intersection(_OVERLOADED):
        return UpstreamFailure(529, _words(529))
    if names.intersection(_RATE_LIMITED):
        return UpstreamFailure(429, "The upstream is at its rate limit, please retry later")
    return UpstreamFailure(502, "The upstream failed while it was answering")


def ended_early() -> UpstreamFailure:
    """Return the failure of a stream that stops without its terminal event."""
    return UpstreamFailure(502, "The upstream ended its answer before it was complete")


def not_understood() -> UpstreamFailure:
    """Return the failure of an answer that breaks the upstream's own protocol."""
    return UpstreamFailure(502, "The upstream's answer could not be understood")


def safe_message(message: Any, otherwise: str) -> str:
    """Return a message of the upstream if nothing in it looks like an address or a key, else another text."""
    if not isinstance(message, str) or not message.strip() or _UNSAFE.search(message):
        return otherwise
    return message


def _error_object(body: bytes) -> Mapping[str, Any]:
    error = (object_or_none(body) or {}).get("error")
    return error if isinstance(error, dict) else {}


def _words(status: int) -> str:
    return "The upstream is overloaded, please retry later" if status == 529 else "The upstream failed to answer"
