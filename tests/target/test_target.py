"""What a target says about itself."""

from __future__ import annotations

from llmapi_conformance.sending.embedded import TASK_END, embedded_target
from llmapi_conformance.target.description import describe, described
from llmapi_conformance.target.target import Target, TaskTerms


def test_an_operation_may_be_missing_for_the_keys_of_one_platform() -> None:
    target = Target(
        name="gateway",
        base_url="http://127.0.0.1",
        roles={},
        not_offered={"general:openai createMessage": "it converts nothing", "getUsage": "it has none"},
    )
    assert target.gap("general:openai", "createMessage") == "it converts nothing"
    assert target.gap("general:openai+second_key", "createMessage") == "it converts nothing"
    assert target.gap("general:anthropic", "createMessage") == ""
    assert target.gap("general:anthropic", "getUsage") == "it has none"
    assert target.gap("", "createMessage") == ""


def test_a_recording_says_what_the_target_states_about_tasks() -> None:
    terms = TaskTerms(heartbeat=1.0, end=30.0, timeout=6.0, running=2, waiting=12, list_path="/v1/tasks")
    told = describe(Target(name="gateway", base_url="http://127.0.0.1", roles={}, tasks=terms))
    assert described(told).tasks == terms
    assert describe(described(told)) == told
    del told["tasks"]
    assert described(told).tasks == TaskTerms()


def test_the_reference_gateway_announces_what_it_states_about_tasks() -> None:
    urls = dict.fromkeys(("base_url", "control_url", "upstream_control_url"), "http://127.0.0.1:1")
    announcement = {**urls, "models": {}, "keys": {}}
    assert embedded_target(announcement)[0].tasks == TaskTerms(end=TASK_END)
    said = {"heartbeat_seconds": 1.0, "timeout_seconds": 6.0, "running": 2, "waiting": 12}
    tasks = embedded_target({**announcement, "tasks": said})[0].tasks
    assert tasks == TaskTerms(heartbeat=1.0, end=TASK_END, timeout=6.0, running=2, waiting=12)
