from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.exchange import Ending
from tests.judging.build import exchange, sse
from tests.judging.message_cases import (
    STREAM_HEADERS,
    TOOLS,
    Events,
    broken_clauses,
    call_block,
    disturbed,
    edited,
    events_of,
    examined_clauses,
    message,
    question,
    stream,
    streamed,
    text_block,
    thinking_block,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmapi_conformance.evidence.exchange import Exchange

WHOLE = message(thinking_block(), text_block(), call_block(0), call_block(1), reason="tool_use")
TOOLED = question("Hello", tools=TOOLS)
ERROR = ("error", {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})


def position(events: Events, name: str, number: int = 0) -> int:
    return [index for index, (each, _) in enumerate(events) if each == name][number]


def test_a_conforming_stream_is_looked_at_by_every_rule_but_those_of_errors() -> None:
    rules = {f"MSG-S{number:02}" for number in range(1, 19)} - {"MSG-S15", "MSG-S16"}
    assert examined_clauses(streamed(WHOLE, TOOLED)) >= rules
    assert broken_clauses(streamed(WHOLE, TOOLED)) == set()


def insert(name: str, *added: tuple[str | None, Any], number: int = 0, after: bool = False) -> Callable[[Events], None]:
    def edit(events: Events) -> None:
        at = position(events, name, number) + after
        events[at:at] = copy.deepcopy(list(added))

    return edit


def drop(name: str, number: int = 0) -> Callable[[Events], Any]:
    return lambda events: events.pop(position(events, name, number))


def change(name: str, path: str, value: Any, number: int = 0) -> Callable[[Events], None]:
    def edit(events: Events) -> None:
        *steps, last = path.split(".")
        target = events[position(events, name, number)][1]
        for step in steps:
            target = target[step]
        target[last] = value

    return edit


def unnamed(events: Events) -> None:
    events[:] = [(None, data) for _, data in events]


def overlap(events: Events) -> None:
    events.insert(position(events, "content_block_stop"), events.pop(position(events, "content_block_start", 1)))


def shifted(events: Events) -> None:
    for _, data in events:
        if "index" in data:
            data["index"] += 1


PING = ("ping", {"type": "ping"})
UNKNOWN = ("message_annotation", {"type": "message_annotation", "note": "new"})
STOP = ("message_stop", {"type": "message_stop"})
CITATION = (
    "content_block_delta",
    {"type": "content_block_delta", "index": 1, "delta": {"type": "citations_delta", "citation": {}}},
)
START = ("message_start", {"type": "message_start", "message": message(content=[], reason=None)})
LATE_BLOCK = (
    "content_block_start",
    {"type": "content_block_start", "index": 4, "content_block": {"type": "text", "text": ""}},
)
BLOCK_STOP = ("content_block_stop", {"type": "content_block_stop", "index": 0})
HIGHER = ("message_delta", {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 6}})
WRONG_DELTA = {"type": "input_json_delta", "partial_json": ""}
DELTA = ("message_delta", {"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": 2}})


@pytest.mark.parametrize(
    "edit",
    [
        insert("message_start", PING),
        insert("content_block_delta", PING, UNKNOWN),
        insert("message_stop", PING, UNKNOWN),
        insert("message_delta", DELTA),
        change("message_start", "message.usage.output_tokens", 9),
        change("message_delta", "usage.input_tokens", 14),
        change("content_block_delta", "delta.type", "delta_of_tomorrow", 2),
        change("content_block_start", "content_block.citations", None, 1),
        insert("content_block_stop", CITATION, number=1),
    ],
    ids=["C3 first", "C3 C5 between", "C3 C5 late", "two deltas", "C8", "C6", "C5 delta", "null member", "citation"],
)  # fmt: skip
def test_a_legal_variation_has_no_finding(edit: Callable[[Events], Any]) -> None:
    assert broken_clauses(edited(edit, WHOLE, TOOLED)) == set()


@pytest.mark.parametrize(
    "body",
    [
        sse(events_of(WHOLE)).replace(b"event: ", b"event:").replace(b"data: ", b"data:"),
        sse(events_of(WHOLE)).replace(b"\n", b"\r\n"),
        b": hello\n\n" + sse(events_of(WHOLE)).replace(b"\n\n", b"\n\n: still here\n"),
    ],
    ids=["C1 no space", "C2 CRLF", "C3 comments"],
)
def test_a_legal_framing_has_no_finding(body: bytes) -> None:
    one = exchange(mode="stream", body=body, headers=STREAM_HEADERS, request_json=TOOLED | {"stream": True})
    assert broken_clauses(one) == set()
    assert "MSG-S04" in examined_clauses(one)


@pytest.mark.parametrize(
    ("edit", "clauses"),
    [
        (unnamed, {"MSG-S01"}),
        (change("content_block_delta", "type", "content_delta"), {"MSG-S02"}),
        (lambda events: events.append((None, "[DONE]")), {"MSG-S03"}),
        (overlap, {"MSG-S04"}),
        (drop("message_start"), {"MSG-S04"}),
        (insert("message_start", START), {"MSG-S04"}),
        (insert("message_stop", LATE_BLOCK), {"MSG-S04", "MSG-S05"}),
        (drop("content_block_stop", 1), {"MSG-S04", "MSG-S05"}),
        (insert("content_block_stop", BLOCK_STOP), {"MSG-S04", "MSG-S05"}),
        (change("message_start", "message.content", [text_block()]), {"MSG-S06"}),
        (change("message_start", "message.stop_reason", "end_turn"), {"MSG-S06"}),
        (change("message_start", "message.usage", None), {"MSG-S06"}),
        (change("message_start", "message", "text"), {"MSG-S06"}),
        (drop("message_stop"), {"MSG-S04", "MSG-S07"}),
        (lambda events: events.append(STOP), {"MSG-S04", "MSG-S07"}),
        (lambda events: events.append(PING), {"MSG-S04", "MSG-S07"}),
        (shifted, {"MSG-S08"}),
        (change("content_block_delta", "delta", WRONG_DELTA, 2), {"MSG-S09"}),
        (change("content_block_delta", "delta", {"text": "untyped"}, 2), {"MSG-S09"}),
        (change("content_block_start", "content_block.text", "Hel", 1), {"MSG-S10"}),
        (change("content_block_start", "content_block.input", {"a": 1}, 2), {"MSG-S10"}),
        (change("content_block_delta", "delta.partial_json", '{"place":', 5), {"MSG-S11"}),
        (change("content_block_delta", "delta.partial_json", 7, 5), {"MSG-S11"}),
        (drop("content_block_delta", 1), {"MSG-S12"}),
        (drop("message_delta"), {"MSG-S04", "MSG-S13"}),
        (change("message_delta", "delta", {}), {"MSG-S13"}),
        (change("message_delta", "usage", None), {"MSG-S13"}),
        (insert("message_delta", HIGHER), {"MSG-S14"}),
        (lambda events: [events.pop(position(events, "content_block_delta", 2)) for _ in range(2)], {"MSG-S18"}),
    ],
)  # fmt: skip
def test_a_stream_that_breaks_a_rule_is_found(edit: Callable[[Events], Any], clauses: set[str]) -> None:
    found = broken_clauses(edited(edit, WHOLE, TOOLED))
    assert clauses <= found
    assert {clause for clause in found if clause.startswith("MSG-S")} == clauses


def test_the_token_limit_may_leave_the_last_block_open() -> None:
    def cut(events: Events) -> None:
        events.pop(position(events, "content_block_stop", 3))
        events[position(events, "message_delta")][1]["delta"]["stop_reason"] = "max_tokens"

    assert broken_clauses(edited(cut, WHOLE, TOOLED)) == set()


def test_a_stream_that_stays_open_after_its_end_is_found() -> None:
    body = sse(events_of(message()))
    slow = stream(events=None, chunks=[(0.1, body), (9.0, b": still here\n")])
    assert broken_clauses(slow) == {"MSG-S17"}


def test_an_empty_stream_has_no_order() -> None:
    assert broken_clauses(stream([])) == {"MSG-S04"}


def test_another_body_than_a_stream_is_not_looked_at() -> None:
    one = exchange(mode="stream", body=b"{}", headers=(("content-type", "application/json"), ("request-id", "r")))
    assert broken_clauses(one) == set()


@pytest.mark.parametrize("ending", [Ending.CUT, Ending.RESET, Ending.CAPPED])
def test_a_stream_that_was_cut_is_no_finding_of_the_order(ending: Ending) -> None:
    assert broken_clauses(stream(events_of(message())[:5], ending=ending)) == set()


def test_a_stream_that_falls_silent_has_no_end() -> None:
    assert broken_clauses(stream(events_of(message())[:5], ending=Ending.TIMEOUT)) >= {"MSG-S04", "MSG-S07"}


def failed(*tail: tuple[str | None, Any]) -> Exchange:
    return disturbed(stream([*events_of(message())[:5], *tail]))


def test_an_error_event_ends_a_stream() -> None:
    assert broken_clauses(failed(ERROR)) == set()
    assert examined_clauses(failed(ERROR)) >= {"MSG-S04", "MSG-S15", "MSG-S16"}
    assert "MSG-S04" in broken_clauses(failed(ERROR, STOP))


@pytest.mark.parametrize(
    ("data", "clause"),
    [
        ({"type": "error", "error": "overloaded"}, "MSG-S15"),
        ({"type": "error", "error": {"message": "no type"}}, "MSG-S15"),
        ({"error": {"type": "api_error", "message": "no"}}, "MSG-S15"),
        ({"type": "error", "error": {"type": "server_error", "message": "OpenAI's"}}, "MSG-S16"),
    ],
)
def test_an_error_event_of_another_shape_is_found(data: Any, clause: str) -> None:
    assert clause in broken_clauses(failed(("error", data)))
