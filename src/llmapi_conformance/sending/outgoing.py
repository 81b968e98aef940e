"""What a session asks of whoever conducts the run, and one request as it is handed over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.generating.cases import Case, Order
    from llmapi_conformance.sending.credentials import Auth, Credential
    from llmapi_conformance.sending.generator import Generation
    from llmapi_conformance.sending.listener import Listener
    from llmapi_conformance.sending.scenario import Instance
    from llmapi_conformance.sending.socket_session import SocketSession
    from llmapi_conformance.target.target import Target

SocketScript = Callable[["SocketSession"], Awaitable[None]]
"""Talks over an open WebSocket."""


class Outgoing:
    """One request as the conductor sends it: symbolic credentials, final everything else."""

    __slots__ = (
        "abort_after_events",
        "auth",
        "body",
        "disturbs",
        "head",
        "headers",
        "label",
        "listens",
        "method",
        "on_event",
        "operation",
        "query_key",
        "target",
    )

    def __init__(
        self,
        method: str,
        target: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
        auth: tuple[Auth, ...],
        *,
        operation: str | None = None,
        query_key: Credential | None = None,
        label: str = "",
        head: str = "",
        abort_after_events: int | None = None,
        on_event: Callable[[int], Awaitable[None]] | None = None,
        disturbs: bool = False,
        listens: bool = False,
    ) -> None:
        self.disturbs = disturbs
        self.listens = listens
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.auth = auth
        self.operation = operation
        self.query_key = query_key
        self.label = label
        self.head = head
        self.abort_after_events = abort_after_events
        self.on_event = on_event

    @property
    def lacks_a_good_key(self) -> bool:
        """Whether a gateway may count it as a failed log-in: no key in a header, or one that is not good."""
        return not self.auth or any(one.credential is None or not one.credential.good for one in self.auth)


class Gateway(Protocol):
    """What a session needs of whoever conducts the run."""

    @property
    def target(self) -> Target:
        """The gateway under test."""

    @property
    def examples(self) -> int:
        """Examples that a scenario may draw, where it draws what it sends."""

    @property
    def generation(self) -> Generation:
        """What is generated in this run."""

    @property
    def probing(self) -> bool:
        """Whether an answer that says "not now" is never judged."""

    async def cases(self, order: Order) -> tuple[Case, ...]:
        """Generated cases."""

    def credential(self, instance: Instance, role: str) -> Credential:
        """The key of a role for this instance."""

    async def send(self, instance: Instance, step: int, attempt: int, outgoing: Outgoing) -> Exchange:
        """Send, record and return."""

    async def converse(
        self, instance: Instance, step: int, attempt: int, outgoing: Outgoing, script: SocketScript, *, deflate: bool
    ) -> Exchange:
        """Open a WebSocket, run the script over it, record and return; what the script raises is raised after that."""

    async def listen(self, instance: Instance, step: int, attempt: int, outgoing: Outgoing) -> Listener:
        """Begin to follow a stream; an answer that is no success is recorded when this returns."""

    async def control(self, instance: Instance, step: int, method: str, url: str, operation: str) -> Exchange:
        """Ask a control port of ours; not a request to the gateway, and not yet kept."""

    def keep(self, exchange: Exchange) -> Exchange:
        """Write an exchange into the recording; as it stands there."""

    async def pause_before_retry(self, instance: Instance, attempt: int, exchange: Exchange) -> bool:
        """Wait before the next attempt; ``False`` when the retries are spent.

        Raises:
            BudgetExceeded: There is nothing left for another attempt at what may have been done already.
        """
