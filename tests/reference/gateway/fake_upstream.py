"""An upstream that answers what a test puts into it, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from llmapi_conformance.reference.listening import listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request


@dataclass(slots=True)
class Asked:
    """One request that reached the fake."""

    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class FakeUpstream:
    """What it answers next, always the same until it is told otherwise."""

    url: str = ""
    status: int = 200
    document: Any = None
    events: list[Any] | None = None
    pause: float = 0.0
    asked: list[Asked] = field(default_factory=list)

    def answers(self, document: Any, status: int = 200) -> None:
        self.document, self.status, self.events = document, status, None

    def streams(self, *events: Any, pause: float = 0.0) -> None:
        """Stream events: documents, (name, document) pairs, or the bare text of a frame."""
        self.events, self.pause = list(events), pause

    @property
    def last(self) -> Asked:
        return self.asked[-1]

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        self.asked.append(Asked(request.url.path, request.url.query, dict(request.headers), body))
        if self.events is not None:
            return StreamingResponse(self._frames(self.events), media_type="text/event-stream")
        return Response(json.dumps(self.document), self.status, media_type="application/json")

    async def _frames(self, events: list[Any]) -> AsyncIterator[bytes]:
        for index, event in enumerate(events):
            if index:
                await asyncio.sleep(self.pause)
            if isinstance(event, str):
                yield event.encode()
            elif isinstance(event, tuple):
                yield f"event: {event[0]}\ndata: {json.dumps(event[1])}\n\n".encode()
            else:
                yield f"data: {json.dumps(event)}\n\n".encode()


@contextlib.asynccontextmanager
async def fake_upstream() -> AsyncIterator[FakeUpstream]:
    """Run a fake on a free port."""
    fake = FakeUpstream()
    app = Starlette(routes=[Route("/{path:path}", fake.answer, methods=["GET", "POST"])])
    async with listening(app) as port:
        fake.url = f"http://127.0.0.1:{port}"
        yield fake
