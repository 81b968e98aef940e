"""Messages and Chat, native and converted, through the scripted upstream."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

TEXT = 'Grüße, 世界! 👩‍👩‍👧 \u2028 {"a": 1} \\ end'
PATHS = ("/v1/messages", "/v1/chat/completions")
ROLES = ("general:anthropic", "general:openai")
CELLS = [(path, role) for path in PATHS for role in ROLES]
STOP = {"/v1/messages": "stop_reason", "/v1/chat/completions": "finish_reason"}


def whole(site: Any, path: str, role: str, text: str, **fields: Any) -> dict[str, Any]:
    """A whole answer, in the form that a fold of its stream has."""
    answer = site.ask(path, role, text, **fields)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    if path == "/v1/messages":
        return document
    choice = document["choices"][0]
    return {
        "content": choice["message"]["content"] or "",
        "tool_calls": choice["message"].get("tool_calls", []),
        "finish_reason": choice["finish_reason"],
        "usage": [document["usage"]],
        "model": document["model"],
    }


def folded(site: Any, asking: Any, path: str, role: str, text: str, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any]
    if path == "/v1/messages":
        found = asking.fold_messages(site.events(path, role, text, **fields))
    else:
        options = {"include_usage": True}
        found = asking.fold_chat(site.events(path, role, text, stream_options=options, **fields))
    return found


def text_of(path: str, answer: dict[str, Any]) -> str:
    if path != "/v1/messages":
        return str(answer["content"])
    return "".join(block["text"] for block in answer["content"] if block["type"] == "text")


def calls_of(path: str, answer: dict[str, Any]) -> list[tuple[str, Any]]:
    if path != "/v1/messages":
        calls = [call["function"] for call in answer["tool_calls"]]
        return [(call["name"], json.loads(call["arguments"])) for call in calls]
    return [(block["name"], block["input"]) for block in answer["content"] if block["type"] == "tool_use"]


@pytest.mark.parametrize(("path", "role"), CELLS)
def test_text_arrives_to_the_code_point_and_alike_in_both_modes(site: Any, asking: Any, path: str, role: str) -> None:
    directive = f"@upstream echo chunks=7 usage=17,5,3\n{TEXT}"
    once = whole(site, path, role, directive)
    stream = folded(site, asking, path, role, directive)
    assert text_of(path, once) == text_of(path, stream) == TEXT
    assert once[STOP[path]] == stream[STOP[path]] == ("end_turn" if path == "/v1/messages" else "stop")
    assert once["model"] == stream["model"] == asking.question(role, "")["model"]
    if path == "/v1/messages":
        for usage in (once["usage"], stream["usage"]):
            assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (14, 3, 5)
    else:
        for answer in (once, stream):
            usage = answer["usage"][-1]
            assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (17, 5, 22)
            assert usage["prompt_tokens_details"]["cached_tokens"] == 3


@pytest.mark.parametrize(("path", "role"), CELLS)
def test_tool_calls_arrive_with_their_arguments_in_both_modes(site: Any, asking: Any, path: str, role: str) -> None:
    arguments = '{"n": 9007199254740993, "x": [1.0, null, "é"]}'
    encoded = base64.urlsafe_b64encode(arguments.encode()).decode().rstrip("=")
    directive = f"@upstream echo tool_calls=3 text_then_tools arguments={encoded}\n{TEXT}"
    tools = asking.TOOLS[path]
    once = whole(site, path, role, directive, tools=tools)
    stream = folded(site, asking, path, role, directive, tools=tools)
    wanted = [(name, json.loads(arguments)) for name in ("look", "book", "look")]
    assert calls_of(path, once) == calls_of(path, stream) == wanted
    assert text_of(path, once) == text_of(path, stream) == TEXT
    assert once[STOP[path]] == stream[STOP[path]] == ("tool_use" if path == "/v1/messages" else "tool_calls")


@pytest.mark.parametrize(("path", "role"), CELLS)
@pytest.mark.parametrize(
    ("words", "anthropic", "openai"),
    [("stop=length", "max_tokens", "length"), ("stop=filtered", "refusal", "content_filter")],
)
def test_end_reasons_are_those_of_the_route(  # noqa: PLR0917 - the table has these columns
    site: Any, asking: Any, path: str, role: str, words: str, anthropic: str, openai: str
) -> None:
    wanted = anthropic if path == "/v1/messages" else openai
    assert whole(site, path, role, f"@upstream {words}\nx")[STOP[path]] == wanted
    assert folded(site, asking, path, role, f"@upstream {words}\nx")[STOP[path]] == wanted


@pytest.mark.parametrize(("path", "role"), CELLS)
def test_stop_strings_and_limits_reach_the_upstream(site: Any, asking: Any, path: str, role: str) -> None:
    name = "stop_sequences" if path == "/v1/messages" else "stop"
    nonce = f"stops{path[4:6]}{role[8:10]}"
    once = whole(site, path, role, f"@upstream echo nonce={nonce}\none STOP two", temperature=0.5, **{name: ["STOP"]})
    assert text_of(path, once) == "one "
    body = site.upstream_saw(nonce)[0].body
    assert body.get("stop_sequences", body.get("stop")) == ["STOP"]
    assert body["temperature"] == 0.5
    assert body.get("max_tokens", body.get("max_completion_tokens")) == 1000
    short = folded(site, asking, path, role, "@upstream echo\n" + "word " * 40, max_tokens=3)
    assert short[STOP[path]] == ("max_tokens" if path == "/v1/messages" else "length")


def test_a_stop_string_is_named_where_the_upstream_names_it(site: Any, asking: Any) -> None:
    for answer in (
        whole(site, "/v1/messages", "general:anthropic", "@upstream echo\na STOP b", stop_sequences=["STOP"]),
        folded(site, asking, "/v1/messages", "general:anthropic", "@upstream echo\na STOP b", stop_sequences=["STOP"]),
    ):
        assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "STOP")


def test_without_include_usage_no_usage_chunk_is_sent(site: Any) -> None:
    for role in ROLES:
        chunks = site.events("/v1/chat/completions", role, "hi")
        assert all("usage" not in chunk and chunk["choices"] for _, chunk in chunks[:-1])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "role"), CELLS)
def test_the_ledger_counts_what_was_answered(site: Any, path: str, role: str, stream: bool) -> None:  # noqa: FBT001 - a parameter of the table
    key = site.key(role)
    model = {"general:anthropic": "claude-sonnet-4-5", "general:openai": "gpt-5.1"}[role]
    body = {"model": model, "max_tokens": 9, "stream": stream}
    body["messages"] = [{"role": "user", "content": "@upstream usage=17,5,3\nx"}]
    assert site.client.post(path, headers={"x-api-key": key}, json=body).status_code == 200
    usage = site.usage(key)
    assert usage["model_stats"][0]["model"] == model
    for counted in (usage["usage"]["total"], usage["usage"]["today"], usage["daily_usage"][0], usage["model_stats"][0]):
        assert (counted["requests"], counted["input_tokens"], counted["output_tokens"]) == (1, 17, 5)
        assert counted["total_tokens"] == 22
        assert counted["cost"] > 0
    assert usage["remaining"] == usage["balance"] == pytest.approx(1000 - usage["usage"]["total"]["cost"])


def test_thinking_is_kept_natively_and_left_out_of_chat(site: Any, asking: Any) -> None:
    native = whole(site, "/v1/messages", "general:anthropic", "@upstream thinking\nx")
    assert [block["type"] for block in native["content"]] == ["thinking", "text"]
    for answer in (
        whole(site, "/v1/chat/completions", "general:anthropic", "@upstream echo thinking\nx"),
        folded(site, asking, "/v1/chat/completions", "general:anthropic", "@upstream echo thinking\nx"),
    ):
        assert answer["content"] == "x"


def test_headers_go_to_the_upstream_as_a_provider_wants_them_and_no_client_key_does(site: Any) -> None:
    for path, role in CELLS:
        nonce = f"heads{path[4:6]}{role[8:10]}"
        body: dict[str, Any] = {
            "model": {"general:anthropic": "claude-haiku-4-5", "general:openai": "gpt-5.1-mini"}[role]
        }
        body |= {"max_tokens": 5, "messages": [{"role": "user", "content": f"@upstream nonce={nonce} leak-headers\nx"}]}
        extra = {"anthropic-version": "2023-06-01", "anthropic-beta": "a-1,b-2", "cookie": "c=1", "x-mine": "1"}
        answer = site.post(path, role, body, **extra)
        entry = site.upstream_saw(nonce)[0]
        sent = {name.lower(): value for name, value in entry.headers}
        assert site.gateway.keys[role] not in str(sent)
        assert not {"cookie", "x-mine"} & set(sent)
        assert sent.get("anthropic-beta") == ("a-1,b-2" if (path, role) == CELLS[0] else None)
        assert not {"set-cookie", "x-internal-host", "x-goog-api-key", "server"} & set(answer.headers)


def test_a_cookie_of_the_upstream_is_not_kept(site: Any) -> None:
    assert site.ask("/v1/messages", "general:anthropic", "@upstream leak-headers\nx").status_code == 200
    assert site.ask("/v1/messages", "general:anthropic", "@upstream nonce=nocookie\nx").status_code == 200
    assert "cookie" not in {name.lower() for name, _ in site.upstream_saw("nocookie")[0].headers}


def test_unknown_fields_pass_natively(site: Any) -> None:
    for path, role in (CELLS[0], CELLS[3]):
        nonce = f"unknown{path[4:6]}"
        text = f"@upstream nonce={nonce}\nx"
        assert site.ask(path, role, text, x_unknown={"a": [1, 2.50, 12345678901234567890]}).status_code == 200
        assert site.upstream_saw(nonce)[0].body["x_unknown"] == {"a": [1, 2.5, 12345678901234567890]}


def test_tokens_are_counted_with_tools_and_system_and_not_booked(site: Any, asking: Any) -> None:
    key = site.key("general:anthropic")

    def count(**more: Any) -> int:
        body = asking.question("general:anthropic", "hello", max_tokens=None, **more)
        answer = site.client.post("/v1/messages/count_tokens", headers={"x-api-key": key}, json=body)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["input_tokens"])

    assert 0 < count() < count(system="s" * 400)
    assert count() < count(tools=asking.TOOLS["/v1/messages"])
    assert site.usage(key)["usage"]["total"]["requests"] == 0


def test_a_second_turn_with_tool_results_is_understood_on_both_platforms(site: Any, asking: Any) -> None:
    for path, role in CELLS:
        tools = asking.TOOLS[path]
        first = whole(site, path, role, "@upstream echo tool_calls=2 text_then_tools\nLooking", tools=tools)
        asked = {"role": "user", "content": "look"}
        if path == "/v1/messages":
            results = [
                {"type": "tool_result", "tool_use_id": block["id"], "content": "seen"}
                for block in first["content"]
                if block["type"] == "tool_use"
            ]
            last = [*results, {"type": "text", "text": "@upstream echo\nboth seen"}]
            turns = [asked, {"role": "assistant", "content": first["content"]}, {"role": "user", "content": last}]
        else:
            turns = [
                asked,
                {"role": "assistant", "content": first["content"], "tool_calls": first["tool_calls"]},
                *({"role": "tool", "tool_call_id": call["id"], "content": "seen"} for call in first["tool_calls"]),
                {"role": "user", "content": "@upstream echo\nboth seen"},
            ]
        second = whole(site, path, role, "", messages=turns, tools=tools)
        assert text_of(path, second) == "both seen"
