"""What was promised of a generated request is judged: each oracle finds, is content, and lets legal answers pass."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from llmapi_conformance.evidence.exchange import Ending, Exchange, Headers
from llmapi_conformance.judging.check import Check, checking, judge
from llmapi_conformance.judging.oracle import Deviation, Examined, Oracle
from llmapi_conformance.judging.oracles import generated
from llmapi_conformance.wire.deadline import PhaseTimer
from llmapi_conformance.wire.failing import failure_of
from llmapi_conformance.wire.message import Deadlines, FailureKind
from tests.judging.build import exchange

ANTHROPIC = {"type": "error", "error": {"type": "invalid_request_error", "message": "model: must be a string"}}
OPENAI = {"error": {"message": "n", "type": "invalid_request_error", "param": "n", "code": None}}
PAGE: Headers = (("content-type", "text/html; charset=utf-8"),)
SILENT = "no complete response head arrived within 30 s"
CLOSED = "the connection was closed before a response head was complete"


def entry(promise: str, status: int, *, family: str = "bounds", where: str = "body.model", **answer: Any) -> Any:
    """A generated request with its answer."""
    answer.setdefault("body", ANTHROPIC if status >= 400 else {"id": "msg_1"})
    operation = answer.setdefault("operation", "createMessage")
    case = {"id": "0" * 12, "operation": operation, "family": family, "about": "x", "promise": promise, "where": where}
    return {"case": case, "exchange": exchange(status=status, **answer)}


def unanswered(failure: str, **changes: Any) -> Exchange:
    return replace(exchange(), response=None, failure=failure, **changes)


def judged(oracle: Oracle, subject: Any) -> tuple[int, list[Deviation]]:
    """How many subjects were examined, and what deviates."""
    found = list(oracle(subject))
    return sum(isinstance(one, Examined) for one in found), [one for one in found if isinstance(one, Deviation)]


def finds(oracle: Oracle, subject: Any) -> None:
    examined, deviations = judged(oracle, subject)
    assert examined
    assert len(deviations) == 1


def is_content(oracle: Oracle, subject: Any) -> None:
    assert judged(oracle, subject) == (1, [])


def has_nothing_to_say(oracle: Oracle, subject: Any) -> None:
    assert judged(oracle, subject) == (0, [])


@pytest.mark.parametrize("promise", ["served", "refused", "refused_assumed", "robust"])
@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
def test_any_server_error_is_found_whatever_was_promised(promise: str, status: int) -> None:
    finds(generated.a_generated_request_is_no_server_error, entry(promise, status))


def test_501_is_legal_for_an_unknown_method_or_coding_alone() -> None:
    one = generated.a_generated_request_is_no_server_error
    is_content(one, entry("robust", 501, family="method", where=""))
    is_content(one, entry("robust", 501, family="encoding", where="header.content-encoding"))
    finds(one, entry("robust", 501))


@pytest.mark.parametrize("status", [200, 400, 404, 413, 415, 429, 431])
def test_other_answers_are_no_server_errors(status: int) -> None:
    is_content(generated.a_generated_request_is_no_server_error, entry("robust", status))


def test_a_page_is_found_by_its_label_or_by_its_bytes() -> None:
    one = generated.a_generated_request_gets_no_page
    finds(one, entry("robust", 400, headers=PAGE, body=b"Bad Request"))
    finds(one, entry("robust", 404, body=b"\n<!DOCTYPE html><html>", headers=(("content-type", "text/plain"),)))
    finds(one, entry("robust", 413, body=b"<!-- a proxy --> <html><body>too large", headers=()))
    is_content(one, entry("robust", 400))
    is_content(one, entry("robust", 200, body=b'{"text":"<html>"}'))


def test_a_hang_is_found_where_others_are_answered() -> None:
    one = generated.a_generated_request_does_not_hang
    case = entry("robust", 200)["case"]
    finds(one, generated.Waited(case, unanswered(SILENT), others_answered=True))
    finds(one, generated.Waited(case, exchange(ending=Ending.TIMEOUT, body=b"{"), others_answered=True))
    is_content(one, generated.Waited(case, exchange(), others_answered=True))
    # The gateway left, or its connection broke: that is no hang.
    has_nothing_to_say(one, generated.Waited(case, unanswered(SILENT), others_answered=False))
    has_nothing_to_say(one, generated.Waited(case, exchange(ending=Ending.TIMEOUT), others_answered=False))
    has_nothing_to_say(one, generated.Waited(case, unanswered(CLOSED), others_answered=True))


def test_a_closed_connection_is_found_unless_the_body_was_large_or_oddly_framed() -> None:
    one = generated.a_generated_request_is_answered
    case = entry("robust", 200)["case"]
    finds(one, generated.Waited(case, unanswered(CLOSED), others_answered=True))
    is_content(one, generated.Waited(case, exchange(status=400, body=ANTHROPIC), others_answered=True))
    has_nothing_to_say(one, generated.Waited(case, unanswered(CLOSED), others_answered=False))
    has_nothing_to_say(one, generated.Waited(case, unanswered(SILENT), others_answered=True))
    large = unanswered(CLOSED)
    large = replace(large, request=replace(large.request, body=b"x" * 100_000))
    has_nothing_to_say(one, generated.Waited(case, large, others_answered=True))
    framed = {**case, "where": "header.transfer-encoding"}
    has_nothing_to_say(one, generated.Waited(framed, unanswered(CLOSED), others_answered=True))


def test_whether_others_were_answered_is_a_matter_of_time() -> None:
    def at(start: float, one: Exchange) -> Any:
        return {**entry("robust", 200), "exchange": replace(one, started_at=start)}

    hang = unanswered(SILENT)
    assert [one.others_answered for one in generated.waited([at(10, hang), at(11, exchange())])] == [True, False]
    assert [one.others_answered for one in generated.waited([at(10, exchange()), at(11, hang)])] == [False, False]
    assert [one.others_answered for one in generated.waited([at(10, hang)])] == [False]
    three = [at(10, exchange()), at(9, hang), at(10.05, exchange())]
    assert [one.others_answered for one in generated.waited(three)] == [True, True, True]


async def silence(total: float) -> str:
    """What the wire says when a deadline passes before the head of an answer."""
    try:
        async with asyncio.timeout(None) as timeout:
            timer = PhaseTimer(timeout, Deadlines(connect=1, first_byte=0.01, idle=1, total=total))
            timer.connected()
            await asyncio.sleep(60)
    except TimeoutError:
        return timer.sentence
    raise AssertionError("no deadline passed")


@pytest.mark.parametrize("total", [60, 0.005])
def test_silence_is_understood_as_the_wire_tells_it(total: float) -> None:
    case = entry("robust", 200)["case"]
    told = generated.Waited(case, unanswered(asyncio.run(silence(total))), others_answered=True)
    finds(generated.a_generated_request_does_not_hang, told)
    has_nothing_to_say(generated.a_generated_request_is_answered, told)


def test_a_closed_connection_is_understood_as_the_wire_tells_it() -> None:
    kind, sentence = failure_of(ConnectionResetError(), connected=True)
    assert kind is FailureKind.RESET
    told = generated.Waited(entry("robust", 200)["case"], unanswered(sentence), others_answered=True)
    finds(generated.a_generated_request_is_answered, told)
    has_nothing_to_say(generated.a_generated_request_does_not_hang, told)


REFUSING = [
    (generated.what_documents_rule_out_is_refused, "refused"),
    (generated.a_wrong_type_is_refused_wherever_it_is, "refused"),
    (generated.a_value_out_of_bounds_is_refused, "refused_assumed"),
]


@pytest.mark.parametrize(("oracle", "promise"), REFUSING)
def test_what_is_ruled_out_has_to_be_a_4xx(oracle: Oracle, promise: str) -> None:
    finds(oracle, entry(promise, 200))
    finds(oracle, entry(promise, 502))
    for status in (400, 404, 413, 415, 422):
        is_content(oracle, entry(promise, status))
    has_nothing_to_say(oracle, entry(promise, 429))


@pytest.mark.parametrize(("oracle", "promise"), REFUSING)
def test_nothing_else_has_to_be_refused(oracle: Oracle, promise: str) -> None:
    for other in {"served", "refused", "refused_assumed", "robust"} - {promise}:
        has_nothing_to_say(oracle, entry(other, 200))


def test_the_refusal_is_400_or_404_where_something_is_not_there() -> None:
    one = generated.the_refusal_is_400
    is_content(one, entry("refused", 400))
    finds(one, entry("refused", 422, where="body.max_tokens"))
    finds(one, entry("refused", 404, where="body.max_tokens"))
    is_content(one, entry("refused", 404, where="body.model"))
    is_content(one, entry("refused", 404, where="path.task_id"))
    for status in (200, 500, 413, 415, 431):
        has_nothing_to_say(one, entry("refused", status))
    has_nothing_to_say(one, entry("refused_assumed", 422))


def test_a_refusal_is_in_the_envelope_of_its_route() -> None:
    one = generated.a_refusal_is_in_the_envelope_of_its_route
    is_content(one, entry("robust", 400))
    finds(one, entry("robust", 400, body=OPENAI))
    is_content(one, entry("robust", 400, body=OPENAI, operation="createChatCompletion"))
    finds(one, entry("robust", 415, body=b"Unsupported Media Type"))
    finds(one, entry("robust", 400, body={"detail": []}))
    is_content(one, entry("robust", 401, operation="generateGeminiContent"))
    finds(one, entry("robust", 400, operation="generateGeminiContent"))
    is_content(one, entry("robust", 404, body=OPENAI, operation=""))
    has_nothing_to_say(one, entry("robust", 431, body=b"too large"))
    has_nothing_to_say(one, entry("robust", 405, body=b"", family="method"))
    has_nothing_to_say(one, entry("robust", 404, method="HEAD", body=b""))
    has_nothing_to_say(one, entry("robust", 200))
    has_nothing_to_say(one, entry("robust", 500))


def test_a_correct_request_in_other_bytes_is_served() -> None:
    one = generated.the_same_request_in_other_bytes_is_served
    chunked = {"family": "encoding", "where": "header.transfer-encoding"}
    finds(one, entry("served", 400, **chunked))
    finds(one, entry("served", 415, family="media", where="header.content-type"))
    is_content(one, entry("served", 200, **chunked))
    for status in (411, 429, 503):
        has_nothing_to_say(one, entry("served", status, **chunked))
    has_nothing_to_say(one, entry("robust", 400, **chunked))
    has_nothing_to_say(one, entry("served", 400, family="encoding", where="header.content-encoding"))


def test_what_the_documentation_allows_is_served() -> None:
    one = generated.what_the_documentation_allows_is_served
    finds(one, entry("served", 400, where="query.days"))
    is_content(one, entry("served", 200, where="query.days"))
    has_nothing_to_say(one, entry("robust", 400, where="query.days"))
    has_nothing_to_say(one, entry("served", 400, family="encoding", where="body"))


def test_without_a_success_nobody_knows_whether_a_correct_request_is_served() -> None:
    assert not generated.is_served_at_all([entry("served", 404), entry("robust", 200)])
    assert generated.is_served_at_all([entry("served", 404), entry("served", 202)])


def test_a_method_that_the_path_does_not_have_is_no_operation() -> None:
    assert generated.is_of_no_operation(entry("robust", 405, family="method", method="PUT"))
    assert not generated.is_of_no_operation(entry("robust", 405, family="method", method="POST"))
    assert not generated.is_of_no_operation(entry("robust", 405, family="method", method="OPTIONS"))
    assert not generated.is_of_no_operation(entry("robust", 405, family="bounds", method="PUT"))


def test_a_request_that_was_made_shorter_is_judged_beside_the_others_and_shown() -> None:
    shorter = {**entry("refused", 200), "of": "0" * 12, "clauses": ["ERR-G05"]}
    result = {"cases": [entry("refused", 200), entry("refused", 400)], "shrunk": [shorter]}
    check = Check("made by hand", ("ERR-G05",))
    with checking(check):
        for one in generated.told(result):
            judge(generated.what_documents_rule_out_is_refused, one)
    assert check.examined == {"ERR-G05": 3}
    assert [found.deviation.reduced for found in check.observed] == [False, True]


def test_one_request_without_an_answer_does_not_leave_the_others_unjudged() -> None:
    silent = {**entry("refused", 400), "exchange": unanswered("no connection stood after 5 s")}
    for cases, examined, unseen in (([entry("refused", 400), silent], 1, []), ([silent], 0, ["ERR-G05"])):
        check = Check("made by hand", ("ERR-G05",))
        with checking(check):
            for one in generated.told({"cases": cases, "shrunk": []}):
                judge(generated.what_documents_rule_out_is_refused, one)
        assert check.examined.get("ERR-G05", 0) == examined
        assert list(check.unseen) == unseen
