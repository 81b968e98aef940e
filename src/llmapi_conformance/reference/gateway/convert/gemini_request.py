"""A Messages or a Chat request as a Gemini request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.convert.chat_request import chat_to_messages
from llmapi_conformance.reference.gateway.refusals import Refusal, wrong_field

if TYPE_CHECKING:
    from collections.abc import Mapping

_MODES: Final = {"auto": "AUTO", "any": "ANY", "none": "NONE"}
_MOST_STOPS: Final = 5
_RENAMED: Final = {
    "max_tokens": "maxOutputTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "stop_sequences": "stopSequences",
}
_OF_CHAT: Final = {
    "temperature": "temperature",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}


def chat_to_gemini(body: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a Chat request that `check_chat` has passed, by way of Messages.

    What Messages can't say and Gemini can is taken from the request itself: that there is no limit, a temperature
    above 1, seed and penalties.

    Raises:
        Refusal: 400 for something that can't be said in Gemini and would change the answer.
    """
    gemini = messages_to_gemini(chat_to_messages(body))
    config = gemini.setdefault("generationConfig", {})
    if not body.get("max_completion_tokens") and not body.get("max_tokens"):
        config.pop("maxOutputTokens", None)
    config.update({theirs: body[ours] for ours, theirs in _OF_CHAT.items() if body.get(ours) is not None})
    wanted = body.get("response_format")
    if isinstance(wanted, dict) and wanted.get("type") == "json_object":
        config["responseMimeType"] = "application/json"
    if not config:
        del gemini["generationConfig"]
    return gemini


def messages_to_gemini(body: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a Messages request that `check_messages` has passed, or one for a token count.

    Cache marks and the user id have no counterpart and are left out.

    Raises:
        Refusal: 400 for something that can't be said in Gemini and would change the answer.
    """
    names = _names_of_calls(body)
    contents = [
        {"role": "model" if message["role"] == "assistant" else "user", "parts": _parts(message, index, names)}
        for index, message in enumerate(body["messages"])
        if message["role"] != "system"
    ]
    gemini: dict[str, Any] = {"contents": [content for content in contents if content["parts"]]}
    if not gemini["contents"]:
        raise wrong_field("messages", "needs at least one message with content")
    system = _system(body)
    if system:
        gemini["systemInstruction"] = {"parts": system}
    if body.get("tools"):
        tools = [_declaration(tool, f"tools.{index}") for index, tool in enumerate(body["tools"])]
        gemini["tools"] = [{"functionDeclarations": tools}]
        _choose(body.get("tool_choice"), gemini)
    config = _config(body)
    if config:
        gemini["generationConfig"] = config
    return gemini


def count_request(model: str, gemini: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request for the token count of a request."""
    return {"generateContentRequest": {"model": f"models/{model}", **gemini}}


def _names_of_calls(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the tool that each call of the conversation went to: Gemini tells results by name, not by id."""
    names: dict[str, str] = {}
    for message in body["messages"]:
        if isinstance(message["content"], list):
            names.update({block["id"]: block["name"] for block in message["content"] if block["type"] == "tool_use"})
    return names


def _system(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    contents = [(body.get("system"), "system")]
    contents += [
        (message["content"], f"messages.{index}.content")
        for index, message in enumerate(body["messages"])
        if message["role"] == "system"
    ]
    return [part for content, where in contents if content for part in _content(content, where, {})]


def _parts(message: Mapping[str, Any], index: int, names: Mapping[str, str]) -> list[dict[str, Any]]:
    return _content(message["content"], f"messages.{index}.content", names)


def _content(content: str | list[dict[str, Any]], where: str, names: Mapping[str, str]) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"text": content}] if content else []
    parts: list[dict[str, Any]] = []
    signature: str | None = None
    for index, block in enumerate(content):
        if block["type"] == "redacted_thinking" and isinstance(block.get("data"), str):
            # A signature that Gemini had put on the next part (rule G-N6).
            signature = block["data"]
            continue
        made = _block(block, f"{where}.{index}", names)
        if signature is not None and made:
            made[0]["thoughtSignature"] = signature
            signature = None
        parts += made
    if signature is not None:
        parts.append({"text": "", "thoughtSignature": signature})
    return parts


def _block(block: Mapping[str, Any], where: str, names: Mapping[str, str]) -> list[dict[str, Any]]:
    kind = block["type"]
    if kind == "text":
        return [{"text": block["text"]}]
    if kind == "thinking":
        thought = {"text": str(block.get("thinking") or ""), "thought": True}
        return [thought | ({"thoughtSignature": block["signature"]} if block.get("signature") else {})]
    if kind == "tool_use":
        return [{"functionCall": {"name": block["name"], "args": block["input"]}}]
    if kind == "tool_result":
        return _result(block, where, names)
    source = block.get("source")
    if kind in ("image", "document") and isinstance(source, dict):
        return [_media(block, source, where)]
    raise _unsupported(block, where)


def _result(block: Mapping[str, Any], where: str, names: Mapping[str, str]) -> list[dict[str, Any]]:
    name = names.get(block["tool_use_id"])
    if name is None:
        raise wrong_field(f"{where}.tool_use_id", "no tool_use block of this conversation has this id")
    inner = _content(block.get("content") or "", f"{where}.content", names)
    text = "".join(part["text"] for part in inner if "text" in part)
    response = {"error" if block.get("is_error") is True else "output": text}
    others = [part for part in inner if "text" not in part]
    return [{"functionResponse": {"name": name, "response": response}}, *others]


def _media(block: Mapping[str, Any], source: Mapping[str, Any], where: str) -> dict[str, Any]:
    kind = source.get("type")
    if kind == "base64":
        return {"inlineData": {"mimeType": source.get("media_type"), "data": source.get("data")}}
    if kind == "url":
        return {"fileData": {"fileUri": source.get("url")}}
    if kind == "text" and isinstance(source.get("data"), str):
        return {"text": source["data"]}
    raise _unsupported(block, where)


def _declaration(tool: Mapping[str, Any], where: str) -> dict[str, Any]:
    if tool.get("type") not in (None, "custom"):
        raise wrong_field(where, f"the server tool {tool['type']!r} is not available on this platform")
    declaration = {"name": tool["name"], "parametersJsonSchema": tool["input_schema"]}
    return declaration | ({"description": tool["description"]} if tool.get("description") is not None else {})


def _choose(choice: Mapping[str, Any] | None, gemini: dict[str, Any]) -> None:
    if choice is None:
        return
    kind = choice.get("type")
    if kind == "tool" and isinstance(choice.get("name"), str):
        calling = {"mode": "ANY", "allowedFunctionNames": [choice["name"]]}
    elif kind in _MODES:
        calling = {"mode": _MODES[kind]}
    else:
        raise wrong_field("tool_choice.type", "must be one of auto, any, tool, none")
    gemini["toolConfig"] = {"functionCallingConfig": calling}


def _config(body: Mapping[str, Any]) -> dict[str, Any]:
    config = {theirs: body[ours] for ours, theirs in _RENAMED.items() if body.get(ours) not in (None, [])}
    if len(config.get("stopSequences", ())) > _MOST_STOPS:
        raise wrong_field("stop_sequences", f"must have at most {_MOST_STOPS} entries on this platform")
    thinking = body.get("thinking") or {}
    if thinking.get("type") in ("enabled", "adaptive"):
        budget = thinking.get("budget_tokens")
        config["thinkingConfig"] = {"includeThoughts": True} | ({"thinkingBudget": budget} if budget else {})
    output = body.get("output_config")
    wanted = output.get("format") if isinstance(output, dict) else None
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        config |= {"responseMimeType": "application/json", "responseJsonSchema": wanted.get("schema")}
    return config


def _unsupported(block: Mapping[str, Any], where: str) -> Refusal:
    return wrong_field(where, f"content of type {block['type']!r} is not available on this platform")
