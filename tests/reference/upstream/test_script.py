from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapi_conformance.reference.upstream.directives import read_prompt
from llmapi_conformance.reference.upstream.errors import ApiError
from llmapi_conformance.reference.upstream.script import (
    DEFAULT_TEXT,
    EndReason,
    Question,
    Script,
    cut_text,
    last_text,
    write_script,
)

QUESTION = Question(model="m", text="", input_tokens=9, tools=("f", "g"))


def script(text: str, **fields: object) -> Script:
    return write_script(dataclasses.replace(QUESTION, **fields), *read_prompt(text))  # type: ignore[arg-type] # any field


@given(text=st.text(max_size=60), pieces=st.none() | st.integers(1, 80))
def test_pieces_are_even_and_join_to_the_text(text: str, pieces: int | None) -> None:
    cut = cut_text(text, pieces)
    assert "".join(cut) == text
    assert all(cut)
    sizes = {len(piece) for piece in cut}
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert len(cut) == min(len(text), pieces if pieces is not None else max(-(-len(text) // 12), 3))


def test_without_a_directive_the_text_is_fixed() -> None:
    assert script("hi").text == DEFAULT_TEXT
    assert script("hi").reason is EndReason.NATURAL
    assert script("hi").usage.output == 6


def test_the_first_stop_string_in_the_text_cuts_it() -> None:
    cut = script("@upstream echo\none END two STOP", stop_strings=("STOP", "END"))
    assert (cut.text, cut.reason, cut.stop_string) == ("one ", EndReason.STOP_STRING, "END")


def test_the_limit_cuts_the_text_and_is_what_the_usage_says() -> None:
    cut = script("@upstream echo\n123456789", limit=2)
    assert (cut.text, cut.reason, cut.usage.output) == ("12345678", EndReason.LENGTH, 2)
    assert script("@upstream echo\n12345678", limit=2).reason is EndReason.NATURAL


def test_calls_beyond_the_limit_are_not_made() -> None:
    cut = script("@upstream echo tool_calls=3\n1234", limit=3)
    assert (cut.text, cut.calls, cut.reason, cut.usage.output) == ("1234", (), EndReason.LENGTH, 3)


def test_calls_take_the_tools_in_turn() -> None:
    calls = script("@upstream tool_calls=3").calls
    assert [(call.name, call.arguments) for call in calls] == [("f", '{"n":0}'), ("g", '{"n":1}'), ("f", '{"n":2}')]


@pytest.mark.parametrize(
    ("words", "text"), [("", ""), ("text_then_tools", DEFAULT_TEXT), ("echo", "said"), ("echo text_then_tools", "said")]
)
def test_text_comes_before_calls_only_when_asked_for(words: str, text: str) -> None:
    assert script(f"@upstream tool_calls=1 {words}\nsaid").text == text


def test_calls_need_tools() -> None:
    with pytest.raises(ApiError, match="tool_calls"):
        script("@upstream tool_calls=1", tools=())


def test_a_call_may_name_its_tool() -> None:
    assert [call.name for call in script("@upstream tool_calls=2 tool=g").calls] == ["g", "g"]
    with pytest.raises(ApiError, match="not on offer"):
        script("@upstream tool_calls=1 tool=h")


def test_a_forced_stop_string_is_the_requests_first_where_the_text_has_none() -> None:
    cut = script("@upstream echo stop=stop_sequence\na b c", stop_strings=("D", "B"))
    assert (cut.text, cut.stop_string, cut.reason) == ("a b c", "D", EndReason.STOP_STRING)
    cut = script("@upstream echo stop=stop_sequence\na B c", stop_strings=("D", "B"))
    assert (cut.text, cut.stop_string) == ("a ", "B")
    with pytest.raises(ApiError, match="stop_sequence"):
        script("@upstream stop=stop_sequence")


def test_given_usage_is_exact() -> None:
    usage = script("@upstream usage=17,5,3", limit=2).usage
    assert (usage.input, usage.output, usage.cached) == (17, 5, 3)


def test_the_last_text_is_that_of_the_last_turn_of_the_client() -> None:
    assert last_text([(True, ["a"]), (False, ["b"]), (True, ["c", "d"]), (False, ["prefill"])]) == "d"
    assert last_text([(True, ["a"]), (True, [])]) == "a"
    assert last_text([(True, ["a"]), (False, ["b"]), (True, [])]) == ""
    assert last_text([]) == ""
