"""`GET /v1/responses` with an upgrade: Responses over WebSocket (F5.15; wire-grammars.md section 6)."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from llmapi_conformance.reference.gateway.access import admit
from llmapi_conformance.reference.gateway.answers import refused
from llmapi_conformance.reference.gateway.core import core_of
from llmapi_conformance.reference.gateway.documents import NotJsonError, compact, object_or_none, parse
from llmapi_conformance.reference.gateway.models import require_model
from llmapi_conformance.reference.gateway.refusals import Refusal
from llmapi_conformance.reference.gateway.relay import Pipe, stream_frames
from llmapi_conformance.reference.gateway.responses import (
    RESPONSES_ACCESS,
    RESPONSES_PATH,
    store_turn,
    stored_turn,
)
from llmapi_conformance.reference.gateway.responses_request import read_turn
from llmapi_conformance.reference.gateway.responses_stream import RESPONSES_DIALECT, ResponseStream, coded_error
from llmapi_conformance.reference.gateway.responses_warm_up import warm_up
from llmapi_conformance.reference.gateway.sse import ServerEvent
from llmapi_conformance.reference.gateway.tally import Tally

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from llmapi_conformance.reference.gateway.core import Core
    from llmapi_conformance.reference.gateway.keys import ApiKey
    from llmapi_conformance.reference.gateway.responses_request import Turn
    from llmapi_conformance.reference.gateway.responses_store import Stored

_MOST_AT_ONCE: Final = 16
_MOST_LANES: Final = 32
_MOST_WAITING: Final = 64
_STREAM_ID = re.compile(r"[A-Za-z0-9_.-]{1,256}", re.ASCII)
# Members of a `response.create` that are not part of the request, or mean nothing here.
_OF_THE_MESSAGE: Final = ("type", "event_id", "stream_id", "generate", "stream", "stream_options", "background")


async def connect(websocket: WebSocket) -> None:
    """Let a client in, or refuse it before the upgrade like any other request; then serve its turns."""
    try:
        key = admit(websocket, RESPONSES_ACCESS)
    except Refusal as refusal:
        await websocket.send_denial_response(refused(websocket, refusal))
        return
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        await _Connection(websocket, core_of(websocket), key).serve()


class _Connection:
    """One connection: its lanes, each with its turns one after the other, and the last response of each lane."""

    def __init__(self, websocket: WebSocket, core: Core, key: ApiKey) -> None:
        self._websocket = websocket
        self._core = core
        self._key = key
        self._lanes: dict[str | None, asyncio.Queue[str]] = {}
        self._workers: list[asyncio.Task[None]] = []
        self._latest: dict[str | None, Stored] = {}
        self._places = asyncio.Semaphore(_MOST_AT_ONCE)

    async def serve(self) -> None:
        """Serve until the client has gone or the connection has reached its age; then no turn goes on.

        Raises:
            WebSocketDisconnect: The client went while something was sent to it.
        """
        try:
            async with asyncio.timeout(self._core.settings.websocket_seconds):
                await self._read()
        except TimeoutError:
            await self._end_turns()
            refusal = Refusal(400, "The connection has reached its age", code="websocket_connection_limit_reached")
            await self._tell(refusal, None)
            # A turn may have been cut off, so this is no normal end (1000).
            await self._websocket.close(1001)
        finally:
            await self._end_turns()

    async def _end_turns(self) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def _read(self) -> None:
        """Take what the client sends, so that its leaving is noticed while its turns are being served."""
        while (message := await self._websocket.receive())["type"] != "websocket.disconnect":
            try:
                self._queue(message.get("text"))
            except Refusal as refusal:
                await self._tell(refusal, None)

    def _queue(self, text: str | None) -> None:
        """Put a message behind the others of its lane.

        Raises:
            Refusal: It is no text or too large, its lane has no valid name, or there is no room for it.
        """
        if text is None:
            raise Refusal(400, "A message must be text: binary messages are not read")
        if len(text.encode()) > self._core.settings.body_limit:
            raise Refusal(413, f"The message is too large, the limit is {self._core.settings.body_limit} bytes")
        lane = (object_or_none(text) or {}).get("stream_id")
        if lane is not None and not (isinstance(lane, str) and _STREAM_ID.fullmatch(lane)):
            raise Refusal(400, "stream_id: 1 to 256 of A-Z a-z 0-9 _ . -", param="stream_id", code="invalid_stream_id")
        if lane not in self._lanes:
            if lane is not None and len(self._lanes.keys() - {None}) >= _MOST_LANES:
                refusal = f"A connection has at most {_MOST_LANES} streams"
                raise Refusal(400, refusal, param="stream_id", code="websocket_stream_limit_reached")
            self._lanes[lane] = asyncio.Queue(_MOST_WAITING)
            self._workers.append(asyncio.create_task(self._work(lane, self._lanes[lane])))
        try:
            self._lanes[lane].put_nowait(text)
        except asyncio.QueueFull:
            raise Refusal(429, "Too many turns are waiting on this connection", code="rate_limit_exceeded") from None

    async def _work(self, lane: str | None, waiting: asyncio.Queue[str]) -> None:
        try:
            while True:
                text = await waiting.get()
                async with self._places:
                    await self._take(text, lane)
        except WebSocketDisconnect:
            return
        except Exception:
            # A mistake of the gateway must not leave the client waiting.
            await self._websocket.close(1011)
            raise

    async def _take(self, text: str, lane: str | None) -> None:
        """Serve one turn; one that fails takes the response that it continued out of the connection's memory."""
        document: dict[str, Any] = {}
        good = False
        try:
            # A turn is a request too, and the delay of a request is over when the WebSocket opens.
            await asyncio.sleep(self._core.settings.delay_ms / 1000)
            document = _message(text)
            good = await self._turn(document, lane)
        except Refusal as refusal:
            await self._tell(refusal, lane)
        latest = self._latest.get(lane)
        if not good and latest is not None and latest.id == document.get("previous_response_id"):
            del self._latest[lane]

    async def _turn(self, document: dict[str, Any], lane: str | None) -> bool:
        """Answer a `response.create`, and say whether its response had a good end.

        Raises:
            Refusal: The turn is refused, or the upstream failed before its first event.
        """
        admit(self._websocket, RESPONSES_ACCESS)
        body = {name: value for name, value in document.items() if name not in _OF_THE_MESSAGE}
        turn = read_turn(body, self._find, self._item)
        require_model(body["model"], self._key.platform)
        ended = False

        def remember(response: dict[str, Any]) -> None:
            nonlocal ended
            ended = True
            self._latest[lane] = stored_turn(self._key, turn, response)
            store_turn(self._core, self._key, turn, response)

        if document.get("generate") is False:
            events = warm_up(turn)
            remember(events[-1]["response"])
            for event in events:
                await self._send(event, lane)
        else:
            tally = Tally(self._core.ledger, self._key, body["model"])
            stream = ResponseStream(tally, turn.previous, remember, tells_error=False)
            await self._stream(turn, Pipe(RESPONSES_DIALECT, tally, stream.relay), lane)
        return ended

    async def _stream(self, turn: Turn, pipe: Pipe, lane: str | None) -> None:
        upstream = self._core.upstream
        asked = upstream.open(RESPONSES_PATH, turn.body | {"stream": True}, upstream.openai_headers())
        async with contextlib.aclosing(await stream_frames(asked, pipe)) as frames:
            async for frame in frames:
                if not isinstance(frame, ServerEvent):
                    continue
                if lane is None:
                    await self._websocket.send_text(frame.data)
                else:
                    await self._send(object_or_none(frame.data) or {}, lane)

    def _find(self, response_id: str) -> Stored | None:
        """Find a response: the last ones of this connection, stored or not, then those of the key."""
        here = (stored for stored in self._latest.values() if stored.id == response_id)
        return next(here, None) or self._core.responses.find(self._key, response_id)

    def _item(self, item_id: str) -> dict[str, Any] | None:
        here = (item for stored in self._latest.values() for item in stored.conversation if item.get("id") == item_id)
        return next(here, None) or self._core.responses.item(self._key, item_id)

    async def _tell(self, refusal: Refusal, lane: str | None) -> None:
        """Send an error message; the connection stays open behind it."""
        document = {"type": "error", "status": refusal.status, "error": coded_error(refusal)}
        await self._send(document | ({"headers": refusal.headers} if refusal.headers else {}), lane)

    async def _send(self, document: dict[str, Any], lane: str | None) -> None:
        await self._websocket.send_text(compact(document if lane is None else document | {"stream_id": lane}))


def _message(text: str) -> dict[str, Any]:
    """Read a message of the client.

    Raises:
        Refusal: It is no JSON object, or its type is unknown.
    """
    try:
        document = parse(text)
    except NotJsonError as error:
        raise Refusal(400, f"The message is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise Refusal(400, "The message must be a JSON object")
    if document.get("type") != "response.create":
        raise Refusal(400, "type: only response.create is known", param="type")
    return document


async def _nowhere(websocket: WebSocket) -> None:
    await websocket.send_denial_response(refused(websocket, Refusal(404, "There is no such endpoint")))


ROUTES: Final = (WebSocketRoute(RESPONSES_PATH, connect),)
NO_SUCH_SOCKET: Final = WebSocketRoute("/{path:path}", _nowhere)
"""The last of all routes: an upgrade anywhere else is refused as an unknown path."""
