"""Exchanges of clients as a recording keeps them."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from llmapi_conformance.contract.operations import match_operation
from llmapi_conformance.errors import RecordingError
from llmapi_conformance.evidence.exchange import Exchange, Request
from llmapi_conformance.evidence.results import RECORDED
from llmapi_conformance.evidence.unpacking import plain_body
from llmapi_conformance.passthrough.asking import BODY_KEPT
from llmapi_conformance.passthrough.credentials import cookies_in
from llmapi_conformance.passthrough.heads import asks_for_websocket
from llmapi_conformance.sending.assembly import mode_of
from llmapi_conformance.sending.outgoing import Outgoing
from llmapi_conformance.wire.capture import captured_frames, captured_response
from llmapi_conformance.wire.message import WireAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmapi_conformance.contract.operations import Operation
    from llmapi_conformance.evidence.exchange import Mode
    from llmapi_conformance.evidence.journal import Journal
    from llmapi_conformance.passthrough.asking import KeptBody
    from llmapi_conformance.passthrough.credentials import Learned
    from llmapi_conformance.passthrough.relaying import Relayed
    from llmapi_conformance.wire.message import WireRequest

_LONGEST_LABEL: Final = 40


class Recorder:
    """Redacts and writes exchanges, one after another, beside the event loop.

    Attributes:
        begun: How many exchanges have a number.
        failure: Why nothing can be written any more; empty while it can.
        ended: Set when nothing more will be recorded: it is full and all have ended, or nothing can be written.
    """

    def __init__(
        self,
        journal: Journal,
        operations: tuple[Operation, ...],
        prefix: str,
        most: int,
        named: Callable[[Exchange], Exchange] | None = None,
    ) -> None:
        """Prepare.

        Args:
            journal: Where they go.
            operations: What a request can mean.
            prefix: Path of the target's base URL, which no operation has.
            most: Exchanges that it may hold.
            named: Gives an exchange the names that it is kept by, where one recording holds what several recorders saw.
        """
        self._journal = journal
        self._operations = operations
        self._prefix = prefix
        self._most = most
        self._named = named or (lambda exchange: exchange)
        self._under_way = 0
        self._thread = ThreadPoolExecutor(1, "recording")
        self.begun = 0
        self.failure = ""
        self.ended = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether no exchange may begin any more."""
        return self.begun >= self._most

    @contextlib.contextmanager
    def exchange(self) -> Iterator[int]:
        """Around an exchange, its keeping included: its number, from 1."""
        self.begun += 1
        self._under_way += 1
        try:
            yield self.begun
        finally:
            self._under_way -= 1
            if self.failure or (self.full and not self._under_way):
                self.ended.set()

    async def keep(self, step: int, wire: WireRequest, body: KeptBody, learned: Learned, relayed: Relayed) -> None:
        """Write an exchange; when this returns it is in the file, when this is cancelled it gets there all the same."""
        loop = asyncio.get_running_loop()
        await asyncio.shield(loop.run_in_executor(self._thread, self._keep, step, wire, body, learned, relayed))

    def settle(self) -> None:
        """Wait for what is being written; nothing more is kept."""
        self._thread.shutdown()

    def close(self) -> None:
        """Wait for what is being written, then write how it came out, and close the recording."""
        self.settle()
        try:
            if not self.failure:
                self._journal.write_result(RECORDED, "", "done")
        finally:
            self._journal.close(reason=self.failure)

    def _keep(self, step: int, wire: WireRequest, body: KeptBody, learned: Learned, relayed: Relayed) -> None:
        if self.failure:
            return
        try:
            self._journal.write_exchange(self._named(self._exchange(step, wire, body, learned, relayed)))
        except RecordingError as error:
            self.failure = str(error)
        except Exception as error:  # noqa: BLE001 - told at the end
            self.lack(step, error)

    def lack(self, step: int, error: Exception) -> None:
        """Say that an exchange is not there: a recording that lacks one must not look whole."""
        self.failure = self.failure or f"exchange {step} could not be recorded: {type(error).__name__}"

    def _exchange(self, step: int, wire: WireRequest, body: KeptBody, learned: Learned, relayed: Relayed) -> Exchange:
        outcome = relayed.outcome
        answered = outcome.headers if isinstance(outcome, WireAnswer) else ()
        redactor = learned.redactor.with_secrets(cookies_in((*wire.headers, *answered)))
        response, failure = captured_response(outcome, redactor)
        request = Request(
            method=redactor.redact_text(wire.method),
            target=redactor.redact_text(wire.target),
            headers=redactor.redact_headers(wire.headers),
            body=body.redacted(redactor),
        )
        path = wire.target.removeprefix(self._prefix)
        operation = match_operation(self._operations, wire.method, path)
        mode: Mode
        if asks_for_websocket(wire.headers):
            mode = "websocket"
        else:
            sent = Outgoing(wire.method, path, wire.headers, plain_body(wire.headers, body.data), ())
            mode = mode_of(sent, response)
        return Exchange(
            scenario=RECORDED,
            parameters="",
            step=step,
            operation=operation.id if operation else "",
            mode=mode,
            role=learned.role,
            request=learned.without_short(request),
            response=response,
            failure=failure,
            started_at=outcome.started_at,
            label=redactor.redact_text(_client_of(wire)),
            frames=captured_frames(relayed.frames, redactor, longest=BODY_KEPT),
        )


def _client_of(wire: WireRequest) -> str:
    """The first word of ``User-Agent``."""
    agent = next((value for name, value in wire.headers if name.lower() == "user-agent"), "")
    return agent.partition(" ")[0][:_LONGEST_LABEL]
