from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from llmapi_conformance.contract.grammar import Grammar, load_grammar
from llmapi_conformance.errors import ContractError
from llmapi_conformance.judging.oracle import Deviation
from llmapi_conformance.judging.oracles.grammar import classified, classify, judge_machine, member, run_machine
from llmapi_conformance.tree import tree
from tests.judging.build import exchange
from tests.judging.message_cases import call_block, events_of, message, streamed, text_block

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange

SPECS = tree() / "specs"
TWO_BLOCKS = streamed(message(text_block(), call_block(), reason="tool_use"))


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], Any]], Grammar]:
    """Load the Messages grammar with a change made to its file."""

    def load(change: Callable[[dict[str, Any]], Any]) -> Grammar:
        specs = tmp_path / "specs"
        (specs / "streams").mkdir(parents=True)
        (specs / "schemas").mkdir()
        schema = (SPECS / "schemas" / "stream.schema.json").read_text("utf-8")
        (specs / "schemas" / "stream.schema.json").write_text(schema, "utf-8")
        data = yaml.safe_load((SPECS / "streams" / "messages.yaml").read_text("utf-8"))
        change(data)
        (specs / "streams" / "messages.yaml").write_text(yaml.safe_dump(data), "utf-8")
        return load_grammar(specs, "messages")

    return load


def found(grammar: Grammar, name: str, one: Exchange) -> list[Deviation]:
    return [item for item in judge_machine(grammar, name, one) if isinstance(item, Deviation)]


def states(data: dict[str, Any]) -> Any:
    return data["machines"]["message"]["states"]


def test_the_grammar_as_it_is_accepts_a_conforming_stream() -> None:
    grammar = load_grammar(SPECS, "messages")
    assert found(grammar, "message", TWO_BLOCKS) == []
    assert found(grammar, "block", TWO_BLOCKS) == []


@pytest.mark.parametrize(
    "seed",
    [
        lambda data: states(data)["between blocks"]["next"].pop("content_block_start"),
        lambda data: states(data)["at the message's end"]["next"].pop("message_stop"),
        lambda data: states(data)["after the message"].update(accepting=False),
        lambda data: states(data)["in a block"]["next"].update(content_block_stop="at the message's end"),
        lambda data: data["machines"]["message"].update(initial="between blocks"),
    ],
    ids=["no blocks", "no stop", "no end", "one block only", "no start"],
)
def test_an_error_seeded_into_the_order_gives_a_finding_on_a_conforming_stream(
    changed: Callable[[Any], Grammar], seed: Callable[[dict[str, Any]], Any]
) -> None:
    assert found(changed(seed), "message", TWO_BLOCKS)


@pytest.mark.parametrize(
    ("seed", "sentence"),
    [
        (lambda data: states(data)["between blocks"]["next"].update(ping="nowhere"), "the state 'nowhere'"),
        (lambda data: states(data)["between blocks"]["next"].update(pong="after the error"), "the class 'pong'"),
        (lambda data: data["machines"]["block"].update(excused_by=["pong"]), "excused by 'pong'"),
        (lambda data: data["framing"].update(named="sometimes"), "framing"),
        (lambda data: data.pop("machines"), "machines"),
    ],
)
def test_a_grammar_that_makes_no_sense_is_refused_in_one_sentence(
    changed: Callable[[Any], Grammar], seed: Callable[[dict[str, Any]], Any], sentence: str
) -> None:
    with pytest.raises(ContractError, match=sentence):
        changed(seed)


def test_a_machine_that_is_not_there_is_named() -> None:
    with pytest.raises(ContractError, match="Expected a machine choice in the messages grammar; it has message, block"):
        load_grammar(SPECS, "messages").machine("choice")


def test_a_violation_says_what_might_have_come_and_where() -> None:
    events = events_of(message())
    events.pop(-2)
    one = exchange(mode="stream", events=events)
    (deviation,) = found(load_grammar(SPECS, "messages"), "message", one)
    assert deviation.expected == "content_block_start or message_delta or error or ping (between blocks)"
    assert deviation.observed == 'message_stop: data: {"type": "message_stop"} (event 7 of 7)'
    assert deviation.span is not None
    assert one.body[slice(*deviation.span)].startswith(b"event: message_stop")


CHUNK = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"role": "assistant"}}]}
LAST = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
MORE = {"choices": [{"index": 0, "delta": {"content": "x" * 90}}]}
END = (None, "[DONE]")


@pytest.mark.parametrize(
    ("protocol", "machine", "events", "expected", "observed"),
    [
        (
            "chat",
            "end",
            [(None, CHUNK), (None, LAST), END, END],
            "nothing after the end",
            "done: data: [DONE] (event 4 of 4)",
        ),
        (
            "chat",
            "end",
            [(None, {"choices": [{"index": 0, "finish_reason": "stop"}]})],
            "error or [DONE] before the end of the stream (before the end)",
            'the end of the stream after data: {"choices": [{"index": 0, "finish_reason": "stop"}]} (event 1 of 1)',
        ),
        (
            "chat",
            "stream",
            [(None, CHUNK), (None, {"choices": [], "usage": {"total_tokens": 1}}), (None, LAST)],
            "error or nothing (after the usage)",
            'chunk: data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]} (event 3 of 3)',
        ),
        (
            "chat",
            "finish",
            [(None, CHUNK), (None, LAST), (None, MORE), END],
            "nothing more (choice 0 is finished)",
            'without_finish_reason: data: {"choices": [{"index": 0, "delta": {"content": "'
            + "x" * 32
            + "… (event 3 of 4)",
        ),
        (
            "chat",
            "finish",
            [(None, CHUNK), END],
            "with_finish_reason before the end of the stream (choice 0 is unfinished)",
            "the end of the stream after data: [DONE] (event 2 of 2)",
        ),
        (
            "chat",
            "roles",
            [(None, LAST | {"choices": [{"index": 1, "delta": {"content": "x"}}]})],
            "with_role (choice 1 is before the first delta)",
            'without_role: data: {"choices": [{"index": 1, "delta": {"content": "x"}}]} (event 1 of 1)',
        ),
        (
            "messages",
            "message",
            [("message_stop", {"type": "message_stop"})],
            "message_start or error or ping (before the message)",
            'message_stop: data: {"type": "message_stop"} (event 1 of 1)',
        ),
        (
            "messages",
            "message",
            [events_of(message())[0], ("message_delta", {"type": "message_delta"})],
            "message_stop or error before the end of the stream (at the message's end)",
            'the end of the stream after message_delta: data: {"type": "message_delta"} (event 2 of 2)',
        ),
        (
            "messages",
            "message",
            [],
            "message_start or error before the end of the stream (before the message)",
            "a stream without an event",
        ),
        (
            "messages",
            "block",
            [("content_block_delta", {"type": "content_block_delta", "index": 3})],
            "content_block_start (block 3 is not there)",
            'content_block_delta: data: {"type": "content_block_delta", "index": 3} (event 1 of 1)',
        ),
    ],
)
def test_a_violation_reads_as_a_sentence(
    protocol: str, machine: str, events: list[tuple[str | None, Any]], expected: str, observed: str
) -> None:
    (deviation,) = found(load_grammar(SPECS, protocol), machine, exchange(mode="stream", events=events))
    assert (deviation.expected, deviation.observed) == (expected, observed)


def test_each_key_has_a_run_of_its_own() -> None:
    grammar = load_grammar(SPECS, "messages")
    runs = run_machine(grammar, grammar.machine("block"), TWO_BLOCKS.events)
    assert [(run.key, run.state, run.violation) for run in runs] == [(0, "closed", None), (1, "closed", None)]


@pytest.mark.parametrize("key", [None, "0", 1.5, [], {}, True])
def test_a_key_may_be_any_json(key: Any) -> None:
    events = [("content_block_stop", {"type": "content_block_stop", "index": key})]
    assert found(load_grammar(SPECS, "messages"), "block", exchange(mode="stream", events=events))


def test_an_event_is_told_by_its_type_member_first() -> None:
    grammar = load_grammar(SPECS, "messages")
    one = exchange(
        mode="stream",
        events=[
            ("ping", {"type": "error"}),
            ("ping", {}),
            ("ping", "no json"),
            (None, "[DONE]"),
            ("new", {"type": "new"}),
        ],
    )
    assert [name for name, _ in classified(grammar, one.events)] == ["error", "ping", "ping", "done", ""]
    assert classify(grammar, one.events.events[0]) == "error"


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [({"a": {"b": 1}}, "a.b", 1), ({"a": {"b": None}}, "a.b", None), ({"a": [1]}, "a.b", ...), ("a", "a", ...)],
)
def test_a_member_is_found_by_its_path(value: Any, path: str, expected: Any) -> None:
    result = member(value, path)
    assert result == expected if expected is not ... else result not in (1, None)


def test_another_grammar_may_count_elements(tmp_path: Path) -> None:
    specs = tmp_path / "specs"
    (specs / "streams").mkdir(parents=True)
    (specs / "schemas").mkdir()
    schema = (SPECS / "schemas" / "stream.schema.json").read_text("utf-8")
    (specs / "schemas" / "stream.schema.json").write_text(schema, "utf-8")
    machine = {
        "summary": "Each item opens, then closes.",
        "over": "items",
        "keyed_by": "n",
        "classes": [{"class": "close", "has": ["end"]}, {"class": "open", "filled": ["list"]}, {"class": "rest"}],
        "initial": "new",
        "states": {"new": {"next": {"open": "seen"}}, "seen": {"next": {"close": "done"}}, "done": {"accepting": True}},
    }
    data = {
        "protocol": "items",
        "operations": ["x"],
        "framing": {"named": "forbidden", "done": "optional", "comments": "allowed"},
        "classes": [
            {"class": "empty", "empty": ["items"]},
            {"class": "two", "equals": {"kind.n": 2}},
            {"class": "any"},
        ],
        "machines": {"item": machine},
    }
    (specs / "streams" / "items.yaml").write_text(yaml.safe_dump(data), "utf-8")
    grammar = load_grammar(specs, "items")
    events = [
        (None, {"items": []}),
        (None, {"items": [{"n": 0, "list": [1]}, {"n": 1, "list": []}], "kind": {"n": 2}}),
        (None, {"items": [{"n": 0, "end": ""}, {"n": 0, "end": "x"}, {"n": 1, "end": "x"}]}),
    ]
    one = exchange(mode="stream", events=events)
    assert [name for name, _ in classified(grammar, one.events)] == ["empty", "two", "any"]
    runs = run_machine(grammar, grammar.machine("item"), one.events)
    assert [(run.key, run.state, run.violation is None) for run in runs] == [(0, "done", True), (1, "new", False)]
