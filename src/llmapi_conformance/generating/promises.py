"""What is promised of the answer to a request that was made from the description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.generating.shapes import missing, wrong_types

if TYPE_CHECKING:
    from llmapi_conformance.generating.cases import Promise
    from llmapi_conformance.generating.description import Described

_MESSAGES: Final = ("model", "messages", "max_tokens", "system", "stream", "thinking")
DOCUMENTED: Final[dict[str, tuple[str, ...]]] = {
    "createMessage": _MESSAGES,  # F5.3
    "createAntigravityMessage": _MESSAGES,  # the same protocol (F2.9)
    "countMessageTokens": ("model", "messages", "system", "thinking"),  # F5.3, F5.8
    "createResponse": ("model", "input", "stream", "instructions", "reasoning", "tools"),  # F5.12
    "createChatCompletion": ("model", "messages", "stream", "temperature", "max_tokens"),  # F5.18
    "generateImage": ("model", "prompt", "size", "n", "response_format", "stream"),  # F6.11
    "editImage": ("model", "prompt", "images", "size", "n"),  # F6.20
    "submitImageTask": ("model", "prompt", "n", "stream"),  # F7.7, F7.8, F7.10, F7.11
    "getUsage": ("days",),  # F8.2
}
"""Parameters whose type LLMAPI's pages name; members that it forwards "when supported" aside."""
REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "createMessage": ("model", "messages"),
    "createAntigravityMessage": ("model", "messages"),
    "countMessageTokens": ("model", "messages"),
    "createResponse": ("model", "input"),
    "createChatCompletion": ("model", "messages"),
    "generateImage": ("prompt",),
    "editImage": ("prompt", "images"),
    "submitImageTask": ("prompt",),
}
"""Parameters that the pages call required."""


def promise_of_document(one: Described, document: Any) -> Promise:
    """What is promised of a JSON body: a wrong parameter type is a 400 (F9.11), a required parameter is required.

    Where the pages name no type, or what is wrong lies within a parameter, refusing is our reading.
    """
    standard = one.standard()
    wrong = list(wrong_types(one, document, one.schema))
    documented = {f"body.{name}" for name in DOCUMENTED.get(standard, ())} | {"body"}
    required = {f"body.{name}" for name in REQUIRED.get(standard, ())}
    lacking = set(missing(one, document, one.schema))
    if documented & set(wrong) or required & lacking:
        return "refused"
    return "refused_assumed" if wrong or lacking else "robust"


def promise_of_query(one: Described, name: str, value: str) -> Promise:
    """What is promised of a query parameter: of a documented integer that is none, a 400 (F8.2, F9.11)."""
    if name not in DOCUMENTED.get(one.standard(), ()):
        return "robust"
    schema: dict[str, Any] = next((each["schema"] for each in one.parameters if each["name"] == name), {})
    # Servers read what is nothing, and blanks around digits, in more than one way.
    whole = value.strip().removeprefix("-").removeprefix("+").isdigit() or not value.strip()
    return "refused" if schema.get("type") == "integer" and not whole else "robust"
