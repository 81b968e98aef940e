"""What a target says about itself."""

from __future__ import annotations

from llmapi_conformance.target.target import Target


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
