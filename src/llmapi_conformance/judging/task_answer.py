"""Image tasks as a client sees them: the task of an answer, of an event, of a list, and what was seen of one task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.contract.tasks import task_contract
from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.judging.chat_answer import array, string
from llmapi_conformance.judging.message_answer import object_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llmapi_conformance.evidence.exchange import Exchange

Task = dict[str, Any]

SUBMITTING: Final = ("submitImageTask", "submitImageTaskAlias")
READING: Final = ("getImageTask", "getImageTaskAlias")
CANCELLING: Final = ("cancelImageTask", "cancelImageTaskAlias")
FOLLOWING: Final = ("streamImageTaskEvents", "streamImageTaskEventsAlias")
TRANSIENT: Final = (429, 502, 503, 504)
"""Statuses that say nothing about the task, nor about who asks for it."""
_ID_MEMBERS: Final = ("task_id", "id")
_LIST_MEMBERS: Final = ("data", "tasks", "items", "results")
_ADDRESSES: Final = ("url", "image_url")
_IMAGE_STARTS: Final = ("http://", "https://", "s3://", "data:image/", "iVBORw0KGgo", "/9j/", "UklGR")
"""What addresses, data URLs, and PNG, JPEG and WebP in base64 begin with."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A task as it was seen once.

    Attributes:
        at: Unix time in seconds when that arrived.
        task: The object.
        exchange: What showed it.
        span: Offsets of it in the response body.
    """

    at: float
    task: Task
    exchange: Exchange
    span: tuple[int, int]

    @property
    def status(self) -> str:
        """The state, empty when it is no string."""
        return string(self.task.get("status"))

    @property
    def final(self) -> bool:
        """Whether the state is a final one."""
        return self.status in task_contract().final


View = tuple[Sight, ...]
"""What one reader, or one listener, saw of one task, in order: two views may be told at different times."""


def ids_of(task: Task) -> frozenset[str]:
    """The ids that an object carries, under either name; none when it is no task."""
    return frozenset(found for name in _ID_MEMBERS if (found := string(task.get(name))))


def submitted_id(exchange: Exchange) -> str:
    """The id that an answer to a submission carries (F7.3), empty when there is none."""
    body = object_of(exchange.json)
    return next((found for name in _ID_MEMBERS if (found := string(body.get(name)))), "") if exchange.succeeded else ""


def task_of(exchange: Exchange) -> Task:
    """The task that a plain answer is; an empty object when it is none."""
    body = object_of(exchange.json)
    return body if exchange.succeeded and ids_of(body) and "status" in body else {}


def state_of(exchange: Exchange) -> str:
    """The state of the task that an answer is; empty when it is none, or when the state is no string."""
    return string(task_of(exchange).get("status"))


def read_view(answers: Iterable[Exchange]) -> View:
    """What a reader saw: the answers that are tasks, in the order in which they were asked for."""
    return tuple(
        Sight(
            one.started_at + (one.response.ended_at if one.response else 0.0), task, one, (0, min(200, len(one.body)))
        )
        for one in answers
        if (task := task_of(one))
    )


def heard_view(stream: Exchange, task_id: str = "") -> View:
    """What a listener was told, of one task or of all of them."""
    return tuple(
        Sight(stream.started_at + event.at, task, stream, (event.start, event.end))
        for event in stream.events.events
        if (task := event.payload()) and ids_of(task) and (not task_id or task_id in ids_of(task))
    )


def heard_nothing(exchange: Exchange) -> bool:
    """Whether a stream was left before anything of it came: no proof that it was meant for this listener."""
    return exchange.ending is Ending.LEFT and not exchange.body


def listed_tasks(exchange: Exchange) -> list[Task] | None:
    """The tasks of a list, whose shape no page shows (tension C5); ``None`` when the answer is none."""
    if not exchange.succeeded:
        return None
    if isinstance(exchange.json, list):
        return [one for one in exchange.json if isinstance(one, dict)]
    body = object_of(exchange.json)
    for name in _LIST_MEMBERS:
        if isinstance(body.get(name), list):
            return [one for one in array(body, name) if isinstance(one, dict)]
    return None


def reasons_in(exchange: Exchange) -> frozenset[str]:
    """The documented reasons that stand anywhere in a refusal: in which member was not seen (F9.12)."""
    known = task_contract().reasons
    return frozenset(reason for _, text in _members(exchange.json) for reason in known if reason in text)


def image_texts(task: Task) -> list[str]:
    """The images that a task holds as data: base64, without the head of a data URL."""
    return [text.partition(";base64,")[2] or text for text in _image_members(task, "b64_json", *_ADDRESSES, data=True)]


def image_addresses(task: Task) -> list[str]:
    """The images that a task names by address."""
    return _image_members(task, *_ADDRESSES, data=False)


def may_be_images(task: Task) -> frozenset[str]:
    """What of a task may be an image, under whatever name: data of one, or an address, possibly of something else."""
    texts = ((text.partition(";base64,")[2] or text) for _, text in _members(task) if text.startswith(_IMAGE_STARTS))
    return frozenset(texts)


def _image_members(task: Task, *names: str, data: bool) -> list[str]:
    """Every string under one of these names, wherever it stands: where the result lies was not seen."""
    found = []
    for name, text in _members(task):
        if name in names and text and (name == "b64_json" or text.startswith("data:")) is data:
            found.append(text)
    return found


def _members(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every string with the name of its member, that of the list for one in a list."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for inner, member in value.items():
            yield from _members(member, inner)
    elif isinstance(value, list):
        for one in value:
            yield from _members(one, name)
