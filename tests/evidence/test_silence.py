"""A gateway that goes away is told from one that does not answer some questions."""

from __future__ import annotations

from dataclasses import replace

from llmapi_conformance.evidence.silence import FEWEST, stopped_answering
from tests.evidence.recordings import exchange, unanswered

ANSWERED = [replace(exchange(step=number), started_at=float(number)) for number in range(20)]
SILENT = [
    replace(unanswered(step=100 + number), started_at=100.0 + number, operation=f"operation{number % 3}")
    for number in range(FEWEST)
]


def test_requests_that_nobody_answered_at_the_end_are_one_sentence() -> None:
    expected = "the gateway stopped answering: none of the last 10 requests was answered (the connection was refused)"
    assert stopped_answering([*SILENT, *ANSWERED]) == expected
    assert stopped_answering(SILENT) == expected


def test_silence_before_an_answer_few_requests_or_one_question_are_none() -> None:
    assert stopped_answering([]) == ""
    assert stopped_answering([*SILENT, replace(ANSWERED[0], started_at=500.0)]) == ""
    assert stopped_answering([*ANSWERED, *SILENT[1:]]) == ""
    assert stopped_answering([*ANSWERED, *(replace(one, operation="one") for one in SILENT)]) == ""


def test_our_own_upstream_is_not_the_gateway() -> None:
    log = replace(exchange(), operation="upstream:log", started_at=500.0)
    assert stopped_answering([*ANSWERED, *SILENT, log])
