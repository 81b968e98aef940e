"""Cases of bounds and of encodings are what they say that they are, and the same each time."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.forms import FORM_TYPE, File, form, png
from llmapi_conformance.contract.bounds import bounds
from llmapi_conformance.generating.bounds import bound_cases
from llmapi_conformance.generating.cases import Case, Order
from llmapi_conformance.generating.encodings import DEPTHS, LONGEST, encoding_cases, media_cases
from llmapi_conformance.generating.forms import form_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

JSON = (("Content-Type", "application/json"),)
TURN = {"role": "user", "content": "Hello"}
CONTENTS = [{"role": "user", "parts": [{"text": "Hello"}]}]
SAMPLES: dict[str, tuple[str, str, Any]] = {
    "createMessage": ("POST", "/v1/messages", {"model": "claude-sonnet-4-5", "max_tokens": 16, "messages": [TURN]}),
    "countMessageTokens": ("POST", "/v1/messages/count_tokens", {"model": "claude-sonnet-4-5", "messages": [TURN]}),
    "createChatCompletion": ("POST", "/v1/chat/completions", {"model": "gpt-5.1", "messages": [TURN]}),
    "createResponseCodexAlias": ("POST", "/backend-api/codex/responses", {"model": "gpt-5.1", "input": "Hello"}),
    "createResponseSubpath": ("POST", "/v1/responses/compact", {"model": "gpt-5.1", "input": "Hello"}),
    "generateImage": ("POST", "/v1/images/generations", {"model": "gpt-image-2", "prompt": "Hello"}),
    "submitImageTask": ("POST", "/v1/images/tasks", {"model": "gpt-image-2", "prompt": "Hello"}),
    "generateGeminiContent": ("POST", "/v1beta/models/gemini-2.5-flash:generateContent", {"contents": CONTENTS}),
    "streamGeminiContent": (
        "POST",
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        {"contents": CONTENTS},
    ),
    "getUsage": ("GET", "/v1/usage", None),
    "getImageTask": ("GET", "/v1/images/tasks/0123456789abcdef0123456789abcdef", None),
    "cancelImageTask": ("POST", "/v1/images/tasks/0123456789abcdef0123456789abcdef/cancel", None),
}
FORM = form(("model", "gpt-image-2"), ("prompt", "Hello"), ("image", File("red.png", png(200, 30, 30))))
MAKERS: list[Callable[[Order], Iterable[Case]]] = [bound_cases, encoding_cases, media_cases]


def order(operation: str, seed: int = 1) -> Order:
    """An order whose sample is a small correct call."""
    if operation == "editImage":
        sample = Case(
            operation, "POST", "/v1/images/edits", (("Content-Type", FORM_TYPE),), FORM, "sample", "", "served"
        )
        return Order(sample, seed, 60)
    method, target, document = SAMPLES[operation]
    body = json.dumps(document, separators=(",", ":")).encode() if document is not None else b""
    headers = JSON if document is not None else ()
    return Order(Case(operation, method, target, headers, body, "sample", "", "served"), seed, 60)


def cases(operation: str) -> list[Case]:
    return [case for make in MAKERS for case in make(order(operation))]


def by_about(made: Iterable[Case]) -> dict[str, Case]:
    return {case.about: case for case in made}


OPERATIONS = [*SAMPLES, "editImage"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_same_order_makes_the_same_bytes(operation: str) -> None:
    first, again = ([(case.id, case.body) for case in cases(operation)] for _ in range(2))
    assert first == again


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_case_differs_from_the_sample_and_carries_no_credential(operation: str) -> None:
    sample = order(operation).sample
    made = cases(operation)
    # The sample's own value, asked for once more, may be among them: the file of bounds knows no samples.
    assert Counter(case.id for case in made)[sample.id] <= 2
    for case in made:
        assert not {name.lower() for name, _ in case.headers} & {"authorization", "x-api-key", "x-goog-api-key"}
        assert case.target.isascii()
        assert " " not in case.target


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_request_is_promised_two_things_but_where_bounds_speak_louder(operation: str) -> None:
    promised: dict[str, set[str]] = {}
    for case in cases(operation):
        promised.setdefault(case.id, set()).add(case.promise)
    assert [told for told in promised.values() if len(told) > 1] == []


@pytest.mark.parametrize("operation", [name for name, sample in SAMPLES.items() if sample[2] is not None])
def test_what_is_refused_as_no_json_is_none_to_this_parser_either(operation: str) -> None:
    for case in encoding_cases(order(operation)):
        if case.promise == "refused":
            assert not isinstance(parsed(case.body), dict), case.about


@pytest.mark.parametrize("operation", [name for name, sample in SAMPLES.items() if sample[2] is not None])
def test_what_is_served_is_the_sample_in_other_bytes(operation: str) -> None:
    document = order(operation).document
    served = [case for case in encoding_cases(order(operation)) if case.promise == "served"]
    assert {case.where for case in served} >= {"body", "header.transfer-encoding", "header.content-length"}
    for case in served:
        body = unchunked(case.body) if case.header("Transfer-Encoding") else case.body
        assert parsed(body) == document, case.about
        if case.header("Content-Length"):
            assert int(case.header("Content-Length")) == len(case.body)


def test_the_odd_bodies_of_the_issue_are_there() -> None:
    made = by_about(encoding_cases(order("createMessage")))
    sample = order("createMessage").sample
    assert made["a byte order mark"].body == b"\xef\xbb\xbf" + sample.body
    assert b"\\ud83d" in made["half a surrogate pair, in the text"].body
    assert b"\\u0000" in made["an escaped NUL, in the text"].body
    assert b"\0" in made["a NUL byte in a string"].body
    assert made["the number 9007199254740993"].body.endswith(b":9007199254740993}")
    assert made["the number 1e999"].body.endswith(b":1e999}")
    twice = json.loads(made["messages comes twice: first and null"].body, object_pairs_hook=list)
    assert [name for name, _ in twice].count("messages") == 2
    with pytest.raises(UnicodeDecodeError):
        made["a byte that UTF-8 never has in the text"].body.decode()
    assert made[f"{DEPTHS[2]} arrays in each other"].body.count(b"[") > DEPTHS[2]
    assert len(made[f"a string of {LONGEST} characters"].body) > LONGEST
    assert gzip.decompress(made["gzip, labelled"].body) == sample.body
    assert made["gzip, labelled"].header("Content-Encoding") == "gzip"
    assert made["gzip without a label"].header("Content-Encoding") == ""
    assert zlib.decompress(made["deflate, labelled"].body) == sample.body
    assert zlib.decompress(made["raw deflate, labelled"].body, -15) == sample.body
    assert unchunked(made["chunks of one byte"].body) == sample.body
    assert made["no body"].body == b""


def test_a_bomb_is_small_on_the_wire() -> None:
    made = next(case for case in encoding_cases(order("createMessage")) if "blanks in" in case.about)
    assert len(made.body) < 20_000
    assert len(gzip.decompress(made.body)) > 8_000_000


def test_media_types_change_the_label_alone() -> None:
    sample = order("createMessage").sample
    made = list(media_cases(order("createMessage")))
    assert {case.body for case in made} == {sample.body}
    assert {case.header("Content-Type") for case in made} >= {"", "text/plain", "application/json; charset=utf-8"}
    assert {case.promise for case in made if case.header("Content-Type") == "application/json; charset=utf-8"} == {
        "served"
    }


def test_a_query_is_set_and_the_rest_of_it_kept() -> None:
    made = by_about(bound_cases(order("getUsage")))
    assert made["days is 91"].target == "/v1/usage?days=91"
    assert made["days is ['7', '91']"].target == "/v1/usage?days=7&days=91"
    assert made["end_date with query.start_date is 2026-05-01"].target == (
        "/v1/usage?start_date=2026-05-29&end_date=2026-05-01"
    )
    alt = by_about(bound_cases(order("streamGeminiContent")))["alt is xml"]
    assert alt.target.endswith(":streamGenerateContent?alt=xml")


def test_a_path_is_set_and_its_query_kept() -> None:
    made = by_about(bound_cases(order("streamGeminiContent")))
    assert made["model is no-such-model-7f3a91"].target == (
        "/v1beta/models/no-such-model-7f3a91:streamGenerateContent?alt=sse"
    )
    task = by_about(bound_cases(order("cancelImageTask")))
    assert task["task_id is no-such-task"].target == "/v1/images/tasks/no-such-task/cancel"


def test_a_member_is_set_where_it_is_and_added_where_it_is_not() -> None:
    made = by_about(bound_cases(order("createMessage")))
    assert parsed(made['messages[0].role is "narrator"'].body)["messages"] == [{**TURN, "role": "narrator"}]
    assert parsed(made["metadata.user_id is 17"].body)["metadata"] == {"user_id": 17}
    assert "messages" not in parsed(made["no messages"].body)
    assert made["model is null"].promise == "refused"
    assert made['max_tokens is "16"'].promise == "refused_assumed"
    assert made['max_tokens is "text"'].promise == "refused"
    assert made["max_tokens is 4294967296"].tokens >= 16


def test_an_alias_has_the_bounds_of_its_standard() -> None:
    made = by_about(bound_cases(order("createResponseCodexAlias")))
    assert {case.target for case in made.values()} == {"/backend-api/codex/responses"}
    assert made["no input"].promise == "refused"


def test_an_edit_has_cases_as_json_and_as_a_form() -> None:
    made = by_about(bound_cases(order("editImage")))
    assert made["no images"].header("Content-Type") == "application/json"
    assert parsed(made["no images"].body) == {
        name: value for name, value in bounds().documents["editImage"].items() if name != "images"
    }
    assert form_of(FORM_TYPE, made["no image"].body) == form_of(
        FORM_TYPE, form(("model", "gpt-image-2"), ("prompt", "Hello"))
    )
    many = form_of(FORM_TYPE, made["n is many"].body)
    assert many is not None
    assert many.parts[-1].endswith(b"\r\n\r\nmany")


def test_a_form_is_read_and_written_to_the_byte() -> None:
    found = form_of(FORM_TYPE, FORM)
    assert found is not None
    assert found.body == FORM
    assert len(found.parts) == 3
    assert form_of("application/json", FORM) is None
    assert form_of("multipart/form-data; boundary=other", FORM) is None


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_bound_of_an_operation_has_its_cases(operation: str) -> None:
    standard = operation.removesuffix("CodexAlias")
    members = {bound.member for bound in bounds().of(standard)}
    assert members == {case.where for case in bound_cases(order(operation))}


def parsed(body: bytes) -> Any:
    """The body as this Python reads it; ``None`` where it is no JSON or no UTF-8."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def unchunked(body: bytes) -> bytes:
    whole = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            assert body == b"\r\n"
            return whole
        whole, body = whole + body[:length], body[length:].removeprefix(b"\r\n")
