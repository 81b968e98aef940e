"""Faults of a Responses stream: what its events say, and which of them come."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.edge import changing_streams, each_document, is_responses, object_in
from llmapi_conformance.reference.gateway.sse import Frame, ServerEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp

    from llmapi_conformance.reference.gateway.core import Core

    Document = dict[str, Any]
    Change = Callable[[Frame], Iterable[Frame]]
    Wrapper = Callable[[ASGIApp, Core], ASGIApp]

_GAP_FROM: Final = 3
_ONE_IN: Final = 3


def in_frames(new_change: Callable[[], Change]) -> Wrapper:
    """Change the frames of each stream, one by one."""
    return lambda app, _core: changing_streams(app, is_responses, new_change)


def in_events(change: Callable[[Document], None]) -> Wrapper:
    """Change the event in each frame."""
    return in_frames(lambda: each_document(change))


def event_of(frame: Frame) -> Document:
    """Return the event in a frame, {} if there is none."""
    return object_in(frame.data) if isinstance(frame, ServerEvent) else {}


def as_event(document: Document) -> ServerEvent:
    """Return the frame of an event."""
    return ServerEvent(compact(document), str(document["type"]))


def _sometimes_no_end(app: ASGIApp, _core: Core) -> ASGIApp:
    """M21: the first stream, and then one in three."""
    begun = 0

    def new_change() -> Change:
        cut = ended = False

        def change(frame: Frame) -> Iterable[Frame]:
            nonlocal begun, cut, ended
            kind = event_of(frame).get("type")
            if kind == "response.created":
                cut = begun % _ONE_IN == 0
                begun += 1
            passed = () if ended else (frame,)
            ended = ended or (cut and kind == "response.output_text.done")
            return passed

        return change

    return changing_streams(app, is_responses, new_change)


def _new_item_ids(event: Document) -> None:
    """M22."""
    if event["type"] == "response.output_item.done" and "id" in event["item"]:
        event["item"]["id"] = f"item_{secrets.token_hex(8)}"
    if event["type"] == "response.completed":
        for item in event["response"]["output"]:
            item["id"] = f"item_{secrets.token_hex(8)}"


def _from_one(event: Document) -> None:
    """R01."""
    event["sequence_number"] += 1


def _gap(event: Document) -> None:
    """R02."""
    event["sequence_number"] += event["sequence_number"] >= _GAP_FROM


def _second_end(frame: Frame) -> Iterable[Frame]:
    """R03."""
    event = event_of(frame)
    if event.get("type") != "response.completed":
        return (frame,)
    return (frame, as_event(event | {"sequence_number": event["sequence_number"] + 1}))


def _short_done(event: Document) -> None:
    """R04."""
    if event["type"] == "response.output_text.done":
        event["text"] = event["text"][:-1]


def _loose_deltas(event: Document) -> None:
    """R05."""
    if event["type"] == "response.output_text.delta":
        event["item_id"] = f"msg_{secrets.token_hex(8)}"


def _empty_end(event: Document) -> None:
    """R06."""
    if event["type"] == "response.completed":
        event["response"]["output"] = []


def _nameless(frame: Frame) -> Iterable[Frame]:
    """R07."""
    return (ServerEvent(frame.data) if isinstance(frame, ServerEvent) else frame,)


def _done_at_once(event: Document) -> None:
    """R08."""
    if event["type"] == "response.created":
        event["response"]["status"] = "completed"


def _all_is_well() -> Change:
    """R09."""
    items: list[Document] = []

    def change(frame: Frame) -> Iterable[Frame]:
        event = event_of(frame)
        kind = event.get("type")
        if kind == "response.output_item.added":
            items.append(event["item"] | {"status": "completed"})
        if kind == "error":
            return ()
        if kind != "response.failed":
            return (frame,)
        response = event["response"] | {"status": "completed", "error": None, "output": items}
        number = event["sequence_number"] - 1
        return (as_event({"type": "response.completed", "sequence_number": number, "response": response}),)

    return change


def _other_id(event: Document) -> None:
    """R10."""
    if event["type"] == "response.completed":
        event["response"]["id"] = f"resp_{secrets.token_hex(12)}"


def _no_part_added() -> Change:
    """R11."""
    dropped = 0

    def change(frame: Frame) -> Iterable[Frame]:
        nonlocal dropped
        event = event_of(frame)
        if event.get("type") == "response.content_part.added":
            dropped += 1
            return ()
        if not event:
            return (frame,)
        return (as_event(event | {"sequence_number": event["sequence_number"] - dropped}),)

    return change


def _padded_arguments(event: Document) -> None:
    """R12."""
    if event["type"] == "response.function_call_arguments.done":
        event["arguments"] += " "


def _items_from_one(event: Document) -> None:
    """R22."""
    if "output_index" in event:
        event["output_index"] += 1


def _error_without_code(event: Document) -> None:
    """R23."""
    if event["type"] == "error":
        event["error"].pop("code")


def _no_created() -> Change:
    """R29."""

    def change(frame: Frame) -> Iterable[Frame]:
        event = event_of(frame)
        if event.get("type") == "response.created":
            return ()
        return (as_event(event | {"sequence_number": event["sequence_number"] - 1}),) if event else (frame,)

    return change


def _early_usage(event: Document) -> None:
    """R30."""
    if event["type"] in ("response.created", "response.in_progress"):
        event["response"]["usage"] = {"input_tokens": 1, "output_tokens": 0, "total_tokens": 1}


def _error_alone(frame: Frame) -> Iterable[Frame]:
    """R31."""
    return () if event_of(frame).get("type") == "response.failed" else (frame,)


def _flat_error(event: Document) -> None:
    """R35."""
    if event["type"] == "error":
        event |= event.pop("error")
        event["type"] = "error"


def _nameless_arguments(event: Document) -> None:
    """R33."""
    if event["type"] == "response.function_call_arguments.done":
        event.pop("name", None)


FAULTS: Final[dict[str, Wrapper]] = {
    "M21": _sometimes_no_end,
    "M22": in_events(_new_item_ids),
    "R01": in_events(_from_one),
    "R02": in_events(_gap),
    "R03": in_frames(lambda: _second_end),
    "R04": in_events(_short_done),
    "R05": in_events(_loose_deltas),
    "R06": in_events(_empty_end),
    "R07": in_frames(lambda: _nameless),
    "R08": in_events(_done_at_once),
    "R09": in_frames(_all_is_well),
    "R10": in_events(_other_id),
    "R11": in_frames(_no_part_added),
    "R12": in_events(_padded_arguments),
    "R22": in_events(_items_from_one),
    "R23": in_events(_error_without_code),
    "R29": in_frames(_no_created),
    "R30": in_events(_early_usage),
    "R31": in_frames(lambda: _error_alone),
    "R33": in_events(_nameless_arguments),
    "R35": in_events(_flat_error),
}
