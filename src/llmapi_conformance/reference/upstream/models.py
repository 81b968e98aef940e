"""GET /v1/models in both vendors' shapes."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from llmapi_conformance.reference.upstream.answers import whole
from llmapi_conformance.reference.upstream.errors import ApiError
from llmapi_conformance.reference.upstream.vendors import ANTHROPIC, OPENAI, check_version

if TYPE_CHECKING:
    from llmapi_conformance.reference.upstream.answers import Answer
    from llmapi_conformance.reference.upstream.endpoint import Request

_MOST_PER_PAGE = 1000


def list_models(request: Request) -> Answer:
    """List the models of the vendor whose client asks.

    Raises:
        ApiError: 400, a paging parameter or the version is wrong.
    """
    if request.vendor is ANTHROPIC:
        if request.state.strict:
            check_version(request.headers)
        return whole(_anthropic_page(request))
    models = [
        {"id": name, "object": "model", "created": created, "owned_by": "openai"}
        for name, created in OPENAI.models.items()
    ]
    return whole({"object": "list", "data": models})


def _anthropic_page(request: Request) -> dict[str, Any]:
    names = list(ANTHROPIC.models)
    limit = request.query.get("limit", "20")
    if not limit.isdecimal() or not 1 <= int(limit) <= _MOST_PER_PAGE:
        raise ApiError(400, f"limit: a whole number from 1 to {_MOST_PER_PAGE}")
    after, before = request.query.get("after_id"), request.query.get("before_id")
    for name in (after, before):
        if name is not None and name not in names:
            raise ApiError(400, f"no model has the id {name}")
    rest = names[names.index(after) + 1 :] if after is not None else names
    page = rest[: int(limit)]
    if before is not None:
        rest = names[: names.index(before)]
        page = rest[-int(limit) :]
    return {
        "data": [
            {
                "type": "model",
                "id": name,
                "display_name": name.replace("-", " ").title(),
                "created_at": _moment(ANTHROPIC.models[name]),
            }
            for name in page
        ],
        "has_more": len(rest) > len(page),
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }


def _moment(second: int) -> str:
    return dt.datetime.fromtimestamp(second, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
