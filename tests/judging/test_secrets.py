from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracle import Deviation, Examined, Oracle
from llmapi_conformance.judging.oracles import secrets
from tests.judging.build import JSON_HEADERS, exchange

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

HOST = (("Host", "127.0.0.1:4000"), ("content-type", "application/json"))


def error(message: str, *headers: tuple[str, str], **options: Any) -> Exchange:
    body = {"type": "error", "error": {"type": "api_error", "message": message}}
    return exchange(status=502, headers=(*JSON_HEADERS, *headers), body=body, request_headers=HOST, **options)


def judged(oracle: Oracle, *subjects: object) -> tuple[int, list[Deviation]]:
    """Number of subjects examined, and the deviations."""
    items = list(oracle(*subjects))
    return sum(item.count for item in items if isinstance(item, Examined)), [
        i for i in items if isinstance(i, Deviation)
    ]


KEYS = [
    "Incorrect API key provided: [[key:general:openai]]",
    "unauthorized: [[upstream-key]]",
    "bad key [[secret:google-like]]",
    "GET /v1beta/models/x?key=AIzaSyA-123456789 failed",
    "[[key:general:anthropic:truncated]]",
]
ADDRESSES = [
    'Post "https://10.0.0.5:18182/v1beta/models/x:generateContent": timeout',
    "dial 192.168.1.7:8080",
    "upstream [[upstream-host]] refused",
    "http://[[upstream-host]]/v1/messages",
    "http://litellm-backend/v1/messages",
    "connect to [fd00::17]:8080 failed",
    "no route to openai-proxy.prod.svc.cluster.local",
    "gateway-2.internal:8443 is down",
    "localhost:11434 refused",
    "https://api.anthropic.com/v1/messages answered 500",
    "https://generativelanguage.googleapis.com/v1beta/models/x",
    "https://relay.example.com:8443/",
]
TRACES = [
    'Traceback (most recent call last):\n  File "/app/main.py", line 7, in call\n    raise',
    "goroutine 7 [running]:\nmain.main()\n\t/src/main.go:12",
    "handler/gateway_handler.go:1128: no account",
    "dial tcp: lookup api on 10.0.0.2: no such host",
    "TypeError: x\n    at handle (/srv/app/index.js:10:5)\n",
    "Error: connect ECONNREFUSED",
    "at com.acme.Gateway(Gateway.java:17)",
    "thread 'main' panicked at src/lib.rs:7:3",
    "in /var/www/index.php on line 7",
    "open /app/config/settings.py: no such file",
]
CLEAN = [
    "Request body is not valid JSON: syntax error at character 60",
    "The upstream failed to answer",
    "model: 'claude-sonnet-4-5' does not exist; see https://docs.anthropic.com/en/docs/models",
    "Get a key at https://platform.openai.com/account/api-keys.",
    "Your request to http://127.0.0.1:4000/v1/messages failed",
    "max_tokens: 4096 > 1024, at least 1:1 ratio at 12:30:45",
    "Retry in 7.5 s (req_0123456789abcdef)",
    "version 1.2.3.4 is not supported; use 2023-06-01",
    "messages.0.content: field required",
    "the key you sent is disabled",
    "send the key as a header, not as ?key=YOUR_API_KEY",
    "read the manual: tools.0.input_schema must be an object",
]


@pytest.mark.parametrize("message", KEYS)
def test_a_key_in_an_error_is_found(message: str) -> None:
    examined, deviations = judged(secrets.an_error_shows_no_key, error(message))
    assert examined == 1
    assert deviations
    assert judged(secrets.an_answer_off_the_routes_shows_no_key, error(message))[1] == deviations


@pytest.mark.parametrize("message", ADDRESSES)
def test_an_address_behind_the_gateway_is_found(message: str) -> None:
    examined, deviations = judged(secrets.an_error_shows_no_inner_address, error(message))
    assert examined == 1
    assert deviations
    assert judged(secrets.an_answer_off_the_routes_shows_no_inner_address, error(message))[1] == deviations


@pytest.mark.parametrize("message", TRACES)
def test_the_inside_of_the_program_is_found(message: str) -> None:
    examined, deviations = judged(secrets.an_error_shows_no_inside_of_the_program, error(message))
    assert examined == 1
    assert deviations
    assert judged(secrets.an_answer_off_the_routes_shows_no_inside_of_the_program, error(message))[1] == deviations


@pytest.mark.parametrize("message", CLEAN)
@pytest.mark.parametrize(
    "oracle",
    [
        secrets.an_error_shows_no_key,
        secrets.an_error_shows_no_inner_address,
        secrets.an_error_shows_no_inside_of_the_program,
        secrets.an_answer_off_the_routes_shows_no_key,
        secrets.an_answer_off_the_routes_shows_no_inner_address,
        secrets.an_answer_off_the_routes_shows_no_inside_of_the_program,
    ],
)
def test_an_honest_message_has_no_deviation(oracle: Oracle, message: str) -> None:
    headers = (("alt-svc", 'h3=":443"; ma=86400'), ("report-to", '{"url":"https://a.nel.cloudflare.com/report/v4"}'))
    assert judged(oracle, error(message, *headers)) == (1, [])


def test_a_leak_in_a_header_is_found_and_named() -> None:
    _, deviations = judged(secrets.an_error_shows_no_inner_address, error("no", ("Via", "1.1 10.0.0.5:8080")))
    assert [deviation.observed for deviation in deviations] == [
        "an address with a port in the header Via: 10.0.0.5:8080"
    ]


def test_a_leak_in_a_page_is_found_with_its_place() -> None:
    page = exchange(status=502, headers=(("content-type", "text/html"),), body=b"<p>Host: 10.0.0.5:8080</p>")
    _, deviations = judged(secrets.an_error_shows_no_inner_address, page)
    assert [deviation.span for deviation in deviations] == [(9, 22)]


def test_a_leak_is_told_once_a_kind_and_place() -> None:
    message = "10.0.0.5:8080 and 10.0.0.6:8080 and 10.0.0.7:8080"
    assert len(judged(secrets.an_error_shows_no_inner_address, error(message))[1]) == 1


def test_a_key_in_a_query_is_not_quoted_whole() -> None:
    _, deviations = judged(secrets.an_error_shows_no_key, error("GET /x?key=0123456789abcdef"))
    assert "456789abcdef" not in deviations[0].observed


def test_a_leak_deep_in_a_document_is_found() -> None:
    body: Any = "[[upstream-key]]"
    for _ in range(200):
        body = {"inner": [body]}
    made = exchange(status=500, body=json.dumps(body).encode())
    assert len(judged(secrets.an_error_shows_no_key, made)[1]) == 1


def test_a_leak_in_the_name_of_a_member_is_found() -> None:
    made = exchange(status=500, body={"error": {"10.0.0.5:8080": True}})
    assert len(judged(secrets.an_error_shows_no_inner_address, made)[1]) == 1


HEADER_LEAKS = (secrets.response_headers_show_no_key, secrets.response_headers_show_no_upstream_address)


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize(
    ("value", "clause"),
    [
        ("[[upstream-key]]", "HTTP-L01"),
        ("Bearer [[key:general:openai]]", "HTTP-L01"),
        ("[[secret:google-like]]", "HTTP-L01"),
        ("http://[[upstream-host]]/", "HTTP-L03"),
    ],
)
def test_a_leak_in_a_header_is_found_by_the_clause_of_its_kind(value: str, clause: str, status: int) -> None:
    made = exchange(headers=(*JSON_HEADERS, ("x-anything", value)), body={}, status=status)
    found = {oracle.clause: judged(oracle, made) for oracle in HEADER_LEAKS}
    assert {name: (examined, len(deviations)) for name, (examined, deviations) in found.items()} == {
        name: (2, int(name == clause)) for name in found
    }


def test_the_gateways_own_headers_are_no_leak() -> None:
    made = exchange(headers=(*JSON_HEADERS, ("server", "nginx"), ("x-request-id", "req_1")), body={})
    assert all(judged(oracle, made) == (3, []) for oracle in HEADER_LEAKS)


def test_an_answer_without_headers_keeps_no_clause_about_them() -> None:
    assert all(judged(oracle, exchange(headers=())) == (0, []) for oracle in HEADER_LEAKS)


def test_a_hostile_body_is_scanned_in_time() -> None:
    for text in (
        "a." * 200_000,
        "1." * 200_000,
        "/app/" + "a/" * 200_000,
        "\n at " * 80_000,
        "[" * 200_000,
        "http://" * 60_000,
    ):
        made = exchange(status=500, headers=(("content-type", "text/plain"),), body=text.encode())
        for oracle in (
            secrets.an_error_shows_no_key,
            secrets.an_error_shows_no_inner_address,
            secrets.an_error_shows_no_inside_of_the_program,
        ):
            judged(oracle, made)
