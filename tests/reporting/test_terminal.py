from __future__ import annotations

import io

from llmapi_conformance.reporting.terminal import console_for_people, print_plan
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
