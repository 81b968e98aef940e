"""JSON answers, refusals among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.envelopes import Family, envelope, family_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import HTTPConnection

    from llmapi_conformance.reference.gateway.refusals import Refusal


NO_STORE: Final = {"cache-control": "no-store"}
"""What a task says of itself is true for a moment, and for its key alone (RFC 9111 section 5.2.2.5)."""


def json_answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with one JSON document."""
    return json_bytes(compact(document).encode(), status, headers)


def json_bytes(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with the bytes of one JSON document, as they are."""
    return Response(body, status_code=status, headers=headers, media_type="application/json")


def refused(asked: HTTPConnection, refusal: Refusal) -> Response:
    """Answer with a refusal in the envelope of the path that was asked for."""
    family = family_of(asked.url.path)
    document = envelope(refusal, family, asked.state.request_id)
    unkept = NO_STORE if family is Family.TASKS else {}
    return json_answer(document, refusal.status, {**refusal.headers, **unkept})
