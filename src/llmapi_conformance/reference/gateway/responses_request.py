"""Responses requests: field types, and the conversation that a request continues (F5.12, F9.11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.refusals import Refusal, wrong_field
from llmapi_conformance.reference.gateway.validation import (
    at_least_one,
    check_number,
    check_objects,
    check_strings,
    check_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmapi_conformance.reference.gateway.responses_store import Item, Stored

_ROLES: Final = ("user", "assistant", "system", "developer")
_TEMPERATURE: Final = 2.0
_TYPES: Final[dict[str, tuple[type, str]]] = {
    "instructions": (str, "a string"),
    **dict.fromkeys(("stream", "store", "background", "parallel_tool_calls"), (bool, "a boolean")),
    **dict.fromkeys(("reasoning", "text", "metadata", "stream_options"), (dict, "an object")),
}
_TEXT_PARTS: Final = ("input_text", "output_text")


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation.

    Attributes:
        body: What the upstream is asked: the whole conversation, without a reference to anything stored.
        previous: The `previous_response_id` that the client gave.
        conversation: All items of the conversation so far, those of this request included.
        stores: Whether the response is to be stored (`store`, true by default).
    """

    body: dict[str, Any]
    previous: str | None
    conversation: tuple[Item, ...]
    stores: bool


def read_turn(
    body: dict[str, Any], response: Callable[[str], Stored | None], item: Callable[[str], Item | None]
) -> Turn:
    """Check a request and put the conversation that it refers to in the place of the references.

    The upstream's account serves many keys, so an id of a client is never sent there: it could be another's.

    Args:
        body: The request.
        response: Finds a stored response of the calling key by its id.
        item: Finds an item of such a response by its id.

    Raises:
        Refusal: 400 naming the first field that is wrong.
    """
    check_responses(body)
    previous = body.get("previous_response_id")
    continued = response(previous) if previous is not None else None
    if previous is not None and continued is None:
        raise previous_not_found()
    given = tuple(_resolved(one, item) for one in items_of(body["input"]))
    conversation = (continued.conversation if continued is not None else ()) + given
    question = {name: value for name, value in body.items() if name != "previous_response_id"}
    if continued is not None or not isinstance(body["input"], str):
        question["input"] = list(conversation)
    return Turn(question, previous, conversation, body.get("store") is not False)


def previous_not_found() -> Refusal:
    """The refusal of a `previous_response_id` that is unknown, or another key's."""
    return Refusal(
        400,
        "Previous response not found",
        param="previous_response_id",
        code="previous_response_not_found",
    )


def items_of(given: str | list[Item]) -> tuple[Item, ...]:
    """Return an input as items; a text is one message of the user."""
    if isinstance(given, str):
        return ({"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]},)
    return tuple(given)


def _resolved(given: Item, find: Callable[[str], Item | None]) -> Item:
    if given.get("type") != "item_reference":
        return given
    found = find(given["id"])
    if found is None:
        raise Refusal(400, "input: a referenced item was not found", param="input")
    return found


def check_responses(body: dict[str, Any]) -> None:
    """Check the field types of a Responses request; null counts as absent.

    Raises:
        Refusal: 400 naming the first field that is wrong.
    """
    for name in ("model", "input"):
        if body.get(name) is None:
            raise wrong_field(name, "field required")
    check_text(body["model"], "model")
    _check_input(body["input"])
    for name, (kind, words) in _TYPES.items():
        if not isinstance(body.get(name), kind | None):
            raise wrong_field(name, f"must be {words}")
    if body.get("previous_response_id") is not None:
        check_text(body["previous_response_id"], "previous_response_id")
    if body.get("max_output_tokens") is not None:
        at_least_one(body["max_output_tokens"], "max_output_tokens")
    check_number(body, "temperature", _TEMPERATURE)
    check_number(body, "top_p", 1.0)
    check_strings(body.get("include"), "include")
    _check_tools(body)
    if body.get("background"):
        raise wrong_field("background", "is not supported")
    if body.get("conversation") is not None:
        raise wrong_field("conversation", "is not supported: use previous_response_id")


def _check_tools(body: dict[str, Any]) -> None:
    check_objects(body, "tools")
    if not isinstance(body.get("tool_choice"), str | dict | None):
        raise wrong_field("tool_choice", "must be a string or an object")
    for index, tool in enumerate(body.get("tools") or []):
        check_text(tool.get("type"), f"tools[{index}].type")
        if tool["type"] == "function":
            check_text(tool.get("name"), f"tools[{index}].name")
            if not isinstance(tool.get("parameters"), dict | None):
                raise wrong_field(f"tools[{index}].parameters", "must be an object")


def _check_input(given: Any) -> None:
    if isinstance(given, str):
        return
    if not isinstance(given, list) or not given:
        raise wrong_field("input", "must be a string or an array with at least one item")
    for index, item in enumerate(given):
        _check_item(item, f"input[{index}]")


def _check_item(item: Any, where: str) -> None:
    if not isinstance(item, dict):
        raise wrong_field(where, "must be an object")
    kind = item.get("type", "message" if "role" in item else None)
    check_text(kind, f"{where}.type")
    if kind == "message":
        role = item.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise wrong_field(f"{where}.role", f"must be one of {', '.join(_ROLES)}")
        _check_content(item.get("content"), f"{where}.content")
    elif kind == "function_call":
        check_text(item.get("call_id"), f"{where}.call_id")
        check_text(item.get("name"), f"{where}.name")
        if not isinstance(item.get("arguments"), str):
            raise wrong_field(f"{where}.arguments", "must be a string of JSON")
    elif kind == "function_call_output":
        check_text(item.get("call_id"), f"{where}.call_id")
        _check_content(item.get("output"), f"{where}.output")
    elif kind == "item_reference":
        check_text(item.get("id"), f"{where}.id")


def _check_content(content: Any, where: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise wrong_field(where, "must be a string or an array")
    for index, part in enumerate(content):
        here = f"{where}[{index}]"
        if not isinstance(part, dict):
            raise wrong_field(here, "must be an object")
        check_text(part.get("type"), f"{here}.type")
        if part["type"] in _TEXT_PARTS and not isinstance(part.get("text"), str):
            raise wrong_field(f"{here}.text", "must be a string")
