"""Faults that odd methods, paths, queries and headers bring out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from llmapi_conformance.reference.gateway.faulty.odd import (
    Asked,
    answering,
    changing,
    crash,
    is_post,
    page,
    refused_with,
    stalling,
)

if TYPE_CHECKING:
    from starlette.responses import Response

    from llmapi_conformance.reference.gateway.faulty.odd import Wrapper

_USAGE, _MODELS = "/v1/usage", "/v1/models"
_LONG: Final = 1_000
_FRACTION: Final = re.compile(r"\d*\.\d+|\d+e\d+", re.IGNORECASE)
_KNOWN: Final = ("json", "multipart/", "text/plain", "x-www-form-urlencoded")


def _half_days(asked: Asked) -> bool:
    """N30."""
    return asked.path == _USAGE and any(name == "days" and _FRACTION.fullmatch(text) for name, text in asked.query)


def _null_in_query(asked: Asked) -> bool:
    """N31."""
    return asked.path == _USAGE and any(text == "null" for _, text in asked.query)


def _twice_in_query(asked: Asked) -> bool:
    """N32."""
    names = [name for name, _ in asked.query]
    return len(set(names)) < len(names)


def _long_path(asked: Asked) -> bool:
    """N33."""
    return len(asked.raw_path) > _LONG


def _read_only(asked: Asked) -> bool:
    """N34."""
    return asked.method == "QUERY"


def _traced(asked: Asked) -> Response:
    """N35."""
    lines = [f"{name}: {value}" for name, value in asked.headers.items()]
    return refused_with(405, f"This endpoint does not allow the method of {'; '.join(lines)}")(asked)


def _odd_task(asked: Asked) -> bool:
    """N36."""
    return "/images/tasks/" in asked.path and not asked.path.isascii()


def _control_in_model(asked: Asked) -> bool:
    """N37."""
    return "/v1beta/models/" in asked.path and any(ord(character) < ord(" ") for character in asked.path)


def _odd_subpath(asked: Asked) -> bool:
    """N38."""
    return is_post(asked) and "/responses/" in asked.path and "%" in asked.raw_path


def _no_page_size(asked: Asked) -> bool:
    """N39."""
    return any(name == "pageSize" and not text.isdecimal() for name, text in asked.query)


def _no_limit(asked: Asked) -> bool:
    """N40."""
    return asked.path == _MODELS and any(name == "limit" and not text.isdecimal() for name, text in asked.query)


def _page_token(asked: Asked) -> bool:
    """N41."""
    return any(name == "pageToken" and text for name, text in asked.query)


def _form_of_nothing(asked: Asked) -> bool:
    """N42."""
    return asked.method == "GET" and asked.headers.get("content-type", "").startswith("multipart/")


def _unheard_of(asked: Asked) -> bool:
    """N43."""
    label = asked.headers.get("content-type", "").lower()
    return is_post(asked) and bool(label) and not any(known in label for known in _KNOWN)


FAULTS: Final[dict[str, Wrapper]] = {
    "N30": answering(_half_days, crash),
    "N31": answering(_null_in_query, crash),
    "N32": answering(_twice_in_query, crash),
    "N33": answering(_long_path, page(414, "Request-URI Too Large")),
    "N34": changing(_read_only, lambda asked: ({**asked.seen.scope, "method": "GET"}, asked.body)),
    "N35": answering(lambda asked: asked.method == "TRACE", _traced),
    "N36": answering(_odd_task, crash),
    "N37": answering(_control_in_model, page(400, "Bad Request")),
    "N38": answering(_odd_subpath, crash),
    "N39": answering(_no_page_size, crash),
    "N40": answering(_no_limit, crash),
    "N41": answering(_page_token, refused_with(418, "I'm a teapot")),
    "N42": answering(_form_of_nothing, crash),
    "N43": answering(_unheard_of, stalling(415)),
}
