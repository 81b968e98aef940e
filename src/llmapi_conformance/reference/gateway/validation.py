"""Field types of Messages and Chat requests, checked before the upstream is asked (F9.11, F5.3, F5.18)."""

from __future__ import annotations

from typing import Any, Final

from llmapi_conformance.reference.gateway.refusals import wrong_field

_MESSAGES_ROLES: Final = ("user", "assistant", "system")
_CHAT_ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_CHAT_TEMPERATURE: Final = 2.0
_MESSAGES_TEMPERATURE: Final = 1.0


def check_messages(body: dict[str, Any], *, counting: bool = False) -> None:
    """Check a Messages request, or a token count, which needs no `max_tokens`.

    Raises:
        Refusal: 400 naming the first field that is wrong.
    """
    _check_common(body)
    if counting and body.get("max_tokens") is None:
        pass
    elif body.get("max_tokens") is None:
        raise wrong_field("max_tokens", "field required")
    else:
        at_least_one(body["max_tokens"], "max_tokens")
    for index, message in enumerate(body["messages"]):
        _check_turn(message, f"messages.{index}", _MESSAGES_ROLES)
        if message.get("content") is None:
            raise wrong_field(f"messages.{index}.content", "field required")
        _check_blocks(message["content"], f"messages.{index}.content")
    if body.get("system") is not None:
        _check_blocks(body["system"], "system")
    check_number(body, "temperature", _MESSAGES_TEMPERATURE)
    check_number(body, "top_p", 1.0)
    check_objects(body, "tools")
    _check_message_objects(body)
    check_strings(body.get("stop_sequences"), "stop_sequences")
    for index, tool in enumerate(body.get("tools") or []):
        check_text(tool.get("name"), f"tools.{index}.name")
        if tool.get("type") in (None, "custom") and not isinstance(tool.get("input_schema"), dict):
            raise wrong_field(f"tools.{index}.input_schema", "must be an object")


def _check_message_objects(body: dict[str, Any]) -> None:
    for name in ("tool_choice", "metadata", "thinking"):
        if not isinstance(body.get(name), dict | None):
            raise wrong_field(name, "must be an object")
    if not isinstance((body.get("metadata") or {}).get("user_id"), str | None):
        raise wrong_field("metadata.user_id", "must be a string")
    choice = body.get("tool_choice") or {}
    if not isinstance(choice.get("name"), str | None):
        raise wrong_field("tool_choice.name", "must be a string")
    if not isinstance(choice.get("disable_parallel_tool_use"), bool | None):
        raise wrong_field("tool_choice.disable_parallel_tool_use", "must be a boolean")


def check_chat(body: dict[str, Any]) -> None:
    """Check a Chat Completions request; null counts as absent.

    Raises:
        Refusal: 400 naming the first field that is wrong.
    """
    _check_common(body)
    for name in ("max_tokens", "max_completion_tokens", "n"):
        if body.get(name) is not None:
            at_least_one(body[name], name)
    for index, message in enumerate(body["messages"]):
        _check_chat_message(message, f"messages[{index}]")
    check_number(body, "temperature", _CHAT_TEMPERATURE)
    check_number(body, "top_p", 1.0)
    if not isinstance(body.get("stop"), str | None):
        check_strings(body["stop"], "stop")
    for name in ("stream_options", "response_format", "metadata"):
        if not isinstance(body.get(name), dict | None):
            raise wrong_field(name, "must be an object")
    if body.get("stream_options") is not None and not body.get("stream"):
        raise wrong_field("stream_options", "is only allowed with stream")
    _check_chat_tools(body)


def _check_chat_tools(body: dict[str, Any]) -> None:
    check_objects(body, "tools")
    if not isinstance(body.get("tool_choice"), str | dict | None):
        raise wrong_field("tool_choice", "must be a string or an object")
    for index, tool in enumerate(body.get("tools") or []):
        if tool.get("type") == "function":
            if not isinstance(tool.get("function"), dict):
                raise wrong_field(f"tools[{index}].function", "must be an object")
            check_text(tool["function"].get("name"), f"tools[{index}].function.name")


def _check_common(body: dict[str, Any]) -> None:
    if body.get("model") is None:
        raise wrong_field("model", "field required")
    check_text(body["model"], "model")
    messages = body.get("messages")
    if messages is None:
        raise wrong_field("messages", "field required")
    if not isinstance(messages, list) or not messages:
        raise wrong_field("messages", "must be an array with at least one message")
    if not isinstance(body.get("stream"), bool | None):
        raise wrong_field("stream", "must be a boolean")


def _check_turn(message: Any, where: str, roles: tuple[str, ...]) -> None:
    if not isinstance(message, dict):
        raise wrong_field(where, "must be an object")
    role = message.get("role")
    if not isinstance(role, str) or role not in roles:
        raise wrong_field(f"{where}.role", f"must be one of {', '.join(roles)}")


def _check_chat_message(message: Any, where: str) -> None:
    _check_turn(message, where, _CHAT_ROLES)
    content, role = message.get("content"), message["role"]
    if content is None and role != "assistant":
        raise wrong_field(f"{where}.content", "field required")
    if content is not None:
        _check_blocks(content, f"{where}.content")
    if role == "tool":
        check_text(message.get("tool_call_id"), f"{where}.tool_call_id")
    calls = message.get("tool_calls")
    if not isinstance(calls, list | None):
        raise wrong_field(f"{where}.tool_calls", "must be an array")
    for index, call in enumerate(calls or []):
        _check_call(call, f"{where}.tool_calls[{index}]")


def _check_call(call: Any, where: str) -> None:
    if not isinstance(call, dict):
        raise wrong_field(where, "must be an object")
    check_text(call.get("id"), f"{where}.id")
    if call.get("type", "function") != "function":
        return
    function = call.get("function")
    if not isinstance(function, dict):
        raise wrong_field(f"{where}.function", "must be an object")
    check_text(function.get("name"), f"{where}.function.name")
    if not isinstance(function.get("arguments"), str):
        raise wrong_field(f"{where}.function.arguments", "must be a string of JSON")


def _check_blocks(content: Any, where: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise wrong_field(where, "must be a string or an array")
    for index, block in enumerate(content):
        here = f"{where}.{index}"
        if not isinstance(block, dict):
            raise wrong_field(here, "must be an object")
        check_text(block.get("type"), f"{here}.type")
        _check_block(block, here)


def _check_block(block: dict[str, Any], where: str) -> None:
    kind = block["type"]
    if kind == "text" and not isinstance(block.get("text"), str):
        raise wrong_field(f"{where}.text", "must be a string")
    if kind == "image" and not isinstance(block.get("source"), dict):
        raise wrong_field(f"{where}.source", "must be an object")
    if kind == "image_url":
        image = block.get("image_url")
        if not isinstance(image, dict) or not isinstance(image.get("url"), str):
            raise wrong_field(f"{where}.image_url", "must be an object with a url")
    if kind == "tool_use":
        check_text(block.get("id"), f"{where}.id")
        check_text(block.get("name"), f"{where}.name")
        if not isinstance(block.get("input"), dict):
            raise wrong_field(f"{where}.input", "must be an object")
    if kind == "tool_result":
        check_text(block.get("tool_use_id"), f"{where}.tool_use_id")
        if block.get("content") is not None:
            _check_blocks(block["content"], f"{where}.content")


def check_text(value: Any, where: str) -> None:
    """Check that a field is a non-empty string.

    Raises:
        Refusal: 400 naming the field.
    """
    if not isinstance(value, str) or not value:
        raise wrong_field(where, "must be a non-empty string")


def at_least_one(value: Any, where: str) -> None:
    """Check that a field is an integer of at least 1.

    Raises:
        Refusal: 400 naming the field.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise wrong_field(where, "must be an integer of at least 1")


def check_number(body: dict[str, Any], name: str, most: float) -> None:
    """Check that a field is absent, null or a number from 0 to a limit.

    Raises:
        Refusal: 400 naming the field.
    """
    value = body.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise wrong_field(name, f"must be a number from 0 to {most:g}")


def check_objects(body: dict[str, Any], name: str) -> None:
    """Check that a field is absent, null or an array of objects.

    Raises:
        Refusal: 400 naming the field.
    """
    value = body.get(name)
    if value is None:
        return
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise wrong_field(name, "must be an array of objects")


def check_strings(value: Any, name: str) -> None:
    """Check that a field is null or an array of strings.

    Raises:
        Refusal: 400 naming the field.
    """
    if value is None:
        return
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise wrong_field(name, "must be an array of strings")
