"""OpenAI Responses over WebSocket (wire-grammars.md section 6): one connection, one turn after the other."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, QueryParams

from llmapi_conformance.reference.treatments import End
from llmapi_conformance.reference.upstream.answers import refusal, with_headers
from llmapi_conformance.reference.upstream.delivery import paced
from llmapi_conformance.reference.upstream.directives import find_nonce
from llmapi_conformance.reference.upstream.documents import read_document, write_document
from llmapi_conformance.reference.upstream.endpoint import Request, State
from llmapi_conformance.reference.upstream.errors import ApiError
from llmapi_conformance.reference.upstream.frames import Part
from llmapi_conformance.reference.upstream.generation import answer_question
from llmapi_conformance.reference.upstream.responses import RESPONSES_SOCKET, socket_error
from llmapi_conformance.reference.upstream.responses_paths import keep_response
from llmapi_conformance.reference.upstream.responses_request import read_responses
from llmapi_conformance.reference.upstream.responses_store import ResponseStore
from llmapi_conformance.reference.upstream.vendors import OPENAI, check_key, new_id

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from llmapi_conformance.reference.upstream.answers import Answer
    from llmapi_conformance.reference.upstream.log import LogEntry
    from llmapi_conformance.reference.upstream.script import Question

_MOST_WAITING = 64
_TOO_MANY = 1013
_STREAM_ID = re.compile(r"[A-Za-z0-9_.-]{1,256}")
# What the message of a turn has beside the fields of the HTTP request, and the fields that mean nothing here.
_NOT_OF_HTTP = frozenset({"type", "stream_id", "stream", "stream_options", "background"})


@dataclass(frozen=True, slots=True)
class ResponsesSocket:
    """The ASGI application of the WebSocket.

    Attributes:
        state: What its connections share with the rest of the upstream.
    """

    state: State

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await receive()
        request_id = new_id("req_")
        if self.state.strict:
            try:
                check_key(OPENAI, Headers(scope=scope), self.state.provider_key)
            except ApiError as error:
                await refuse_socket(error, request_id, send)
                return
        await send({"type": "websocket.accept", "headers": [(b"x-request-id", request_id.encode())]})
        connection = _Connection(self.state, scope, send, ResponseStore(beneath=self.state.responses))
        waiting: asyncio.Queue[str | None] = asyncio.Queue(_MOST_WAITING)
        reading = asyncio.create_task(_read(receive, waiting))
        answering = asyncio.create_task(_answer_all(connection, waiting))
        try:
            await asyncio.wait((reading, answering), return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
            elif not reading.result():
                await send({"type": "websocket.close", "code": _TOO_MANY, "reason": "too many turns are waiting"})
        except OSError:
            pass  # The client went away.
        finally:
            reading.cancel()
            answering.cancel()
            await asyncio.gather(reading, answering, return_exceptions=True)


async def refuse_socket(error: ApiError, request_id: str, send: Send) -> None:
    """Answer a handshake with an HTTP error.

    Args:
        error: What is wrong.
        request_id: The id of the request.
        send: ASGI.
    """
    answer = with_headers(refusal(error, OPENAI, request_id), (("x-request-id", request_id),))
    await send({"type": "websocket.http.response.start", "status": answer.status, "headers": answer.fields()})
    await send({"type": "websocket.http.response.body", "body": b"".join(frame.data for frame in answer.frames)})


async def _read(receive: Receive, waiting: asyncio.Queue[str | None]) -> bool:
    """Note the messages until the client goes away; return False when too many of them wait."""
    while (message := await receive())["type"] != "websocket.disconnect":
        if waiting.full():
            return False
        # A binary message has no text.
        waiting.put_nowait(message.get("text"))
    return True


async def _answer_all(connection: _Connection, waiting: asyncio.Queue[str | None]) -> None:
    """Answer one message after the other until a turn ends the connection."""
    while await connection.answer(await waiting.get()):
        pass


@dataclass(frozen=True, slots=True)
class _Connection:
    state: State
    scope: Scope
    send: Send
    memory: ResponseStore

    async def answer(self, text: str | None) -> bool:
        """Answer one message and say whether the connection goes on."""
        entry = self._note(text or "")
        try:
            goes_on = await self._turn(text, entry)
        except (asyncio.CancelledError, OSError):
            entry.disconnected = True
            raise
        entry.finished = True
        return goes_on

    async def _turn(self, text: str | None, entry: LogEntry) -> bool:
        headers, query = Headers(scope=self.scope), QueryParams(self.scope["query_string"])
        body = (text or "").encode("utf-8")
        request = Request(self.state, OPENAI, new_id("req_"), headers, query, body, entry, self.memory)
        document: dict[str, Any] = entry.body or {}
        lane = _lane(document)
        try:
            question = _read_turn(text, request)
            answer = answer_question(RESPONSES_SOCKET, request, question)
        except ApiError as error:
            await self._fail(document, {**socket_error(error, request.id), **lane})
            return True
        if answer.status != 200:
            await asyncio.sleep(answer.pace.delay)
            await self._fail(document, {**_told_error(answer, request.id), **lane})
            return True
        await self._deliver(answer, entry, lane)
        keep_response(self.memory, question, answer)
        return await self._end(document, answer)

    async def _deliver(self, answer: Answer, entry: LogEntry, lane: dict[str, str]) -> None:
        await asyncio.sleep(answer.pace.delay)
        async for frame in paced(answer, entry, self.state.releases):
            await self._say({**(frame.document or {}), **lane})

    async def _end(self, document: dict[str, Any], answer: Answer) -> bool:
        """End a turn as its directive says: the connection goes on, is reset, or is closed too early."""
        if answer.treatment.end is End.RESET:
            await self.state.links.reset(self.scope["client"][1])
            return False
        if not answer.frames or answer.frames[-1].part is not Part.CLOSING:
            await self.send({"type": "websocket.close", "code": 1000})
            return False
        if (answer.frames[-1].document or {}).get("type") == "error":
            self._evict(document)
        return True

    async def _fail(self, document: dict[str, Any], error: dict[str, Any]) -> None:
        self._evict(document)
        await self._say(error)

    def _evict(self, document: dict[str, Any]) -> None:
        """What a failed turn would have continued can't be continued any more."""
        if isinstance(previous := document.get("previous_response_id"), str):
            self.memory.forget(previous)

    async def _say(self, document: dict[str, Any]) -> None:
        await self.send({"type": "websocket.send", "text": write_document(document).decode("utf-8")})

    def _note(self, text: str) -> LogEntry:
        try:
            body = read_document(text.encode("utf-8"))
        except ApiError:
            body = None
        return self.state.log.add(
            nonce=find_nonce(text),
            method="GET",
            path=self.scope["path"],
            protocol="responses_websocket",
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.scope["headers"]),
            body=body,
        )


def _read_turn(text: str | None, request: Request) -> Question:
    if text is None:
        raise ApiError(400, "A message must be text.")
    document = read_document(request.body)
    if document.get("type") != "response.create":
        raise ApiError(400, f"There is no client event of the type {document.get('type')!r}.", param="type")
    if document.get("stream_id") is not None and not _lane(document):
        raise ApiError(400, "stream_id: 1 to 256 of A-Z a-z 0-9 _ . -", param="stream_id", code="invalid_stream_id")
    fields = {name: value for name, value in document.items() if name not in _NOT_OF_HTTP}
    return read_responses({**fields, "stream": True}, request)


def _lane(document: dict[str, Any]) -> dict[str, str]:
    """Return the field that each event of the turn repeats; lanes are served one after the other all the same."""
    stream_id = document.get("stream_id")
    return {"stream_id": stream_id} if isinstance(stream_id, str) and _STREAM_ID.fullmatch(stream_id) else {}


def _told_error(answer: Answer, request_id: str) -> dict[str, Any]:
    """Return the HTTP error of a directive as a message; a page or an empty body has no place here."""
    frame = answer.frames[0] if answer.frames else None
    envelope = frame.document if frame is not None else None
    error = socket_error(ApiError(answer.status, "The provider failed."), request_id)
    retry = {name: value for name, value in answer.headers if name == "retry-after"}
    return {**error, **(envelope or {}), **({"headers": retry} if retry else {})}
