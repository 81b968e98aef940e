from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracles import responses_stored as oracles
from tests.judging.build import exchange
from tests.judging.response_cases import (
    found,
    judged,
    log,
    message,
    plain,
    question,
    reasoning,
    response,
    stream,
    streamed,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

MEMORY = "heron-0123456789abcdef"
OWN = response(message("Which word?"), id="resp_2", previous_response_id="resp_1")


def error(status: int, text: str, kind: str = "invalid_request_error", code: Any = None) -> dict[str, Any]:
    return {
        "status": status,
        "body": {"error": {"message": text, "type": kind, "param": None, "code": code}},
    }


def continued(response_id: str, *, body: Any = None, status: int = 200, role: str = "general:openai") -> Exchange:
    return plain(OWN if body is None else body, question(previous_response_id=response_id), status=status, role=role)


def below(response_id: str, *, method: str = "GET", status: int = 200, body: Any = None, verb: str = "") -> Exchange:
    answer = {"id": response_id, "object": "response", "deleted": True} if body is None else body
    path = f"/v1/responses/{response_id}{verb}"
    return exchange(operation="", method=method, path=path, status=status, body=answer, role="general:openai")


FIRST = plain()
UNKNOWN = continued("resp_x9", **error(400, "Response 'resp_x9' not found", code="previous_response_not_found"))
FOREIGN = continued("resp_1", **error(400, "Response 'resp_1' not found", code="previous_response_not_found"))


def test_a_response_has_to_go_on_from_the_earlier_one() -> None:
    oracle = oracles.the_conversation_is_continued
    for body in (
        {"input": [{"role": "user", "content": f"say {MEMORY}"}, {"role": "user", "content": "Which word?"}]},
        {"input": "Which word?", "previous_response_id": "resp_1"},
        {"input": "Which word?", "previous_response_id": "resp_of_the_upstream"},
    ):
        assert judged(oracle, FIRST, continued("resp_1"), log(body), MEMORY) == (1, [])
    assert found(oracle, FIRST, continued("resp_1"), log({"input": "Which word?"}), MEMORY) == 1
    assert found(oracle, FIRST, FOREIGN, log(), MEMORY) == 1
    assert judged(oracle, FIRST, continued("resp_1"), None, MEMORY) == (1, [])
    assert found(oracle, FIRST, continued("resp_1", body=OWN | {"previous_response_id": None}), None, MEMORY) == 1
    assert judged(oracle, plain({}, status=500), UNKNOWN, None, MEMORY) == (0, [])


def test_an_unknown_response_must_not_be_continued() -> None:
    oracle = oracles.an_unknown_response_is_not_continued
    assert judged(oracle, UNKNOWN, log()) == (1, [])
    assert judged(oracle, UNKNOWN, None) == (1, [])
    assert judged(oracle, UNKNOWN, log({}, deltas_sent=0)) == (1, [])
    assert found(oracle, UNKNOWN, log({}, deltas_sent=3)) == 1
    assert found(oracle, continued("resp_x9"), log({}, deltas_sent=3)) == 1
    assert found(oracle, continued("resp_x9", **error(502, "upstream")), None) == 1


def test_a_response_of_another_tenant_must_not_be_continued() -> None:
    oracle = oracles.a_foreign_response_is_not_continued
    own = continued("resp_1")
    assert judged(oracle, own, UNKNOWN, FOREIGN, log(), MEMORY) == (1, [])
    leaked = {"input": [f"remember {MEMORY}", "Which word?"]}
    for foreign, record in (
        (own, log(leaked)),
        (own, None),
        (continued("resp_1", body=response(message(MEMORY))), None),
        (continued("resp_1", **error(403, "Response belongs to somebody else")), log()),
        (continued("resp_1", **error(400, "Response 'resp_1' is not yours")), log()),
        (FOREIGN, log(leaked)),
    ):
        assert found(oracle, own, UNKNOWN, foreign, record, MEMORY) == 1
    assert judged(oracle, FOREIGN, UNKNOWN, own, log(leaked), MEMORY) == (0, [])


def test_a_gateway_that_ignores_the_member_for_everyone_leaks_nothing() -> None:
    ignored = continued("resp_x9"), continued("resp_1")
    record = log({"input": "Which word?"}, deltas_sent=3)
    assert judged(oracles.a_foreign_response_is_not_continued, ignored[1], *ignored, record, MEMORY) == (1, [])


def test_a_second_key_has_to_be_treated_alike() -> None:
    oracle = oracles.a_second_key_is_treated_alike
    own, read = continued("resp_1"), below("resp_1", body=response())
    missing = below("resp_1", **error(404, "not found"))
    assert judged(oracle, own, read, read, own) == (1, [])
    assert judged(oracle, own, read, missing, FOREIGN) == (1, [])
    assert found(oracle, own, read, missing, own) == 1
    assert found(oracle, own, read, read, FOREIGN) == 1
    assert judged(oracle, own, missing, missing, own) == (0, [])
    assert judged(oracle, FOREIGN, read, read, FOREIGN) == (0, [])


def test_a_stored_response_has_to_be_read_as_it_ended() -> None:
    oracle = oracles.a_stored_response_is_read_as_it_ended
    whole = response(reasoning(encrypted_content="one"), message(), id="resp_1")
    for created in (plain(whole), stream(streamed(whole))):
        assert judged(oracle, created, below("resp_1", body=whole)) == (1, [])
        again = response(reasoning(encrypted_content="two"), message(), id="resp_1", user=None)
        assert judged(oracle, created, below("resp_1", body=again)) == (1, [])
        for wrong in (
            whole | {"id": "resp_2"},
            whole | {"output": []},
            whole | {"status": "in_progress"},
            {"object": "list"},
        ):
            assert found(oracle, created, below("resp_1", body=wrong)) == 1
        assert found(oracle, created, below("resp_1", **error(500, "broken"))) == 1
        assert judged(oracle, created, below("resp_1", **error(404, "no such route"))) == (0, [])


def test_a_deleted_response_has_to_be_gone() -> None:
    oracle = oracles.a_deleted_response_is_gone
    deleted, missing = below("resp_1", method="DELETE"), below("resp_1", **error(404, "not found"))
    assert judged(oracle, deleted, missing) == (1, [])
    assert found(oracle, deleted, below("resp_1", body=response())) == 1
    assert judged(oracle, below("resp_1", method="DELETE", **error(405, "no")), missing) == (0, [])


def attempts(response_id: str, **told: Any) -> dict[str, Exchange]:
    """What a key gets for reading, cancelling and deleting; ``told`` replaces one of them."""
    refused = error(404, f"Response with id '{response_id}' not found.")
    made = {
        "read": below(response_id, **refused),
        "cancel": below(response_id, method="POST", verb="/cancel", **refused),
        "delete": below(response_id, method="DELETE", **refused),
    }
    return made | told


def test_a_response_of_another_tenant_has_to_be_as_good_as_unknown() -> None:
    oracle = oracles.a_foreign_response_is_as_good_as_unknown
    kept, gone = below("resp_1", body=response()), below("resp_1", **error(404, "not found"))
    unknown = attempts("resp_x9")
    assert judged(oracle, kept, kept, attempts("resp_1"), unknown) == (4, [])
    for told in (
        {"read": below("resp_1", body=response())},
        {"delete": below("resp_1", method="DELETE")},
        {"cancel": below("resp_1", method="POST", verb="/cancel", **error(400, "not in the background"))},
        {"read": below("resp_1", **error(403, "Response with id 'resp_1' not found."))},
        {"read": below("resp_1", **error(404, "This response is somebody else's."))},
        {"read": below("resp_1", **error(404, "Response with id 'resp_1' not found.", kind="not_found_error"))},
    ):
        assert found(oracle, kept, kept, attempts("resp_1", **told), unknown) == 1
    assert found(oracle, kept, gone, attempts("resp_1"), unknown) == 1
    assert judged(oracle, gone, gone, attempts("resp_1", read=kept), unknown) == (0, [])


def test_a_subpath_has_to_ask_for_a_key() -> None:
    for status, wrong in ((401, 0), (200, 1), (404, 1), (500, 1)):
        assert found(oracles.a_subpath_asks_for_a_key, plain({}, status=status)) == wrong


def test_an_unknown_subpath_has_to_be_refused() -> None:
    oracle = oracles.an_unknown_subpath_is_refused
    assert judged(oracle, plain(**error(404, "There is no such operation"))) == (1, [])
    for wrong in (
        plain(b"<html>"),
        plain(b"<html>", status=404),
        plain({"detail": "Not Found"}, status=404),
        plain(**error(502, "upstream")),
    ):
        assert found(oracle, wrong) == 1


@pytest.mark.parametrize("count", [0, -1, True, "7", 7.5, None])
def test_a_count_has_to_be_a_number(count: Any) -> None:
    assert found(oracles.input_tokens_are_counted, plain({"input_tokens": count}), None) == 1


def test_input_tokens_have_to_be_counted_without_generating() -> None:
    oracle = oracles.input_tokens_are_counted
    counted = plain({"object": "response.input_tokens", "input_tokens": 7})
    assert judged(oracle, counted, log({}, deltas_sent=0)) == (1, [])
    assert judged(oracle, counted, None) == (1, [])
    assert found(oracle, counted, log({}, deltas_sent=2)) == 1
    assert found(oracle, plain(**error(500, "broken")), None) == 1
    assert judged(oracle, plain(**error(404, "no")), None) == (0, [])


def test_compacting_has_to_bring_items() -> None:
    oracle = oracles.an_input_is_compacted
    good = plain({"object": "response.compaction", "output": [{"type": "compaction", "encrypted_content": "x"}]})
    assert judged(oracle, good) == (1, [])
    body: Any
    for body in ({"output": []}, {"output": ["x"]}, {"output": None}, []):
        assert found(oracle, plain(body)) == 1
    assert found(oracle, plain(**error(500, "broken"))) == 1
    assert judged(oracle, plain(**error(405, "no"))) == (0, [])
