"""A gateway that goes away is told from one that does not answer some questions."""

from __future__ import annotations

from dataclasses import replace

from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.evidence.silence import LAST_LOOK, broken_at_the_end, seems_gone, stopped_answering
from llmapi_conformance.evidence.tasks import CLEANUP
from tests.evidence.recordings import exchange, unanswered


def ending(at: float, how: Ending, *, after: float = 1.0, step: int) -> Exchange:
    """An exchange that ended so at a time, some seconds after it began."""
    one = exchange(step=step)
    assert one.response
    response = replace(one.response, ending=how, chunks=(), ended_at=after)
    return replace(one, response=response, started_at=at - after)


ANSWERED = [ending(float(number), Ending.COMPLETE, step=number) for number in range(1, 20)]
SILENT = [replace(unanswered(step=100 + number), started_at=100.0 + number) for number in range(3)]
LOOK = replace(unanswered(scenario=CLEANUP, step=0), parameters="", label=LAST_LOOK, started_at=200.0)
SEEN = replace(LOOK, response=ANSWERED[0].response, failure="")


def test_requests_that_nobody_answered_up_to_the_last_look_are_one_sentence() -> None:
    expected = "the gateway stopped answering: none of the last 4 requests was answered (the connection was refused)"
    assert stopped_answering([*SILENT, LOOK, *ANSWERED]) == expected
    assert stopped_answering([LOOK, *SILENT]) == expected


def test_answers_that_broke_off_before_an_unanswered_look_are_another_sentence() -> None:
    cut = ending(19.5, Ending.CUT, step=50)
    said = stopped_answering([*ANSWERED, cut, LOOK])
    assert said.startswith("the gateway went away: its latest answers broke off")


def test_a_gateway_that_answers_the_last_look_or_was_not_looked_at_did_not_go() -> None:
    assert stopped_answering([]) == ""
    assert stopped_answering([*ANSWERED, *SILENT]) == ""
    assert stopped_answering([*ANSWERED, *SILENT, SEEN]) == ""


def test_only_a_silent_or_broken_end_is_looked_into() -> None:
    assert not seems_gone([])
    assert not seems_gone([*SILENT, replace(ANSWERED[0], started_at=500.0)])
    assert seems_gone([*ANSWERED, *SILENT])
    assert seems_gone([*ANSWERED, ending(19.0, Ending.RESET, step=50)])
    assert not seems_gone([*ANSWERED, ending(10.0, Ending.RESET, step=50)])


def test_only_what_broke_off_at_the_last_sign_of_life_is_excused() -> None:
    early, late = ending(10.0, Ending.CUT, step=50), ending(19.0, Ending.CUT, step=51)
    stalled, left = ending(80.0, Ending.TIMEOUT, after=62.0, step=52), ending(19.0, Ending.LEFT, step=53)
    assert broken_at_the_end([*ANSWERED, early, late, stalled, left, LOOK]) == {late.id, stalled.id}


def test_our_own_upstream_and_what_ends_tasks_are_not_the_gateway_at_work() -> None:
    log = replace(exchange(), operation="upstream:log", started_at=500.0)
    ended = replace(exchange(scenario=CLEANUP), started_at=500.0)
    assert stopped_answering([*ANSWERED, *SILENT, LOOK, log, ended])
    assert seems_gone([*ANSWERED, *SILENT, log])
