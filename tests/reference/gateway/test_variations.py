"""Each variation: it changes the wire, and a reader of the protocol reads the same."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from llmapi_conformance.reference.gateway.varied import IMPLEMENTED
from llmapi_conformance.reference.variations import VARIATIONS, variations_named
from tests.reference.gateway import sockets
from tests.reference.gateway.responding import PATH, ask
from tests.reference.gateway.tasks_shown import TASKS_SHOWN

BROKEN = "@upstream echo chunks=5 eof after=2\nabcde"
MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
CELLS = [(path, role) for path in (MESSAGES, CHAT) for role in ("general:anthropic", "general:openai")]
TEXT = "Grüße, 世界! 👩‍👩‍👧"
ASK = f"@upstream echo tool_calls=2 text_then_tools usage=17,5,3\n{TEXT}"


def raw(site: Any, path: str = MESSAGES, role: str = "general:anthropic") -> str:
    return str(site.ask(path, role, "@upstream echo\nabcdef", stream=True).text)


def writes(site: Any) -> int:
    """How many chunks of the transfer coding the body of a stream has."""
    host, _, port = site.gateway.base_url.removeprefix("http://").partition(":")
    body = (
        b'{"model":"gpt-5.1","stream":true,"messages":[{"role":"user","content":"@upstream echo chunks=6\\nabcdef"}]}'
    )
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
    head += f"x-api-key: {site.gateway.keys['general:openai']}\r\n\r\n"
    found = b""
    with socket.create_connection((host, int(port)), timeout=40) as connection:
        connection.sendall(head.encode() + body)
        while piece := connection.recv(65536):
            found += piece
    count, rest = 0, found.partition(b"\r\n\r\n")[2]
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if int(size, 16) == 0:
            return count
        count, rest = count + 1, rest[int(size, 16) + 2 :]


def usages(site: Any) -> list[Any]:
    events = site.events(MESSAGES, "general:anthropic", "@upstream echo usage=17,5,3\nabc")
    started = next(event["message"]["usage"] for name, event in events if name == "message_start")
    return [
        started["output_tokens"],
        {*started},
        *({*event["usage"]} for name, event in events if name == "message_delta"),
    ]


def chat_deltas(site: Any) -> list[Any]:
    events = site.events(CHAT, "general:openai", "@upstream echo\nabc")
    return [chunk["choices"][0]["delta"] for _, chunk in events[:-1]]


def message(site: Any) -> str:
    return str(site.post(MESSAGES, "general:anthropic", {}).json()["error"]["message"])


def has_length(site: Any) -> bool:
    return "content-length" in site.get("/v1/models", "general:openai").headers


def responses(site: Any) -> str:
    return str(ask(site, "@upstream echo\nabc", stream=True).text)


def stored(site: Any) -> int:
    response_id = ask(site, "x").json()["id"]
    return int(site.get(f"{PATH}/{response_id}", "general:openai").status_code)


def last_of_turn(site: Any) -> str:
    with sockets.socket(site) as talk:
        return str(talk.turn(BROKEN)[-1]["type"])


def pictures(site: Any) -> tuple[list[str], int]:
    body = {"prompt": "x", "size": "64x64", "n": 2}
    data = site.post("/v1/images/generations", "general:openai", body).json()["data"]
    return list(data[0]), len(data)


def partials(site: Any) -> int:
    body = {"prompt": "x", "size": "64x64", "stream": True, "partial_images": 3}
    return int(site.post("/v1/images/generations", "general:openai", body).text.count("event: image_generation.part"))


def gemini(site: Any) -> dict[str, Any]:
    body = {"contents": [{"parts": [{"text": "x"}]}]}
    url = "/v1beta/models/gemini-2.5-flash:generateContent"
    candidate: dict[str, Any] = site.post(url, "general:gemini", body).json()["candidates"][0]
    return candidate


# variation -> what is observed, and whether it differs so from the plain gateway
SHOWN: dict[str, Any] = {
    "C1": lambda plain, varied: "data:{" in raw(varied) and "data: " not in raw(varied) and "data: {" in raw(plain),
    "C2": lambda plain, varied: raw(varied).count("\r\n") == raw(varied).count("\n") and "\r" not in raw(plain),
    "C3": lambda plain, varied: (
        raw(varied).count("\n: still") > 4
        and raw(varied).count("event: ping") > raw(plain).count("event: ping") + 3
        and "ping" not in raw(varied, CHAT)
    ),
    "C4a": lambda plain, varied: writes(varied) < writes(plain),
    "C4b": lambda plain, varied: writes(varied) > 4 * writes(plain),
    "C5": lambda plain, varied: (
        "x_trace" in raw(varied) and "event: x_notice" in raw(varied) and "x_" not in raw(plain)
    ),
    "C6": lambda _plain, varied: {"input_tokens", "cache_read_input_tokens"} <= usages(varied)[-1],
    "C8": lambda _plain, varied: usages(varied)[0] == 1,
    "C9": lambda plain, varied: (
        chat_deltas(varied)[0] == {"role": "assistant"}
        and chat_deltas(varied)[-2:] == [{"content": ""}, {}]
        and chat_deltas(plain)[0] != {"role": "assistant"}
    ),
    "C12": lambda plain, varied: has_length(plain) and not has_length(varied),
    "C16": lambda plain, varied: (
        responses(varied).endswith("data: [DONE]\n\n")
        and responses(varied).count("[DONE]") > responses(plain).count("[DONE]")
    ),
    "V1": lambda plain, varied: (
        responses(varied).count("event: keepalive") > responses(plain).count("event: keepalive")
    ),
    "V2": lambda plain, varied: (stored(plain), stored(varied)) == (200, 404),
    "V3": lambda plain, varied: (last_of_turn(plain), last_of_turn(varied)) == ("response.failed", "error"),
    "C17": lambda plain, varied: (pictures(plain), pictures(varied)) == ((["b64_json"], 2), (["url"], 2)),
    "V5": lambda plain, varied: "index" in gemini(plain) and "index" not in gemini(varied),
    "V6": lambda plain, varied: (partials(plain), partials(varied)) == (3, 1),
    "C14": lambda plain, varied: message(varied) != message(plain) and message(plain) in message(varied),
    **TASKS_SHOWN,
}


@pytest.mark.parametrize("name", VARIATIONS)
def test_a_variation_changes_the_wire(house: Any, name: str) -> None:
    assert SHOWN[name](house.site(), house.site(variations=frozenset({name})))


@pytest.mark.parametrize(
    "names", [*([name] for name in VARIATIONS), ["C1", "C2", "C3", "C4", "C5", "C9"]], ids="+".join
)
@pytest.mark.parametrize(("path", "role"), CELLS)
def test_a_varied_gateway_is_read_as_the_plain_one(
    house: Any, asking: Any, path: str, role: str, names: list[str]
) -> None:
    site = house.site(variations=frozenset(names))
    tools = asking.TOOLS[path]
    options = {"stream_options": {"include_usage": True}} if path == CHAT else {}
    events = [
        (name, event)
        for name, event in site.events(path, role, ASK, tools=tools, **options)
        if name not in ("ping", "x_notice")
    ]
    whole = site.ask(path, role, ASK, tools=tools).json()
    if path == MESSAGES:
        answer = asking.fold_messages(events)
        for found in (answer, whole):
            assert [block.get("text") for block in found["content"]] == [TEXT, None, None]
            assert [block.get("input") for block in found["content"]] == [None, {"n": 0}, {"n": 1}]
            assert (found["stop_reason"], found["usage"]["output_tokens"]) == ("tool_use", 5)
    else:
        answer = asking.fold_chat(events)
        assert answer["content"] == whole["choices"][0]["message"]["content"] == TEXT
        assert [call["function"]["arguments"] for call in answer["tool_calls"]] == ['{"n":0}', '{"n":1}']
        assert (answer["finish_reason"], answer["usage"][-1]["total_tokens"]) == ("tool_calls", 22)


@pytest.mark.parametrize("name", VARIATIONS)
def test_documented_literals_stay(house: Any, name: str) -> None:
    site = house.site(variations=frozenset({name}))
    assert site.client.get("/v1/usage").json() == {
        "type": "error",
        "error": {"type": "authentication_error", "message": "Invalid API key"},
    }
    empty = site.client.post(MESSAGES, headers=site.headers("general:anthropic"))
    assert empty.json()["error"] == {"type": "invalid_request_error", "message": "Request body is empty"}
    counted = site.post("/v1/messages/count_tokens", "general:openai", {})
    assert counted.json()["error"]["message"] == "Token counting is not supported for this platform"


@pytest.mark.parametrize("names", [["C4a"], ["C4b"], ["C4"], ["C3", "C2"]], ids="+".join)
def test_a_variation_does_not_hold_events_back(house: Any, names: list[str]) -> None:
    site = house.site(variations=frozenset(names))
    token = "step" + "".join(names)
    body = {"model": "gpt-5.1", "stream": True}
    body["messages"] = [{"role": "user", "content": f"@upstream echo chunks=3 step={token}\nabc"}]
    started = time.monotonic()
    with site.client.stream("POST", CHAT, headers=site.headers("general:openai"), json=body) as answer:
        pieces, seen = answer.iter_text(), ""
        for letter in "abc":
            while f'"content":"{letter}"' not in seen:
                seen += next(pieces)
            site.release(token)
    assert time.monotonic() - started < 20  # a token that nobody lets go holds for longer


def test_every_variation_is_described_and_implemented() -> None:
    assert set(VARIATIONS) == IMPLEMENTED == set(SHOWN)
    assert variations_named(["C4", "C2"]) == {"C4a", "C4b", "C2"}
    with pytest.raises(ValueError, match="C99"):
        variations_named(["C99"])
