"""Each fault, and what of it is seen on the wire: the same requests to the conforming gateway and to the faulty one."""

from __future__ import annotations

import time
from typing import Any

import httpx2
import pytest

from llmapi_conformance.reference.faults import FAULTS
from llmapi_conformance.reference.gateway.faulty import IMPLEMENTED
from tests.reference.gateway.gemini_proofs import GEMINI_PROOFS
from tests.reference.gateway.generated_proofs import GENERATED_PROOFS
from tests.reference.gateway.images_proofs import IMAGE_PROOFS
from tests.reference.gateway.properties_proofs import PROPERTY_PROOFS
from tests.reference.gateway.responses_proofs import RESPONSES_PROOFS
from tests.reference.gateway.tasks_proofs import TASK_PROOFS
from tests.reference.gateway.usage_proofs import USAGE_PROOFS

MESSAGES, CHAT, COUNT, MODELS = "/v1/messages", "/v1/chat/completions", "/v1/messages/count_tokens", "/v1/models"
CLAUDE, GPT, IMAGE = "general:anthropic", "general:openai", "image:batch"
HI = "@upstream echo usage=17,5,3\nhi"
TOOL = {"name": "look", "input_schema": {"type": "object"}}
TOOLS = {MESSAGES: [TOOL], CHAT: [{"type": "function", "function": {"name": "look"}}]}
CUT = "@upstream echo eof after=3 chunks=5\nabcde"


def hello(role: str, text: str = HI, **fields: Any) -> dict[str, Any]:
    model = "gpt-5.1" if role.startswith(GPT) else "claude-sonnet-4-5"
    return {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": text}], **fields}


def status(answer: httpx2.Response) -> int:
    return int(answer.status_code)


def get(site: Any, path: str, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer: httpx2.Response = site.client.get(path, headers=named)
    return answer


def key(site: Any, role: str) -> str:
    return str(site.gateway.keys[role])


def unkeyed(site: Any) -> list[int]:
    paths = ("//v1/messages", "/V1/messages", "/v1/messages/", "/messages", "/v1/chat/completions/")
    url, body = site.gateway.base_url, hello(CLAUDE)
    return [status(site.client.post(url + path, json=body)) for path in paths]


def near_key(site: Any) -> tuple[int, int, int]:
    good = key(site, CLAUDE)
    near, far = good[:20] + "0" * (len(good) - 20), good[:19] + "x" + good[20:]
    return (
        status(get(site, MODELS, x_api_key=good)),
        status(get(site, MODELS, x_api_key=near)),
        status(get(site, MODELS, x_api_key=far)),
    )


def leak(site: Any) -> bool:
    text = site.ask(CHAT, GPT, "@upstream status=500\nx").text
    return site.upstream.provider_key in text and site.upstream.base_url in text


def stops(site: Any) -> tuple[str, str | None]:
    answer = site.ask(MESSAGES, CLAUDE, "@upstream echo\na STOP b", stop_sequences=["STOP"]).json()
    return answer["content"][0]["text"], answer["stop_sequence"]


def text_behind_result(site: Any) -> str:
    use = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "@upstream echo\nthe result"}
    turns = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result, {"type": "text", "text": "@upstream echo\nthe text"}]},
    ]
    answer = site.post(MESSAGES, CLAUDE, hello(CLAUDE, messages=turns, tools=[TOOL]))
    return str(answer.json()["content"][0]["text"])


def arrivals(site: Any) -> bool:
    """Whether the stream's head comes long before its end."""
    body = hello(GPT, "@upstream echo chunks=4 every=60ms\nabcd", stream=True)
    started = time.monotonic()
    with site.client.stream("POST", CHAT, headers=site.headers(GPT), json=body) as answer:
        head = time.monotonic() - started
        answer.read()
        return head < 0.5 * (time.monotonic() - started)


def straddling(site: Any) -> int:
    text = "世界😀" * 700
    return int(
        site.ask(MESSAGES, CLAUDE, f"@upstream echo chunks=20\n{text}", stream=True, max_tokens=9999).text.count(
            "\ufffd"
        )
    )


def ending(site: Any) -> tuple[bool, bool]:
    """Whether the stream has its terminal, and whether it ended within a second."""
    body = hello(CLAUDE, stream=True)
    seen = ""
    try:
        with site.client.stream("POST", MESSAGES, headers=site.headers(CLAUDE), json=body, timeout=1) as answer:
            for piece in answer.iter_text():
                seen += piece
    except httpx2.ReadTimeout:
        return "message_stop" in seen, False
    return "message_stop" in seen, True


def stop_reasons(site: Any) -> tuple[str, str]:
    text = "@upstream echo tool_calls=1 text_then_tools\nlook"
    events = site.events(MESSAGES, CLAUDE, text, tools=[TOOL])
    streamed = next(event["delta"]["stop_reason"] for name, event in events if name == "message_delta")
    return site.ask(MESSAGES, CLAUDE, text, tools=[TOOL]).json()["stop_reason"], streamed


def call_indices(site: Any) -> set[int]:
    events = site.events(CHAT, GPT, "@upstream tool_calls=2\nx", tools=TOOLS[CHAT])
    deltas = [chunk["choices"][0]["delta"] for _, chunk in events[:-1]]
    return {call["index"] for delta in deltas for call in delta.get("tool_calls") or []}


def counts(site: Any) -> bool:
    """Whether a system prompt counts."""
    base = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "hi"}]}
    plain = site.post(COUNT, CLAUDE, base).json()["input_tokens"]
    return bool(site.post(COUNT, CLAUDE, base | {"system": "s" * 400}).json()["input_tokens"] > plain)


def input_of_delta(site: Any) -> list[int]:
    events = site.events(MESSAGES, CLAUDE, HI)
    return [event["usage"]["input_tokens"] for name, event in events if name == "message_delta"]


def limited(site: Any) -> tuple[int, bool, str]:
    answer = site.post(CHAT, f"{GPT}+rate_limited", hello(GPT))
    return status(answer), "retry-after" in answer.headers, answer.json()["error"]["type"]


def encoding(site: Any) -> str | None:
    body = hello(CLAUDE, "@upstream echo\n" + "x" * 2000, max_tokens=2000)
    headers = site.headers(CLAUDE) | {"accept-encoding": "gzip"}
    with site.client.stream("POST", MESSAGES, headers=headers, json=body) as answer:
        found: str | None = answer.headers.get("content-encoding")
        return found


def disagreeing(site: Any) -> list[int]:
    good, other = key(site, GPT), key(site, CLAUDE)
    return [
        status(get(site, MODELS, authorization=f"Bearer {good}", x_api_key=other)),
        status(get(site, MODELS, authorization="Bearer bad", x_api_key=good)),
    ]


def booked(site: Any, path: str, body: Any, role: str) -> int:
    """How many requests stand in the books of a fresh key after one request."""
    fresh = site.key(role)
    site.client.post(path, headers={"x-api-key": fresh}, json=body)
    return int(site.usage(fresh)["usage"]["total"]["requests"])


def shape(answer: httpx2.Response) -> tuple[int, str]:
    return status(answer), answer.headers["content-type"].partition(";")[0]


def documents(answer: httpx2.Response) -> int:
    return answer.text.count('{"error"') + answer.text.count('{"type":"error"')


def deltas(site: Any, name: str) -> list[Any]:
    return [chunk["choices"][0][name] for _, chunk in site.events(CHAT, GPT, HI)[:-1] if chunk["choices"]]


def totals(site: Any) -> list[int]:
    asked = {"include_usage": True}
    chunks = [chunk for _, chunk in site.events(CHAT, GPT, HI, stream_options=asked)[:-1]]
    return [site.ask(CHAT, GPT, HI).json()["usage"]["total_tokens"], chunks[-1]["usage"]["total_tokens"]]


def first_index(site: Any) -> int:
    return next(int(event["index"]) for _, event in site.events(MESSAGES, CLAUDE, HI) if "index" in event)


def overlapping(site: Any) -> bool:
    text = "@upstream echo tool_calls=2 text_then_tools\nlook"
    opened = 0
    for name, _ in site.events(MESSAGES, CLAUDE, text, tools=[TOOL]):
        opened += {"content_block_start": 1, "content_block_stop": -1}.get(str(name), 0)
        if opened > 1:
            return True
    return False


def forwarded(site: Any) -> list[bool]:
    found = []
    for path, role in ((MESSAGES, CLAUDE), (CHAT, GPT)):
        nonce = f"k{time.monotonic_ns()}"
        assert site.ask(path, role, f"@upstream nonce={nonce}\nx").status_code == 200
        found.append(key(site, role) in str(site.upstream_saw(nonce)[0].headers))
    return found


def passed_back(site: Any) -> set[str]:
    answer = site.ask(CHAT, GPT, "@upstream leak-headers\nx")
    return {"set-cookie", "x-internal-host", "x-goog-api-key"} & set(answer.headers)


def goes_on(site: Any) -> bool:
    """Whether the upstream sends more than a few deltas to a client that has gone."""
    nonce = f"d{time.monotonic_ns()}"
    body = hello(GPT, f"@upstream echo nonce={nonce} chunks=30 every=20ms\n{'x' * 30}", stream=True)
    with site.client.stream("POST", CHAT, headers=site.headers(GPT), json=body) as answer:
        next(answer.iter_raw())
    until = time.monotonic() + 30
    while time.monotonic() < until:
        entry = site.upstream_saw(nonce)[0]
        if entry.finished or entry.disconnected:
            break
        time.sleep(0.02)
    return bool(entry.deltas_sent == 30 and not entry.disconnected)


def names(events: list[tuple[str | None, Any]]) -> list[bool]:
    return [name == event["type"] for name, event in events]


# fault -> what is observed, what the conforming gateway shows, what the faulty one shows
PROOFS: dict[str, tuple[Any, Any, Any]] = {
    "M01": (unkeyed, [404] * 5, [200] * 5),
    "M02": (near_key, (200, 401, 401), (200, 200, 401)),
    "M03": (leak, False, True),
    "M08": (lambda site: status(site.ask(CHAT, GPT, "x", model="none")), 404, 503),
    "M09": (
        lambda site: [status(site.ask(CHAT, GPT, "@upstream status=500\nx", stream=flag)) for flag in (False, True)],
        [502, 502],
        [200, 502],
    ),
    "M10": (
        lambda site: [status(site.ask(CHAT, GPT, "x", temperature="x", stream=flag)) for flag in (False, True)],
        [400, 400],
        [400, 200],
    ),
    "M11": (lambda site: site.post(MESSAGES, CLAUDE, {}).json().get("type"), "error", None),
    "M13": (
        lambda site: [
            *(status(site.ask(MESSAGES, CLAUDE, "x", max_tokens=wrong)) for wrong in (0, -5, "7")),
            status(site.post("/v1/responses", GPT, {"model": "gpt-5.1", "input": "x", "max_output_tokens": 0})),
        ],
        [400] * 4,
        [200] * 4,
    ),
    "M14": (
        lambda site: [
            [site.events(path, role, CUT)[-1][1] == "[DONE]", site.events(path, role, CUT)[-1][0] == "message_stop"]
            for path, role in ((CHAT, GPT), (MESSAGES, CLAUDE), (MESSAGES, GPT), (CHAT, CLAUDE))
        ],
        [[False, False]] * 4,
        [[True, False], [False, True], [False, True], [True, False]],
    ),
    "M15": (lambda site: site.ask(CHAT, GPT, HI, stream=True).text.count("[DONE]"), 1, 2),
    "M16": (lambda site: set(deltas(site, "finish_reason")), {None, "stop"}, {"", "stop"}),
    "M17": (arrivals, True, False),
    "M19": (lambda site: straddling(site) > 0, False, True),
    "M20": (ending, (True, True), (False, False)),
    "M23": (stop_reasons, ("tool_use", "tool_use"), ("tool_use", "end_turn")),
    "M24": (call_indices, {0, 1}, {0}),
    "M25": (lambda site: site.events(MESSAGES, CLAUDE, HI)[0][1]["message"]["usage"]["input_tokens"], 14, 0),
    "M26": (
        lambda site: site.events(CHAT, GPT, HI, stream_options={"include_usage": True})[-2][1]["choices"] == [],
        True,
        False,
    ),
    "M27": (counts, True, False),
    "M28": (input_of_delta, [14], [28]),
    "M29": (text_behind_result, "the text", "the result"),
    "M31": (stops, ("a ", "STOP"), ("a STOP b", None)),
    "M32": (lambda site: len(site.get(MODELS, CLAUDE).json()["data"]), 2, 9),
    "M37": (limited, (429, True, "rate_limit_error"), (429, False, "None")),
    "M40": (encoding, None, "gzip"),
    "A01": (lambda site: status(get(site, MODELS, authorization=f"bearer {key(site, GPT)}")), 200, 401),
    "A02": (lambda site: status(get(site, MODELS, x_goog_api_key=key(site, GPT))), 200, 401),
    "A03": (lambda site: status(get(site, f"{MODELS}?key={key(site, GPT)}")), 401, 200),
    "A04": (disagreeing, [401, 401], [200, 200]),
    "A05": (lambda site: "my-secret" in get(site, MODELS, x_api_key="my-secret").text, False, True),
    "A06": (lambda site: status(site.get(MODELS, f"{GPT}+disabled")), 401, 200),
    "A07": (lambda site: status(site.get(MODELS, f"{GPT}+expired")), 401, 200),
    "G01": (lambda site: status(site.post(COUNT, GPT, hello(GPT))), 404, 200),
    "G02": (lambda site: booked(site, COUNT, hello(CLAUDE), CLAUDE), 0, 1),
    "G03": (lambda site: status(site.post(MESSAGES, IMAGE, hello(CLAUDE))), 403, 200),
    "G04": (lambda site: booked(site, CHAT, {}, GPT), 0, 1),
    "E01": (lambda site: shape(site.client.get(MESSAGES)), (405, "application/json"), (404, "text/html")),
    "E02": (lambda site: documents(site.post(CHAT, GPT, {})), 1, 2),
    "E03": (lambda site: shape(site.client.get("/nowhere")), (404, "application/json"), (200, "text/html")),
    "E04": (lambda site: shape(site.post(CHAT, GPT, [])), (400, "application/json"), (500, "text/plain")),
    "E05": (lambda site: shape(site.post(CHAT, GPT, {})), (400, "application/json"), (400, "text/html")),
    "C01": (lambda site: sum("role" in delta for delta in deltas(site, "delta")) > 1, False, True),
    "C02": (lambda site: len({chunk["id"] for _, chunk in site.events(CHAT, GPT, HI)[:-1]}) > 1, False, True),
    "C03": (totals, [22, 22], [5, 5]),
    "S01": (lambda site: names(site.events(MESSAGES, CLAUDE, HI)).count(False), 0, 1),
    "S02": (lambda site: site.events(MESSAGES, CLAUDE, HI)[-1][1] == "[DONE]", False, True),
    "S03": (
        first_index,
        0,
        1,
    ),
    "S04": (overlapping, False, True),
    "K01": (forwarded, [False, False], [True, True]),
    "K02": (passed_back, set(), {"set-cookie", "x-internal-host", "x-goog-api-key"}),
    "L01": (lambda site: len(site.get(MODELS, CLAUDE).json()["data"]), 2, 4),
    "D01": (goes_on, False, True),
    **RESPONSES_PROOFS,
    **GEMINI_PROOFS,
    **IMAGE_PROOFS,
    **GENERATED_PROOFS,
    **USAGE_PROOFS,
    **TASK_PROOFS,
    **PROPERTY_PROOFS,
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_the_wire(house: Any, name: str) -> None:
    observe, conforming, faulty = PROOFS[name]
    assert observe(house.site()) == conforming
    assert observe(house.site(fault=name)) == faulty


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_leaves_the_rest_alone(house: Any, name: str) -> None:
    site = house.site(fault=name)
    assert status(site.get("/v1/usage", GPT)) == 200
    answer = site.ask(MESSAGES, GPT, "@upstream echo\nplain")
    assert (status(answer), answer.json()["content"]) == (200, [{"type": "text", "text": "plain"}])


def test_every_fault_is_described_and_implemented() -> None:
    assert set(FAULTS) == IMPLEMENTED == set(PROOFS)
    for name, fault in FAULTS.items():
        assert fault.name == name
        assert fault.summary
        assert fault.trigger


def test_an_unknown_fault_or_variation_is_refused(house: Any) -> None:
    for settings in ({"fault": "M99"}, {"variations": frozenset({"C99"})}):
        with pytest.raises(ValueError, match="choose"):
            house.start(**settings)
