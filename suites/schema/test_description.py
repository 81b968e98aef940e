"""The answer to a request of each protocol is as the OpenAPI description has it.

The rules hold on every answer (``test_every_exchange.py``); these are requests without which they might find nothing to
look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.check import exchanges_in
from llmapi_conformance.judging.oracles import described

if TYPE_CHECKING:
    from llmapi_conformance.judging.oracle import Oracle

OF_SUCCESSES = (
    described.a_success_has_a_described_status,
    described.an_answer_has_a_described_media_type,
    described.a_success_fits_its_schema,
    described.each_event_fits_its_schema,
)
OF_ERRORS = (
    described.an_error_has_a_known_status,
    described.an_error_fits_its_schema,
    described.headers_are_as_described,
)


def judge_all(oracles: tuple[Oracle, ...], result: Any) -> None:
    """Judge every exchange of a scenario with each oracle that speaks about it."""
    for exchange in exchanges_in(result):
        for one in oracles:
            if one.on is not None and one.on.covers(exchange):
                judge(one, exchange)


@clause("HTTP-G03", "HTTP-G05", "HTTP-G06", "HTTP-G07")
def test_messages_are_as_described(messages_twins: Any) -> None:
    judge_all(OF_SUCCESSES, messages_twins)


@clause("HTTP-G03", "HTTP-G05", "HTTP-G06", "HTTP-G07")
def test_completions_are_as_described(chat_pair: Any) -> None:
    judge_all(OF_SUCCESSES, chat_pair)


@clause("HTTP-G03", "HTTP-G05", "HTTP-G06", "HTTP-G07")
def test_responses_are_as_described(responses_pair: Any) -> None:
    judge_all(OF_SUCCESSES, responses_pair)


@clause("HTTP-G03", "HTTP-G05", "HTTP-G06", "HTTP-G07")
def test_gemini_answers_are_as_described(gemini_forms: Any) -> None:
    judge_all(OF_SUCCESSES, gemini_forms)


@clause("HTTP-G10")
def test_usage_is_as_described(usage_parameters: Any) -> None:
    judge_all((described.a_success_of_usage_or_tasks_fits_its_schema,), usage_parameters)


@clause("HTTP-G04", "HTTP-G08", "HTTP-G09")
def test_refusals_are_as_described(body_no_object: Any) -> None:
    judge_all(OF_ERRORS, body_no_object)


@clause("HTTP-G04", "HTTP-G08", "HTTP-G09")
def test_failures_of_the_upstream_are_told_as_described(messages_rate_limited_upstream: Any) -> None:
    judge_all(OF_ERRORS, messages_rate_limited_upstream)
