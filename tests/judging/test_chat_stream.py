from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.contract.grammar import Grammar, load_grammar, stream_grammar
from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.judging.oracles import chat_stream
from llmapi_conformance.tree import tree
from tests.judging.build import sse
from tests.judging.chat_cases import (
    ARGUMENTS,
    CREATED,
    USAGE,
    WITH_USAGE,
    Events,
    broken_clauses,
    chunk,
    cut,
    examined_clauses,
    fragment,
    judged,
    question,
    stream,
    text_events,
    tool_events,
    usage_chunk,
)

if TYPE_CHECKING:
    from pathlib import Path

DONE: tuple[None, str] = (None, "[DONE]")
ERROR = (None, {"error": {"message": "the upstream failed", "type": "server_error", "param": None, "code": None}})
PRELUDE = (None, chunk({}) | {"id": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": []})
TWO: dict[str, Any] = {"n": 2}


def interleaved() -> Events:
    """Two choices, their chunks mixed."""
    events: Events = []
    for delta, reason in (({"role": "assistant"}, None), ({"content": "x"}, None), ({}, "stop")):
        events += [
            (None, chunk({}) | {"choices": [{"index": index, "delta": delta, "finish_reason": reason}]})
            for index in (0, 1)
        ]
    return [*events, DONE]


LEGAL: dict[str, Exchange] = {
    "text": stream(),
    "usage asked for": stream(text_events(usage=True), question(**WITH_USAGE)),
    "tool calls": stream(tool_events()),
    "role and text in the first delta": stream(
        [(None, chunk({"role": "assistant", "content": "Hi"})), (None, chunk({}, "stop")), DONE]
    ),
    "one chunk for all": stream([(None, chunk({"role": "assistant", "content": "Hi"}, "stop")), DONE]),
    "finish_reason beside the last text": stream(
        [(None, chunk({"role": "assistant"})), (None, chunk({"content": "Hi"}, "stop")), DONE]
    ),
    "C9 empty first and last delta": stream(
        [(None, chunk({"role": "assistant"})), (None, chunk({"content": "Hi"})), (None, chunk({}, "stop")), DONE]
    ),
    "usage null in every chunk": stream(
        [*((n, c | {"usage": None}) for n, c in text_events()[:-1]), (None, usage_chunk()), DONE],
        question(**WITH_USAGE),
    ),
    "C1 no space after the colon": stream(body=sse(text_events()).replace(b"data: ", b"data:")),
    "C2 CRLF": stream(body=sse(text_events()).replace(b"\n", b"\r\n")),
    "C3 comments": stream(body=sse(text_events()).replace(b"data: {", b": ping\n\ndata: {")),
    "C4 one byte at a time": stream(
        chunks=[(number / 1000, bytes([byte])) for number, byte in enumerate(sse(text_events()))]
    ),
    "C5 unknown members": stream(
        [(n, c if c == "[DONE]" else c | {"service_tier": "x", "obfuscation": "Zz9"}) for n, c in text_events()]
    ),
    "C5 usage beside the last choice": stream([*text_events()[:-2], (None, chunk({}, "stop", usage=USAGE)), DONE]),
    "Azure's prelude": stream([PRELUDE, *text_events()]),
    "two choices": stream(interleaved(), question(**TWO)),
    "an error ends it": stream([*text_events()[:-2], ERROR]),
    "an error and [DONE]": stream([*text_events()[:-2], ERROR, DONE]),
    "an error at once": stream([ERROR]),
    "a connection that was cut": cut(text_events()[:-2]),
    "later fragments with empty ids": stream(
        [
            (None, chunk({"role": "assistant", "tool_calls": fragment(0, '{"a"', first=True)["tool_calls"]})),
            (None, chunk({"tool_calls": [{"index": 0, "id": "", "function": {"name": "", "arguments": ":1}"}}]})),
            (None, chunk({}, "tool_calls")),
            DONE,
        ]
    ),
}


@pytest.mark.parametrize("name", LEGAL)
def test_a_legal_stream_has_no_finding(name: str) -> None:
    assert broken_clauses(LEGAL[name]) == set()


def test_a_legal_stream_is_looked_at_by_every_rule_of_streams() -> None:
    shape = {f"CHAT-S{number:02}" for number in range(1, 13)}
    assert examined_clauses(LEGAL["text"]) >= {*shape, "CHAT-N07", "CHAT-U06"}
    assert examined_clauses(LEGAL["usage asked for"]) >= {*shape, "CHAT-U02", "CHAT-U04", "CHAT-U05", "CHAT-U07"}
    assert examined_clauses(LEGAL["tool calls"]) >= {*shape, *(f"CHAT-T{number:02}" for number in range(2, 8))}


Change = Callable[[Events], Events]


def changed(position: int, **members: Any) -> Change:
    """The event at this position with other members."""

    def change(events: Events) -> Events:
        name, payload = events[position]
        return [*events[:position], (name, payload | members), *events[position + 1 :]]

    return change


def in_choice(position: int, **members: Any) -> Change:
    """The choice of the event at this position with other members, without those that are ``...``."""

    def change(events: Events) -> Events:
        made = copy.deepcopy(events)
        choice = made[position][1]["choices"][0] | members
        made[position][1]["choices"][0] = {name: value for name, value in choice.items() if value is not ...}
        return made

    return change


def put(position: int, *more: tuple[str | None, Any]) -> Change:
    """Further events before the one at this position."""
    return lambda events: [*events[:position], *more, *events[position:]]


def left_out(position: int, *members: str) -> Change:
    """The event at this position without these members."""

    def change(events: Events) -> Events:
        name, payload = events[position]
        kept = {member: value for member, value in payload.items() if member not in members}
        return [*events[:position], (name, kept), *events[position + 1 :]]

    return change


# Of the text: 0 role, 1 and 2 text, 3 finish_reason, 4 [DONE].
BROKEN: dict[str, tuple[Change, set[str]]] = {
    "no [DONE]": (lambda events: events[:-1], {"CHAT-S04"}),
    "[DONE] twice": (lambda events: [*events, DONE], {"CHAT-S04"}),
    "a chunk after [DONE]": (lambda events: [*events[:2], *events[3:], events[2]], {"CHAT-S02", "CHAT-S04"}),
    "nothing but [DONE]": (lambda events: events[-1:], {"CHAT-S01"}),
    "no event at all": (lambda _: [], {"CHAT-S01", "CHAT-S04"}),
    "no finish_reason": (lambda events: [*events[:3], DONE], {"CHAT-S02"}),
    "finish_reason twice": (put(3, (None, chunk({}, "stop"))), {"CHAT-S02"}),
    "text after finish_reason": (put(4, (None, chunk({"content": "!"}))), {"CHAT-S02"}),
    "finish_reason on every chunk": (
        lambda events: [(n, c if c == "[DONE]" else chunk(c["choices"][0]["delta"], "stop")) for n, c in events],
        {"CHAT-S02"},
    ),
    "no role": (in_choice(0, delta={"content": "x"}), {"CHAT-S03"}),
    "role in every delta": (
        lambda events: [
            (n, c if c == "[DONE]" else chunk({"role": "assistant", "content": "x"}, c["choices"][0]["finish_reason"]))
            for n, c in events
        ],
        {"CHAT-S03"},
    ),
    "role in the second delta": (in_choice(1, delta={"role": "assistant", "content": "x"}), {"CHAT-S03"}),
    "a name on an event": (lambda events: [("message", events[0][1]), *events[1:]], {"CHAT-S05"}),
    "another id": (changed(2, id="chatcmpl-3"), {"CHAT-S06"}),
    "another created": (changed(2, created=CREATED + 1), {"CHAT-S06"}),
    "the id left out": (left_out(2, "id"), {"CHAT-S06", "CHAT-S07"}),
    "the object of a plain answer": (
        lambda events: [(n, c if c == "[DONE]" else c | {"object": "chat.completion"}) for n, c in events],
        {"CHAT-S07"},
    ),
    "created in milliseconds": (
        lambda events: [(n, c if c == "[DONE]" else c | {"created": CREATED * 1000}) for n, c in events],
        {"CHAT-S07"},
    ),
    "choices null": (put(2, (None, chunk({}) | {"choices": None})), {"CHAT-S07"}),
    "no choice in the middle": (put(2, (None, chunk({}) | {"choices": []})), {"CHAT-S01"}),
    "data of another protocol": (put(2, (None, {"type": "ping"})), {"CHAT-S06", "CHAT-S07"}),
    "index as text": (in_choice(1, index="0"), {"CHAT-S02", "CHAT-S03", "CHAT-S08"}),
    "delta null": (in_choice(1, delta=None), {"CHAT-S08"}),
    "delta left out": (in_choice(1, delta=...), {"CHAT-S08"}),
    "finish_reason empty": (in_choice(1, finish_reason=""), {"CHAT-S09"}),
    "finish_reason left out": (in_choice(1, finish_reason=...), {"CHAT-S12"}),
    "finish_reason of another protocol": (in_choice(3, finish_reason="end_turn"), {"CHAT-S09"}),
    "usage that was not asked for": (put(4, (None, usage_chunk())), {"CHAT-U06"}),
    "a chunk for usage alone that was not asked for": (
        put(4, (None, chunk({}, usage=USAGE))),
        {"CHAT-U06"},
    ),
    "only choice 1": (
        lambda events: [
            (n, c if c == "[DONE]" else c | {"choices": [c["choices"][0] | {"index": 1}]}) for n, c in events
        ],
        {"CHAT-S10"},
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_stream_breaks_its_clause_and_no_other(name: str) -> None:
    change, clauses = BROKEN[name]
    assert broken_clauses(stream(change(text_events()))) == clauses


# Of the text with usage: 3 finish_reason, 4 usage, 5 [DONE].
BROKEN_USAGE: dict[str, tuple[Change, set[str]]] = {
    "no usage chunk": (lambda events: [*events[:4], DONE], {"CHAT-U04"}),
    "usage null everywhere": (changed(4, usage=None), {"CHAT-S01", "CHAT-U04"}),
    "two usage chunks": (put(4, (None, usage_chunk())), {"CHAT-S01", "CHAT-U04"}),
    "usage before the last chunk": (lambda e: [*e[:3], e[4], e[3], DONE], {"CHAT-S01"}),
    "a choice in the usage chunk": (changed(4, choices=[{"index": 0, "delta": {}}]), {"CHAT-U05"}),
    "usage without its counts": (changed(4, usage={"tokens": 3}), {"CHAT-U04"}),
    "usage on the last chunk of the answer": (
        lambda events: [*events[:3], (None, chunk({}, "stop") | {"usage": USAGE}), DONE],
        {"CHAT-U04", "CHAT-U07"},
    ),
    "usage on every chunk": (
        lambda events: [(n, c if c == "[DONE]" else c | {"usage": USAGE}) for n, c in events],
        {"CHAT-U07"},
    ),
    "wrong total": (changed(4, usage=USAGE | {"total_tokens": 17}), {"CHAT-U02"}),
    "more cached than there is": (
        changed(4, usage=USAGE | {"prompt_tokens_details": {"cached_tokens": 99}}),
        {"CHAT-U03"},
    ),
}


@pytest.mark.parametrize("name", BROKEN_USAGE)
def test_broken_usage_breaks_its_clause_and_no_other(name: str) -> None:
    change, clauses = BROKEN_USAGE[name]
    assert broken_clauses(stream(change(text_events(usage=True)), question(**WITH_USAGE))) == clauses


def fragments(*all_of: Any, reason: str = "tool_calls") -> Events:
    """A stream of these tool call fragments."""
    made: Events = [(None, chunk({"role": "assistant", "content": None}))]
    made += [(None, chunk({"tool_calls": [one]} if isinstance(one, dict) else {"tool_calls": one})) for one in all_of]
    return [*made, (None, chunk({}, reason)), DONE]


def part(index: Any, text: str, **members: Any) -> dict[str, Any]:
    """A fragment with whatever members."""
    name = {"name": members.pop("name")} if "name" in members else {}
    return {"index": index, **members, "function": name | {"arguments": text}}


FIRST = {"id": "call_0", "type": "function", "name": "f"}
SECOND = {"id": "call_1", "type": "function", "name": "g"}
NO_INDEX = {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
BROKEN_CALLS: dict[str, tuple[Events, set[str]]] = {
    "M24 all calls with index 0": (
        fragments(part(0, '{"n":0}', **FIRST), part(0, '{"n":1}', **SECOND)),
        {"CHAT-T03", "CHAT-T06", "CHAT-T13"},
    ),
    "index from 1": (fragments(part(1, "{}", **FIRST)), {"CHAT-T04"}),
    "a gap": (fragments(part(0, "{}", **FIRST), part(2, "{}", **SECOND)), {"CHAT-T04"}),
    "index as text": (fragments(part("0", "{}", **FIRST)), {"CHAT-T02", "CHAT-T04"}),
    "no index": (fragments(NO_INDEX), {"CHAT-T02", "CHAT-T04"}),
    "no id": (fragments(part(0, "{}", type="function", name="f")), {"CHAT-T05"}),
    "no type": (fragments(part(0, "{}", id="call_0", name="f")), {"CHAT-T05"}),
    "no name": (fragments(part(0, "{}", id="call_0", type="function")), {"CHAT-T05"}),
    "id again": (fragments(part(0, '{"a":', **FIRST), part(0, "1}", id="call_0")), {"CHAT-T06"}),
    "name again": (fragments(part(0, '{"a":', **FIRST), part(0, "1}", name="f")), {"CHAT-T06"}),
    "type again": (fragments(part(0, '{"a":', **FIRST), part(0, "1}", type="function")), {"CHAT-T13"}),
    "the placeholder joined in": (fragments(part(0, "{}", **FIRST), part(0, '{"a":1}')), {"CHAT-T03"}),
    "arguments that end early": (fragments(part(0, '{"a":', **FIRST)), {"CHAT-T03"}),
    "no arguments at all": (fragments(part(0, "", **FIRST)), {"CHAT-T03"}),
    "one id for two calls": (fragments(part(0, "{}", **FIRST), part(1, "{}", **FIRST)), {"CHAT-T07"}),
    "finish_reason stop": (fragments(part(0, "{}", **FIRST), reason="stop"), {"CHAT-T02"}),
    "finish_reason tool_calls without a call": (fragments(), {"CHAT-T02"}),
    "the calls only after finish_reason": (
        [*fragments()[:2], (None, chunk(fragment(0, ARGUMENTS, first=True))), DONE],
        {"CHAT-S02"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN_CALLS)
def test_broken_fragments_break_their_clause_and_no_other(name: str) -> None:
    events, clauses = BROKEN_CALLS[name]
    assert broken_clauses(stream(events)) == clauses


def test_choices_that_appear_out_of_order_are_found() -> None:
    assert broken_clauses(stream([interleaved()[1], *interleaved()[:1], *interleaved()[2:]], question(**TWO))) == {
        "CHAT-S11"
    }


def test_a_choice_that_is_missing_is_found() -> None:
    assert broken_clauses(stream(text_events(), question(**TWO))) == {"CHAT-S10"}


def test_a_stream_that_stalls_lacks_its_end() -> None:
    assert broken_clauses(stream(text_events()[:-1], ending=Ending.TIMEOUT)) == {"CHAT-S04"}


def test_the_order_is_judged_from_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = tmp_path / "specs"
    for name in ("schemas", "streams"):
        (specs / name).mkdir(parents=True)
        for path in (tree() / "specs" / name).iterdir():
            (specs / name / path.name).write_bytes(path.read_bytes())
    grammar = specs / "streams" / "chat.yaml"
    right = "{chunk: in the answer, usage: after the usage, error: after the error}"
    assert right in grammar.read_text("utf-8")
    wrong = right.replace("chunk: in the answer", "chunk: after the usage")
    grammar.write_text(grammar.read_text("utf-8").replace(right, wrong), "utf-8")
    seeded = load_grammar(specs, "chat")

    def instead(_: str) -> Grammar:
        return seeded

    subject = stream(text_events(usage=True), question(**WITH_USAGE))
    assert judged(chat_stream.chunks_come_in_order, subject)[1] == []
    monkeypatch.setattr(chat_stream, "stream_grammar", instead)
    assert len(judged(chat_stream.chunks_come_in_order, subject)[1]) == 1


def test_a_finding_points_at_its_event() -> None:
    subject = stream([*text_events(), DONE])
    (found,) = judged(chat_stream.one_done_ends_the_stream, subject)[1]
    assert found.span is not None
    assert subject.body[found.span[0] : found.span[1]] == b"data: [DONE]\n\n"
    assert found.span[1] == len(subject.body)


def test_the_grammar_asks_for_what_the_protocol_asks_for() -> None:
    grammar = stream_grammar("chat")
    assert grammar.operations == ("createChatCompletion",)
    assert (grammar.framing.named, grammar.framing.done) == ("forbidden", "required")
    assert set(grammar.machines) == {"stream", "end", "finish", "roles"}
