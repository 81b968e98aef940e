"""No answer, however odd, makes an oracle of Messages raise, and every clause has an oracle."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmapi_conformance.contract.clauses import load_clauses
from llmapi_conformance.judging.oracle import ORACLES, Oracle
from llmapi_conformance.tree import tree
from tests.judging.build import exchange, sse
from tests.judging.message_cases import (
    ENCODED,
    STREAM_HEADERS,
    TOOLS,
    call_block,
    events_of,
    judged,
    log,
    message,
    plain,
    question,
    scripted,
    stream,
    text_block,
    thinking_block,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

WHOLE = message(thinking_block(), text_block(), call_block(0), call_block(1), reason="tool_use")
ASKED = question(scripted(f"echo tool_calls=2 arguments={ENCODED} usage=17,5,3"), tools=TOOLS, stop_sequences=["Welt"])
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.just("\ud800")
    | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
MESSAGES = [oracle for oracle in ORACLES.values() if oracle.clause.startswith("MSG-")]


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in inner for found in paths(each, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    if not path:
        return odd
    copied = copy.deepcopy(value)
    target = copied
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = odd
    return copied


def subjects(oracle: Oracle, one: Any) -> list[tuple[Any, ...]]:
    """What to feed an oracle with: the odd exchange in each place where it takes one."""
    names = oracle.function.__code__.co_varnames[: oracle.function.__code__.co_argcount]
    fixed = {"marker": "m", "name": "n", "text": "t", "held": -1, "deltas": 1}
    if not names:
        return [(one, one)]
    return [tuple(fixed.get(name, one if name == hostile else plain()) for name in names) for hostile in names]


def run_all(one: Any) -> None:
    for oracle in MESSAGES:
        if oracle.on is None or oracle.on.covers(one):
            for each in subjects(oracle, one):
                for deviation in judged(oracle, *each)[1]:
                    assert deviation.expected
                    assert deviation.observed
                    (deviation.expected + deviation.observed).encode()


def odd_stream(body: bytes) -> Exchange:
    return exchange(body=body, headers=STREAM_HEADERS, mode="stream", request_json=ASKED | {"stream": True})


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_member_of_another_type_makes_an_oracle_raise(data: st.DataObject) -> None:
    odd = data.draw(ODD)
    run_all(plain(dumped(replaced(WHOLE, data.draw(st.sampled_from(paths(WHOLE))), odd)), ASKED))
    events = events_of(WHOLE)
    number = data.draw(st.integers(0, len(events) - 1))
    name, told = events[number]
    events[number] = (name, dumped(replaced(told, data.draw(st.sampled_from(paths(told))), odd)).decode())
    run_all(stream(events, ASKED))
    requests = {"requests": [{"headers": [["a", "b"]], "body": {"messages": []}}]}
    run_all(plain(dumped(replaced(requests, data.draw(st.sampled_from(paths(requests))), odd))))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_no_bytes_make_an_oracle_raise(data: st.DataObject) -> None:
    body = sse(events_of(WHOLE))
    start = data.draw(st.integers(0, len(body)))
    mangled = body[:start] + data.draw(st.binary(max_size=8)) + body[data.draw(st.integers(start, len(body))) :]
    run_all(odd_stream(mangled))
    run_all(plain(data.draw(st.binary(max_size=40)), ASKED))


def test_deep_nesting_makes_no_oracle_raise() -> None:
    deep = b"[" * 50_000 + b"]" * 50_000
    run_all(plain(deep))
    run_all(plain(b'{"type":"message","content":' + deep + b"}"))
    run_all(odd_stream(b"event: message_start\ndata: " + deep + b"\n\n"))
    run_all(log())


@pytest.mark.parametrize("oracle", MESSAGES, ids=lambda oracle: oracle.clause)
def test_nothing_passes_on_answers_that_were_emptied(oracle: Oracle) -> None:
    for one in (plain(b"", ASKED), odd_stream(b""), plain(b"", status=429), plain(b"", status=400)):
        for each in subjects(oracle, one):
            if all(subject is one or not hasattr(subject, "body") for subject in each):
                examined, deviations = judged(oracle, *each)
                assert not examined or deviations


def test_every_active_clause_has_an_oracle() -> None:
    clauses = load_clauses(tree() / "specs").values()
    active = {clause.id for clause in clauses if clause.surface == "messages" and clause.status == "active"}
    assert {oracle.clause for oracle in MESSAGES} == active


@pytest.mark.parametrize("oracle", MESSAGES, ids=lambda oracle: oracle.clause)
def test_every_oracle_says_what_ought_to_be_true(oracle: Oracle) -> None:
    assert oracle.function.__doc__
