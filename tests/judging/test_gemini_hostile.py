"""No answer, however odd, makes an oracle of Gemini, Antigravity, images or usage raise, and every clause has one."""

from __future__ import annotations

import copy
import inspect
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmapi_conformance.contract.clauses import Status, load_clauses
from llmapi_conformance.judging.oracle import ORACLES, Oracle
from llmapi_conformance.tree import tree
from tests.judging import image_cases
from tests.judging.build import exchange
from tests.judging.gemini_cases import ENCODED, answer, call, judged, listed, log, plain, question, scripted, sse
from tests.judging.test_usage import QUOTA, WALLET, told

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

PREFIXES = ("GEM-", "AGY-", "IMG-", "USE-")
MINE = [oracle for oracle in ORACLES.values() if oracle.clause.startswith(PREFIXES)]
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
ASKED = question(
    scripted(f"echo thinking tool_calls=2 arguments={ENCODED} usage=41,23,8"), generationConfig={"stopSequences": ["W"]}
)
WHOLE = answer({"text": "x", "thoughtSignature": "c2ln"}, call(), responseId="r")
FIXED = {"held": -1, "paced": [0.5], "name": "models/a", "own": {}, "calls": []}


def test_every_active_clause_has_an_oracle() -> None:
    active = {
        name
        for name, clause in load_clauses(tree() / "specs").items()
        if name.startswith(PREFIXES) and clause.status is Status.ACTIVE
    }
    assert active == {oracle.clause for oracle in MINE}


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


def subjects(oracle: Oracle, one: Exchange) -> list[tuple[Any, ...]]:
    """What to feed an oracle with: the odd exchange wherever it takes one."""
    names = [
        name
        for name, parameter in inspect.signature(oracle.function).parameters.items()
        if parameter.kind is not inspect.Parameter.VAR_POSITIONAL
    ]
    if not names:
        return [(one, one)]
    return [tuple([one] if name == "answers" else FIXED.get(name, one) for name in names)]


def run_all(one: Exchange) -> None:
    for oracle in MINE:
        if oracle.on is None or oracle.on.covers(one):
            for each in subjects(oracle, one):
                for observed in judged(oracle, *each)[1]:
                    assert observed
                    observed.encode()


def everywhere(body: bytes) -> list[Exchange]:
    """An odd body at each of the operations, with each status."""
    return [
        made(body=body, status=status) if made is not plain else plain(body, ASKED, status=status)
        for status in (200, 400, 401)
        for made in (plain, sse, listed, image_cases.generated, image_cases.streamed, usage_of, models_of)
    ]


def usage_of(body: bytes, status: int) -> Exchange:
    return told(body, status=status)


def models_of(body: bytes, status: int) -> Exchange:
    return exchange(operation="listGeminiModels", method="GET", path="/v1beta/models", body=body, status=status)


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"null", b"[]", b"[1]", b"{}", b'"x"', b"[[]]", b"data: \n\n", b"data: [1]\n\n", b"[" * 3000],
)
def test_an_odd_body_raises_nothing(body: bytes) -> None:
    for one in everywhere(body):
        run_all(one)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_an_odd_value_anywhere_raises_nothing(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([WHOLE, image_cases.answer(), QUOTA, WALLET, {"error": {"code": 1}}]))
    odd = replaced(whole, data.draw(st.sampled_from(paths(whole))), data.draw(ODD))
    text = json.dumps(odd).encode("utf-8", "surrogatepass")
    forms = [
        lambda: sse(body=b"data: " + text + b"\n\n", asked=ASKED),
        lambda: listed(body=b"[" + text + b"," + text + b"]", asked=ASKED),
        lambda: image_cases.streamed(body=b"event: image_generation.completed\ndata: " + text + b"\n\n"),
        lambda: log(odd),
        lambda: data.draw(st.sampled_from(everywhere(text))),
    ]
    run_all(data.draw(st.sampled_from(forms))())


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_an_odd_request_raises_nothing(data: st.DataObject) -> None:
    odd = replaced(ASKED, data.draw(st.sampled_from(paths(ASKED))), data.draw(ODD))
    run_all(plain(WHOLE, odd))
    run_all(image_cases.generated(asked=odd))
