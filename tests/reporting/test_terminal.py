from __future__ import annotations

import io
from typing import Any

from llmapi_conformance.reporting.terminal import console_for_people, print_plan, print_tasks
from llmapi_conformance.sending.plan import Plan, Step
from llmapi_conformance.sending.scenario import Instance, Scenario
from llmapi_conformance.target.profile import PROFILES
from llmapi_conformance.target.target import Target


async def _nothing() -> None: ...


def test_brackets_and_colons_in_names_are_text_and_no_markup() -> None:
    console = console_for_people()
    console.file = io.StringIO()
    scenario = Scenario("aliases", "aliases", _nothing, parameters={"path": ["/responses]"]})
    plan = Plan((Step(Instance(scenario, {"path": "/responses] :smile: [/b"}), ""),))
    print_plan(console, plan, Target("mine [/x]", "http://127.0.0.1:1", {}), PROFILES["gate"], 1)
    shown = console.file.getvalue()
    assert "aliases[/responses] :smile: [/b]" in shown.replace("\n", "")
    assert "mine [/x]" in shown


def _told(cleanup: str = "", **changes: Any) -> list[str]:
    console = console_for_people()
    console.width = 80
    console.file = io.StringIO()
    tasks = {"submitted": 0, "ended": 0, "cancelled_at_end": 0, "left": [], "unanswered": 0, **changes}
    print_tasks(console, tasks, cleanup)
    lines = console.file.getvalue().splitlines()
    assert all(len(line) <= 80 for line in lines)
    return lines


def test_a_run_without_image_tasks_says_nothing_of_them() -> None:
    assert _told() == []


def test_image_tasks_that_have_ended_are_one_line() -> None:
    assert _told(submitted=1, ended=1) == ["1 image task submitted, all ended"]
    assert _told("cleanup ...", submitted=61, ended=61, cancelled_at_end=2) == [
        "61 image tasks submitted, all ended (2 by cancelling at the end)"
    ]


def test_those_that_have_not_are_named_with_what_to_do() -> None:
    left = [{"id": f"{number:032x}", "key": "image:batch", "seen": "last seen running"} for number in range(12)]
    lines = _told("llmapi-conformance cleanup r.jsonl --target t.toml", submitted=20, ended=8, left=left)
    assert lines[0] == "20 image tasks submitted, 8 ended, 12 left"
    assert lines[1] == "left: 00000000000000000000000000000000 of image:batch: last seen running"
    assert lines[11:] == [
        "and 2 more, all in verdicts.json",
        "to end them: llmapi-conformance cleanup r.jsonl --target t.toml",
    ]
    assert len(_told(submitted=1, left=[{**left[0], "id": "x" * 300}])) > 2


def test_submissions_without_an_answer_are_told() -> None:
    assert _told(unanswered=1) == ["1 submission got no answer: whether a task was made is unknown"]
