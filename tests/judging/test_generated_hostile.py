"""No answer, however odd, makes a judge of generated requests or of the description raise."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from llmapi_conformance.contract.answers import described_answers
from llmapi_conformance.evidence.exchange import Ending, Exchange, Mode
from llmapi_conformance.judging.check import Check, checking, judge
from llmapi_conformance.judging.oracle import ORACLES
from llmapi_conformance.judging.oracles import described, generated
from tests.judging import chat_cases, message_cases
from tests.judging.build import exchange
from tests.judging.task_cases import task
from tests.judging.test_hostile import ODD
from tests.judging.test_messages_hostile import paths, replaced
from tests.judging.websocket_cases import say, socket

OF_CASES = [one for one in ORACLES.values() if one.function.__module__ == generated.__name__]
WAITING = (generated.a_generated_request_does_not_hang, generated.a_generated_request_is_answered)
OF_ANSWERS = [one for one in ORACLES.values() if one.function.__module__ == described.__name__]
PROMISES: Final = ("served", "refused", "refused_assumed", "robust")
WHERE: Final = (
    "",
    "body.model",
    "body.messages[0].content[0]",
    "header.transfer-encoding",
    "query.days",
    "path.task_id",
)
DOCUMENTS: dict[str, tuple[str, int, Any]] = {
    "message": ("createMessage", 200, message_cases.message()),
    "error": ("createMessage", 400, {"type": "error", "error": {"type": "a", "message": "b"}, "request_id": "r"}),
    "unauthorised": ("generateGeminiContent", 401, {"error": {"code": 401, "message": "b", "status": "X"}}),
    "usage": ("getUsage", 200, {"mode": "unrestricted", "isValid": True, "planName": "a", "unit": "USD", "balance": 1}),
    "task": ("getImageTask", 200, task()),
    "images": ("generateImage", 200, {"created": 1, "data": [{"b64_json": "x", "url": None}], "usage": None}),
    "pieces": ("streamGeminiContent", 200, [{"candidates": [{"index": 0}]}, {"error": {"code": 1}}]),
}


def entries(one: Exchange) -> list[Any]:
    """The exchange as the answer to cases of every promise and to several places."""
    known = {"id": "0" * 12, "operation": one.operation, "about": "x"}
    return [
        {"case": {**known, "family": family, "promise": promise, "where": where}, "exchange": one, **more}
        for promise in PROMISES
        for where, family in zip(WHERE, ("method", "bounds", "fuzz", "encoding", "bounds", "media"), strict=True)
        for more in ({}, {"of": "0" * 12, "clauses": ["\ud800"]})
    ]


def run_all(one: Exchange) -> None:
    """Every judge of a case and of the description; what it finds can be written."""
    made = entries(one)
    subjects: list[tuple[Any, Any]] = [(oracle, each) for oracle in OF_CASES if oracle not in WAITING for each in made]
    subjects += [(oracle, each) for oracle in WAITING for each in generated.waited(made)]
    subjects += [(oracle, one) for oracle in OF_ANSWERS if oracle.on is not None and oracle.on.covers(one)]
    for oracle, subject in subjects:
        check = Check("made by hand", (oracle.clause,))
        with checking(check):
            judge(oracle, subject)
        for found in check.observed:
            assert (found.deviation.expected + found.deviation.observed).encode()
    generated.is_served_at_all(made)
    assert all(isinstance(generated.is_of_no_operation(each), bool) for each in made)


@pytest.mark.parametrize("start", range(len(ODD)))
@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_oddity_in_a_document_makes_a_judge_raise(name: str, start: int) -> None:
    operation, status, document = DOCUMENTS[name]
    method = described_answers()[operation].method
    for number, path in enumerate(paths(document)):
        odd = json.dumps(replaced(document, path, ODD[(number + start) % len(ODD)])).encode()
        run_all(exchange(operation=operation, method=method, status=status, body=odd))
    run_all(exchange(operation=operation, method=method, status=status, body=json.dumps(ODD[start]).encode()))


@pytest.mark.parametrize("start", range(0, len(ODD), 2))
def test_no_oddity_in_an_event_or_a_message_makes_a_judge_raise(start: int) -> None:
    streams: list[tuple[str, list[tuple[str | None, Any]]]] = [
        ("createMessage", list(message_cases.events_of(message_cases.message()))),
        ("createChatCompletion", list(chat_cases.text_events(usage=True))),
    ]
    for operation, events in streams:
        for place, (name, data) in enumerate(events):
            odd = json.dumps(replaced(data, ("id",), ODD[start]) if isinstance(data, dict) else ODD[start])
            changed = [*events[:place], (name, odd), *events[place + 1 :]]
            run_all(exchange(operation=operation, mode="stream", events=changed))
    created = {"type": "response.created", "sequence_number": 0, "response": ODD[start], "item_id": ODD[-start]}
    run_all(socket([say(json.dumps(created))]))


@pytest.mark.parametrize(
    "body", [b"", b"\0", b"\xff\xfe", b"<" * 5000, b"[" * 100_000, b"<!--" * 3000, b"data: x\n\n", b"{}{}", b"1e999"]
)
@pytest.mark.parametrize("status", [199, 200, 204, 301, 400, 413, 431, 500, 501, 599, 999])
def test_no_odd_bytes_make_a_judge_raise(body: bytes, status: int) -> None:
    run_all(exchange(status=status, body=body, headers=(("content-type", "\xff;;"), ("retry-after", "9" * 5000))))


@pytest.mark.parametrize("ending", list(Ending))
@pytest.mark.parametrize("mode", ["plain", "stream", "websocket"])
def test_no_end_of_an_answer_makes_a_judge_raise(ending: Ending, mode: Mode) -> None:
    run_all(exchange(ending=ending, mode=mode, body=b"{", headers=()))
    run_all(replace(exchange(mode=mode), response=None, failure="\ud800"))
    run_all(exchange(operation="no such operation", mode=mode, ending=ending))
