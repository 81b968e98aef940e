"""The command that makes a run, or a part of it, again: exact, one line, safe in a shell."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from llmapi_conformance.reporting.again import again
from tests.reporting.runs import document


def asked(**selection: Any) -> dict[str, Any]:
    return {**document(), "selection": selection}


WHOLE = {"generate": 20, "seed": 7, "samples": 30}
COMMANDS = [
    (WHOLE, {}, "--target TARGET.toml --profile gate --generate 20 --seed 7 --samples 30"),
    ({"generate": 0, "seed": 1}, {}, "--target TARGET.toml --profile gate --generate 0 --seed 1"),
    (
        {"keyword": "chat or tasks", "fail_on_warned": True},
        {},
        "--target TARGET.toml --profile gate -k 'chat or tasks' --strict",
    ),
    (
        WHOLE,
        {"clauses": ["CHAT-S04"], "target": "a b.toml"},
        "--target 'a b.toml' --profile gate --generate 20 --seed 7 -k CHAT-S04",
    ),
    (
        {"generate": 0, "seed": 1},
        {"clauses": ["CHAT-S04", "MSG-S07"]},
        "--target TARGET.toml --profile gate -k 'CHAT-S04 or MSG-S07'",
    ),
    ({"generate": 5}, {}, "--target TARGET.toml --profile gate --generate 5"),
    (
        {"keyword": "chat"},
        {"clauses": ["CHAT-S04"], "target": "", "reference": ["--fault", "M15"]},
        "--fault M15 --profile gate -k CHAT-S04",
    ),
    (
        {},
        {"clauses": [f"CHAT-S{number:02d}" for number in range(7)]},
        "--target TARGET.toml --profile gate -k CHAT-S00",
    ),
]


@pytest.mark.parametrize(("selection", "options", "words"), COMMANDS)
def test_what_was_asked_for_is_asked_again(selection: dict[str, Any], options: dict[str, Any], words: str) -> None:
    assert again(asked(**selection), **options) == f"llmapi-conformance run {words}"


def test_what_a_gate_started_is_judged_again_by_a_gate() -> None:
    started = ["--candidate", "exec ./gateway --port 1", "--ready", "/health"]
    line = again(asked(**WHOLE, fail_on_warned=True), target="t.toml", clauses=["CHAT-S04"], candidate=started)
    assert line == (
        "llmapi-conformance gate --target t.toml --candidate 'exec ./gateway --port 1' --ready /health "
        "--generate 20 -k CHAT-S04 --strict"
    )


def test_nothing_that_is_named_ends_the_command() -> None:
    line = again(asked(keyword="$(touch x); 'y"), target="`z`.toml")
    assert shlex.split(line) == [
        "llmapi-conformance",
        "run",
        "--target",
        "`z`.toml",
        "--profile",
        "gate",
        "-k",
        "$(touch x); 'y",
    ]


def test_traffic_that_others_sent_can_not_be_asked_for_again() -> None:
    assert again(asked(traffic="requests of somebody"), clauses=["CHAT-S04"]) == ""
