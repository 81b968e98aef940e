"""Submitting image tasks: the answer, what is refused and for which reason, ids (facts F7.1 to F7.14, F9.11, F9.12)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from llmapi_conformance.contract.tasks import task_contract
from llmapi_conformance.evidence.exchange import NOT_JSON
from llmapi_conformance.judging.chat_answer import sent, shown
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.chat import span_of
from llmapi_conformance.judging.oracles.images import answer_in_words
from llmapi_conformance.judging.task_answer import SUBMITTING, TRANSIENT, reasons_in, state_of, submitted_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.evidence.exchange import Exchange

SUBMITTED: Final = On(operations=SUBMITTING, mode="plain")
_CLIENT_ERRORS: Final = tuple(range(400, 500))
_ENOUGH_BITS: Final = 24
"""Bits in which the ids of one run must differ: a counter stays below sixteen million."""


@oracle("TASK-P01", on=SUBMITTED)
def a_task_is_accepted_with_202(exchange: Exchange) -> Judgement:
    """202 and JSON (F7.1)."""
    yield Examined("answer to a submission")
    if exchange.status != 202:
        yield Deviation("status 202", f"status {exchange.status}")
    elif exchange.json is NOT_JSON or not _is_json(exchange.media_type):
        found = exchange.body[:80].decode("utf-8", "replace")
        yield Deviation("JSON", f"{exchange.media_type}: {shown(found)}", (0, min(80, len(exchange.body))))


@oracle("TASK-P02", on=SUBMITTED)
def the_answer_names_the_task(exchange: Exchange) -> Judgement:
    """``id`` or ``task_id``, a string (F7.3)."""
    yield Examined("answer to a submission")
    if not submitted_id(exchange):
        found = exchange.body[:120].decode("utf-8", "replace")
        yield Deviation("id or task_id, a string", shown(found), (0, min(120, len(exchange.body))))


@oracle("TASK-P04")
def a_model_of_no_group_is_refused(exchange: Exchange) -> Judgement:
    """What the group does not have is not taken (F7.2, F6.5)."""
    yield from _refused(exchange, _CLIENT_ERRORS)


@oracle("TASK-P07")
def a_task_without_prompt_is_refused(exchange: Exchange) -> Judgement:
    """``prompt`` is required (F7.8, F9.11)."""
    yield from _refused(exchange, (400,))


@oracle("TASK-P08")
def a_task_with_an_empty_prompt_is_refused(exchange: Exchange) -> Judgement:
    """``prompt`` is not empty (F7.8)."""
    yield from _refused(exchange, (400,))


@oracle("TASK-P10")
def a_task_of_no_images_is_refused(exchange: Exchange) -> Judgement:
    """``n`` is above 0 (F7.10)."""
    yield from _refused(exchange, _CLIENT_ERRORS)


@oracle("TASK-P11")
def a_task_of_too_many_images_is_refused(exchange: Exchange) -> Judgement:
    """``n`` has an upper bound (F7.10); which one is not said."""
    yield from _refused(exchange, _CLIENT_ERRORS)


@oracle("TASK-P12")
def a_streamed_task_is_refused(exchange: Exchange) -> Judgement:
    """``stream`` is false or absent (F7.11)."""
    yield from _refused(exchange, _CLIENT_ERRORS)


@oracle("TASK-P12")
def stream_false_is_accepted(exchange: Exchange) -> Judgement:
    """``stream`` may be false (F7.11)."""
    if sent(exchange).get("stream") is False:
        yield Examined("task with stream false")
        yield from _accepted(exchange, "a task, since stream false asks for none")


@oracle("TASK-P13")
def a_nickname_is_refused(exchange: Exchange) -> Judgement:
    """Gemini's models have official names only (F7.6)."""
    yield from _refused(exchange, _CLIENT_ERRORS)


@oracle("TASK-P14")
def tasks_of_both_platforms_are_taken(openai: Exchange, gemini: Exchange) -> Judgement:
    """One path, dispatched by model (F7.4, F7.5)."""
    for name, exchange in (("OpenAI", openai), ("Gemini", gemini)):
        yield Examined(f"task of a model of {name}")
        yield from _accepted(exchange, f"a task of {shown(sent(exchange).get('model', 'the default model'))}")


@oracle("TASK-P18")
def the_example_is_accepted(exchange: Exchange) -> Judgement:
    """The example of the start page makes a task (F7.14)."""
    yield Examined("example of the page")
    yield from _accepted(exchange, "a task for the example as printed")


@oracle("TASK-P19")
def a_member_of_the_wrong_type_is_refused(exchange: Exchange) -> Judgement:
    """A parameter of the wrong JSON type is 400 (F9.11)."""
    yield from _refused(exchange, (400,))


@oracle("TASK-P20")
def an_invalid_task_is_told_so(exchange: Exchange) -> Judgement:
    """400 with its reason (F9.12)."""
    yield from _reason(exchange, "IMAGE_TASK_INVALID_REQUEST")


@oracle("TASK-P21")
def a_model_without_images_is_told_so(exchange: Exchange) -> Judgement:
    """400 with its reason (F9.12)."""
    yield from _reason(exchange, "IMAGE_TASK_UNSUPPORTED_MODEL")


@oracle("TASK-P22")
def a_feature_that_tasks_lack_is_told_so(exchange: Exchange) -> Judgement:
    """400 with its reason (F9.12), streaming being such a feature (F7.11)."""
    yield from _reason(exchange, "IMAGE_TASK_UNSUPPORTED_FEATURE")


@oracle("TASK-P24")
def a_full_queue_is_429(submissions: Sequence[Exchange], running: Sequence[Exchange]) -> Judgement:
    """Where places and queue are full, the next task is told so (F9.11, F2.13).

    Args:
        submissions: As many as the target states to have places for, and one more.
        running: Readings, after that, of the tasks that run: only while none has ended there is no place.
    """
    refused = [one for one in submissions if not one.succeeded]
    early = any(one.status in TRANSIENT and one.status != 429 for one in refused if one is not submissions[-1])
    gave_way = not all(state_of(one) in task_contract().active for one in running)
    if not submissions or early or (not refused and gave_way):
        return
    yield Examined("submission beyond the places", max(1, len(refused)))
    for one in refused:
        if one.status != 429:
            yield Deviation("429 when no place is left", answer_in_words(one), exchange=one)
            return
    if not refused:
        yield Deviation(
            f"429 for a task beyond {len(submissions) - 1} that run or wait",
            answer_in_words(submissions[-1]),
            exchange=submissions[-1],
        )


@oracle("TASK-L13")
def ids_of_tasks_differ(exchanges: Sequence[Exchange]) -> Judgement:
    """No two submissions bring one id (M13)."""
    seen: dict[str, Exchange] = {}
    for one in _submissions(exchanges):
        yield Examined("task id")
        found = submitted_id(one)
        if found in seen:
            yield Deviation("an id of its own", f"{shown(found)}, as {seen[found].id} has it", span_of(one, "id"), one)
            return
        seen[found] = one


@oracle("TASK-L17")
def ids_of_tasks_are_not_counted(exchanges: Sequence[Exchange]) -> Judgement:
    """Ids differ in so many places that none can be guessed from another (CWE-340, defect D036)."""
    submissions = _submissions(exchanges)
    ids = sorted({submitted_id(one) for one in submissions})
    if len(ids) < 2:
        return
    yield Examined("ids of tasks", len(ids))
    places, bits = _variety(ids)
    if bits < _ENOUGH_BITS:
        told = f"{shown(ids[0])} and {shown(ids[-1])}"
        yield Deviation(
            "ids that can't be guessed from each other",
            f"{len(ids)} that differ in {places} characters at most, such as {told}",
            span_of(submissions[-1], "id"),
            submissions[-1],
        )


def _submissions(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """The accepted submissions, in the order in which they were sent."""
    accepted = [one for one in exchanges if one.operation in SUBMITTING and submitted_id(one)]
    return sorted(accepted, key=lambda one: one.started_at)


def _variety(ids: Sequence[str]) -> tuple[int, float]:
    """In how many characters ids differ between what all begin and all end with, and how many bits those can hold."""
    head = _shared(ids)
    tail = _shared([one[head:][::-1] for one in ids])
    middles = [one[head : len(one) - tail] for one in ids]
    used = {character for one in ids for character in one}
    alphabet = 10 if used <= set("0123456789") else 16 if used <= set("0123456789abcdef-") else 36
    places = max(len(one) for one in middles)
    return places, places * math.log2(alphabet)


def _shared(texts: Sequence[str]) -> int:
    """How many characters all of them begin with."""
    first, last = min(texts), max(texts)
    pairs = enumerate(zip(first, last, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(first), len(last)))


def _is_json(media_type: str) -> bool:
    """Whether a media type is one of JSON, or none at all."""
    return not media_type or media_type == "application/json" or media_type.endswith("+json")


def _accepted(exchange: Exchange, wanted: str) -> Judgement:
    if not exchange.succeeded:
        yield Deviation(wanted, answer_in_words(exchange), exchange=exchange)


def _refused(exchange: Exchange, statuses: tuple[int, ...]) -> Judgement:
    yield Examined("submission that ought to be refused")
    if exchange.status not in statuses:
        wanted = "4xx" if len(statuses) > 1 else str(statuses[0])
        yield Deviation(f"{wanted} for {exchange.label}", answer_in_words(exchange))


def _reason(exchange: Exchange, reason: str) -> Judgement:
    """Judge status and reason of a refusal; in which member the reason stands was not seen."""
    yield Examined("refused submission")
    status = task_contract().reasons[reason]
    if exchange.status != status or reason not in reasons_in(exchange):
        told = ", ".join(sorted(reasons_in(exchange))) or "no reason"
        yield Deviation(f"{status} with {reason} for {exchange.label}", f"{answer_in_words(exchange)} with {told}")
