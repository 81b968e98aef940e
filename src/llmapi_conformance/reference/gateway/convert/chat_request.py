"""A Chat request as a Messages request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.convert.common import arguments_object, data_url, toolu_id
from llmapi_conformance.reference.gateway.refusals import Refusal, wrong_field

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULT_MAX_TOKENS: Final = 4096
_CHOICES: Final = {"auto": "auto", "required": "any", "none": "none"}
_INSTRUCTIONS: Final = ("system", "developer")
_NO_PARAMETERS: Final = {"type": "object", "properties": {}}


def chat_to_messages(body: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a Chat request that `check_chat` has passed.

    Instructions of whatever place become the system text, in their order. Penalties, seeds and log probabilities have
    no counterpart and are left out; a temperature above Anthropic's scale is taken as its top.

    Raises:
        Refusal: 400 for something that can't be said in Messages and would change the answer.
    """
    if (body.get("n") or 1) != 1:
        raise wrong_field("n", "must be 1 on this platform")
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or _DEFAULT_MAX_TOKENS
    messages: dict[str, Any] = {"model": body["model"], "max_tokens": limit, "messages": _turns(body)}
    system = _system(body)
    if system:
        messages["system"] = system
    if body.get("temperature") is not None:
        messages["temperature"] = min(body["temperature"], 1.0)
    if body.get("top_p") is not None:
        messages["top_p"] = body["top_p"]
    stop = body.get("stop")
    if stop:
        messages["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if body.get("tools"):
        messages["tools"] = [_tool(tool, f"tools[{index}]") for index, tool in enumerate(body["tools"])]
        _choose(body, messages)
    user = body.get("safety_identifier") or body.get("user")
    if isinstance(user, str):
        messages["metadata"] = {"user_id": user}
    _format(body.get("response_format"), messages)
    if body.get("stream"):
        messages["stream"] = True
    return messages


def _system(body: Mapping[str, Any]) -> str | list[dict[str, Any]]:
    contents = [
        (message["content"], f"messages[{index}].content")
        for index, message in enumerate(body["messages"])
        if message["role"] in _INSTRUCTIONS
    ]
    if len(contents) == 1 and isinstance(contents[0][0], str):
        return contents[0][0]
    return [block for content, where in contents for block in _blocks(content, where)]


def _turns(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Turns in order; the results of parallel calls and the user's words behind them make one turn."""
    turns: list[dict[str, Any]] = []
    after_result = False
    for index, message in enumerate(body["messages"]):
        where, role = f"messages[{index}]", message["role"]
        if role in _INSTRUCTIONS:
            continue
        if role == "function":
            raise wrong_field(f"{where}.role", "function messages are not available on this platform: use tool")
        if role == "assistant":
            turns.append({"role": "assistant", "content": _assistant(message, where)})
        elif role == "tool":
            if not after_result:
                turns.append({"role": "user", "content": []})
            turns[-1]["content"].append(_result(message, where))
        elif after_result:
            turns[-1]["content"].extend(_blocks(message["content"], f"{where}.content"))
        else:
            turns.append({"role": "user", "content": _content(message["content"], f"{where}.content")})
        after_result = role == "tool"
    if not turns:
        raise wrong_field("messages", "needs at least one message that is not an instruction")
    return turns


def _result(message: Mapping[str, Any], where: str) -> dict[str, Any]:
    return {
        "type": "tool_result",
        "tool_use_id": toolu_id(message["tool_call_id"]),
        "content": _content(message["content"], f"{where}.content"),
    }


def _assistant(message: Mapping[str, Any], where: str) -> str | list[dict[str, Any]]:
    content, calls = message.get("content"), message.get("tool_calls") or []
    if isinstance(content, str) and not calls:
        return content
    blocks = _blocks(content, f"{where}.content") if content else []
    if isinstance(message.get("refusal"), str):
        blocks.append({"type": "text", "text": message["refusal"]})
    for index, call in enumerate(calls):
        here = f"{where}.tool_calls[{index}]"
        if call.get("type", "function") != "function":
            raise wrong_field(f"{here}.type", "only function calls are available on this platform")
        arguments = arguments_object(call["function"]["arguments"])
        if arguments is None:
            raise wrong_field(f"{here}.function.arguments", "must be a JSON object")
        use = {"type": "tool_use", "id": toolu_id(call["id"]), "name": call["function"]["name"], "input": arguments}
        blocks.append(use)
    return blocks


def _content(content: str | list[dict[str, Any]], where: str) -> str | list[dict[str, Any]]:
    return content if isinstance(content, str) else _blocks(content, where)


def _blocks(content: str | list[dict[str, Any]], where: str) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [_block(part, f"{where}.{index}") for index, part in enumerate(content)]


def _block(part: Mapping[str, Any], where: str) -> dict[str, Any]:
    kind = part["type"]
    if kind == "text":
        return {"type": "text", "text": part["text"]}
    if kind == "refusal" and isinstance(part.get("refusal"), str):
        return {"type": "text", "text": part["refusal"]}
    if kind == "image_url":
        return {"type": "image", "source": _source(part["image_url"]["url"])}
    file = part.get("file")
    if kind == "file" and isinstance(file, dict) and isinstance(file.get("file_data"), str):
        block = {"type": "document", "source": _source(file["file_data"])}
        return block | {"title": file["filename"]} if isinstance(file.get("filename"), str) else block
    raise _unsupported(part, where)


def _source(url: str) -> dict[str, Any]:
    inline = data_url(url)
    if inline is None:
        return {"type": "url", "url": url}
    return {"type": "base64", "media_type": inline[0], "data": inline[1]}


def _tool(tool: Mapping[str, Any], where: str) -> dict[str, Any]:
    if tool.get("type") != "function":
        raise wrong_field(f"{where}.type", "only function tools are available on this platform")
    function = tool["function"]
    converted = {"name": function["name"], "input_schema": function.get("parameters") or _NO_PARAMETERS}
    return converted | {name: function[name] for name in ("description", "strict") if function.get(name) is not None}


def _choose(body: Mapping[str, Any], messages: dict[str, Any]) -> None:
    choice = body.get("tool_choice")
    converted: dict[str, Any] | None = None
    if isinstance(choice, str) and choice in _CHOICES:
        converted = {"type": _CHOICES[choice]}
    elif isinstance(choice, dict) and choice.get("type") == "function" and isinstance(choice.get("function"), dict):
        converted = {"type": "tool", "name": choice["function"].get("name")}
    elif choice is not None:
        raise wrong_field("tool_choice", "must be auto, required, none or the name of a function")
    if body.get("parallel_tool_calls") is False and converted != {"type": "none"}:
        converted = (converted or {"type": "auto"}) | {"disable_parallel_tool_use": True}
    if converted is not None:
        messages["tool_choice"] = converted


def _format(wanted: Any, messages: dict[str, Any]) -> None:
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema" and isinstance(wanted.get("json_schema"), dict):
        schema = wanted["json_schema"].get("schema")
        messages["output_config"] = {"format": {"type": "json_schema", "schema": schema}}


def _unsupported(part: Mapping[str, Any], where: str) -> Refusal:
    return wrong_field(where, f"content of type {part['type']!r} is not available on this platform")
