from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.contract.grammar import Grammar, load_grammar
from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.judging.oracles import responses_stream as oracles
from llmapi_conformance.tree import tree
from tests.judging.build import sse
from tests.judging.response_cases import (
    USAGE,
    Events,
    broken_clauses,
    call,
    cut,
    cut_response,
    examined_clauses,
    judged,
    message,
    numbered,
    question,
    reasoning,
    refusal,
    renumbered,
    response,
    stream,
    streamed,
)

if TYPE_CHECKING:
    from pathlib import Path

Change = Callable[[Events], Events]
DONE: tuple[None, str] = (None, "[DONE]")
NESTED = ("error", {"error": {"type": "server_error", "code": "server_error", "message": "it broke", "param": None}})
FLAT = ("error", {"code": "server_error", "message": "it broke", "param": None})
ALL = response(reasoning(), message("Hello there", "and more"), call(0), call(1), refusal() | {"id": "msg_2"})
QUEUED = response(status="queued", output=[], usage=None)
FAILED = response(status="failed", error={"code": "server_error", "message": "it broke"}, output=[], usage=None)


def fields(data: dict[str, Any]) -> dict[str, Any]:
    """What an event holds beside its type and its number."""
    return {name: value for name, value in data.items() if name not in {"type", "sequence_number"}}


def told(events: Events) -> list[tuple[str, dict[str, Any]]]:
    """Events without their numbers, to be numbered again."""
    return [(name or "", fields(data)) for name, data in events]


def at(name: str) -> Callable[[Events], int]:
    """The place of the first event of a type."""
    return lambda events: next(index for index, (kind, _) in enumerate(events) if kind == name)


def without(name: str) -> Change:
    """Leave the first event of a type out, and count anew."""
    return lambda events: renumbered([one for index, one in enumerate(events) if index != at(name)(events)])


def inserted(before: str, name: str, **members: Any) -> Change:
    """Put an event before the first one of a type, and count anew."""

    def change(events: Events) -> Events:
        place = at(before)(events)
        return renumbered([*events[:place], (name, members), *events[place:]])

    return change


def changed(kind: str, /, **members: Any) -> Change:
    """Change members of the first event of a type; the value ``...`` takes one out."""

    def change(events: Events) -> Events:
        place = at(kind)(events)
        data = {key: value for key, value in (events[place][1] | members).items() if value is not ...}
        return [*events[:place], (kind, data), *events[place + 1 :]]

    return change


def within(name: str, path: str, value: Any) -> Change:
    """Change a member somewhere in the first event of a type."""

    def change(events: Events) -> Events:
        made = copy.deepcopy(events)
        target: Any = made[at(name)(made)][1]
        *steps, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
        for step in steps:
            target = target[step]
        target[last] = value
        return made

    return change


def followed_by(*more: tuple[str | None, Any]) -> Change:
    """Add events behind the last one; those with a name are counted on."""

    def change(events: Events) -> Events:
        added = [(n, {"type": n, "sequence_number": len(events) + i} | d if n else d) for i, (n, d) in enumerate(more)]
        return [*events, *added]

    return change


def moved(place: int, to: int) -> Change:
    """Move an event to a later place, and count anew."""

    def change(events: Events) -> Events:
        return renumbered([*events[:place], *events[place + 1 : to + 1], events[place], *events[to + 1 :]])

    return change


LEGAL: dict[str, Exchange] = {
    "text": stream(),
    "items of every kind": stream(streamed(ALL)),
    "an empty text": stream(streamed(response(message("")))),
    "cut by the limit": stream(streamed(cut_response())),
    "a [DONE] behind the end": stream(followed_by(DONE)(streamed())),
    "keepalive": stream(inserted("response.output_text.delta", "keepalive")(streamed())),
    "keepalive before all": stream(inserted("response.created", "keepalive")(streamed())),
    "queued first": stream(
        inserted("response.in_progress", "response.queued", response=QUEUED)(
            within("response.created", "response.status", "queued")(streamed())
        )
    ),
    "events of a type of its own": stream(
        inserted("response.output_text.done", "acme:trace", output_index=9, item_id="x")(streamed())
    ),
    "a hosted tool": stream(
        inserted("response.output_item.done", "response.web_search_call.searching", output_index=0, item_id="msg_1")(
            streamed()
        )
    ),
    "an annotation": stream(
        inserted(
            "response.content_part.done",
            "response.output_text.annotation.added",
            output_index=0,
            content_index=0,
            item_id="msg_1",
            annotation_index=0,
            annotation={},
        )(streamed())
    ),
    "obfuscation": stream(changed("response.output_text.delta", obfuscation="xyz")(streamed())),
    "reasoning encrypted anew": stream(
        within("response.output_item.done", "item.encrypted_content", "one")(
            within("response.completed", "response.output.0.encrypted_content", "two")(
                streamed(response(reasoning(), message()))
            )
        )
    ),
    "null for what is absent": stream(within("response.completed", "response.output.0.phase", None)(streamed())),
    "failed on the way": stream(renumbered([*streamed()[:6], NESTED, ("response.failed", {"response": FAILED})])),
    "failed at once": stream(renumbered([*streamed()[:1], ("response.failed", {"response": FAILED})])),
    "an error and no more": stream(renumbered([*streamed()[:6], NESTED])),
    "a refusal that should have been a status": stream([(None, {"error": {"message": "no"}}), DONE]),
    "an error only": stream(renumbered([NESTED])),
    "members nobody knows": stream(changed("response.output_text.delta", trace={"a": 1})(streamed())),
    "no space behind the colon": stream(body=sse(streamed(ALL)).replace(b": ", b":", 200)),
    "comments": stream(body=sse(streamed()).replace(b"\n\n", b"\n\n: ping\n\n")),
}


@pytest.mark.parametrize("name", LEGAL)
def test_a_legal_stream_breaks_nothing_above_info(name: str) -> None:
    expected = {"RSP-S14"} if name == "a [DONE] behind the end" else set()
    if name in {"an error and no more", "an error only"}:
        expected = {"RSP-S18"}
    assert broken_clauses(LEGAL[name]) == expected


ITEM = "response.output_item.done"
END = "response.completed"
INCOMPLETE = cut_response() | {"output": [message()]}
BROKEN: dict[str, tuple[Change, set[str]]] = {
    "no event line": (lambda events: [(None, data) for _, data in events], {"RSP-S02"}),
    "an event of another name": (
        lambda events: [*events[:4], ("message", events[4][1]), *events[5:]],
        {"RSP-S02"},
    ),
    "numbers from 1": (lambda events: numbered([("x", {}), *told(events)])[1:], {"RSP-S03"}),
    "a number twice": (changed("response.output_text.delta", sequence_number=3), {"RSP-S03"}),
    "no number": (changed("response.output_text.done", sequence_number=...), {"RSP-S03"}),
    "a number as text": (changed("response.output_text.done", sequence_number="6"), {"RSP-S03"}),
    "an event left out": (lambda events: [*events[:1], *events[2:]], {"RSP-S03", "RSP-S25"}),
    "a keepalive without a number": (
        lambda events: [*events[:5], ("keepalive", {"type": "keepalive"}), *events[5:]],
        {"RSP-S03"},
    ),
    "not created": (without("response.created"), {"RSP-S04"}),
    "created twice": (inserted("response.output_item.added", "response.created"), {"RSP-S04", "RSP-S26"}),
    "created with an output": (within("response.created", "response.output", [message()]), {"RSP-S04"}),
    "in_progress first": (lambda e: renumbered([e[1], e[0], *e[2:]]), {"RSP-S04"}),
    "another response id at the end": (within(END, "response.id", "resp_2"), {"RSP-S05"}),
    "no response id in the middle": (within("response.in_progress", "response.id", ""), {"RSP-S05"}),
    "created says completed": (within("response.created", "response.status", "completed"), {"RSP-S06"}),
    "completed says in_progress": (within(END, "response.status", "in_progress"), {"RSP-S06"}),
    "incomplete told as completed": (
        lambda events: [*events[:-1], (END, events[-1][1] | {"response": INCOMPLETE})],
        {"RSP-S06"},
    ),
    "another item id at the end of the item": (within(ITEM, "item.id", "msg_9"), {"RSP-S08", "RSP-S12"}),
    "another item id in a delta": (changed("response.output_text.delta", item_id="msg_9"), {"RSP-S08"}),
    "a delta of a part that is not there": (without("response.content_part.added"), {"RSP-S09"}),
    "a part that is not closed": (without("response.content_part.done"), {"RSP-S09"}),
    "no done text": (without("response.output_text.done"), {"RSP-S09"}),
    "parts from 1": (
        lambda events: [(n, d | {"content_index": 1} if "content_index" in d else d) for n, d in events],
        {"RSP-S09", "RSP-S10"},
    ),
    "the done text lacks a character": (changed("response.output_text.done", text="Hello ther"), {"RSP-S10"}),
    "the done part lacks a character": (
        within("response.content_part.done", "part.text", "Hello ther"),
        {"RSP-S10"},
    ),
    "a delta is lost": (without("response.output_text.delta"), {"RSP-S10"}),
    "no output at the end": (within(END, "response.output", []), {"RSP-S12"}),
    "another text at the end": (within(END, "response.output.0.content.0.text", "Bye"), {"RSP-S12"}),
    "another item id at the end": (within(END, "response.output.0.id", "msg_9"), {"RSP-S12"}),
    "M21 no end": (lambda events: events[: at("response.content_part.done")(events)], {"RSP-S13"}),
    "two ends": (
        lambda events: renumbered([*events, events[-1]]),
        {"RSP-S13"},
    ),
    "an event behind the end": (followed_by(("acme:trace", {})), {"RSP-S13"}),
    "[DONE] in front of the end": (lambda events: [*events[:-1], DONE, events[-1]], {"RSP-S13", "RSP-S14"}),
    "[DONE] twice": (followed_by(DONE, DONE), {"RSP-S13", "RSP-S14"}),
    "completed behind an error": (
        lambda events: renumbered([*events[:-1], NESTED, events[-1]]),
        {"RSP-S13", "RSP-S18"},
    ),
    "usage at the start": (within("response.created", "response.usage", USAGE), {"RSP-S24"}),
    "not in progress": (without("response.in_progress"), {"RSP-S25"}),
    "a delta without its text": (
        changed("response.output_text.delta", delta=...),
        {"RSP-S10", "RSP-S26"},
    ),
    "a delta without item_id": (changed("response.output_text.delta", item_id=...), {"RSP-S26"}),
    "a snapshot without a response": (changed("response.in_progress", response=...), {"RSP-S26"}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_stream_breaks_its_clause_and_no_other(name: str) -> None:
    change, clauses = BROKEN[name]
    assert broken_clauses(stream(change(streamed()))) == clauses


TWO_CALLS = response(call(0), call(1))
BROKEN_ITEMS: dict[str, tuple[Events, set[str]]] = {
    "items from 1": (
        [(n, d | {"output_index": d["output_index"] + 1} if "output_index" in d else d) for n, d in streamed()],
        {"RSP-S07"},
    ),
    "items that overlap": (
        moved(6, 7)(streamed(TWO_CALLS)),
        {"RSP-S07"},
    ),
    "completed within an item": (renumbered([*streamed()[:-2], streamed()[-1]]), {"RSP-S07", "RSP-S09", "RSP-S12"}),
    "an item that changes its type": (
        within("response.output_item.done", "item.type", "message")(streamed(response(call(0)))),
        {"RSP-N10", "RSP-S08", "RSP-S09", "RSP-S12"},
    ),
    "a delta behind its item": (
        moved(4, 6)(streamed(response(call(0)))),
        {"RSP-S09"},
    ),
    "arguments that are not done": (
        without("response.function_call_arguments.done")(streamed(response(call(0)))),
        {"RSP-S09"},
    ),
    "done arguments that are not the sum": (
        changed("response.function_call_arguments.done", arguments="{}")(streamed(response(call(0)))),
        {"RSP-S11"},
    ),
    "an item whose arguments are not the sum": (
        within(END, "response.output.0.arguments", "{}")(
            within(ITEM, "item.arguments", "{}")(streamed(response(call(0))))
        ),
        {"RSP-S11"},
    ),
    "a refusal that is not the sum": (
        changed("response.refusal.done", refusal="No.")(streamed(response(refusal()))),
        {"RSP-S11"},
    ),
    "a summary that is not the sum": (
        changed("response.reasoning_summary_text.done", text="No.")(streamed(response(reasoning()))),
        {"RSP-S11"},
    ),
    "a part of a summary that is not closed": (
        without("response.reasoning_summary_part.done")(streamed(response(reasoning()))),
        {"RSP-S09"},
    ),
    "arguments without their name": (
        changed("response.function_call_arguments.done", name=...)(streamed(response(call(0)))),
        {"RSP-S15"},
    ),
}


@pytest.mark.parametrize("name", BROKEN_ITEMS)
def test_broken_items_break_their_clause_and_no_other(name: str) -> None:
    events, clauses = BROKEN_ITEMS[name]
    assert broken_clauses(stream(events)) == clauses


def test_an_error_event_has_to_say_what_went_wrong() -> None:
    failed = ("response.failed", {"response": FAILED})
    good = stream(renumbered([*streamed()[:6], NESTED, failed]))
    flat = stream(renumbered([*streamed()[:6], FLAT, failed]))
    assert judged(oracles.error_event_says_what_went_wrong, good) == (1, [])
    assert judged(oracles.error_event_says_what_went_wrong, flat) == (1, [])
    assert judged(oracles.error_event_has_its_usual_form, good) == (1, [])
    assert len(judged(oracles.error_event_has_its_usual_form, flat)[1]) == 1
    for wrong in ({"error": {"type": "server_error", "message": "it broke"}}, {"error": {"code": "x"}}, {}):
        mute = stream(renumbered([*streamed()[:6], ("error", wrong), failed]))
        assert len(judged(oracles.error_event_says_what_went_wrong, mute)[1]) == 1
    alone = stream(renumbered([*streamed()[:6], NESTED]))
    assert len(judged(oracles.error_event_has_its_usual_form, alone)[1]) == 1


def test_a_stream_that_was_cut_is_not_blamed_for_its_end() -> None:
    for count in range(0, len(streamed(ALL)), 3):
        assert broken_clauses(cut(streamed(ALL)[:count])) == set()


def test_a_stream_that_stalls_lacks_its_end_and_nothing_else() -> None:
    for count in range(3, len(streamed(ALL)), 5):
        assert broken_clauses(stream(streamed(ALL)[:count], ending=Ending.TIMEOUT)) == {"RSP-S13"}


def test_a_good_stream_is_looked_at_from_all_sides() -> None:
    seen = examined_clauses(stream(streamed(ALL), question(max_output_tokens=64)))
    wanted = {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26}
    assert {f"RSP-S{number:02}" for number in wanted} <= seen


def test_a_finding_points_at_its_event() -> None:
    one = stream(changed("response.output_text.delta", sequence_number=40)(streamed()))
    (deviation,) = judged(oracles.sequence_numbers_grow_by_one, one)[1]
    assert deviation.span is not None
    start, end = deviation.span
    assert one.body[start:end].startswith(b"event: response.output_text.delta\n")
    assert (deviation.expected, deviation.observed) == ("sequence_number 4", "sequence_number 40")


JUNK: list[Any] = [None, 5, "x", [1], {"type": 5, "text": []}]


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_no_event_makes_an_oracle_raise(junk: Any) -> None:
    events = streamed(response(reasoning(), message(), call(0)))
    for place, (name, data) in enumerate(events):
        spoiled = dict.fromkeys(data, junk) | {"type": name}
        broken_clauses(stream([*events[:place], (name, junk), *events[place + 1 :]]))
        broken_clauses(stream([*events[:place], (name, spoiled), *events[place + 1 :]]))
    broken_clauses(stream(body=b"\xff\xfe\x00event: x\ndata: {\n\n"))


def seeded(tmp_path: Path, right: str, wrong: str) -> Grammar:
    """The grammar with one place of its file changed."""
    specs = tmp_path / "specs"
    for name in ("schemas", "streams"):
        (specs / name).mkdir(parents=True)
        for path in (tree() / "specs" / name).iterdir():
            (specs / name / path.name).write_bytes(path.read_bytes())
    path = specs / "streams" / "responses.yaml"
    assert right in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(right, wrong), "utf-8")
    return load_grammar(specs, "responses")


@pytest.mark.parametrize(
    ("right", "wrong", "clause"),
    [
        ("completed: after the response,", "completed: before the end,", "RSP-S13"),
        ("{created: created, error", "{created: before the response, error", "RSP-S04"),
        ("{in_progress: under way, error", "{queued: under way, error", "RSP-S25"),
        ("text_done: a finished text}", "text_done: a text}", "RSP-S09"),
        ("call_done: between items, item_done: between items", "call_done: between items", "RSP-S07"),
        ("content_index, delta]", "content_index, delta, logprobs]", "RSP-S26"),
        ("type_member: type ", "type_member: kind ", "RSP-S02"),
    ],
)
def test_the_grammar_is_judged_from_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: str, wrong: str, clause: str
) -> None:
    subject = stream(streamed(response(message(), call(0))))
    assert clause not in broken_clauses(subject)
    other = seeded(tmp_path, right, wrong)
    monkeypatch.setattr(oracles, "stream_grammar", lambda _: other)
    assert clause in broken_clauses(subject)
