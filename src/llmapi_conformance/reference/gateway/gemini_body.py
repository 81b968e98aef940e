"""Field types of Gemini requests, checked before the upstream is asked (F9.11, grammar 5.1)."""

from __future__ import annotations

from typing import Any, Final

from llmapi_conformance.reference.gateway.refusals import wrong_field

_ROLES: Final = ("user", "model", "function")
_MOST_STOPS: Final = 5
_MOST_CANDIDATES: Final = 8


def check_content_request(body: dict[str, Any]) -> None:
    """Check a request for content. Members may be named in lowerCamelCase or in snake_case.

    Raises:
        Refusal: 400 naming the first field that is wrong.
    """
    _contents(body.get("contents"), "contents")
    system = member(body, "systemInstruction")
    if system is not None:
        _content(system, "systemInstruction")
    for name in ("tools", "safetySettings"):
        value = member(body, name)
        if value is not None and not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
            raise wrong_field(name, "must be an array of objects")
    for name in ("toolConfig", "generationConfig"):
        if not isinstance(member(body, name), dict | None):
            raise wrong_field(name, "must be an object")
    _config(member(body, "generationConfig") or {})


def check_count_request(body: dict[str, Any]) -> None:
    """Check a request for a token count: contents, or a whole request for content.

    Raises:
        Refusal: 400 naming the first field that is wrong.
    """
    whole = member(body, "generateContentRequest")
    if whole is None:
        _contents(body.get("contents"), "contents")
    elif isinstance(whole, dict):
        check_content_request(whole)
    else:
        raise wrong_field("generateContentRequest", "must be an object")


def member(fields: dict[str, Any], name: str) -> Any:
    """Return a member by its lowerCamelCase name, however the client wrote it."""
    if name in fields:
        return fields[name]
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return fields.get(snake)


def _contents(contents: Any, where: str) -> None:
    if contents is None:
        raise wrong_field(where, "contents is not specified")
    if not isinstance(contents, list) or not contents:
        raise wrong_field(where, "must be an array with at least one content")
    for index, content in enumerate(contents):
        _content(content, f"{where}[{index}]")


def _content(content: Any, where: str) -> None:
    if not isinstance(content, dict):
        raise wrong_field(where, "must be an object")
    if content.get("role") not in (None, "", *_ROLES):
        raise wrong_field(f"{where}.role", f"must be one of {', '.join(_ROLES)}")
    parts = content.get("parts")
    if not isinstance(parts, list) or not parts:
        raise wrong_field(f"{where}.parts", "must be an array with at least one part")
    for index, part in enumerate(parts):
        _part(part, f"{where}.parts[{index}]")


def _part(part: Any, where: str) -> None:
    if not isinstance(part, dict):
        raise wrong_field(where, "must be an object")
    if not isinstance(part.get("text"), str | None):
        raise wrong_field(f"{where}.text", "must be a string")
    for name in ("inlineData", "fileData", "functionCall", "functionResponse"):
        if not isinstance(member(part, name), dict | None):
            raise wrong_field(f"{where}.{name}", "must be an object")


def _config(config: dict[str, Any]) -> None:
    _whole(config, "maxOutputTokens", None)
    _whole(config, "candidateCount", _MOST_CANDIDATES)
    stops = member(config, "stopSequences")
    if stops is not None:
        if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
            raise wrong_field("generationConfig.stopSequences", "must be an array of strings")
        if len(stops) > _MOST_STOPS:
            raise wrong_field("generationConfig.stopSequences", f"must have at most {_MOST_STOPS} entries")
    for name, most in (("temperature", 2), ("topP", 1)):
        value = member(config, name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and 0 <= value <= most):
            raise wrong_field(f"generationConfig.{name}", f"must be a number from 0 to {most}")


def _whole(config: dict[str, Any], name: str, most: int | None) -> None:
    value = member(config, name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < 1 or (most is not None and value > most):
        raise wrong_field(f"generationConfig.{name}", f"must be an integer from 1{f' to {most}' if most else ''}")
