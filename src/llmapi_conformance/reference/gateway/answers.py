"""JSON answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from llmapi_conformance.reference.gateway.documents import compact

if TYPE_CHECKING:
    from collections.abc import Mapping


def json_answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with one JSON document."""
    return json_bytes(compact(document).encode(), status, headers)


def json_bytes(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with the bytes of one JSON document, as they are."""
    return Response(body, status_code=status, headers=headers, media_type="application/json")
