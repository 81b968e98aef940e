"""Whether the tool calls of an answer are ones that a client can carry out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from llmapi_conformance.evidence.exchange import NOT_JSON
from llmapi_conformance.judging.any_answer import any_answer
from llmapi_conformance.judging.chat_answer import array, sent, string
from llmapi_conformance.judging.message_answer import object_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange


def invalid_calls(exchange: Exchange) -> str:
    """What is wrong with the tool calls of an answer, to a request that demands one; empty when nothing is.

    There is one at least, each calls a tool on offer, and its arguments parse and fit the schema of that tool.
    """
    answer = any_answer(exchange)
    if answer is None:
        return "the answer could not be read"
    if not answer.calls:
        return "no tool was called"
    offered = dict(_offered(sent(exchange)))
    for call in answer.calls:
        if call.name not in offered:
            return f"a tool was called that is not on offer: {call.name[:60]!a}"
        if call.arguments is NOT_JSON:
            return "the arguments are no JSON"
        error = next(Draft202012Validator(offered[call.name]).iter_errors(call.arguments), None)
        if error is not None:
            return f"the arguments do not fit the schema of the tool: {error.message[:120]}"
    return ""


def _offered(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and schema of each tool that a request offers, in any of the protocols."""
    for tool in (object_of(one) for one in array(body, "tools")):
        function = object_of(tool.get("function")) or tool
        yield string(function.get("name")), object_of(function.get("parameters") or function.get("input_schema"))
        for declared in (object_of(one) for one in array(tool, "functionDeclarations")):
            yield string(declared.get("name")), object_of(declared.get("parameters"))
