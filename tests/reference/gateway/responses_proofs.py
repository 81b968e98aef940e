"""What the faults of Responses, of its WebSocket and of the aliases change on the wire."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.reference.gateway.responding import GPT, PATH, TOOL, ask, kinds, message, stream
from tests.reference.gateway.sockets import handshake, socket

if TYPE_CHECKING:
    from collections.abc import Callable

HI = "@upstream echo usage=17,5,3\nhello"
CALLS = "@upstream tool_calls=2\nx"
BROKEN = "@upstream echo chunks=5 eof after=2\nabcde"
CUT = "@upstream echo stop=length\nabc"
OTHER = f"{GPT}+other_tenant"


def status(answer: Any) -> int:
    return int(answer.status_code)


def shape(answer: Any) -> tuple[int, str]:
    return status(answer), answer.headers["content-type"].partition(";")[0]


def data(site: Any, kind: str, text: str = HI, **fields: Any) -> list[dict[str, Any]]:
    return [event for _, event in stream(site, text, **fields) if event["type"] == kind]


def foreign(site: Any) -> list[int]:
    """Reading, continuing and deleting with the key of another tenant, then reading with the owner's."""
    stored = ask(site, HI).json()["id"]
    path = f"{PATH}/{stored}"
    return [
        status(site.get(path, OTHER)),
        status(ask(site, "x", OTHER, previous_response_id=stored)),
        status(site.client.delete(path, headers=site.headers(OTHER))),
        status(site.get(path, GPT)),
    ]


def item_ids(site: Any) -> int:
    """How many ids the added, the done and the final event give to one item."""
    events = stream(site, HI)
    ids = {event["item"]["id"] for _, event in events if "item" in event}
    return len({*ids, events[-1][1]["response"]["output"][0]["id"]})


def numbers(site: Any) -> list[int]:
    return [event["sequence_number"] for _, event in stream(site, HI)][:5]


def named_items(site: Any) -> bool:
    """Whether the deltas name the item that was added."""
    events = stream(site, HI)
    added = next(event["item"]["id"] for _, event in events if event["type"] == "response.output_item.added")
    return all(event["item_id"] == added for _, event in events if event["type"].endswith("text.delta"))


def response_ids(site: Any) -> int:
    return len({event["response"]["id"] for _, event in stream(site, HI) if "response" in event})


def gaps(site: Any) -> bool:
    found = [event["sequence_number"] for _, event in stream(site, HI)]
    return found != list(range(len(found)))


def arguments(site: Any) -> bool:
    """Whether the deltas of the first call add up to its done event."""
    events = [event for _, event in stream(site, CALLS, tools=[TOOL]) if event.get("output_index") == 0]
    parts = [event["delta"] for event in events if event["type"] == "response.function_call_arguments.delta"]
    done = next(event for event in events if event["type"] == "response.function_call_arguments.done")
    return "".join(parts) == str(done["arguments"])


def cut(site: Any) -> list[str]:
    return [ask(site, CUT).json()["status"], kinds(stream(site, CUT))[-1]]


def upstream_body(site: Any, given: Any, **fields: Any) -> dict[str, Any]:
    """What the upstream is asked."""
    ask(site, given, **fields)
    found: dict[str, Any] = site.upstream.log[-1].body
    return found


def outputs(site: Any) -> str:
    call = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "call_1", "output": "seen"}
    return str(upstream_body(site, [message("x"), call, output])["input"][-1]["output"])


def deleted(site: Any) -> list[int]:
    path = f"{PATH}/{ask(site, HI).json()['id']}"
    return [status(site.client.delete(path, headers=site.headers(GPT))), status(site.get(path, GPT))]


def call_ids(site: Any) -> list[int]:
    whole = ask(site, CALLS, tools=[TOOL]).json()["output"]
    done = data(site, "response.output_item.done", CALLS, tools=[TOOL])
    return [len({item["call_id"] for item in whole}), len({event["item"]["call_id"] for event in done})]


def talking(observe: Callable[[Any], Any], **headers: str) -> Callable[[Any], Any]:
    """Make an observation of a connection one of a site."""

    def observed(site: Any) -> Any:
        with socket(site, **headers) as talk:
            return observe(talk)

    return observed


def last_kind(talk: Any, text: str = HI, **fields: Any) -> str:
    """The type of the last message of a turn, or why there is none."""
    try:
        return str(talk.turn(text, **fields)[-1]["type"])
    except ConnectionClosed as closed:
        return f"closed {closed.rcvd.code if closed.rcvd else None}"


def booked_turns(site: Any) -> int:
    key = site.key(GPT)
    with socket(site, x_api_key=key) as talk:
        for _ in range(3):
            talk.turn(HI)
    return int(site.usage(key)["usage"]["total"]["requests"])


def behind_the_end(talk: Any) -> str | bytes | None:
    talk.turn(HI)
    found: str | bytes | None = talk.soon()
    return found


def foreign_turn(site: Any) -> str:
    stored = ask(site, HI).json()["id"]
    with socket(site, x_api_key=site.gateway.keys[OTHER]) as talk:
        return last_kind(talk, "x", previous_response_id=stored)


def first_message(talk: Any) -> str:
    talk.send(input=HI)
    found = talk.raw()
    return type(found).__name__ if isinstance(found, bytes) else found[:6]


def arrays(talk: Any) -> bool:
    talk.send(input=HI)
    while True:
        found = json.loads(talk.raw())
        if isinstance(found, list) or found["type"] == "response.completed":
            return isinstance(found, list)


def at_once(site: Any) -> bool:
    """Whether the second turn is answered while the first still goes on."""
    token = f"t{time.monotonic_ns()}"
    with socket(site) as talk:
        talk.send(input=f"@upstream echo chunks=2 hold-until={token}\nab")
        first = talk.receive()["response"]["id"]
        talk.send(input="@upstream echo\ncd")
        others: set[str] = set()
        while (message := talk.soon()) is not None:
            event = json.loads(message)
            others |= {event["response"]["id"]} if "response" in event else set()
        site.release(token)
    return bool(others - {first})


def second_turn_numbers(talk: Any) -> int:
    talk.turn(HI)
    return int(talk.turn(HI)[0]["sequence_number"])


def unstored(talk: Any) -> str:
    first = talk.turn(HI, store=False)[-1]["response"]["id"]
    return last_kind(talk, "x", previous_response_id=first)


def goes_on(site: Any) -> bool:
    """Whether the upstream sends everything to a client that has closed."""
    nonce = f"n{time.monotonic_ns()}"
    with socket(site) as talk:
        talk.send(input=f"@upstream echo nonce={nonce} chunks=30 every=20ms\n{'x' * 30}")
        talk.receive()
    until = time.monotonic() + 30
    while time.monotonic() < until:
        entry = site.upstream_saw(nonce)[0]
        if entry.finished or entry.disconnected:
            break
        time.sleep(0.02)
    return bool(entry.deltas_sent == 30 and not entry.disconnected)


def spread(talk: Any) -> bool:
    """Whether the first message comes long before the last one."""
    talk.send(input="@upstream echo chunks=4 every=500ms\nabcd")
    first = talk.soon()
    talk.events()
    return first is not None


def answered(talk: Any) -> bool:
    """Whether something that is no message is answered."""
    talk.connection.send("no json")
    return talk.soon() is not None


def upgrade(role: str, path: str = PATH) -> Callable[[Any], int]:
    return lambda site: handshake(site, path, x_api_key=site.gateway.keys[role])[0]


def keyless(site: Any) -> int:
    try:
        with socket(site, x_nothing="x"):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def booked_alias(site: Any) -> int:
    key = site.key(GPT)
    site.client.post("/responses", headers={"x-api-key": key}, json={"model": "gpt-5.1", "input": HI})
    return int(site.usage(key)["usage"]["total"]["requests"])


def posted(*paths: str, role: str = GPT) -> Callable[[Any], list[int]]:
    return lambda site: [status(ask(site, "hi", role, path)) for path in paths]


def bare(path: str) -> Callable[[Any], int]:
    return lambda site: status(site.client.post(path, json={"model": "gpt-5.1", "input": "hi"}))


def ends(kind: str, text: str = HI) -> Callable[[Any], int]:
    return lambda site: kinds(stream(site, text)).count(kind)


# fault -> what is observed, what the conforming gateway shows, what the faulty one shows
RESPONSES_PROOFS: dict[str, tuple[Any, Any, Any]] = {
    "M07": (foreign, [404, 400, 404, 200], [200, 200, 200, 404]),
    "M21": (
        lambda site: [kinds(stream(site, HI))[-1] for _ in range(4)],
        ["response.completed"] * 4,
        ["response.output_text.done", *["response.completed"] * 2, "response.output_text.done"],
    ),
    "M22": (item_ids, 1, 3),
    "R01": (numbers, [0, 1, 2, 3, 4], [1, 2, 3, 4, 5]),
    "R02": (numbers, [0, 1, 2, 3, 4], [0, 1, 2, 4, 5]),
    "R03": (ends("response.completed"), 1, 2),
    "R04": (lambda site: data(site, "response.output_text.done")[0]["text"], "hello", "hell"),
    "R05": (named_items, True, False),
    "R06": (lambda site: len(data(site, "response.completed")[0]["response"]["output"]), 1, 0),
    "R07": (lambda site: {name for name, _ in stream(site, HI)} == {None}, False, True),
    "R08": (lambda site: data(site, "response.created")[0]["response"]["status"], "in_progress", "completed"),
    "R09": (
        lambda site: (kinds(stream(site, BROKEN))[-2:], gaps(site)),
        (["error", "response.failed"], False),
        (["response.output_text.delta", "response.completed"], False),
    ),
    "R10": (response_ids, 1, 2),
    "R11": (lambda site: (ends("response.content_part.added")(site), gaps(site)), (1, False), (0, False)),
    "R12": (arguments, True, False),
    "R13": (lambda site: status(ask(site, "x", previous_response_id="resp_none")), 400, 200),
    "R14": (cut, ["incomplete", "response.incomplete"], ["completed", "response.completed"]),
    "R15": (
        lambda site: [
            ask(site, HI).json()["usage"]["total_tokens"],
            data(site, "response.completed")[0]["response"]["usage"]["total_tokens"],
        ],
        [22, 22],
        [5, 5],
    ),
    "R16": (lambda site: upstream_body(site, "x", instructions="Be brief.").get("instructions"), "Be brief.", None),
    "R17": (outputs, "seen", ""),
    "R18": (bare(f"{PATH}/input_tokens"), 401, 200),
    "R19": (lambda site: shape(ask(site, "x", path=f"{PATH}/x")), (404, "application/json"), (200, "text/html")),
    "R20": (deleted, [200, 404], [200, 200]),
    "R21": (call_ids, [2, 2], [1, 1]),
    "R22": (lambda site: data(site, "response.output_item.added")[0]["output_index"], 0, 1),
    "R23": (lambda site: "code" in data(site, "error", BROKEN)[0]["error"], True, False),
    "R24": (lambda site: "output" in ask(site, HI).json(), True, False),
    "R25": (lambda site: ask(site, HI).json()["created_at"] > 10**11, False, True),
    "R26": (
        lambda site: site.get(f"{PATH}/{ask(site, HI).json()['id']}", GPT).json()["status"],
        "completed",
        "in_progress",
    ),
    "R27": (
        lambda site: len(upstream_body(site, [message("x")], previous_response_id=ask(site, HI).json()["id"])["input"]),
        3,
        1,
    ),
    "R28": (
        lambda site: ask(site, CALLS, tools=[TOOL]).json()["output"][0]["arguments"],
        '{"n":0}',
        '{\n "n": 0\n}',
    ),
    "R29": (
        lambda site: (kinds(stream(site, HI))[0], gaps(site)),
        ("response.created", False),
        ("response.in_progress", False),
    ),
    "R30": (lambda site: data(site, "response.created")[0]["response"]["usage"] is None, True, False),
    "R31": (ends("response.failed", BROKEN), 1, 0),
    "R32": (lambda site: "x_new" in upstream_body(site, "x", x_new=1), True, False),
    "R33": (
        lambda site: "name" in data(site, "response.function_call_arguments.done", CALLS, tools=[TOOL])[0],
        True,
        False,
    ),
    "R34": (lambda site: ask(site, HI).json()["usage"]["input_tokens_details"]["cached_tokens"], 3, 18),
    "R35": (lambda site: "error" in data(site, "error", BROKEN)[0], True, False),
    "M36": (talking(last_kind), "response.completed", "closed 1000"),
    "B3": (booked_turns, 3, 1),
    "W01": (talking(behind_the_end), None, "[DONE]"),
    "W02": (keyless, 401, 101),
    "W03": (foreign_turn, "error", "response.completed"),
    "W04": (talking(lambda talk: "status" in talk.turn("x", model="none")[-1]), True, False),
    "W05": (talking(first_message), '{"type', "bytes"),
    "W06": (talking(first_message), '{"type', "event:"),
    "W07": (
        talking(lambda talk: [last_kind(talk), talk.closing()]),
        ["response.completed", None],
        ["response.completed", 1000],
    ),
    "W08": (talking(second_turn_numbers), 0, 11),
    "W09": (talking(lambda talk: {event.get("stream_id") for event in talk.turn(HI, stream_id="a")}), {"a"}, {None}),
    "W10": (at_once, False, True),
    "W11": (lambda site: shape(site.get(PATH, GPT)), (426, "application/json"), (200, "text/html")),
    "W12": (upgrade(f"{GPT}+exhausted"), 403, 101),
    "W13": (talking(lambda talk: last_kind(talk, previous_response_id="resp_x")), "error", "response.completed"),
    "W14": (talking(lambda talk: last_kind(talk, BROKEN)), "response.failed", "response.completed"),
    "W15": (upgrade(f"{GPT}+rate_limited"), 429, 101),
    "W16": (talking(lambda talk: [last_kind(talk, model="none"), talk.closing()]), ["error", None], ["error", 1008]),
    "W17": (talking(arrays), False, True),
    "W18": (lambda site: handshake(site, x_goog_api_key=site.gateway.keys[GPT])[0], 101, 401),
    "W19": (talking(unstored), "response.completed", "error"),
    "W20": (talking(lambda talk: len(talk.turn(HI, generate=False)[-1]["response"]["output"])), 0, 1),
    "W21": (goes_on, False, True),
    "W22": (talking(spread), True, False),
    "W23": (talking(answered), True, False),
    "W24": (
        talking(lambda talk: [event["sequence_number"] for event in talk.turn(HI)][-2:]),
        [9, 10],
        [7, 8],
    ),
    "W25": (upgrade("image:batch"), 403, 101),
    "L02": (
        lambda site: shape(site.post("/chat/completions", GPT, {})),
        (400, "application/json"),
        (200, "text/html"),
    ),
    "L03": (bare("/responses"), 401, 200),
    "L04": (lambda site: ask(site, "x", path="/responses", model="none").json().get("type"), None, "error"),
    "L05": (
        lambda site: [status(site.get(path, GPT)) for path in ("/models", "/usage")],
        [404, 404],
        [200, 200],
    ),
    "L06": (lambda site: kinds(stream(site, HI, "/responses")).count("response.completed"), 1, 0),
    "L07": (
        posted("/backend-api/codex/responses", "/backend-api/codex/responses/input_tokens"),
        [200, 200],
        [404, 404],
    ),
    "L08": (booked_alias, 1, 0),
    "L09": (upgrade(GPT, "/responses"), 101, 404),
    "L10": (posted("/responses", PATH, role="image:batch"), [403, 403], [200, 403]),
    "L11": (posted("/responses", "/responses/input_tokens", PATH), [200, 200, 200], [404, 404, 200]),
    "L12": (
        lambda site: [status(site.post(path, GPT, {})) for path in ("/images/generations", "/images/edits")],
        [400, 400],
        [404, 404],
    ),
}
