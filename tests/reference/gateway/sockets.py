"""A client of the WebSocket entry."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection

ENDS = ("response.completed", "response.incomplete", "response.failed", "error")
_PATIENCE = 40


class Talk:
    """One connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, **message: Any) -> None:
        """Send a message of the client; without a type it asks for a response."""
        self.connection.send(json.dumps({"type": "response.create", "model": "gpt-5.1", **message}))

    def raw(self) -> str | bytes:
        """Return the next message as it is."""
        return self.connection.recv(timeout=_PATIENCE)

    def receive(self) -> dict[str, Any]:
        """Return the next message."""
        found: dict[str, Any] = json.loads(self.raw())
        return found

    def events(self) -> list[dict[str, Any]]:
        """Return the messages up to the end of a turn."""
        found = [self.receive()]
        while found[-1]["type"] not in ENDS:
            found.append(self.receive())
        return found

    def turn(self, text: str, **fields: Any) -> list[dict[str, Any]]:
        """Ask, and return the messages of the answer."""
        self.send(input=text, **fields)
        return self.events()

    def closing(self) -> int | None:
        """Read on, and return the code with which the gateway closes; None: it leaves the connection open."""
        try:
            while self.soon() is not None:
                pass
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else 1006
        return None

    def soon(self) -> str | bytes | None:
        """Return the next message if one comes soon; where all stands still, that costs one of many short waits."""
        for _ in range(10):
            with contextlib.suppress(TimeoutError):
                return self.connection.recv(timeout=0.05)
        return None


@contextlib.contextmanager
def socket(site: Any, path: str = "/v1/responses", **headers: str) -> Iterator[Talk]:
    """Connect with some headers, by default with the key of the OpenAI group."""
    url = site.gateway.base_url.replace("http:", "ws:", 1) + path
    named = {name.replace("_", "-"): value for name, value in headers.items()} or site.headers("general:openai")
    with connect(url, additional_headers=named, proxy=None, open_timeout=_PATIENCE) as connection:
        yield Talk(connection)


def handshake(site: Any, path: str = "/v1/responses", **headers: str) -> tuple[int, bytes]:
    """Return the status of an upgrade, and the body where it is refused."""
    try:
        with socket(site, path, **headers):
            return 101, b""
    except InvalidStatus as refused:
        return refused.response.status_code, bytes(refused.response.body or b"")
