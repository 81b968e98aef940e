"""Faults that odd bodies bring out: what a parser, a type check or a converter does not expect."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import MutableHeaders

from llmapi_conformance.reference.gateway.answers import json_answer
from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.edge import Seen, Whole, changing_answers
from llmapi_conformance.reference.gateway.faulty.odd import (
    Asked,
    answering,
    bad_gateway,
    changing,
    crash,
    is_gemini,
    is_images,
    is_messages,
    is_post,
    is_text,
    page,
    refused_with,
)

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Scope

    from llmapi_conformance.reference.gateway.core import Core
    from llmapi_conformance.reference.gateway.faulty.odd import Wrapper

_LOOKED_AFTER: Final = ("/v1/messages", "/v1/chat/completions")
_EXACT: Final = 2**53
_HUGE: Final = 2**1024
_DEEP: Final = 100
_NOT_ASCII: Final = 0x80
_PROTOTYPES: Final = frozenset({"__proto__", "constructor", "$ref"})
_NUMBERS: Final = ("max_tokens", "max_output_tokens", "n", "temperature", "top_p", "top_k", "output_compression")
_LOOKS: Final = (
    "quality",
    "background",
    "output_format",
    "moderation",
    "style",
    "response_format",
    "aspect_ratio",
    "image_size",
)
_OF_ARRAYS: Final = frozenset({"stopSequences", "responseModalities", "responseSchema", "thinkingConfig"})
_OF_IMAGES: Final = frozenset(
    {*_LOOKS, *_NUMBERS, "model", "prompt", "size", "stream", "partial_images", "images", "mask"}
)
_OF_MESSAGES: Final = frozenset(
    {
        *_NUMBERS,
        "model",
        "messages",
        "system",
        "stream",
        "metadata",
        "thinking",
        "stop_sequences",
        "tools",
        "tool_choice",
    }
)
_TRACE: Final = 'Traceback (most recent call last): File "/app/convert.py", line 88, in parts; AttributeError'


def _twice(asked: Asked) -> bool:
    """N01."""
    found: list[bool] = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.append(len(dict(pairs)) < len(pairs))
        return dict(pairs)

    try:
        json.loads(asked.body, object_pairs_hook=look)
    except (ValueError, RecursionError):
        return False
    return is_post(asked) and asked.path not in _LOOKED_AFTER and any(found)


def _beyond_doubles(asked: Asked) -> bool:
    """N02."""
    return is_post(asked) and any(type(value) is int and _EXACT < abs(value) < _HUGE for _, value in asked.within())


def _nested(asked: Asked) -> bool:
    """N03."""
    if not (is_gemini(asked) or is_images(asked) or _is_below(asked)) or not asked.body.startswith(b"{"):
        return False
    depth = deepest = 0
    for character in asked.body:
        depth += (character in b"[{") - (character in b"]}")
        deepest = max(deepest, depth)
    return deepest >= _DEEP


def _is_below(asked: Asked) -> bool:
    return is_post(asked) and ("/responses" in asked.path or asked.path.startswith("/antigravity/"))


def _not_utf8(asked: Asked) -> bool:
    """N04."""
    form = asked.headers.get("content-type", "").startswith("multipart/")
    return (is_gemini(asked) or is_images(asked)) and not form and _undecodable(asked.body)


def _undecodable(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return True
    return False


def _odd_first_byte(asked: Asked) -> bool:
    """N05."""
    return is_post(asked) and asked.body[0] >= _NOT_ASCII


def _null(asked: Asked) -> bool:
    """N06."""
    return is_messages(asked) and any(value is None for value in asked.members.values())


def _model_of_parts(asked: Asked) -> bool:
    """N07."""
    return asked.method == "POST" and isinstance(asked.members.get("model"), dict | list)


def _no_objects(asked: Asked) -> bool:
    """N08: a content, or a part of one, that is no object."""
    contents = asked.members.get("contents")
    if not is_gemini(asked) or not isinstance(contents, list):
        return False
    parts = [content.get("parts", []) if isinstance(content, dict) else None for content in contents]
    return any(not isinstance(some, list) or not all(isinstance(part, dict) for part in some) for some in parts)


def _prototype(asked: Asked) -> bool:
    """N09."""
    return is_post(asked) and any(name in _PROTOTYPES for name, _ in asked.within())


def _wrong_setting(asked: Asked) -> bool:
    """N10."""
    config = asked.members.get("generationConfig")
    settings = config if is_gemini(asked) and isinstance(config, dict) else {}
    return any(isinstance(value, dict | list | bool) and name not in _OF_ARRAYS for name, value in settings.items())


def _scalar_count(asked: Asked) -> bool:
    """N11."""
    counts = is_gemini(asked) and asked.path.endswith(":countTokens")
    return counts and isinstance(asked.value, str | int | float | None)


def _nothing_counted(_asked: Asked) -> Response:
    return json_answer({"totalTokens": 0})


def _no_array_of_tools(asked: Asked) -> bool:
    """N12."""
    return is_post(asked) and "tools" in asked.members and not isinstance(asked.members["tools"], list)


def _odd_look(asked: Asked) -> bool:
    """N13."""
    looks = (asked.members[name] for name in _LOOKS if name in asked.members)
    return is_images(asked) and any(not isinstance(value, str) for value in looks)


def _composed_number(asked: Asked) -> bool:
    """N14."""
    return asked.method == "POST" and any(isinstance(asked.members.get(name), dict | list) for name in _NUMBERS)


def _nothing_in_it(asked: Asked) -> bool:
    """N15."""
    return is_post(asked) and any(value == [] for value in asked.members.values())


def _whole_float(asked: Asked) -> bool:
    """N16."""
    floats = (value for _, value in asked.within() if isinstance(value, float) and math.isfinite(value))
    return is_post(asked) and any(value.is_integer() and abs(value) < _EXACT for value in floats)


def _open_form(asked: Asked) -> bool:
    """N17."""
    form = asked.headers.get("content-type", "").startswith("multipart/form-data")
    return is_post(asked) and is_images(asked) and form and not asked.body.rstrip().endswith(b"--")


def _with(asked: Asked, change: dict[str, Any]) -> tuple[Scope, bytes]:
    """The request with some members changed; those that become ``...`` are left out."""
    document = {name: value for name, value in (asked.members | change).items() if value is not ...}
    return asked.seen.scope, compact(document).encode()


def _system_of_no_kind(asked: Asked) -> bool:
    """N18."""
    return is_messages(asked) and not isinstance(asked.members.get("system", ""), str | list)


def _counted_stream(asked: Asked) -> bool:
    """N19."""
    counts = is_text(asked) or is_images(asked)
    return counts and type(asked.members.get("stream")) in (int, float)


def _labelled(label: str) -> Wrapper:
    """Give requests whose label is spelled otherwise another media type."""

    def relabel(asked: Asked) -> tuple[Scope, bytes]:
        headers = MutableHeaders(raw=list(asked.seen.scope["headers"]))
        headers["content-type"] = "application/octet-stream"
        return {**asked.seen.scope, "headers": headers.raw}, asked.body

    return changing(lambda asked: is_post(asked) and label in asked.headers.get("content-type", ""), relabel)


def _coded(asked: Asked) -> bool:
    """N22."""
    return is_post(asked) and asked.headers.get("content-encoding", "identity").strip().lower() != "identity"


def _stranger(app: ASGIApp, _core: Core) -> ASGIApp:
    """N23."""

    def as_texts(_seen: Seen, answer: Whole) -> None:
        document = answer.json()
        if "created" in document:
            answer.put(document | {"created": str(document["created"])})
        elif "usage" in document:
            usage = {name: str(value) if isinstance(value, int) else value for name, value in document["usage"].items()}
            answer.put(document | {"usage": usage})

    return changing_answers(app, lambda seen, status: status == 200 and _of_strangers(seen), as_texts)


def _of_strangers(seen: Seen) -> bool:
    asked, known = Asked(seen), _OF_IMAGES if seen.path.startswith("/v1/images/") else _OF_MESSAGES
    ours = seen.path in ("/v1/images/generations", "/antigravity/v1/messages")
    return ours and bool(asked.members.keys() - known)


FAULTS: Final[dict[str, Wrapper]] = {
    "N01": answering(_twice, crash),
    "N02": answering(_beyond_doubles, crash),
    "N03": answering(_nested, crash),
    "N04": answering(_not_utf8, page(400, "Bad Request")),
    "N05": answering(_odd_first_byte, crash),
    "N06": answering(_null, crash),
    "N07": answering(_model_of_parts, bad_gateway),
    "N08": answering(_no_objects, refused_with(500, "Internal error", headers={"x-error": _TRACE})),
    "N09": answering(_prototype, crash),
    "N10": answering(_wrong_setting, bad_gateway),
    "N11": answering(_scalar_count, _nothing_counted),
    "N12": answering(_no_array_of_tools, bad_gateway),
    "N13": answering(_odd_look, crash),
    "N14": answering(_composed_number, crash),
    "N15": answering(_nothing_in_it, crash),
    "N16": answering(_whole_float, crash),
    "N17": answering(_open_form, crash),
    "N18": changing(_system_of_no_kind, lambda asked: _with(asked, {"system": ...})),
    "N19": changing(_counted_stream, lambda asked: _with(asked, {"stream": bool(asked.members["stream"])})),
    "N20": _labelled("JSON"),
    "N21": _labelled("json;charset"),
    "N22": answering(_coded, crash),
    "N23": _stranger,
}
