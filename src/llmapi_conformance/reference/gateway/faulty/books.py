"""Faults of the books: requests of one kind are not entered, or each of them twice, or all in one account."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from llmapi_conformance.reference.gateway.aliases import is_alias
from llmapi_conformance.reference.gateway.edge import Seen, observed
from llmapi_conformance.reference.gateway.edge_socket import changing_sockets, told
from llmapi_conformance.reference.gateway.ledger import Ledger
from llmapi_conformance.reference.gateway.responses_stream import is_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from llmapi_conformance.reference.gateway.core import Core

# What of the request, or of the connection, at hand is left out.
_left_out: ContextVar[Callable[[], bool]] = ContextVar("left_out")


def left_out() -> bool:
    """Whether the request at hand is not booked."""
    return _left_out.get(lambda: False)()


def _first_turn_only(app: ASGIApp, _core: Core) -> ASGIApp:
    """B3."""

    def new_sending(_scope: Scope) -> Callable[[Message], Iterable[Message]]:
        ends = 0
        _left_out.set(lambda: ends > 0)

        def count(message: Message) -> Iterable[Message]:
            nonlocal ends
            ends += is_end(told(message))
            return (message,)

        return count

    return changing_sockets(app, new_sending=new_sending)


def _free_aliases(app: ASGIApp, _core: Core) -> ASGIApp:
    """L08."""

    async def free(scope: Scope, receive: Receive, send: Send) -> None:
        alias = scope["type"] == "http" and is_alias(scope["path"])
        _left_out.set(lambda: alias)
        await app(scope, receive, send)

    return free


def _free_streams(app: ASGIApp, _core: Core) -> ASGIApp:
    """U03."""

    async def free(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        seen = Seen(scope)
        _left_out.set(lambda: seen.wants_stream() or ":streamGenerateContent" in seen.path)
        await app(scope, observed(receive, seen), send)

    return free


FAULTS: Final = {"B3": _first_turn_only, "L08": _free_aliases, "U03": _free_streams}
LEDGERS: Final[dict[str, Callable[[], Ledger]]] = {
    "U04": lambda: Ledger(times=2),
    "U09": lambda: Ledger(account_of=lambda _key: "everybody"),
}
