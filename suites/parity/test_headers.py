"""The header that carries the key changes nothing in the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles.parity import answer_is_the_same_under_every_key_header

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("AUTH-H10")
def test_a_key_of_an_openai_group_gets_the_same_by_each_header(openai_key_in_each_header: dict[str, Exchange]) -> None:
    judge(answer_is_the_same_under_every_key_header, openai_key_in_each_header)


@clause("AUTH-H10")
def test_a_key_of_an_anthropic_group_gets_the_same_by_each_header(
    anthropic_key_in_each_header: dict[str, Exchange],
) -> None:
    judge(answer_is_the_same_under_every_key_header, anthropic_key_in_each_header)
