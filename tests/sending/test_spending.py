"""What a run costs: usage as answers report it, money by the price list, and reports that nobody should believe."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.sending import scenario as scenarios
from llmapi_conformance.sending.plan import make_plan
from llmapi_conformance.sending.scenario import Cost, Instance, Scenario, scenario
from llmapi_conformance.sending.spending import Charge, Forecast, forecast, model_of, settled, spent, unbounded
from llmapi_conformance.sending.usage import Usage, may_be_charged, usage_of
from llmapi_conformance.target.prices import Price, Prices, Spending
from llmapi_conformance.target.target import Role, Target
from tests.judging.build import exchange
from tests.judging.response_cases import response
from tests.judging.websocket_cases import ask, frame, socket, turn

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

OPENAI = "general:openai"
PRICES = Prices(
    {
        "small": Price(Decimal("0.25"), Decimal(2)),
        "large": Price(Decimal(3), Decimal(15)),
        "painter": Price(image=Decimal("0.04")),
    },
    "EUR",
)
TARGET = Target(
    "mine",
    "http://127.0.0.1:1",
    {OPENAI: Role(OPENAI, ("small", "large"))},
    offers=frozenset({"chat"}),
    prices=PRICES,
)
DECLARED = Cost(2, 10_000, 4_000)
TURN = response()["usage"]


async def _nothing(session: object) -> None: ...


ASKING = Instance(Scenario("made_by_hand", "chat", _nothing, role=OPENAI, cost=DECLARED), {})


def chat(usage: object, *, model: str = "small", **changes: Any) -> Exchange:
    body = {"choices": [], "usage": usage} if usage is not None else {"choices": []}
    made = {"operation": "createChatCompletion", "path": "/v1/chat/completions", "body": body} | changes
    return exchange(request_json={"model": model}, **made)


ANSWERS: dict[str, tuple[Exchange, Usage]] = {
    "chat": (chat({"prompt_tokens": 17, "completion_tokens": 5}), Usage(17, 5, 0)),
    "chat without usage": (chat(None), Usage(None, None, 0)),
    "responses": (
        exchange(operation="createResponse", body={"usage": {"input_tokens": 9, "output_tokens": 4}}),
        Usage(9, 4, 0),
    ),
    "messages with a cache": (
        exchange(body={"usage": {"input_tokens": 9, "cache_read_input_tokens": 100, "output_tokens": 4}}),
        Usage(109, 4, 0),
    ),
    "messages streamed": (
        exchange(
            mode="stream",
            events=[
                ("message_start", {"message": {"usage": {"input_tokens": 12, "output_tokens": 1}}}),
                ("message_delta", {"usage": {"output_tokens": 30}}),
                ("message_stop", {"type": "message_stop"}),
            ],
        ),
        Usage(12, 30, 0),
    ),
    "responses streamed": (
        exchange(
            operation="createResponse",
            mode="stream",
            events=[
                ("response.created", {"response": {"usage": None}}),
                ("response.completed", {"response": {"usage": {"input_tokens": 7, "output_tokens": 8}}}),
            ],
        ),
        Usage(7, 8, 0),
    ),
    "gemini with thoughts": (
        exchange(
            operation="generateGeminiContent",
            body={"usageMetadata": {"promptTokenCount": 6, "candidatesTokenCount": 3, "thoughtsTokenCount": 40}},
        ),
        Usage(6, 43, 0),
    ),
    "gemini as an array": (
        exchange(
            operation="streamGeminiContent",
            body=[
                {"usageMetadata": {"promptTokenCount": 6, "candidatesTokenCount": 1}},
                {"usageMetadata": {"promptTokenCount": 6, "candidatesTokenCount": 9}},
            ],
        ),
        Usage(6, 9, 0),
    ),
    "two images": (
        exchange(
            operation="generateImage",
            body={"data": [{}, {}], "usage": {"input_tokens": 20, "output_tokens": 544}},
        ),
        Usage(20, 544, 2),
    ),
    "two turns of a WebSocket, and a message that asks for nothing": (
        socket(turn(), frame({"type": "response.cancel"}, sent=True), turn()),
        Usage(2 * TURN["input_tokens"], 2 * TURN["output_tokens"], 0),
    ),
    "a turn of a WebSocket that got no usage": (socket(turn(), ask()), Usage(None, None, None)),
    "an answer that broke off": (
        chat({"prompt_tokens": 17, "completion_tokens": 5}, ending=Ending.CUT),
        Usage(None, None, None),
    ),
    "a task that has only begun": (
        exchange(operation="submitImageTask", status=202, body={"id": "t", "usage": {"input_tokens": 1}}),
        Usage(None, None, None),
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_usage_is_read_in_every_protocol(name: str) -> None:
    answer, used = ANSWERS[name]
    assert may_be_charged(answer)
    assert usage_of(answer) == used


@pytest.mark.parametrize(
    "hostile",
    [-5, -(10**30), 10**30, 2_000_001, "17", "NaN", True, 1.5, None, [], {}, 0],
    ids=repr,
)
def test_a_number_that_can_not_be_is_not_believed_and_the_declared_counts(hostile: Any) -> None:
    answer = chat({"prompt_tokens": hostile, "completion_tokens": hostile})
    assert usage_of(answer) == Usage(None, None, 0)
    assert settled(TARGET, ASKING, DECLARED, [answer]).cost == replace(DECLARED, requests=1)


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b"not json", b"[1, null, {}]", b'{"usage": [1]}', b'{"usage": {"prompt_tokens": {"a": 1}}}', b""],
    ids=["nested", "no JSON", "array", "usage as an array", "a number as an object", "empty"],
)
def test_an_answer_without_sense_costs_what_was_declared(body: bytes) -> None:
    assert settled(TARGET, ASKING, DECLARED, [chat(None, body=body)]).cost == replace(DECLARED, requests=1)


def test_a_negative_number_beside_a_good_one_takes_nothing_off() -> None:
    answers = [
        chat({"prompt_tokens": 20_000, "completion_tokens": 10}),
        chat({"prompt_tokens": -20_000, "completion_tokens": 10}, step=2),
    ]
    assert settled(TARGET, ASKING, DECLARED, answers).cost == Cost(2, 20_000, 4_000)


@pytest.mark.parametrize(
    ("answer", "charged"),
    [
        (chat({"prompt_tokens": 1}), True),
        (chat(None, status=400), False),
        (chat(None, status=503), False),
        (exchange(operation="countMessageTokens", body={"input_tokens": 9}), False),
        (exchange(operation="cancelImageTask", body={}), False),
        (exchange(operation="listModels", method="GET", body={}), False),
        (exchange(operation="upstream:log", body={}), False),
        (exchange(operation="", body={}), True),  # nobody knows what it did
        (replace(chat(None), response=None, failure="no answer"), True),
    ],
)
def test_what_was_refused_read_or_counted_costs_nothing(answer: Exchange, *, charged: bool) -> None:
    assert may_be_charged(answer) is charged


def test_money_is_what_a_hand_computes() -> None:
    # 1,000 in at 3 and 200 out at 15 a million: 0.003 + 0.003; 400 in at 0.25 and 50 out at 2: 0.0001 + 0.0001.
    answers = [
        chat({"prompt_tokens": 1_000, "completion_tokens": 200}, model="large"),
        chat({"prompt_tokens": 400, "completion_tokens": 50}, model="small", step=2),
    ]
    assert settled(TARGET, ASKING, DECLARED, answers) == Charge(Cost(2, 1_400, 250), Decimal("0.0062"))


def test_an_image_costs_by_the_piece_and_an_unknown_model_the_most_that_any_does() -> None:
    painting = Instance(Scenario("made_by_hand", "images", _nothing, role=OPENAI, models=("painter",)), {})
    body = {"data": [{}, {}, {}], "usage": {"input_tokens": 20, "output_tokens": 900}}
    made = exchange(operation="generateImage", body=body, request_json={"model": "painter"})
    assert settled(TARGET, painting, Cost(1, 20, 400, 1), [made]).money == Decimal("0.12")
    unknown = chat({"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000}, model="no-such-model")
    assert settled(TARGET, ASKING, DECLARED, [unknown]).money == Decimal(18)


def test_what_got_no_answer_may_have_been_done_and_is_counted_once_more() -> None:
    silent = replace(chat(None), response=None, failure="no answer in 60 s")
    once = settled(TARGET, ASKING, DECLARED, [silent])
    assert once == Charge(Cost(1, 10_000, 4_000), Decimal("0.09"))  # 10,000 at 3 and 4,000 at 15 a million
    answer = replace(chat({"prompt_tokens": 17, "completion_tokens": 5}), attempt=2)
    assert settled(TARGET, ASKING, DECLARED, [silent, answer]) == Charge(Cost(2, 20_000, 8_000), Decimal("0.18"))


def test_the_model_is_found_in_body_and_path() -> None:
    assert model_of(chat(None, model="small")) == "small"
    assert model_of(exchange(path="/v1beta/models/gem%2Dini:generateContent")) == "gem-ini"
    assert model_of(exchange(request_json=["model"])) == ""


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios, "SCENARIOS", {})
    for module in ("plan", "spending"):
        monkeypatch.setattr(f"llmapi_conformance.sending.{module}.SCENARIOS", scenarios.SCENARIOS)


@pytest.mark.usefixtures("registry")
def test_a_forecast_takes_the_dearest_model_and_names_those_without_a_price() -> None:
    @scenario(surface="chat", role=OPENAI, cost=Cost(1, 1_000_000, 100_000))
    async def asks(session: object) -> None: ...

    @scenario(surface="images", role=OPENAI, cost=Cost(1, 0, 0, 2), models=["painter", "unpriced"])
    async def paints(session: object) -> None: ...

    @scenario(surface="chat", role=OPENAI, cost=Cost(5))
    async def reads(session: object) -> None: ...

    plan = make_plan(TARGET, [*asks.instances(), *reads.instances()])
    assert forecast(TARGET, plan).charge == Charge(Cost(6, 1_000_000, 100_000), Decimal("4.5"))
    assert forecast(TARGET, plan).unpriced == ()
    target = replace(TARGET, offers=frozenset({"chat", "images"}))
    plan = make_plan(target, [*asks.instances(), *paints.instances()])
    assert forecast(target, plan).charge.money == Decimal("4.58")
    assert forecast(target, plan).unpriced == ("unpriced",)
    assert unbounded(target, plan) == ""
    limited = replace(target, spending=Spending(money=Decimal("0.5")))
    assert unbounded(limited, plan) == (
        "The target file limits money to 0.5 EUR and names no price for unpriced; add "
        '[prices."unpriced"] and so on, or take spending.money out.'
    )
    assert unbounded(limited, make_plan(TARGET, reads.instances())) == ""


@pytest.mark.usefixtures("registry")
def test_what_a_target_does_not_offer_costs_nothing_and_needs_no_price() -> None:
    @scenario(surface="images", role=OPENAI, cost=Cost(1, 0, 0, 2), models=["unpriced"])
    async def paints(session: object) -> None: ...

    limited = replace(TARGET, spending=Spending(money=Decimal("0.5")))
    plan = make_plan(limited, paints.instances())
    assert forecast(limited, plan) == Forecast(Charge(Cost(0)))
    assert unbounded(limited, plan) == ""
    assert plan.steps[0].obstacle == "the target does not offer the surface images"


@pytest.mark.usefixtures("registry")
def test_what_was_spent_is_told_from_the_exchanges_alone() -> None:
    @scenario(surface="chat", role=OPENAI, cost=DECLARED)
    async def made_by_hand(session: object) -> None: ...

    known = chat({"prompt_tokens": 1_000, "completion_tokens": 200}, model="large")
    free = exchange(operation="listModels", method="GET", step=2)
    clean_up = replace(exchange(operation="cancelImageTask", step=3), scenario="cleanup")
    assert spent(TARGET, [known, free, clean_up]).document("EUR") == {
        "requests": 3,
        "input_tokens": {"declared": 10_000, "observed": 1_000},
        "output_tokens": {"declared": 4_000, "observed": 200},
        "images": {"declared": 0, "observed": 0},
        "money": {"amount": 0.006, "currency": "EUR"},
    }
    unpriced = replace(TARGET, prices=Prices({"small": Price(Decimal(1))}))
    assert spent(unpriced, [known]).document("EUR")["money"] is None
