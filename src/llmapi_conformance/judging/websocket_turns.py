"""The turns of a Responses WebSocket: what was asked, and which of the gateway's messages answer it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.evidence.exchange import NOT_JSON, Chunk, Ending, Exchange, Message, Request, Response
from llmapi_conformance.judging.chat_answer import string
from llmapi_conformance.judging.response_answer import TERMINALS, object_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CREATE: Final = "response.create"
"""Type of the client's message that starts a turn."""
CREATED: Final = "response.created"
"""Type of the gateway's message that begins a response."""
ERROR: Final = "error"
"""Type of the gateway's message that ends a turn without a response."""
ENDS: Final = frozenset({*TERMINALS, ERROR})
"""Types of the messages that end a turn (rule W-turn)."""
OPERATIONS: Final = ("connectResponses", "connectResponsesAlias", "connectResponsesCodexAlias")
"""The operations that open a Responses WebSocket."""
_AS_STREAM: Final = (("content-type", "text/event-stream"),)


@dataclass(frozen=True, slots=True)
class Turn:
    """What the client asked by one message, and what the gateway answered to it.

    Attributes:
        asked: The client's message.
        messages: The gateway's messages up to the end of the turn, in order.
        end: The last of them when it ends the turn, else ``None``.
        late: Messages of this turn that came behind its end.
        gaps: Whether something came in its midst that can't be read.
    """

    asked: Message
    messages: tuple[Message, ...]
    end: Message | None
    late: tuple[Message, ...]
    gaps: bool = False

    @property
    def request(self) -> dict[str, Any]:
        """What was asked, as an object; an empty one when it is none."""
        return object_of(self.asked.json)

    @property
    def creates(self) -> bool:
        """Whether the client asked for a response."""
        return self.request.get("type") == CREATE

    @property
    def lane(self) -> str:
        """The stream id of the request, empty for the default lane."""
        return string(self.request.get("stream_id"))

    @property
    def begun(self) -> bool:
        """Whether the gateway has told anything about a response."""
        return any(type_of(message).startswith("response.") for message in self.messages)

    @property
    def refused(self) -> bool:
        """Whether an error message ended it."""
        return self.end is not None and type_of(self.end) == ERROR

    @property
    def served(self) -> bool:
        """Whether a response was begun and did not fail."""
        return self.begun and (self.end is None or type_of(self.end) in {"response.completed", "response.incomplete"})

    @property
    def response(self) -> dict[str, Any]:
        """The response as its terminal message tells it; an empty object where there is none."""
        return object_of(self.end.json.get("response")) if self.end is not None else {}


def type_of(message: Message) -> str:
    """The type member of a message; empty where it has none."""
    return string(object_of(message.json).get("type"))


def turns_of(exchange: Exchange) -> tuple[Turn, ...]:
    """The turns of a WebSocket, in the order in which they were asked for.

    A message belongs to the turn whose response or item it names; else to the first turn of its lane that has not
    ended; else, behind the end of all of them, to the latest one. What asks for no response gets errors only, and none
    when something else was asked for since. Where no message of the gateway can be read, there is nothing to tell.
    """
    conversation = exchange.conversation
    if not exchange.messages and any(message.whole and not message.sent for message in conversation):
        return ()
    growing: list[_Growing] = []
    for number, message in enumerate(conversation):
        if message.sent:
            growing.append(_Growing(message))
        elif not growing or not message.whole:
            continue
        elif isinstance(message.json, dict) and message.kind == "text":
            _owner(growing, message, conversation[number + 1 :]).add(message)
        else:
            next((one for one in growing if one.end is None), growing[-1]).gaps = True
    return tuple(one.turn() for one in growing)


def creates_of(exchange: Exchange) -> tuple[Turn, ...]:
    """The turns that asked for a response, up to the first that never ended: behind that one nothing can be told."""
    found: list[Turn] = []
    for turn in turns_of(exchange):
        if turn.creates:
            found.append(turn)
            if turn.end is None:
                break
    return tuple(found)


def as_stream(exchange: Exchange, turn: Turn) -> Exchange:
    """A turn as the exchange of ``POST /v1/responses`` that it stands for, its messages as server-sent events.

    What the events of a response don't hold is left out: error messages and others that carry no sequence number. The
    end may be judged only where the response has one.
    """
    body = {name: value for name, value in turn.request.items() if name not in {"type", "stream_id", "generate"}}
    chunks = tuple(Chunk(message.at, _block(message)) for message in _of_response(turn))
    last = turn.messages[-1].at if turn.messages else turn.asked.at
    length = sum(len(chunk.data) for chunk in chunks)
    ending = Ending.CUT if turn.end is None or turn.refused else Ending.COMPLETE
    response = Response(200, _AS_STREAM, turn.asked.at, chunks, ending, "", last, length, "")
    request = Request("POST", exchange.request.target, exchange.request.headers, _text_of(body | {"stream": True}))
    return replace(exchange, operation="createResponse", mode="stream", request=request, response=response, frames=())


def spans_of(view: Exchange, turn: Turn) -> dict[tuple[int, int], tuple[int, int]]:
    """Where the events of a turn's stream stand in the WebSocket's body."""
    return {
        (event.start, event.end): (message.start, message.end)
        for event, message in zip(view.events.events, _of_response(turn), strict=False)
    }


def _of_response(turn: Turn) -> list[Message]:
    return [
        message
        for message in turn.messages
        if type_of(message).startswith("response.") or "sequence_number" in object_of(message.json)
    ]


@dataclass(slots=True)
class _Growing:
    """A turn under construction, with the ids that it has named so far."""

    asked: Message
    messages: list[Message] = field(default_factory=list)
    late: list[Message] = field(default_factory=list)
    end: Message | None = None
    ids: set[str] = field(default_factory=set)
    gaps: bool = False

    @property
    def lane(self) -> str:
        return string(object_of(self.asked.json).get("stream_id"))

    @property
    def creates(self) -> bool:
        return type_of(self.asked) == CREATE

    @property
    def begun(self) -> bool:
        return any(type_of(message) == CREATED for message in self.messages)

    @property
    def number(self) -> int:
        """The latest sequence number, -1 before there is one."""
        told = [object_of(message.json).get("sequence_number") for message in self.messages]
        return max((number for number in told if isinstance(number, int)), default=-1)

    def add(self, message: Message) -> None:
        self.ids.update(_ids_in(message))
        if self.end is not None:
            self.late.append(message)
            return
        self.messages.append(message)
        if type_of(message) in ENDS:
            self.end = message

    def turn(self) -> Turn:
        return Turn(self.asked, tuple(self.messages), self.end, tuple(self.late), self.gaps)


def _owner(growing: list[_Growing], message: Message, rest: Sequence[Message]) -> _Growing:
    named = set(_ids_in(message))
    for one in growing:
        if named & one.ids:
            return one
    lane = string(object_of(message.json).get("stream_id"))
    of_lane = [one for one in growing if one.lane == lane] if lane else growing
    error = type_of(message) == ERROR
    waiting = [one for one in of_lane if one.end is None and (one.creates or (error and one is growing[-1]))]
    if not waiting:
        return (of_lane or growing)[-1]
    if type_of(message) == CREATED:
        return next((one for one in waiting if not one.begun), waiting[0])
    number = object_of(message.json).get("sequence_number")
    if isinstance(number, int) and len(waiting) > 1:
        return next((one for one in waiting if one.begun and one.number + 1 == number), waiting[0])
    if error and len(waiting) > 1 and _goes_on(waiting[0], rest):
        return waiting[1]
    return waiting[0]


def _goes_on(turn: _Growing, rest: Sequence[Message]) -> bool:
    """Whether later messages name what a turn has named."""
    return any(turn.ids.intersection(_ids_in(message)) for message in rest if not message.sent)


def _ids_in(message: Message) -> Iterator[str]:
    """The ids of the response and of the item that a message names."""
    if message.json is NOT_JSON or not isinstance(message.json, dict):
        return
    for one in (message.json.get("response"), message.json.get("item")):
        if identifier := string(object_of(one).get("id")):
            yield identifier
    if identifier := string(message.json.get("item_id")):
        yield identifier


def _text_of(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _block(message: Message) -> bytes:
    lines = message.data.replace(b"\r", b"\n").split(b"\n")
    name = type_of(message).encode("utf-8", "replace")
    return b"event: " + name + b"\n" + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"
