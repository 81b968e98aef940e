"""Whose an image task is: its own key does everything with it, any other key meets it like one that is not there."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.evidence.exchange import NOT_JSON
from llmapi_conformance.evidence.tasks import holder_of
from llmapi_conformance.judging.chat_answer import shown, string
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.images import answer_in_words
from llmapi_conformance.judging.oracles.responses import opening
from llmapi_conformance.judging.task_answer import (
    FOLLOWING,
    READING,
    SUBMITTING,
    TRANSIENT,
    heard_view,
    ids_of,
    listed_tasks,
    submitted_id,
    task_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmapi_conformance.evidence.exchange import Exchange

_GENERAL: Final = "general:"
_TELLING_HEADERS: Final = ("allow", "content-location", "etag", "last-modified", "link", "location", "retry-after")
"""Headers that say something about the resource, rather than about the request or the connection."""
_PER_REQUEST: Final = frozenset({"request_id", "requestid", "trace_id", "timestamp", "time"})
"""Members, in lower case, that are others in every answer."""
_LONG_WORD: Final = re.compile(r"[0-9A-Za-z_.:+-]{8,}")
"""With a digit in it, an id or a time: those of a request may stand in the message and in tags of the answer, too."""


@oracle("TASK-P03", on=On(operations=SUBMITTING, mode="plain", outcome="any"))
def a_general_key_submits_no_task(exchange: Exchange) -> Judgement:
    """Tasks need an image key (F2.5, F7.2)."""
    if not holder_of(exchange).role.startswith(_GENERAL) or exchange.status == 429:
        return
    yield Examined("submission with a general key")
    if not 400 <= exchange.status < 500:
        yield Deviation(f"4xx for a key of {holder_of(exchange).role}", answer_in_words(exchange), opening(exchange))


@oracle("TASK-D07", on=On(operations=(*READING, "listImageTasks"), mode="plain", outcome="any"))
def a_general_key_reads_no_task(exchange: Exchange) -> Judgement:
    """Reading tasks is what the image key is for (F2.4); a list without tasks tells nothing."""
    if not holder_of(exchange).role.startswith(_GENERAL):
        return
    if exchange.refused or task_of(exchange) or listed_tasks(exchange):
        yield Examined("reading with a general key")
    if task_of(exchange) or listed_tasks(exchange):
        yield Deviation(
            f"no task for a key of {holder_of(exchange).role}", answer_in_words(exchange), opening(exchange)
        )


@oracle("TASK-E02", on=On(operations=FOLLOWING, mode="stream", outcome="any"))
def a_general_key_is_told_of_no_task(exchange: Exchange) -> Judgement:
    """Refused, or a stream without tasks (F2.6, F7.22, tension C11); whether any was there to be told is not known."""
    if not holder_of(exchange).role.startswith(_GENERAL):
        return
    told = heard_view(exchange) if exchange.succeeded else ()
    if exchange.refused or told:
        yield Examined("events for a general key")
    if told:
        yield Deviation(f"no event for a key of {holder_of(exchange).role}", shown(told[0].task), told[0].span)


@oracle("TASK-E02")
def a_general_key_hears_of_no_living_task(submitted: Exchange, own: Exchange, heard: Exchange) -> Judgement:
    """A stream that a general key was given stays silent while a task lives that its own key is told of.

    Args:
        submitted: The task's submission.
        own: The events of its own key; what is not told there can't be missed elsewhere.
        heard: The events of a general key, opened before the task was there and left after its end.
    """
    if not heard_view(own, submitted_id(submitted)):
        return
    yield Examined("events for a general key while a task lives")
    told = heard_view(heard) if heard.succeeded else ()
    if told:
        yield Deviation(f"no event for a key of {holder_of(heard).role}", shown(told[0].task), told[0].span, heard)


@oracle("TASK-P25")
def an_image_key_does_all_with_its_task(done: Mapping[str, Exchange]) -> Judgement:
    """Submit, read, follow, cancel (F2.4).

    Args:
        done: The answers ``submitted``, ``read``, ``cancelled`` and ``events``; none but the first and the last where
            no task was made. A task that had ended before it could be cancelled answers with 409; who has no place
            or no upstream for it says nothing of the key.
    """
    submitted = done["submitted"]
    for name in ("submitted", "read", "cancelled", "events"):
        answer = done.get(name)
        if answer is None:
            continue
        if answer.status in TRANSIENT:
            return
        yield Examined(f"image key: {name}")
        ended = name == "cancelled" and answer.status == 409
        if not answer.succeeded and not ended:
            yield Deviation(f"a task {name} with its own key", answer_in_words(answer), exchange=answer)
            return
    task_id = submitted_id(submitted)
    if task_id and not heard_view(done["events"], task_id):
        yield Deviation("an event of the task", _events_in_words(done["events"]), exchange=done["events"])


@oracle("TASK-D02")
def an_unknown_task_is_404(exchange: Exchange) -> Judgement:
    """An id that nobody was given, read or cancelled (unknown 10)."""
    if exchange.status in TRANSIENT:
        return
    yield Examined("unknown id")
    if exchange.status != 404:
        yield Deviation("404 for an unknown id", answer_in_words(exchange), opening(exchange))


@oracle("TASK-D03")
def a_task_of_another_tenant_is_as_good_as_unknown(before: Exchange, foreign: Exchange, unknown: Exchange) -> Judgement:
    """Nothing tells a foreign id from one that is not there (OWASP-API 1, defect M06).

    Args:
        before: The task read by its own key; where that does not work, nothing can leak.
        foreign: Its id, read with a key of another tenant.
        unknown: An id that nobody has, read with the same key.
    """
    yield from _like_unknown(before, foreign, unknown)


@oracle("TASK-D04")
def a_task_of_another_key_is_as_good_as_unknown(before: Exchange, foreign: Exchange, unknown: Exchange) -> Judgement:
    """So it is for another key of the same tenant (F7.24 isolates by key); subjects as for another tenant."""
    yield from _like_unknown(before, foreign, unknown)


@oracle("TASK-D04")
def a_second_key_harms_no_task(before: Exchange, foreign: Exchange, unknown: Exchange, after: Exchange) -> Judgement:
    """Nor can it cancel the task; subjects as for another tenant."""
    yield from _unharmed(before, foreign, unknown, after)


@oracle("TASK-D06")
def a_list_holds_no_foreign_task(submitted: Exchange, listed: Exchange) -> Judgement:
    """The list of a key has nothing of another tenant (OWASP-API 1, defect D035).

    Args:
        submitted: A task's submission, which still lived when the list was read.
        listed: The list of a key of another tenant.
    """
    task_id, tasks = submitted_id(submitted), listed_tasks(listed)
    if not task_id or tasks is None:
        return
    yield Examined("list of another tenant")
    start = listed.body.find(task_id.encode("utf-8", "surrogatepass"))
    if start >= 0 or any(task_id in ids_of(task) for task in tasks):
        span = (start, start + len(task_id)) if start >= 0 else None
        yield Deviation("no task of another tenant", f"the task {shown(task_id)}", span, listed)


@oracle("TASK-C06")
def a_task_of_another_tenant_is_not_cancelled(
    before: Exchange, foreign: Exchange, unknown: Exchange, after: Exchange
) -> Judgement:
    """It goes on, and the answer is that for an id that nobody has (OWASP-API 1, defect M06).

    Args:
        before: The task read by its own key.
        foreign: Its id, cancelled with a key of another tenant.
        unknown: An id that nobody has, cancelled with the same key.
        after: The task read by its own key once more.
    """
    yield from _unharmed(before, foreign, unknown, after)


@oracle("TASK-E04")
def a_listener_hears_of_no_foreign_task(foreign: Exchange, own: Exchange, heard: Exchange) -> Judgement:
    """Events are told to the key that made the task, and to no other (F7.24).

    Args:
        foreign: Submission of a task of another key.
        own: Submission, by the key that listens, of a later task; only who hears of that could have heard of both.
        heard: The events of that key, from before or within the life of the foreign task.
    """
    foreign_id, own_id = submitted_id(foreign), submitted_id(own)
    if not foreign_id:
        return
    leaks = heard_view(heard, foreign_id) if heard.succeeded else ()
    if leaks or (own_id and heard_view(heard, own_id)):
        yield Examined("listener beside a foreign task")
    if leaks:
        found = f"{leaks[0].status or 'an event'} of {shown(foreign_id)}"
        yield Deviation("no event of a task of another key", found, leaks[0].span, heard)


def _like_unknown(before: Exchange, foreign: Exchange, unknown: Exchange) -> Judgement:
    if not task_of(before) or {foreign.status, unknown.status} & set(TRANSIENT):
        return
    yield Examined("id of a foreign task")
    for (what, told), (_, wanted) in zip(_telling(foreign), _telling(unknown), strict=True):
        if told != wanted:
            expected, observed = f"{what} {wanted[:300]}, as for an unknown id", f"{what} {told[:300]}"
            yield Deviation(expected, observed, opening(foreign), foreign)
            return


def _unharmed(before: Exchange, foreign: Exchange, unknown: Exchange, after: Exchange) -> Judgement:
    yield from _like_unknown(before, foreign, unknown)
    earlier, later = task_of(before), task_of(after)
    if not earlier:
        return
    if later.get("status") == "canceled" != earlier.get("status"):
        yield Deviation("the task going on", "status canceled", opening(after), after)
    elif not later and after.status not in TRANSIENT:
        yield Deviation("the task still there for its own key", answer_in_words(after), opening(after), after)


def _telling(exchange: Exchange) -> tuple[tuple[str, Any], ...]:
    """What a client can tell two answers apart by, aside from the id it asked for and those of requests."""
    asked_for = exchange.request.path.split("/tasks/", 1)[-1].partition("/")[0]
    headers = {name: exchange.header(name) for name in _TELLING_HEADERS if exchange.header(name) is not None}
    if exchange.json is NOT_JSON:
        body: Any = exchange.body.decode("utf-8", "replace")
    else:
        body = _without_what_differs(exchange.json)
    told = (
        ("status", exchange.status),
        ("content type", exchange.media_type),
        ("body", body),
        ("headers", headers),
    )
    return tuple((what, _without_id(value, asked_for)) for what, value in told)


def _without_what_differs(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: one for name, one in value.items() if name.lower() not in _PER_REQUEST}
        return {name: _without_what_differs(one) for name, one in kept.items()}
    return [_without_what_differs(one) for one in value] if isinstance(value, list) else value


def _without_id(value: Any, asked_for: str) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return _LONG_WORD.sub(_without_marks, text.replace(asked_for, "ID") if asked_for else text)


def _without_marks(found: re.Match[str]) -> str:
    return "ID" if any(character.isdigit() for character in found[0]) else found[0]


def _events_in_words(exchange: Exchange) -> str:
    if not exchange.succeeded:
        return answer_in_words(exchange)
    names = [string(event.name) for event in exchange.events.events]
    return f"{len(names)} events, none of them of the task"
