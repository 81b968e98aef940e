"""Reading a request body: size, presence, media type, JSON, in this order (F9.10, F9.11)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.core import core_of
from llmapi_conformance.reference.gateway.documents import NotJsonError, parse
from llmapi_conformance.reference.gateway.refusals import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request

EMPTY_BODY: Final = "Request body is empty"
_JSON_TYPE = re.compile(r"application/(?:[\w.+-]+\+)?json", re.ASCII | re.IGNORECASE)


async def read_object(request: Request) -> dict[str, Any]:
    """Return the JSON object that a request carries.

    A request without a content type is read as JSON.

    Raises:
        Refusal: 413 for a body above the limit, 400 for an empty one, 415 for another media type, 400 for what isn't a
            JSON object.
    """
    raw = await read_bytes(request)
    content_type = request.headers.get("content-type")
    if content_type is not None and not _JSON_TYPE.fullmatch(content_type.partition(";")[0].strip()):
        raise Refusal(415, "Content-Type must be application/json", kind="invalid_request_error")
    try:
        document = parse(raw)
    except NotJsonError as error:
        raise Refusal(400, f"Request body is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise Refusal(400, "Request body must be a JSON object")
    return document


async def read_bytes(request: Request) -> bytes:
    """Return the body of a request.

    Raises:
        Refusal: 413 for a body above the limit, 400 for an empty one, 415 for one that is compressed.
    """
    raw = await _read(request, core_of(request).settings.body_limit)
    if not raw.strip():
        raise Refusal(400, EMPTY_BODY)
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refusal(415, "Content-Encoding is not supported: send the body as it is", kind="invalid_request_error")
    return raw


async def _read(request: Request, limit: int) -> bytes:
    too_large = Refusal(413, f"Request body is too large, the limit is {limit} bytes")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise too_large
    return bytes(body)
