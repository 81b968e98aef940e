"""JSON documents: reading what a client sent, writing what a provider sends."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from llmapi_conformance.reference.upstream.errors import ApiError


def read_document(body: bytes) -> dict[str, Any]:
    """Parse a request body.

    Args:
        body: The bytes received.

    Raises:
        ApiError: 400, the body is no JSON object in UTF-8.
    """
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "The request body is not valid JSON.") from error
    if not isinstance(document, dict):
        raise ApiError(400, "The request body must be a JSON object.")
    return document


def write_document(document: object) -> bytes:
    """Write JSON as the vendors do: compact, characters as they are; a lone surrogate is escaped."""
    try:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(document, separators=(",", ":")).encode("ascii")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
