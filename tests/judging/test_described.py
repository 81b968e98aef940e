"""Answers are held against the description: what differs is found, what is legal raises nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmapi_conformance.contract.answers import described_answers, load_answers
from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.judging.oracle import Deviation, Examined, Oracle
from llmapi_conformance.judging.oracles import described
from llmapi_conformance.tree import tree
from tests.judging import chat_cases, message_cases
from tests.judging.build import JSON_HEADERS, exchange
from tests.judging.task_cases import task
from tests.judging.websocket_cases import say, socket

MESSAGE = message_cases.message()
ERROR = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
USAGE = {
    "mode": "unrestricted",
    "isValid": True,
    "planName": "Pro Plan",
    "unit": "USD",
    "usage": {"today": {"requests": 1}},
}
WALLET = {**USAGE, "remaining": 42.5, "balance": 42.5}
IMAGE = {"created": 1779912000, "data": [{"b64_json": "aGVsbG8="}]}
GEMINI = {"candidates": [{"content": {"role": "model", "parts": [{"text": "x"}]}}], "usageMetadata": {}}


def judged(oracle: Oracle, one: Exchange) -> tuple[int, list[Deviation]]:
    """How much was examined, and what deviates; nothing where the oracle says that it has no part in it."""
    assert oracle.on is not None
    found = list(oracle(one)) if oracle.on.covers(one) else []
    return sum(isinstance(item, Examined) for item in found), [item for item in found if isinstance(item, Deviation)]


def finds(oracle: Oracle, one: Exchange, where: str = "") -> None:
    examined, deviations = judged(oracle, one)
    assert examined
    assert deviations
    assert where in deviations[0].observed


def is_content(oracle: Oracle, one: Exchange) -> None:
    examined, deviations = judged(oracle, one)
    assert examined
    assert deviations == []


def has_nothing_to_say(oracle: Oracle, one: Exchange) -> None:
    assert judged(oracle, one) == (0, [])


def test_a_success_of_another_status_is_found() -> None:
    one = described.a_success_has_a_described_status
    is_content(one, exchange(body=MESSAGE))
    finds(one, exchange(status=201, body=MESSAGE), "201")
    finds(one, exchange(operation="submitImageTask", path="/v1/images/tasks", status=200, body={"id": "a"}))
    is_content(one, exchange(operation="submitImageTask", path="/v1/images/tasks", status=202, body={"id": "a"}))
    is_content(one, exchange(operation="cancelImageTask", status=202, body={}))
    has_nothing_to_say(one, exchange(operation=""))
    has_nothing_to_say(one, exchange(status=400, body=ERROR))
    has_nothing_to_say(one, exchange(method="OPTIONS", status=204))


@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 405, 409, 411, 413, 415, 422, 426, 429, 431, 500, 503, 529]
)
def test_statuses_that_documentation_protocol_or_http_have_are_content(status: int) -> None:
    is_content(described.an_error_has_a_known_status, exchange(status=status, body=ERROR))


@pytest.mark.parametrize("status", [418, 444, 460, 499, 520, 524, 599])
def test_a_status_that_nobody_has_is_found(status: int) -> None:
    finds(described.an_error_has_a_known_status, exchange(status=status, body=ERROR), str(status))


def test_another_media_type_is_found() -> None:
    one = described.an_answer_has_a_described_media_type
    is_content(one, exchange(body=MESSAGE))
    is_content(one, exchange(body=MESSAGE, headers=(("Content-Type", "Application/JSON; charset=utf-8"),)))
    is_content(one, message_cases.stream(message_cases.events_of(MESSAGE)))
    finds(one, exchange(body=MESSAGE, headers=(("content-type", "text/plain"),)), "text/plain")
    finds(one, exchange(body=MESSAGE, headers=()), "none")
    finds(one, exchange(status=400, body=ERROR, headers=(("content-type", "application/problem+json"),)))
    finds(one, exchange(operation="countMessageTokens", headers=(("content-type", "text/event-stream"),), body=b"x"))
    has_nothing_to_say(one, exchange(status=415, body=ERROR))  # no such status is described
    has_nothing_to_say(one, exchange(status=400))


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("createMessage", {**MESSAGE, "id": 17}, "id: "),
    ("createMessage", {**MESSAGE, "stop_sequence": 17}, "stop_sequence: "),
    ("createMessage", {**MESSAGE, "content": [{"type": "text"}]}, "content[0]: "),
    ("createMessage", {**MESSAGE, "usage": {"input_tokens": "1", "output_tokens": 1}}, "usage.input_tokens: "),
    ("createMessage", {**MESSAGE, "choices": []}, "choices: "),
    ("createMessage", {name: value for name, value in MESSAGE.items() if name != "role"}, "role"),
    ("createAntigravityMessage", {**MESSAGE, "role": "user"}, "role: "),
    ("createChatCompletionAlias", {**chat_cases.completion(), "created": "today"}, "created: "),
    ("createChatCompletion", {**chat_cases.completion(), "choices": []}, "choices: "),
    ("createResponse", {"id": "a", "object": "response", "status": "done", "model": "m", "output": []}, "status: "),
    ("generateImage", {"created": 1, "data": [{"b64_json": "x", "url": "y"}]}, "data[0]: "),
    ("generateGeminiContent", {**GEMINI, "usageMetadata": {"totalTokenCount": "3"}}, "usageMetadata.totalTokenCount: "),
    ("listModels", {"object": "list", "data": [{"object": "model"}]}, "data[0]: "),
    ("countMessageTokens", {"input_tokens": 1.5}, "input_tokens: "),
]


@pytest.mark.parametrize(("operation", "body", "where"), WRONG)
def test_a_success_that_does_not_fit_is_found(operation: str, body: dict[str, Any], where: str) -> None:
    finds(
        described.a_success_fits_its_schema, exchange(operation=operation, method=_method(operation), body=body), where
    )


RIGHT: list[tuple[str, dict[str, Any]]] = [
    ("createMessage", MESSAGE),
    ("createMessage", {**MESSAGE, "container": None, "vendor": {"x": [1]}}),
    ("createMessage", {**MESSAGE, "choices": None}),
    ("createMessage", {**MESSAGE, "content": [{"type": "a_block_of_tomorrow", "x": 1}], "stop_reason": "tomorrow"}),
    ("createMessage", {**MESSAGE, "usage": {"input_tokens": 1, "output_tokens": 1, "cache_read_input_tokens": None}}),
    ("createChatCompletion", {**chat_cases.completion(), "usage": None, "service_tier": None}),
    ("createChatCompletion", {**chat_cases.completion(), "created": 1779912000.0}),
    (
        "createResponse",
        {"id": "a", "object": "response", "status": "completed", "model": "m", "output": [], "user": None},
    ),
    ("generateImage", {"created": 1, "data": [{"b64_json": "aGVsbG8=", "url": None}], "usage": None}),
    ("generateGeminiContent", GEMINI),
    ("generateGeminiContent", {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {}, "candidates": None}),
    ("createResponseSubpath", {"anything": 1}),
]


@pytest.mark.parametrize(("operation", "body"), RIGHT)
def test_unknown_members_and_null_for_absent_ones_are_legal(operation: str, body: dict[str, Any]) -> None:
    is_content(described.a_success_fits_its_schema, exchange(operation=operation, body=body))


def test_what_is_no_whole_json_document_is_left_to_others() -> None:
    one = described.a_success_fits_its_schema
    has_nothing_to_say(one, exchange(body=b"not json"))
    has_nothing_to_say(one, exchange(body=b'{"id":', ending=Ending.CUT))
    has_nothing_to_say(one, exchange(body=WALLET, operation="getUsage", method="GET"))
    has_nothing_to_say(one, exchange(body=MESSAGE, headers=(("content-type", "text/plain"),)))


def test_usage_and_tasks_are_held_against_the_pages() -> None:
    one = described.a_success_of_usage_or_tasks_fits_its_schema
    for body in (USAGE, WALLET, {"mode": "quota_limited", "isValid": True, "quota": None, "x": 1}):
        is_content(one, exchange(operation="getUsage", method="GET", body=body))
    finds(one, exchange(operation="getUsage", method="GET", body={**WALLET, "remaining": "42.5"}), "remaining: ")
    finds(one, exchange(operation="getUsage", method="GET", body={**USAGE, "planName": ""}), "planName: ")
    is_content(one, exchange(operation="getImageTask", method="GET", body={**task(), "result": None}))
    finds(one, exchange(operation="getImageTask", method="GET", body={**task(), "status": "cancelled"}), "status: ")
    is_content(one, exchange(operation="submitImageTask", status=202, body={"task_id": "a", "id": None}))
    finds(one, exchange(operation="submitImageTaskAlias", status=202, body={"id": None}))
    has_nothing_to_say(one, exchange(body=MESSAGE))


def test_an_error_is_held_against_the_envelope_of_its_route() -> None:
    one = described.an_error_fits_its_schema
    is_content(one, exchange(status=400, body={**ERROR, "request_id": "req_1", "more": 1}))
    finds(one, exchange(status=400, body={"error": {"type": "a", "message": "b"}}), "type")
    finds(one, exchange(status=400, body={"type": "error", "error": {"type": "a", "message": ""}}), "error.message: ")
    finds(one, exchange(status=401, body=ERROR), "error.")
    openai = {"error": {"type": "a", "message": "b", "param": None, "code": None}}
    is_content(one, exchange(operation="createChatCompletion", status=400, body=openai))
    is_content(one, exchange(operation="generateImage", status=400, body={**openai, "type": None}))
    finds(one, exchange(operation="generateImage", status=400, body={**openai, "type": "error"}), "type: ")
    google = {"error": {"code": 400, "message": "b", "status": "INVALID_ARGUMENT"}}
    is_content(one, exchange(operation="generateGeminiContent", status=400, body=google))
    finds(one, exchange(operation="generateGeminiContent", status=400, body={"error": {"code": "400"}}))
    is_content(one, exchange(operation="submitImageTask", status=400, body={"error": {"reason": "X"}}))
    has_nothing_to_say(one, exchange(status=415, body=ERROR))


def test_an_event_that_does_not_fit_is_found_with_its_bytes() -> None:
    one = described.each_event_fits_its_schema
    events = message_cases.events_of(MESSAGE)
    is_content(one, message_cases.stream(events))
    is_content(one, message_cases.stream([*events[:1], ("tomorrow", {"type": "tomorrow"}), *events[1:]]))
    changed = [(name, {**data, "index": "0"} if "index" in data else data) for name, data in events]
    _, deviations = judged(one, message_cases.stream(changed))
    assert deviations
    start, end = deviations[0].span or (0, 0)
    assert b'"index": "0"' in message_cases.stream(changed).body[start:end]


def test_literals_and_closing_marks_of_streams_are_legal() -> None:
    one = described.each_event_fits_its_schema
    chat: dict[str, Any] = {"operation": "createChatCompletion", "mode": "stream"}
    is_content(one, exchange(**chat, events=chat_cases.text_events(usage=True)))
    is_content(one, exchange(**chat, events=[(None, {"error": {"message": "gone"}}), (None, "[DONE]")]))
    finds(one, exchange(**chat, events=[(None, {"id": "a", "choices": 3})]))
    finds(one, exchange(operation="streamGeminiContent", mode="stream", events=[(None, {"candidates": {}})]))
    is_content(one, exchange(operation="streamGeminiContent", mode="stream", events=[(None, GEMINI)]))
    has_nothing_to_say(one, exchange(**chat, events=[]))
    # What is no JSON belongs to HTTP-F04.
    is_content(one, exchange(**chat, events=[(None, "{not json")]))


def test_a_gemini_array_is_held_against_its_schema() -> None:
    one = described.a_success_fits_its_schema
    is_content(one, exchange(operation="streamGeminiContent", body=[GEMINI, GEMINI]))
    finds(one, exchange(operation="streamGeminiContent", body=[GEMINI, {"usageMetadata": []}]), "[1]")
    finds(one, exchange(operation="streamGeminiContent", body=[]))


def test_a_message_of_a_websocket_that_does_not_fit_is_found() -> None:
    one = described.each_message_of_a_websocket_fits_its_schema
    created = {"type": "response.created", "sequence_number": 0}
    is_content(one, socket([say(created), say({"type": "tomorrow", "sequence_number": 1})]))
    finds(one, socket([say(created), say({"type": "response.completed"})]), "sequence_number")
    finds(one, socket([say({"type": "error", "error": {"code": "a", "message": "b"}})]))
    has_nothing_to_say(one, exchange(body=MESSAGE))


@pytest.mark.parametrize("value", ["1", "120", "Fri, 31 Dec 1999 23:59:59 GMT", "Friday, 31-Dec-99 23:59:59 GMT"])
def test_seconds_and_dates_are_legal_in_retry_after(value: str) -> None:
    headers = (*JSON_HEADERS, ("Retry-After", value))
    is_content(described.headers_are_as_described, exchange(status=429, body=ERROR, headers=headers))


@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "", "2026-05-01T00:00:00Z", "1m"])
def test_another_retry_after_is_found(value: str) -> None:
    headers = (*JSON_HEADERS, ("Retry-After", value))
    finds(described.headers_are_as_described, exchange(status=429, body=ERROR, headers=headers), "Retry-After")


def test_an_optional_header_may_be_absent() -> None:
    has_nothing_to_say(described.headers_are_as_described, exchange(status=429, body=ERROR))
    has_nothing_to_say(described.headers_are_as_described, exchange(status=400, body=ERROR))


def test_every_schema_of_the_description_compiles_and_refuses_something() -> None:
    """A schema that takes whatever comes checks nothing; the few that do so have no shape in any source."""
    odd: list[Any] = [{}, [], "x", None, {"error": 17}]
    open_to_all = set()
    for operation, one in described_answers().items():
        for status, answer in one.answers.items():
            for schema in answer.documents.values():
                if not any(schema.complaints(value) for value in odd):
                    open_to_all.add((operation, status))
            if answer.events is not None:
                assert answer.events.frame.complaints({"data": 17})
                assert answer.events.data is not None
                assert answer.events.data.complaints([])
    assert open_to_all == set()


def test_a_changed_description_is_held_against_as_it_was_changed(tmp_path: Any) -> None:
    specs = tmp_path / "specs"
    for path in [tree() / "specs" / "openapi.yaml", *(tree() / "specs" / "openapi").glob("*.yaml")]:
        copy = specs / path.relative_to(tree() / "specs")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text("utf-8").replace("role: {const: assistant}", "role: {const: robot}"), "utf-8")
    schema = load_answers(specs)["createMessage"].answers[200].documents["application/json"]
    assert [str(one) for one in schema.complaints(json.loads(json.dumps(MESSAGE)))] == ['role: "robot" was expected']


def _method(operation: str) -> str:
    return described_answers()[operation].method
