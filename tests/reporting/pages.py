"""Runs made by hand whose page is looked at: a plain one, a hostile gateway, and a thousand exchanges."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from llmapi_conformance.clients.accumulating import Played, with_clauses
from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.evidence.exchange import Exchange, Frame, Response, Stall
from llmapi_conformance.judging.check import Check, Observed
from llmapi_conformance.judging.oracle import Deviation
from llmapi_conformance.judging.verdicts import Terms, exit_status, verdicts
from llmapi_conformance.reporting.clients import CaseRow
from llmapi_conformance.reporting.document import RunFacts, document
from llmapi_conformance.reporting.html.shown_clients import Heard
from llmapi_conformance.reporting.played import broken_in
from llmapi_conformance.target.description import describe
from llmapi_conformance.target.parts import SURFACES
from llmapi_conformance.target.target import Role, Target
from llmapi_conformance.tree import tree
from tests.judging.build import exchange

__all__ = (
    "BIDI",
    "SCRIPT",
    "Exchange",
    "Made",
    "Maker",
    "Response",
    "heard",
    "hostile",
    "large",
    "made",
    "plain",
    "seen",
    "stalled",
    "with_clients",
)

Made = tuple[dict[str, Any], list[Exchange]]
"""What ``verdicts.json`` says, and the exchanges of its recording."""
Maker = Callable[[], tuple[Any, ...]]

SCRIPT = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
"""What a hostile gateway would like to run."""
BIDI = "\u202eevil\u2066\u200b"
"""What would turn the line around, or hide in it."""


def seen(clause: str, found: Iterable[tuple[Exchange, Deviation]] = (), *, count: int = 1) -> Check:
    """A check of a clause that examined something and found these."""
    check = Check(f"suite/test_by_hand.py::test_{clause.lower().replace('-', '_')}", (clause,))
    check.examined[clause] = count
    check.observed.extend(Observed(clause, "what_ought_to_be_true", deviation, one) for one, deviation in found)
    return check


def made(checks: list[Check], exchanges: list[Exchange], name: str = "staging", **terms: Any) -> Made:
    """The run with these checks."""
    target = Target(
        name=name,
        base_url="http://127.0.0.1:4000",
        roles={"general:anthropic": Role("general:anthropic", ("claude-sonnet-4-5",))},
        offers=frozenset(SURFACES),
        not_offered={"tasks": "there is no queue"},
    )
    told = Terms(claims=target.claims, offers=target.offers, not_offered=target.not_offered, **terms)
    results = verdicts(load_contract(tree()).clauses.values(), checks, told)
    facts = RunFacts(describe(target), "gate", {"keyword": ""}, "c0ffee", 1_795_822_000.0, 1_795_822_042.5)
    return document(facts, results, exchanges, exit_status(results)), exchanges


def plain() -> Made:
    """A stream with a fault in its midst, shown by two clauses; a refusal; a WebSocket; the rest passed or unseen."""
    events = [("message_start", {"n": 1}), ("message_stop", {"n": 2}), ("message_stop", {"n": 3})]
    stream = exchange(mode="stream", events=events, request_json={"stream": True})
    body = stream.body
    halves = [(0.05 * part, body[part * 30 : part * 30 + 30]) for part in range(1 + len(body) // 30)]
    stream = exchange(mode="stream", chunks=halves, request_json={"stream": True, "text": "it's"})
    second = body.rindex(b"event:")
    refused = exchange(status=500, body={"error": "no"}, step=2)
    talk = dataclasses.replace(
        websocket((("response.create", True), ("response.created", False), ("response.done", False))), step=3
    )
    return made(
        [
            seen("MSG-S07", [(stream, Deviation("one end", "two ends", (second, len(body))))]),
            seen("MSG-S01", [(stream, Deviation("a beginning", "another one", (0, 20)))]),
            seen("ERR-E05", [(refused, Deviation("a 4xx", "status 500"))]),
            seen("WS-H01", [(talk, Deviation("more", "less", (3, 9)))]),
            seen("CHAT-S04", count=3),
            seen("AUTH-R09", [(one, Deviation("a label", "none")) for one in (stream, refused)]),
        ],
        [stream, refused, talk],
    )


def heard() -> Heard:
    """What clients made of the stream of ``plain``: one raises what a hostile gateway told it to, one swallows all."""
    document, (stream, refused, _) = plain()
    told = [
        Played("openai-python-3.0", stream.id, "raised", f"APIError: {SCRIPT}{BIDI}" + "x" * 5_000),
        Played("openai-python-2.0", stream.id, "worked"),
        Played("openai-python-2.0", "elsewhere#1", "other text", "'a', while its deltas add up to 'b'"),
        Played("openai-python-2.0", refused.id, "ended"),
    ]
    rows = (
        CaseRow("openai-python-3.0", "chat", "chat", "CHAT-S04", "works"),
        CaseRow("openai-python-3.0", "chat_stream", "chat", "CHAT-S04", "broken", f"it raised {SCRIPT}", "Hello"),
        CaseRow("openai-python-2.0", "chat", "chat", "CHAT-S04", "not_offered", "it is absent"),
    )
    return Heard(rows, tuple(with_clauses(told, broken_in(document))))


def with_clients() -> tuple[dict[str, Any], list[Exchange], list[tuple[str, str]], None, Heard]:
    """The page of ``plain`` with what clients made of it."""
    return (*plain(), [], None, heard())


def stalled() -> Made:
    """A stream, a talk and a silence in which our own process stood still, and an answer in which it did not."""
    events = [("message_start", {"n": 1}), ("message_stop", {"n": 2}), ("message_stop", {"n": 3})]
    body = exchange(mode="stream", events=events).body
    chunks = [(0.05 * part, body[part * 30 : part * 30 + 30]) for part in range(1 + len(body) // 30)]
    stream = dataclasses.replace(exchange(mode="stream", chunks=chunks), stalls=(Stall(0.101, 0.2),))
    talk = websocket((("response.create", True), ("response.done", False)))
    talk = dataclasses.replace(talk, step=2, stalls=(Stall(0.0, 0.5), Stall(2.0, 3.25)))
    silent = dataclasses.replace(exchange(step=3), response=None, failure="no answer", stalls=(Stall(1.0, 1.5),))
    quick = exchange(status=500, body={"error": "no"}, step=4)
    return made(
        [
            seen("MSG-S07", [(stream, Deviation("one end", "two ends", (0, 20)))]),
            seen("WS-H01", [(talk, Deviation("more", "less", (3, 9)))]),
            seen("ERR-E05", [(silent, Deviation("an answer", "none"))]),
            seen("MSG-S01", [(quick, Deviation("a 4xx", "status 500"))]),
        ],
        [stream, talk, silent, quick],
    )


def websocket(texts: Iterable[tuple[str, bool]]) -> Exchange:
    """A WebSocket with these messages; true for those that the client sent."""
    frames = tuple(Frame(0.1 * (at + 1), sent, "text", text.encode()) for at, (text, sent) in enumerate(texts))
    close = Frame(9.0, sent=False, kind="close", data=b"bye", code=1000)
    one = exchange(method="GET", path="/v1/responses", mode="websocket", status=101, chunks=[])
    return dataclasses.replace(one, frames=(*frames, close))


def hostile() -> Made:
    """A gateway that answers with what would harm a page: markup, controls, 5 MB, ten thousand chunks."""
    page = exchange(
        body=f"{SCRIPT}</pre></div>{{{{ 7 * 7 }}}}\x00\x1b[31m{BIDI}\r\n\"'>".encode(),
        headers=(("content-type", SCRIPT), (f"x-{SCRIPT}", BIDI)),
        request_json={"model": SCRIPT},
    )
    page = dataclasses.replace(page, failure=SCRIPT, label=SCRIPT)
    huge = exchange(body=b"A" * 2_500_000 + b"<b>FAULT</b>" + b"Z" * 2_500_000, step=2)
    many = exchange(mode="stream", chunks=[(n / 1000, b"data: %d\n\n" % n) for n in range(10_000)], step=3)
    noise = exchange(body=bytes(range(256)) * 400, headers=(("content-type", "image/png"),), step=4)
    heads = exchange(headers=tuple((f"x-{n}", "v" * 5_000) for n in range(300)), body=b"{}", step=5)
    talk = dataclasses.replace(websocket((f"{SCRIPT}{n}", n % 2 == 0) for n in range(3_000)), step=6)
    start = huge.body.index(b"<b>")
    return made(
        [
            seen("MSG-S07", [(page, Deviation(SCRIPT, f"{SCRIPT} {BIDI}\x07", (0, 8)))]),
            seen("MSG-S01", [(huge, Deviation("less", "5 MB", (start, start + 12)))]),
            seen("CHAT-S04", [(many, Deviation("fewer", "10,000 chunks", (50_000, 50_010)))]),
            seen("IMG-E01", [(noise, Deviation("a picture", "noise", (300, 310)))]),
            seen("AUTH-R09", [(heads, Deviation("few", "many"))]),
            seen("WS-H01", [(talk, Deviation("peace", "noise", (40_000, 40_010)))]),
        ],
        [page, huge, many, noise, heads, talk],
        name=f"{SCRIPT}{BIDI}",
    )


def large(count: int = 1_000) -> Made:
    """As many exchanges, all of which findings show."""
    clauses = [one.id for one in load_contract(tree()).clauses.values() if one.surface != "tasks"]
    exchanges = []
    for step in range(1, count + 1):
        events = [("content_block_delta", {"index": 0, "text": f"word {step} {n}"}) for n in range(12)]
        whole = exchange(mode="stream", events=events).body
        chunks = [(0.01 * n, whole[n * 90 : n * 90 + 90]) for n in range(1 + len(whole) // 90)]
        exchanges.append(exchange(mode="stream", chunks=chunks, request_json={"n": step}, step=step))
    checks: dict[str, list[tuple[Exchange, Deviation]]] = {}
    for number, one in enumerate(exchanges):
        deviation = Deviation("nothing of the kind", f"number {number}", (100, 120))
        checks.setdefault(clauses[number % 300], []).append((one, deviation))
    return made([seen(clause, found) for clause, found in checks.items()], exchanges)
