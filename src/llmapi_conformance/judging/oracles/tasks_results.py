"""What a task brings and what it costs: images, whose they are, charges (facts F7.4, F7.10, F8.1; rule I-N1)."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.judging.chat_answer import is_whole_number, sent, shown
from llmapi_conformance.judging.image_answer import Picture, asked_size, decoded
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.chat import span_of
from llmapi_conformance.judging.oracles.images import answer_in_words
from llmapi_conformance.judging.oracles.tasks_life import READ
from llmapi_conformance.judging.oracles.usage import SMALLEST_AMOUNT
from llmapi_conformance.judging.oracles.usage_ledger import growth
from llmapi_conformance.judging.task_answer import (
    TRANSIENT,
    Sight,
    Task,
    image_addresses,
    image_texts,
    may_be_images,
    read_view,
    submitted_id,
    task_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.evidence.exchange import Exchange

_CHARGES: Final = ("total.requests", "total.input_tokens", "total.output_tokens", "total.total_tokens")
_COST: Final = "total.actual_cost"


@oracle("TASK-L10", on=READ)
def a_succeeded_task_holds_its_images(exchange: Exchange) -> Judgement:
    """As many images as ``n`` says, as data or by address; data decodes (F7.4, F7.10, I-N1).

    Where they stand was not seen. One may be there twice, as data and by address, and beside a preview.
    """
    task = task_of(exchange)
    if task.get("status") != "succeeded":
        return
    yield Examined("result of a task")
    texts = image_texts(task)
    wanted, found = _number(task), _images(task)
    if found < wanted or len(set(texts)) > wanted:
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
    wanted, texts, found = _number(sent(submitted)), image_texts(end.task), _images(end.task)
    size = asked_size(submitted)
    sizes = [(picture.width, picture.height) for text in dict.fromkeys(texts) if (picture := _picture(text))]
    place = span_of(end.exchange, "b64_json", "url", "data")
    if found < wanted or len(set(texts)) > wanted:
        again = ", and one of them again" if len(set(texts)) < len(texts) else ""
        yield Deviation(f"{wanted} different images, as asked for", f"{found}{again}", place, end.exchange)
    elif size and len(sizes) >= wanted > sizes.count(size):
        wrong = next(found for found in sizes if found != size)
        yield Deviation(
            f"images of {size[0]}x{size[1]} pixels, as asked for", f"one of {wrong[0]}x{wrong[1]}", place, end.exchange
        )


@oracle("TASK-L10")
def an_address_leads_to_an_image(fetched: Sequence[Exchange]) -> Judgement:
    """A result's address at the gateway itself has an image for the key of the task (F7.4).

    Args:
        fetched: Attempts on one address, the last one without the key: an address that is signed may take none.
    """
    if not fetched or any(one.status in TRANSIENT for one in fetched):
        return
    yield Examined("address of a result")
    one = next((one for one in fetched if one.succeeded), None)
    if one is None:
        yield Deviation("an image", answer_in_words(fetched[0]), exchange=fetched[0])
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
    holders: dict[str, str] = {}
    held = {size: (picture.width, picture.height) for size, _, _, picture in pictures}
    for size, end, text, picture in pictures:
        yield Examined("result of a task")
        found, name = (picture.width, picture.height), submitted_id(end.exchange)
        first = holders.setdefault(text, name)
        # A gateway may make another size of the one asked for, and then makes that one of itself, too.
        if found != size and held.get(found, found) != found:
            yield Deviation(
                f"the image of {size[0]}x{size[1]} pixels that this task is for",
                f"one of {found[0]}x{found[1]}, another task's",
                span_of(end.exchange, "b64_json", "data"),
                end.exchange,
            )
        elif first != name:
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


def _number(task: Task) -> int:
    """How many images a task, or the body of its submission, is for."""
    number: Any = task.get("n")
    return number if is_whole_number(number) else 1


def _images(task: Task) -> int:
    """How many different images a task may hold, at most."""
    return len({*image_texts(task), *image_addresses(task), *may_be_images(task)})


@lru_cache(maxsize=16)
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
