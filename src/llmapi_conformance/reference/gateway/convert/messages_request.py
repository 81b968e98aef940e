"""A Messages request as a Chat request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.convert.common import call_id
from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.refusals import Refusal, wrong_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}
_DROPPED: Final = ("thinking", "redacted_thinking")


def messages_to_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a Messages request that `check_messages` has passed.

    Thinking, `top_k` and cache marks have no counterpart and are left out.

    Raises:
        Refusal: 400 for something that can't be said in Chat and would change the answer.
    """
    chat: dict[str, Any] = {"model": body["model"], "messages": _messages(body)}
    chat["max_completion_tokens"] = body["max_tokens"]
    for name in ("temperature", "top_p"):
        if body.get(name) is not None:
            chat[name] = body[name]
    if body.get("stop_sequences"):
        chat["stop"] = body["stop_sequences"]
    if body.get("tools"):
        chat["tools"] = [_tool(tool, f"tools.{index}") for index, tool in enumerate(body["tools"])]
        _choose(body.get("tool_choice"), chat)
    user = (body.get("metadata") or {}).get("user_id")
    if isinstance(user, str):
        chat["user"] = user
    _format(body.get("output_config"), chat)
    if body.get("stream"):
        chat["stream"] = True
        chat["stream_options"] = {"include_usage": True}
    return chat


def _messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    system = body.get("system")
    if system:
        messages.append({"role": "system", "content": _parts(system, "system")})
    for index, message in enumerate(body["messages"]):
        where, role, content = f"messages.{index}.content", message["role"], message["content"]
        if role == "assistant":
            messages.append(_assistant(content, where))
        elif role == "system":
            messages.append({"role": "system", "content": _parts(content, where)})
        else:
            messages.extend(_user(content, where))
    return messages


def _user(content: str | list[dict[str, Any]], where: str) -> Iterable[dict[str, Any]]:
    """One turn becomes its tool results, each a message, and then whatever else the turn holds."""
    if isinstance(content, str):
        return [{"role": "user", "content": content}]
    results: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for index, block in enumerate(content):
        here = f"{where}.{index}"
        if block["type"] != "tool_result":
            others.append(_part(block, here))
            continue
        inner = block.get("content") or ""
        # A tool message of Chat holds text only: pictures go on in the user message behind it.
        pictures = [] if isinstance(inner, str) else [part for part in inner if part["type"] != "text"]
        text = inner if isinstance(inner, str) else [part for part in inner if part["type"] == "text"]
        results.append(
            {
                "role": "tool",
                "tool_call_id": call_id(block["tool_use_id"]),
                "content": _parts(text, f"{here}.content") or "",
            }
        )
        others.extend(_part(part, f"{here}.content") for part in pictures)
    return [*results, {"role": "user", "content": others}] if others else results


def _assistant(content: str | list[dict[str, Any]], where: str) -> dict[str, Any]:
    if isinstance(content, str):
        return {"role": "assistant", "content": content}
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    for index, block in enumerate(content):
        if block["type"] == "text":
            texts.append(block["text"])
        elif block["type"] == "tool_use":
            function = {"name": block["name"], "arguments": compact(block["input"])}
            calls.append({"id": call_id(block["id"]), "type": "function", "function": function})
        elif block["type"] not in _DROPPED:
            raise _unsupported(block, f"{where}.{index}")
    text = "".join(texts)
    message: dict[str, Any] = {"role": "assistant", "content": text if text or not calls else None}
    return message | {"tool_calls": calls} if calls else message


def _parts(content: str | list[dict[str, Any]], where: str) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    return [_part(block, f"{where}.{index}") for index, block in enumerate(content)]


def _part(block: Mapping[str, Any], where: str) -> dict[str, Any]:
    kind = block["type"]
    if kind == "text":
        return {"type": "text", "text": block["text"]}
    source = block.get("source")
    if not isinstance(source, dict):
        raise _unsupported(block, where)
    if kind == "image" and source.get("type") == "url":
        return {"type": "image_url", "image_url": {"url": source.get("url")}}
    if kind == "image" and source.get("type") == "base64":
        url = f"data:{source.get('media_type')};base64,{source.get('data')}"
        return {"type": "image_url", "image_url": {"url": url}}
    if kind == "document" and source.get("type") == "text":
        return {"type": "text", "text": source.get("data")}
    if kind == "document" and source.get("type") == "base64":
        data = f"data:{source.get('media_type')};base64,{source.get('data')}"
        return {"type": "file", "file": {"filename": block.get("title") or "document.pdf", "file_data": data}}
    raise _unsupported(block, where)


def _tool(tool: Mapping[str, Any], where: str) -> dict[str, Any]:
    if tool.get("type") not in (None, "custom"):
        raise wrong_field(where, f"the server tool {tool['type']!r} is not available on this platform")
    function: dict[str, Any] = {"name": tool["name"], "parameters": tool["input_schema"]}
    function |= {name: tool[name] for name in ("description", "strict") if tool.get(name) is not None}
    return {"type": "function", "function": function}


def _choose(choice: Mapping[str, Any] | None, chat: dict[str, Any]) -> None:
    if choice is None:
        return
    kind = choice.get("type")
    if kind == "tool" and isinstance(choice.get("name"), str):
        chat["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}}
    elif kind in _CHOICES:
        chat["tool_choice"] = _CHOICES[kind]
    else:
        raise wrong_field("tool_choice.type", "must be one of auto, any, tool, none")
    if choice.get("disable_parallel_tool_use") is True:
        chat["parallel_tool_calls"] = False


def _format(config: Any, chat: dict[str, Any]) -> None:
    wanted = config.get("format") if isinstance(config, dict) else None
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        schema = {"name": "answer", "schema": wanted.get("schema"), "strict": True}
        chat["response_format"] = {"type": "json_schema", "json_schema": schema}


def _unsupported(block: Mapping[str, Any], where: str) -> Refusal:
    return wrong_field(where, f"content of type {block['type']!r} is not available on this platform")
