"""Error envelopes: which one a body is, and which one a route owes (rules E-envelope and E3, facts F9.1, F9.10)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Envelope = Literal["anthropic", "openai", "openai_image", "google", "none"]
"""What a body is; ``openai`` has ``param`` or ``code``, ``openai_image`` is the documentation's short form without."""

Family = Literal["anthropic", "openai", "openai_image", "google", "any"]
"""What a route owes; ``any`` where no source says which: models, usage, image tasks (F9.12 tells the reasons alone)."""

_FAMILIES: Final[dict[str, Family]] = {
    "createMessage": "anthropic",
    "countMessageTokens": "anthropic",
    "createAntigravityMessage": "anthropic",
    "createChatCompletion": "openai",
    "createResponse": "openai",
    "createResponseSubpath": "openai",
    "generateImage": "openai_image",
    "editImage": "openai_image",
    "listGeminiModels": "google",
    "getGeminiModel": "google",
    "generateGeminiContent": "google",
    "streamGeminiContent": "google",
    "countGeminiTokens": "google",
    "listAntigravityModels": "google",
    "getAntigravityModel": "google",
    "generateAntigravityContent": "google",
    "streamAntigravityContent": "google",
    "countAntigravityTokens": "google",
}
_ALIAS = re.compile(r"(?:Codex)?Alias$")
_ACCEPTED: Final[dict[Family, frozenset[Envelope]]] = {
    "anthropic": frozenset({"anthropic"}),
    # F9.10 shows a top-level "type":"error" on OpenAI-compatible endpoints too, and images go without param and code.
    "openai": frozenset({"openai", "openai_image", "anthropic"}),
    "openai_image": frozenset({"openai", "openai_image"}),
    "google": frozenset({"google"}),
    "any": frozenset({"anthropic", "openai", "openai_image", "google"}),
}
_NAMES: Final[dict[Family, str]] = {
    "anthropic": 'Anthropic\'s envelope {"type":"error","error":{"type","message"}}',
    "openai": 'OpenAI\'s envelope {"error":{"message","type",...}}',
    "openai_image": 'the envelope {"error":{"type","message"}} without a top-level "type"',
    "google": 'Google\'s envelope {"error":{"code","message","status"}}',
    "any": "the error envelope of one of the protocols",
}
_SHAPES: Final[dict[Envelope, str]] = {
    "anthropic": "Anthropic's envelope",
    "openai": "OpenAI's envelope",
    "openai_image": 'the short OpenAI form {"error":{"type","message"}}',
    "google": "Google's envelope",
    "none": "no error envelope",
}


def envelope_of(body: Any) -> Envelope:
    """Which error envelope a decoded body is.

    Args:
        body: A JSON value of any type, or ``NOT_JSON``.
    """
    return next(_envelopes(body), "none")


def expected_envelope(operation: str) -> Family:
    """The envelope family of an operation id, an alias included; ``any`` where no source names one."""
    return _FAMILIES.get(_ALIAS.sub("", operation), "any")


def fits(body: Any, family: Family) -> bool:
    """Whether a decoded body is an envelope that a route of this family may answer with."""
    return not _ACCEPTED[family].isdisjoint(_envelopes(body))


def name_of(family: Family) -> str:
    """A family in the words of a report."""
    return _NAMES[family]


def shape_of(body: Any) -> str:
    """What a decoded body is, in the words of a report."""
    envelope = envelope_of(body)
    if envelope != "none":
        return _SHAPES[envelope]
    if not isinstance(body, dict):
        return f"a JSON {_json_type(body)}"
    error = body.get("error")
    if isinstance(error, dict):
        return f"an error object with the members {_members(error)}"
    if "error" in body:
        return f'an object whose "error" is a {_json_type(error)}'
    return f"an object with the members {_members(body)}"


def error_of(body: Any) -> dict[str, Any]:
    """The error object of an envelope; an empty one when there is none."""
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def error_type(body: Any) -> str:
    """``error.type`` (Google: ``error.status``), empty when there is none."""
    error = error_of(body)
    for member in ("type", "status"):
        if isinstance(error.get(member), str):
            return str(error[member])
    return ""


def error_message(body: Any) -> str:
    """``error.message``, empty when there is none."""
    message = error_of(body).get("message")
    return message if isinstance(message, str) else ""


def _envelopes(body: Any) -> Iterator[Envelope]:
    """Every envelope that a body is: with members of its own it may be two (variation C5)."""
    error = error_of(body)
    if not isinstance(error.get("message"), str):
        return
    if isinstance(error.get("type"), str):
        if body.get("type") == "error":
            yield "anthropic"
        else:
            yield "openai" if "param" in error or "code" in error else "openai_image"
    code = error.get("code")
    if isinstance(error.get("status"), str) and isinstance(code, int) and not isinstance(code, bool):
        yield "google"


def _members(value: dict[str, Any]) -> str:
    names = [repr(name)[:40] for name in list(value)[:8]]
    return ", ".join(names) if names else "(none)"


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "document that can't be read")
