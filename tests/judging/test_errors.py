from __future__ import annotations

import json
from typing import Any

import pytest

import llmapi_conformance.judging.oracles  # noqa: F401 - registers every oracle
from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.judging.oracle import ORACLES, Deviation, Examined, Oracle
from llmapi_conformance.judging.oracles import envelopes, errors, refusals, upstream_failures
from tests.judging.build import exchange

ANTHROPIC: dict[str, Any] = {
    "type": "error",
    "error": {"type": "invalid_request_error", "message": "model: field required"},
}
OPENAI = {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": None}}
SHORT = {"error": {"type": "invalid_request_error", "message": "no"}}
GOOGLE = {"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}
PAGE = b"<html><body><h1>413 Request Entity Too Large</h1><hr>nginx</body></html>"
CHAT: dict[str, Any] = {"operation": "createChatCompletion", "path": "/v1/chat/completions"}
TASK: dict[str, Any] = {"operation": "getImageTask", "path": "/v1/images/tasks/1", "method": "GET"}
HTML = (("content-type", "text/html"),)


def error(body: Any = ANTHROPIC, status: int = 400, **options: Any) -> Exchange:
    return exchange(status=status, body=body, **options)


def judged(oracle: Oracle, *subjects: object) -> tuple[int, list[Deviation]]:
    """Number of subjects examined, and the deviations."""
    items = list(oracle(*subjects))
    return sum(item.count for item in items if isinstance(item, Examined)), [
        i for i in items if isinstance(i, Deviation)
    ]


def typed(kind: str, message: str = "no") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


LIMITED = (("content-type", "application/json"), ("retry-after", "7"))
STREAM_ERROR = exchange(mode="stream", events=[("error", ANTHROPIC)])
SERVED = exchange(body={"content": [{"type": "text", "text": "Hello"}]})

# oracle, conforming subjects, violating subjects
CASES: list[tuple[Oracle, tuple[object, ...], tuple[object, ...]]] = [
    (errors.an_error_is_one_json_document, (error(),), (error(PAGE, 413, headers=HTML),)),
    (errors.an_error_is_one_json_document, (error(OPENAI, 404, **CHAT),), (error(b"", 502),)),
    (errors.an_error_is_one_json_document, (error(),), (error(json.dumps(ANTHROPIC).encode() * 2),)),
    (errors.an_error_is_one_json_document, (error(),), (error(json.dumps(ANTHROPIC).encode() + b"\ndata: {}\n\n"),)),
    (errors.an_error_is_one_json_document, (error(),), (error(b"data: " + json.dumps(OPENAI).encode() + b"\n\n"),)),
    (errors.an_error_is_application_json, (error(),), (error(headers=(("content-type", "text/event-stream"),)),)),
    (errors.an_error_is_application_json, (error(),), (error(headers=()),)),
    (errors.a_messages_error_is_in_its_own_envelope, (error(),), (error(OPENAI),)),
    (errors.a_messages_error_is_in_its_own_envelope, (error(),), (error({"detail": "Method Not Allowed"}),)),
    (errors.a_messages_error_is_in_its_own_envelope, (error(),), (error({"type": "error", "error": "overloaded"}),)),
    (errors.a_chat_error_is_in_its_own_envelope, (error(OPENAI, **CHAT),), (error({"detail": []}, **CHAT),)),
    (errors.a_chat_error_is_in_its_own_envelope, (error(SHORT, **CHAT),), (error({"error": "no"}, **CHAT),)),
    (errors.a_chat_error_is_in_its_own_envelope, (error(ANTHROPIC, **CHAT),), (error([], **CHAT),)),
    (errors.the_error_type_fits_the_status, (error(),), (error(typed("NotFoundError"), 404),)),
    (
        errors.the_error_type_fits_the_status,
        (error(typed("overloaded_error"), 529),),
        (error(typed("api_error"), 529),),
    ),
    (errors.the_error_type_fits_the_status, (error(typed("api_error"), 599),), (error(typed("None"), 599),)),
    (
        errors.the_error_type_fits_the_status,
        (error({"error": {"message": "no", "type": "server_error", "param": None, "code": None}}, 502, **CHAT),),
        (error({"error": {"message": "no", "type": "None", "param": "None", "code": "400"}}, 429, **CHAT),),
    ),
    (errors.the_error_message_is_for_people, (error(),), (error(typed("api_error", "  "), 500),)),
    (errors.the_error_message_is_for_people, (error(),), (error(typed("api_error", PAGE.decode()), 500),)),
    (errors.the_error_message_is_for_people, (error(),), (error(typed("api_error", json.dumps(OPENAI)), 500),)),
    (
        errors.the_request_id_of_body_and_header_agree,
        (error({**ANTHROPIC, "request_id": "req_1"}, headers=(("request-id", "req_1"),)),),
        (error({**ANTHROPIC, "request_id": "req_2"}, headers=(("request-id", "req_1"),)),),
    ),
    (errors.a_chat_error_has_openais_four_members, (error(OPENAI, **CHAT),), (error(SHORT, **CHAT),)),
    (errors.a_task_error_is_in_a_known_envelope, (error(SHORT, **TASK),), (error({"reason": "no"}, **TASK),)),
    (errors.a_task_error_is_in_a_known_envelope, (error(OPENAI, **TASK),), (error({"detail": "no"}, **TASK),)),
    (errors.a_success_holds_no_error, (SERVED,), (exchange(body=OPENAI),)),
    (errors.a_success_holds_no_error, (SERVED,), (exchange(body=SHORT, **TASK),)),
    (errors.a_success_holds_no_error, (SERVED,), (exchange(body=ANTHROPIC),)),
    (errors.a_failure_is_no_success_that_holds_an_error, (error(status=502),), (exchange(body=OPENAI),)),
    (
        errors.an_empty_body_is_named,
        (error(typed("invalid_request_error", "Request body is empty")),),
        (error(typed("invalid_request_error", "EOF")),),
    ),
    (errors.an_answer_off_the_routes_is_json, (error(status=404),), (error(PAGE, 404, headers=HTML),)),
    (refusals.invalid_json_is_400, (error(),), (error(status=422),)),
    (refusals.a_wrong_type_is_400, (error(),), (error(status=502),)),
    (refusals.an_unreadable_body_is_refused, (error(status=422),), (error(status=500),)),
    (refusals.a_wrong_type_is_refused, (error(),), (SERVED,)),
    (refusals.a_missing_parameter_is_refused, (error(),), (SERVED,)),
    (refusals.an_invalid_request_is_400, (error(),), (error(status=422),)),
    (refusals.a_negative_limit_is_refused, (error(),), (SERVED,)),
    (refusals.a_negative_limit_on_chat_is_refused, (error(OPENAI, **CHAT),), (SERVED,)),
    (refusals.an_unknown_model_is_refused, (error(status=404),), (error(OPENAI, 503),)),
    (refusals.an_unknown_model_is_refused, (exchange(operation="countMessageTokens"),), (SERVED,)),
    (refusals.an_unknown_model_is_404, (error(status=404),), (error(),)),
    (refusals.an_unknown_role_is_refused, (error(),), (SERVED,)),
    (refusals.a_limit_of_zero_makes_no_text, (error(),), (SERVED,)),
    (refusals.a_limit_of_zero_makes_no_text, (exchange(body={"content": []}),), (error(status=500),)),
    (refusals.a_lone_surrogate_is_no_crash, (SERVED,), (error(status=500),)),
    (refusals.an_awkward_request_is_no_crash, (error(status=415),), (error(status=500),)),
    (refusals.a_bad_request_harms_only_itself, (SERVED,), (error(status=503),)),
    (refusals.a_body_over_the_limit_is_413, (error(status=413),), (error(),)),
    (
        refusals.both_ways_of_a_large_body_are_refused_alike,
        (error(status=413), error(status=413)),
        (error(status=413), error()),
    ),
    (refusals.a_bad_stream_request_is_refused_by_status, (error(), error(mode="stream")), (error(), STREAM_ERROR)),
    (refusals.both_modes_refuse_with_the_same_status, (error(), error(mode="stream")), (error(), error(status=500))),
    (refusals.both_modes_refuse_with_the_same_type, (error(), error()), (error(), error(typed("api_error")))),
    (refusals.a_wrong_method_is_refused, (error(status=405),), (exchange(method="GET"),)),
    (
        refusals.a_405_names_the_methods,
        (error(status=405, method="DELETE", headers=(("allow", "POST"),)),),
        (error(status=405),),
    ),
    (
        refusals.a_405_names_the_methods,
        (error(status=405, method="GET", headers=(("Allow", "POST, OPTIONS"),)),),
        (error(status=405, method="GET", headers=(("Allow", "GET, POST"),)),),
    ),
    (refusals.an_unknown_path_is_refused, (error(status=404),), (exchange(body=PAGE, headers=HTML),)),
    (refusals.an_unknown_path_is_404, (error(status=404),), (error(status=400),)),
    (upstream_failures.an_upstream_failure_is_an_error_status, (error(status=502),), (exchange(body=OPENAI),)),
    (upstream_failures.an_upstream_failure_is_an_error_status, (error(status=502),), (STREAM_ERROR,)),
    (upstream_failures.a_refusal_of_the_request_keeps_its_status, (error(status=404), 404), (error(status=502), 404)),
    (upstream_failures.a_failing_upstream_is_a_server_error, (error(status=502),), (error(status=404),)),
    (upstream_failures.an_upstream_error_is_502, (error(status=502),), (error(status=500),)),
    (upstream_failures.the_upstreams_401_is_not_the_clients, (error(status=502),), (error(status=401),)),
    (upstream_failures.a_busy_upstream_is_429, (error(status=429),), (error(status=502),)),
    (upstream_failures.a_busy_upstream_is_429, (error(status=503),), (error(status=500),)),
    (
        errors.the_error_type_fits_the_status,
        (error(typed("insufficient_quota"), 429, **CHAT),),
        (error(typed("insufficient_quota"), 429),),
    ),
    (
        errors.the_error_type_fits_the_status,
        (error({"error": {"type": "insufficient_quota", "message": "no"}}, 402, **CHAT),),
        (error({"error": {"type": "payment", "message": "no"}}, 402, **CHAT),),
    ),
    (
        errors.a_chat_error_is_in_its_own_envelope,
        (error({"error": OPENAI["error"] | {"code": 400, "status": "failed"}}, **CHAT),),
        (error(GOOGLE, **CHAT),),
    ),
    (
        upstream_failures.retry_after_of_the_upstream_is_kept,
        (error(status=429, headers=LIMITED), 7),
        (error(status=429), 7),
    ),
    (
        upstream_failures.retry_after_of_the_upstream_is_kept,
        (error(status=429, headers=LIMITED), 7),
        (error(status=429, headers=(("retry-after", "soon"),)), 7),
    ),
    (
        upstream_failures.an_overloaded_upstream_is_told_as_such,
        (error(typed("overloaded_error"), 529),),
        (error(typed("api_error"), 502),),
    ),
]


def test_the_error_of_a_failed_task_belongs_to_the_task() -> None:
    failed = exchange(body={"id": "1", "status": "failed", **SHORT}, **TASK)
    assert judged(errors.a_success_holds_no_error, failed) == (0, [])


@pytest.mark.parametrize(("oracle", "conforming", "_"), CASES)
def test_a_conforming_answer_is_examined_and_has_no_deviation(
    oracle: Oracle, conforming: tuple[object, ...], _: tuple[object, ...]
) -> None:
    examined, deviations = judged(oracle, *conforming)
    assert examined > 0
    assert deviations == []


@pytest.mark.parametrize(("oracle", "_", "violating"), CASES)
def test_a_violating_answer_has_a_deviation(
    oracle: Oracle, _: tuple[object, ...], violating: tuple[object, ...]
) -> None:
    examined, deviations = judged(oracle, *violating)
    assert examined > 0
    assert deviations


def test_every_oracle_of_the_surface_has_a_case() -> None:
    here = {oracle.name for oracle, _, _ in CASES}
    named = {
        name for name, oracle in ORACLES.items() if oracle.clause.startswith("ERR-") and oracle.clause[4] not in "LG"
    }
    assert named - here == set()


@pytest.mark.parametrize(
    "oracle",
    [
        errors.an_error_is_application_json,
        errors.a_messages_error_is_in_its_own_envelope,
        errors.the_error_type_fits_the_status,
        errors.the_error_message_is_for_people,
        errors.the_request_id_of_body_and_header_agree,
    ],
)
def test_a_page_is_the_finding_of_one_clause_only(oracle: Oracle) -> None:
    assert judged(oracle, error(PAGE, 413, headers=HTML)) == (0, [])


def test_an_error_in_the_wrong_envelope_is_not_judged_by_its_type() -> None:
    assert judged(errors.the_error_type_fits_the_status, error({"error": {"type": "None", "message": "no"}})) == (0, [])


def test_a_cut_error_body_is_left_to_the_framing_clauses() -> None:
    cut = error(b'{"type":"err', ending=Ending.CUT)
    assert judged(errors.an_error_is_one_json_document, cut) == (0, [])


@pytest.mark.parametrize("value", ["1", "7", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_retry_after_may_be_counted_down_or_be_a_date(value: str) -> None:
    answer = error(status=429, headers=(("Retry-After", value),))
    assert judged(upstream_failures.retry_after_of_the_upstream_is_kept, answer, 7) == (1, [])


@pytest.mark.parametrize("message", ["no such model", "Ce modèle n'existe pas.", "模型不存在", "{model} is not known"])
def test_the_wording_of_a_message_is_free(message: str) -> None:
    assert judged(errors.the_error_message_is_for_people, error(typed("not_found_error", message), 404)) == (1, [])


def test_unknown_members_of_an_error_are_tolerated() -> None:
    body = {**ANTHROPIC, "request_id": "req_1", "trace": 7, "error": {**ANTHROPIC["error"], "details": {"a": []}}}
    assert judged(errors.a_messages_error_is_in_its_own_envelope, error(body)) == (1, [])


def test_a_stream_refused_only_when_streamed_is_not_compared() -> None:
    assert judged(refusals.a_bad_stream_request_is_refused_by_status, SERVED, error()) == (0, [])


@pytest.mark.parametrize(
    ("body", "envelope"),
    [
        (ANTHROPIC, "anthropic"),
        (OPENAI, "openai"),
        (SHORT, "openai_image"),
        (GOOGLE, "google"),
        ({"error": {"code": "429", "message": "no", "type": "x"}}, "openai"),
        ({"error": {"message": "no"}}, "none"),
        ({"error": {"message": 1, "type": "x"}}, "none"),
        ({"error": {"code": True, "status": "x", "message": "no"}}, "none"),
        ({"detail": "no"}, "none"),
        (None, "none"),
        ([], "none"),
        (3.5, "none"),
        ("error", "none"),
    ],
)
def test_an_envelope_is_told_by_its_shape(body: Any, envelope: str) -> None:
    assert envelopes.envelope_of(body) == envelope
    assert envelopes.shape_of(body)


@pytest.mark.parametrize(
    ("operation", "family"),
    [
        ("createMessage", "anthropic"),
        ("countMessageTokens", "anthropic"),
        ("createChatCompletion", "openai"),
        ("createChatCompletionAlias", "openai"),
        ("createResponseCodexAlias", "openai"),
        ("editImage", "openai_image"),
        ("generateGeminiContent", "google"),
        ("getUsage", "any"),
    ],
)
def test_a_route_owes_the_envelope_of_its_protocol(operation: str, family: str) -> None:
    assert envelopes.expected_envelope(operation) == family


HOSTILE: list[Any] = [None, True, 7, "x", [], [None], {}, {"error": None}, {"error": []}, {"error": {"type": None}}]


EVERYWHERE = [one for one in ORACLES.values() if one.clause.startswith(("ERR-", "HTTP-")) and one.on]


@pytest.mark.parametrize("body", HOSTILE, ids=repr)
@pytest.mark.parametrize("oracle", EVERYWHERE, ids=lambda one: one.name)
def test_no_oracle_raises_on_hostile_json(oracle: Oracle, body: Any) -> None:
    text = json.dumps(body).encode()
    for status in (200, 400, 599):
        judged(oracle, exchange(status=status, body=text))
        judged(oracle, exchange(status=status, mode="stream", body=b"event: x\ndata: " + text + b"\n\n"))


@pytest.mark.parametrize(
    "body", [b'\xff{"error":"\xed\xa0\x80', b"\x00\r\xef\xbb\xbf", b"[" * 100_000, b"data:" * 9, b"\n" * 9]
)
@pytest.mark.parametrize("oracle", EVERYWHERE, ids=lambda one: one.name)
def test_no_oracle_raises_on_hostile_bytes(oracle: Oracle, body: bytes) -> None:
    for status in (200, 400):
        judged(oracle, exchange(status=status, headers=(), body=body))
        judged(oracle, exchange(status=status, mode="stream", body=body))
