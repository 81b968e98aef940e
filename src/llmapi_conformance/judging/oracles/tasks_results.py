"""What a task brings and what it costs: images, whose they are, charges (facts F7.4, F7.10, F8.1; rule I-N1)."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from llmapi_conformance.judging.chat_answer import is_whole_number, sent, shown, string
from llmapi_conformance.judging.image_answer import Picture, asked_size, decoded
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.chat import span_of
from llmapi_conformance.judging.oracles.images import answer_in_words
from llmapi_conformance.judging.oracles.tasks_life import READ
from llmapi_conformance.judging.oracles.tasks_reading import TRANSIENT
from llmapi_conformance.judging.oracles.usage import SMALLEST_AMOUNT
from llmapi_conformance.judging.oracles.usage_ledger import growth
from llmapi_conformance.judging.task_answer import Sight, image_addresses, image_texts, read_view, task_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.evidence.exchange import Exchange

_CHARGES: Final = ("total.requests", "total.input_tokens", "total.output_tokens", "total.total_tokens")
_COST: Final = "total.actual_cost"


@oracle("TASK-L10", on=READ)
def a_succeeded_task_holds_its_images(exchange: Exchange) -> Judgement:
    """As many images as ``n`` says, as data or by address; data decodes (F7.4, F7.10, I-N1)."""
    task = task_of(exchange)
    if task.get("status") != "succeeded":
        return
    yield Examined("result of a task")
    texts, addresses = image_texts(task), image_addresses(task)
    wanted = task["n"] if is_whole_number(task.get("n")) else 1
    if wanted not in _counts(texts, addresses):
        found = max(_counts(texts, addresses))
        yield Deviation(f"{wanted} images", f"{found} in {shown(sorted(task))}", span_of(exchange, "data", "status"))
    elif not all(_picture(text) for text in texts):
        broken = next(text for text in texts if not _picture(text))
        yield Deviation("base64 of an image that decodes", shown(broken), span_of(exchange, "b64_json", "data"))


@oracle("TASK-L10")
def the_images_asked_for_are_there(submitted: Exchange, readings: Sequence[Exchange]) -> Judgement:
    """They are as many as were asked for, of the size that was asked for, and no two of them are one (F7.4, I-N1)."""
    end = _success(readings)
    if end is None:
        return
    yield Examined("result of a task")
    asked = sent(submitted).get("n")
    wanted = asked if is_whole_number(asked) else 1
    texts, addresses = image_texts(end.task), image_addresses(end.task)
    size = asked_size(submitted)
    sizes = [(picture.width, picture.height) for text in texts if (picture := _picture(text))]
    place = span_of(end.exchange, "b64_json", "url", "data")
    if wanted not in _counts(texts, addresses):
        yield Deviation(f"{wanted} images, as asked for", f"{max(_counts(texts, addresses))}", place, end.exchange)
    elif len(set(texts)) < len(texts) or len(set(addresses)) < len(addresses):
        yield Deviation(f"{wanted} different images", "the same one again", place, end.exchange)
    elif size and any(found != size for found in sizes):
        wrong = next(found for found in sizes if found != size)
        yield Deviation(
            f"images of {size[0]}x{size[1]} pixels, as asked for", f"one of {wrong[0]}x{wrong[1]}", place, end.exchange
        )


@oracle("TASK-L10")
def an_address_leads_to_an_image(fetched: Sequence[Exchange]) -> Judgement:
    """A result's address at the gateway itself has an image for the key of the task (F7.4)."""
    for one in fetched:
        if one.status in TRANSIENT:
            continue
        yield Examined("address of a result")
        if not one.succeeded:
            yield Deviation("an image", answer_in_words(one), exchange=one)
        elif decoded(base64.b64encode(one.body).decode()) is None:
            yield Deviation(
                "an image that decodes", f"{len(one.body)} bytes of {one.media_type or 'no type'}", (0, 16), one
            )


@oracle("TASK-L14")
def each_task_holds_its_own_result(submissions: Sequence[Exchange], lives: Sequence[Sequence[Exchange]]) -> Judgement:
    """No task has the image of another one: each has the size that it alone was asked for (CWE-200, D284).

    Args:
        submissions: Of tasks that each ask for one image of a size of its own.
        lives: The readings of each, in the same order.
    """
    ends = [
        (asked_size(submitted), _success(readings)) for submitted, readings in zip(submissions, lives, strict=False)
    ]
    known = [(size, end, text) for size, end in ends if size and end for text in image_texts(end.task)[:1]]
    pictures = [(size, end, text, picture) for size, end, text in known if (picture := _picture(text))]
    own = sum((picture.width, picture.height) == size for size, _, _, picture in pictures)
    sizes_count = own * 2 > len(pictures)
    holders: dict[str, str] = {}
    asked = {size for size, *_ in pictures}
    for size, end, text, picture in pictures:
        yield Examined("result of a task")
        found = (picture.width, picture.height)
        first = holders.setdefault(text, string(end.task.get("id")))
        # Where sizes mean nothing to the gateway, only what another task asked for tells its result.
        if found != size and (sizes_count or found in asked):
            yield Deviation(
                f"the image of {size[0]}x{size[1]} pixels that this task is for",
                f"one of {found[0]}x{found[1]}, another task's",
                span_of(end.exchange, "b64_json", "data"),
                end.exchange,
            )
        elif first != string(end.task.get("id")):
            yield Deviation(
                "an image of its own", f"that of task {shown(first)}", span_of(end.exchange, "b64_json"), end.exchange
            )


@oracle("TASK-L16")
def a_success_is_charged_once(usage: Sequence[Exchange], readings: Sequence[Exchange], tokens: int) -> Judgement:
    """Usage grows by one request and by what the upstream counted, however often the task is read (unknown 10).

    Args:
        usage: Before the task, again, and after its end, all with the key of the task.
        readings: Of the task until its end.
        tokens: What the upstream counted, input and output.
    """
    moved = _moved(usage)
    if _success(readings) is None or not moved:
        return
    yield Examined("charge of a task that succeeded")
    after = usage[-1]
    if not any(moved.values()):
        yield Deviation("a charge for a task that succeeded", "usage as before", exchange=after)
    elif moved.get("total.requests", 0.0) > 1:
        yield Deviation("one request more", f"{moved['total.requests']:g} more", exchange=after)
    elif moved.get("total.total_tokens", 0.0) > tokens:
        yield Deviation(
            f"at most the {tokens} tokens that the upstream counted",
            f"{moved['total.total_tokens']:g} more",
            exchange=after,
        )


@oracle("TASK-C07")
def a_task_without_success_is_not_charged(usage: Sequence[Exchange], readings: Sequence[Exchange]) -> Judgement:
    """What was cancelled, failed or timed out leaves usage where it was (unknown 10, defect B1).

    Args:
        usage: Before the task, again, and after its end, all with the key of the task.
        readings: Of the task until its end.
    """
    view = read_view(readings)
    moved = _moved(usage)
    if not moved or not view or not view[-1].final or any(sight.status == "succeeded" for sight in view):
        return
    yield Examined("usage around a task without success")
    for name, number in moved.items():
        if number > 0 and name != "total.requests":
            yield Deviation(
                f"{name} as before a task that ended as {view[-1].status}", f"{number:g} more", exchange=usage[-1]
            )
            return


def _counts(texts: Sequence[str], addresses: Sequence[str]) -> tuple[int, ...]:
    """How many images these may be: an image may come as data and by address at once."""
    return (len(texts), len(addresses), len(texts) + len(addresses))


@lru_cache(maxsize=64)
def _picture(text: str) -> Picture | None:
    """Decode an image once, however often its task is read."""
    return decoded(text)


def _success(readings: Sequence[Exchange]) -> Sight | None:
    """The first reading in which the task has succeeded."""
    return next((sight for sight in read_view(readings) if sight.status == "succeeded"), None)


def _moved(usage: Sequence[Exchange]) -> dict[str, float]:
    """How much the counters grew over a task, without what asking for usage adds; none where usage was not told."""
    if len(usage) < 3:
        return {}
    own, grown = growth(usage[0], usage[1]), growth(usage[1], usage[-1])
    return {
        name: 0.0 if abs(grown[name]) < SMALLEST_AMOUNT / 1000 else grown[name]
        for name in (*_CHARGES, _COST)
        if name in grown and not own.get(name)
    }
