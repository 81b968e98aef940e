"""No answer, however odd, makes an oracle of any surface raise, and whatever it finds can be written into a report."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

import pytest

import llmapi_conformance.judging.oracles  # noqa: F401 - registers every oracle
from llmapi_conformance.contract.access import access_matrix
from llmapi_conformance.evidence.nesting import DEEPEST
from llmapi_conformance.judging.check import Check, checking, judge
from llmapi_conformance.judging.oracle import ORACLES, Oracle
from llmapi_conformance.judging.oracles.generated import Waited
from tests.judging import chat_cases, message_cases
from tests.judging.build import exchange
from tests.judging.test_messages_hostile import paths, replaced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange


def nested(depth: int) -> Any:
    """Arrays and objects in turn."""
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


ODD: list[Any] = [
    None,
    True,
    -1,
    1.5,
    10**4299,
    int("9" * 4300),
    "17",
    "\ud800?key=\ud80012345678 https://\ud800.internal:99999/ 10.0.0.1:80\ud800",
    [[1]],
    {"a": 1},
    nested(DEEPEST - 20),
    nested(DEEPEST + 200),
]
ERROR = {"type": "error", "error": {"type": "x", "message": "m", "param": None, "code": 3, "status": "S"}}
MODELS = {"object": "list", "data": [{"id": "a", "object": "model", "created": 1, "owned_by": "x"}], "has_more": False}
USAGE = {"usage": {"today": {"requests": 1, "total_tokens": 3}}, "remaining": 1.5}
LOG = {
    "requests": [
        {
            "headers": [["a", "b"]],
            "protocol": "chat",
            "body": {"messages": [{"role": "user", "content": "x"}], "tools": [], "system": [], "max_tokens": 3},
            "finished": True,
            "deltas_sent": 3,
        }
    ]
}
MESSAGE = message_cases.message(
    message_cases.thinking_block(), message_cases.text_block(), message_cases.call_block(), reason="tool_use"
)
COMPLETION = chat_cases.completion("tool_calls", message=chat_cases.message(tool_calls=chat_cases.calls("{}")))
ASKED = {
    "createMessage": message_cases.question(
        message_cases.scripted(f"echo tool_calls=1 arguments={message_cases.ENCODED} usage=17,5,3"),
        tools=message_cases.TOOLS,
        stop_sequences=["W"],
    ),
    "createChatCompletion": chat_cases.question(
        chat_cases.told_arguments(), tools=chat_cases.TOOLS, stop="x", max_tokens=5, **chat_cases.WITH_USAGE
    ),
}
CASE = {
    "id": "0123456789ab",
    "operation": "createMessage",
    "family": "bounds",
    "about": "model is 17",
    "promise": "refused",
    "where": "body.model",
}
"""What is known of a generated request."""
SURFACES = {
    "createMessage": ("MSG", "ERR", "AUTH"),
    "createChatCompletion": ("CHAT", "ACC", "HTTP"),
    "countMessageTokens": ("MSG",),
    "listModels": ("MOD",),
    "getUsage": ("ACC", "MSG"),
}
PLAIN: dict[str, tuple[str, int, Any]] = {
    "message": ("createMessage", 200, MESSAGE),
    "completion": ("createChatCompletion", 200, COMPLETION),
    "refusal": ("createMessage", 400, ERROR),
    "rate limit": ("createChatCompletion", 429, ERROR),
    "failure": ("createMessage", 503, ERROR),
    "error as success": ("createChatCompletion", 200, ERROR),
    "models": ("listModels", 200, MODELS),
    "count": ("countMessageTokens", 200, {"input_tokens": 3}),
    "usage": ("getUsage", 200, USAGE),
    "log": ("createMessage", 200, LOG),
    "log of chat": ("createChatCompletion", 200, LOG),
}
STREAMS: dict[str, tuple[str, list[tuple[str | None, Any]]]] = {
    "message": ("createMessage", message_cases.events_of(MESSAGE)),
    "calls": ("createChatCompletion", chat_cases.tool_events()),
    "text": ("createChatCompletion", chat_cases.text_events(usage=True)),
}


def arguments(oracle: Oracle, one: Exchange) -> tuple[Any, ...]:
    """What an oracle takes, the odd exchange wherever it takes one."""
    given: list[Any] = []
    for parameter in inspect.signature(oracle.function).parameters.values():
        kinds = {
            "Exchange": one,
            "list[Exchange]": [one, one],
            "Sequence[Exchange]": [one, one],
            "Mapping[str, Exchange]": {"a": one, "\ud800": one},
            "AccessMatrix": access_matrix(),
            "Entry": {"case": CASE, "exchange": one},
            "Waited": Waited(CASE, one, others_answered=True),
            "Sequence[float]": [1.0, 1.0],
            "Sequence[str]": ["a"],
            "int": 3,
            "str": "x",
        }
        if parameter.annotation == "Answers":
            names = ("Authorization", "x-api-key", "x-goog-api-key", "usual", "name in capitals", "scheme in capitals")
            given.append(dict.fromkeys(names, one))
        else:
            given += [kinds[parameter.annotation]] * (2 if parameter.kind is parameter.VAR_POSITIONAL else 1)
    return tuple(given)


def run_all(one: Exchange) -> None:
    """Every oracle that covers the exchange, and those of its surfaces that a check feeds."""
    for oracle in ORACLES.values():
        covered = oracle.on.covers(one) if oracle.on else oracle.clause.startswith(SURFACES[one.operation])
        if covered:
            check = Check("made by hand", (oracle.clause,))
            with checking(check):
                judge(oracle, *arguments(oracle, one))
            for found in check.observed:
                assert found.deviation.expected
                assert (found.deviation.expected + found.deviation.observed).encode()


def odd_documents(document: Any, start: int) -> Iterator[str]:
    """The document as JSON with each member in turn replaced by something odd; another oddity for each start."""
    for number, path in enumerate(paths(document)):
        yield json.dumps(replaced(document, path, ODD[(number + start) % len(ODD)]))


@pytest.mark.parametrize("start", range(0, len(ODD), 3))
@pytest.mark.parametrize("name", PLAIN)
def test_no_oddity_in_a_plain_answer_makes_an_oracle_raise(name: str, start: int) -> None:
    operation, status, document = PLAIN[name]
    for text in odd_documents(document, start):
        run_all(exchange(operation=operation, status=status, body=text.encode(), request_json=ASKED.get(operation)))


@pytest.mark.parametrize("name", STREAMS)
def test_no_oddity_in_a_stream_makes_an_oracle_raise(name: str) -> None:
    operation, events = STREAMS[name]
    asked = ASKED[operation] | {"stream": True}
    for place, (event, data) in enumerate(events):
        for text in odd_documents(data, place) if isinstance(data, dict) else ():
            changed = [*events[:place], (event, text), *events[place + 1 :]]
            run_all(exchange(operation=operation, mode="stream", events=changed, request_json=asked))


def test_citations_of_another_type_make_no_message_fall_apart() -> None:
    events = message_cases.events_of(message_cases.message())
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "", "citations": 5}}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {"a": 1}}}
    changed = [*events[:2], ("content_block_start", start), ("content_block_delta", delta), *events[4:]]
    run_all(message_cases.stream(changed))
