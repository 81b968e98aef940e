from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.judging.oracle import Deviation, Examined, Oracle
from llmapi_conformance.judging.oracles import auth
from tests.judging.build import exchange

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

DOCUMENTED = {"type": "error", "error": {"type": "authentication_error", "message": "Invalid API key"}}
OPENAI = {"error": {"message": "bad key", "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}}
HEADERS = ("Authorization", "x-api-key", "x-goog-api-key")
HOSTILE = [b"", b"null", b"[]", b"\xff\xfe", b'{"error":[]}', b'{"error":{"type":1,"message":{}}}', b"{" * 5000, b'"x"']


def judged(oracle: Oracle, *subjects: object) -> tuple[int, list[str]]:
    """How many subjects were examined, and what was observed."""
    found = list(oracle(*subjects))
    examined = sum(item.count for item in found if isinstance(item, Examined))
    return examined, [item.observed for item in found if isinstance(item, Deviation)]


def answer(status: int = 200, body: Any = b"{}", *, operation: str = "createMessage", label: str = "") -> Exchange:
    return replace(exchange(operation=operation, status=status, body=body), label=label)


def refusal(status: int = 401, body: Any = DOCUMENTED, **named: Any) -> Exchange:
    return answer(status, body, **named)


def in_each_header(*statuses: int, operation: str = "createMessage") -> dict[str, Exchange]:
    return {
        header: answer(status, b"{}" if status < 400 else DOCUMENTED, operation=operation)
        for header, status in zip(HEADERS, statuses, strict=True)
    }


@pytest.mark.parametrize(
    ("oracle", "good"),
    [
        (auth.bearer_is_accepted, 1),
        (auth.compatible_headers_are_accepted, 2),
        (auth.bearer_is_accepted_as_the_protocols_have_it, 1),
        (auth.x_api_key_is_accepted_on_messages, 1),
    ],
)
def test_a_key_that_every_header_carries_passes(oracle: Oracle, good: int) -> None:
    assert judged(oracle, in_each_header(200, 200, 200)) == (good, [])


@pytest.mark.parametrize(
    ("oracle", "statuses"),
    [
        (auth.bearer_is_accepted, (401, 200, 200)),
        (auth.bearer_is_accepted_as_the_protocols_have_it, (401, 401, 401)),
        (auth.compatible_headers_are_accepted, (200, 401, 200)),
        (auth.compatible_headers_are_accepted, (200, 200, 400)),
        (auth.x_api_key_is_accepted_on_messages, (200, 500, 200)),
    ],
)
def test_a_header_that_carries_no_key_is_told(oracle: Oracle, statuses: tuple[int, int, int]) -> None:
    assert len(judged(oracle, in_each_header(*statuses))[1]) == 1


def test_a_stream_that_brought_nothing_before_we_left_proves_no_header() -> None:
    silent = {
        header: exchange(operation="streamImageTaskEvents", mode="stream", ending=Ending.LEFT) for header in HEADERS
    }
    for oracle in (auth.bearer_is_accepted, auth.compatible_headers_are_accepted):
        assert judged(oracle, silent) == (0, [])


def test_a_call_that_fails_alike_in_every_header_says_nothing_about_headers() -> None:
    for oracle in (auth.bearer_is_accepted, auth.compatible_headers_are_accepted):
        assert judged(oracle, in_each_header(404, 404, 404)) == (0, [])


def test_x_api_key_is_no_promise_of_chat() -> None:
    answers = in_each_header(200, 401, 401, operation="createChatCompletion")
    assert judged(auth.x_api_key_is_accepted_on_messages, answers) == (0, [])


def test_the_protocols_promise_nothing_about_usage() -> None:
    answers = in_each_header(401, 200, 200, operation="getUsage")
    assert judged(auth.bearer_is_accepted_as_the_protocols_have_it, answers) == (0, [])


@pytest.mark.parametrize(
    ("oracle", "spelling"),
    [
        (auth.header_names_are_read_in_any_case, "name in capitals"),
        (auth.the_scheme_is_read_in_any_case, "scheme in small letters"),
        (auth.the_scheme_is_read_in_any_case, "scheme in capitals"),
        (auth.white_space_around_the_value_is_ignored, "white space around the value"),
        (auth.several_spaces_after_the_scheme_are_accepted, "two spaces after the scheme"),
    ],
)
def test_a_spelling_is_judged_against_the_usual_one(oracle: Oracle, spelling: str) -> None:
    assert judged(oracle, {"usual": answer(), spelling: answer()}) == (1, [])
    assert len(judged(oracle, {"usual": answer(), spelling: refusal()})[1]) == 1
    assert judged(oracle, {"usual": refusal(), spelling: refusal()}) == (0, [])
    assert judged(oracle, {"usual": answer()}) == (0, [])


def test_a_header_in_capitals_is_judged_against_the_same_header_in_small_letters() -> None:
    """A header that is not accepted at all is another clause's matter."""
    oracle = auth.header_names_are_read_in_any_case
    small, capitals = "name in small letters", "name in capitals"
    assert judged(oracle, {"usual": answer(), small: refusal(), capitals: refusal()}) == (0, [])
    assert len(judged(oracle, {"usual": answer(), small: answer(), capitals: refusal()})[1]) == 1


def test_a_version_header_that_is_demanded_is_told() -> None:
    demand = {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "Anthropic-Version: required"},
    }
    assert judged(auth.no_version_header_is_demanded, answer()) == (1, [])
    assert len(judged(auth.no_version_header_is_demanded, refusal(400, demand))[1]) == 1
    assert judged(auth.no_version_header_is_demanded, refusal()) == (0, [])


def test_the_documented_refusal_passes_every_clause() -> None:
    exchanges = [refusal(operation=operation) for operation in ("createMessage", "createChatCompletion", "listModels")]
    for one in exchanges:
        for oracle in (
            auth.a_refused_key_gets_401,
            auth.the_401_has_the_documented_body,
            auth.nothing_is_served_without_a_valid_key,
            auth.the_refusal_has_the_envelope_of_its_route,
            auth.the_refusal_holds_no_key,
            auth.the_key_is_judged_before_the_body,
        ):
            assert judged(oracle, one) == (1, []), oracle.name


def test_another_status_than_401_is_told() -> None:
    assert judged(auth.a_refused_key_gets_401, refusal(400)) == (
        1,
        ["status 400 (authentication_error: Invalid API key)"],
    )
    assert judged(auth.a_refused_key_gets_401, answer()) == (0, [])


@pytest.mark.parametrize(
    "body",
    [
        {**DOCUMENTED, "request_id": "req_1"},
        {"type": "error", "error": {"type": "authentication_error", "message": "invalid api key"}},
        {"error": DOCUMENTED["error"]},
        OPENAI,
    ],
)
def test_a_401_with_any_other_body_is_told(body: Any) -> None:
    assert len(judged(auth.the_401_has_the_documented_body, refusal(body=body))[1]) == 1


def test_the_body_is_judged_only_of_a_401_in_json() -> None:
    assert judged(auth.the_401_has_the_documented_body, refusal(403)) == (0, [])
    assert judged(auth.the_401_has_the_documented_body, refusal(body=b"<html>")) == (0, [])


def test_white_space_and_order_in_the_401_are_free() -> None:
    body = b'{ "error" : {"message":"Invalid API key", "type":"authentication_error"},\n"type":"error" }'
    assert judged(auth.the_401_has_the_documented_body, refusal(body=body)) == (1, [])


def test_an_answer_without_a_valid_key_is_told() -> None:
    assert len(judged(auth.nothing_is_served_without_a_valid_key, answer(label="no key"))[1]) == 1


def test_a_changed_key_that_is_served_is_told_once_the_good_one_was() -> None:
    assert judged(auth.a_changed_key_is_refused, answer(), refusal()) == (1, [])
    assert len(judged(auth.a_changed_key_is_refused, answer(), answer(label="cut short"))[1]) == 1
    assert judged(auth.a_changed_key_is_refused, refusal(), refusal()) == (0, [])


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("createMessage", OPENAI),
        ("createMessage", b"<html>no</html>"),
        ("createChatCompletion", {"detail": "no"}),
        ("listModels", {"code": "INVALID_API_KEY", "message": "Invalid API key"}),
    ],
)
def test_a_refusal_in_a_foreign_envelope_is_told(operation: str, body: Any) -> None:
    one = refusal(body=body, operation=operation)
    assert len(judged(auth.the_refusal_has_the_envelope_of_its_route, one)[1]) == 1


def test_chat_may_refuse_in_its_own_envelope() -> None:
    one = refusal(body=OPENAI, operation="createChatCompletion")
    assert judged(auth.the_refusal_has_the_envelope_of_its_route, one) == (1, [])


def test_a_key_in_a_refusal_is_told_wherever_it_stands() -> None:
    in_body = {
        "type": "error",
        "error": {"type": "authentication_error", "message": "[[key:made-up]]"},
    }
    assert len(judged(auth.the_refusal_holds_no_key, refusal(body=in_body))[1]) == 1
    headers = (("content-type", "application/json"), ("x-echo", "[[key:made-up]]"))
    assert len(judged(auth.the_refusal_holds_no_key, exchange(status=401, headers=headers, body=DOCUMENTED))[1]) == 1


def test_a_body_that_is_read_before_the_key_is_told() -> None:
    assert len(judged(auth.the_key_is_judged_before_the_body, refusal(400))[1]) == 1


def test_a_refused_call_that_was_passed_on_is_told() -> None:
    refused = [refusal(), refusal()]
    assert judged(auth.a_refused_key_reaches_no_upstream, refused, answer(body={"requests": []})) == (2, [])
    assert len(judged(auth.a_refused_key_reaches_no_upstream, refused, answer(body={"requests": [{}]}))[1]) == 1
    assert judged(auth.a_refused_key_reaches_no_upstream, [answer()], answer(body={"requests": [{}]})) == (0, [])


def test_a_401_without_its_scheme_is_told() -> None:
    headers = (("content-type", "application/json"), ("WWW-Authenticate", "Bearer"))
    assert judged(auth.the_401_names_the_scheme, exchange(status=401, headers=headers, body=DOCUMENTED)) == (1, [])
    assert len(judged(auth.the_401_names_the_scheme, refusal())[1]) == 1
    assert judged(auth.the_401_names_the_scheme, refusal(404)) == (0, [])


@pytest.mark.parametrize(
    "oracle", [auth.another_spelling_of_the_path_opens_nothing, auth.disguised_requests_open_nothing]
)
def test_only_an_answer_of_the_api_is_a_way_in(oracle: Oracle) -> None:
    for status in (301, 307, 400, 401, 403, 404, 405, 421, 500):
        assert judged(oracle, refusal(status)) == (1, []), status
    assert len(judged(oracle, answer(label="doubled slash, no key"))[1]) == 1
    page = exchange(status=200, headers=(("content-type", "text/html; charset=utf-8"),), body=b"<html></html>")
    assert judged(oracle, page) == (1, [])
    greeting = exchange(status=200, headers=(("content-type", "text/plain"),), body=b"welcome")
    assert judged(oracle, greeting) == (1, [])
    streamed = exchange(mode="stream", events=[("message_start", {"type": "message_start"})])
    assert len(judged(oracle, streamed)[1]) == 1


def test_two_credentials_that_get_two_answers_are_told() -> None:
    oracle = auth.disagreeing_keys_get_one_answer
    assert judged(oracle, refusal(), refusal()) == (1, [])
    assert judged(oracle, answer(), answer()) == (1, [])
    assert len(judged(oracle, answer(), refusal())[1]) == 1
    assert len(judged(oracle, refusal(500), refusal(500))[1]) == 1


def test_an_invalid_bearer_key_that_another_header_rescues_is_told() -> None:
    assert judged(auth.a_valid_key_rescues_no_invalid_bearer, refusal()) == (1, [])
    assert len(judged(auth.a_valid_key_rescues_no_invalid_bearer, answer())[1]) == 1


def test_a_key_in_the_query_that_opens_something_is_told() -> None:
    oracle = auth.a_key_in_the_query_opens_nothing
    assert judged(oracle, refusal(), refusal(400)) == (1, [])
    assert len(judged(oracle, refusal(), answer())[1]) == 1
    assert judged(oracle, answer(), answer()) == (0, [])


def test_head_and_options_may_be_refused_but_not_fail() -> None:
    for status in (200, 204, 401, 404, 405, 501):
        assert judged(auth.head_and_options_are_answered, answer(status)) == (1, [])
    assert len(judged(auth.head_and_options_are_answered, answer(500))[1]) == 1


@pytest.mark.parametrize("body", HOSTILE)
@pytest.mark.parametrize("status", [200, 400, 401])
def test_no_body_makes_an_oracle_raise(body: bytes, status: int) -> None:
    one = answer(status, body)
    for oracle in (
        auth.no_version_header_is_demanded,
        auth.a_refused_key_gets_401,
        auth.the_401_has_the_documented_body,
        auth.nothing_is_served_without_a_valid_key,
        auth.the_refusal_has_the_envelope_of_its_route,
        auth.the_refusal_holds_no_key,
        auth.the_key_is_judged_before_the_body,
        auth.the_401_names_the_scheme,
        auth.another_spelling_of_the_path_opens_nothing,
        auth.head_and_options_are_answered,
    ):
        list(oracle(one))
    list(auth.a_refused_key_reaches_no_upstream([one], one))
    list(auth.bearer_is_accepted(dict.fromkeys(HEADERS, one)))
