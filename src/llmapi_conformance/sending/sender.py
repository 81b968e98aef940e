"""The sender: what sessions ask for becomes requests, bounded by lanes and budget, and exchanges of the recording."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from llmapi_conformance.contract.operations import Operation, match_operation
from llmapi_conformance.evidence.exchange import Exchange, Request
from llmapi_conformance.evidence.redaction import Redactor
from llmapi_conformance.evidence.results import ResultStatus, ScenarioStopped
from llmapi_conformance.evidence.tasks import SUBMITTING, submitted_tasks
from llmapi_conformance.sending.assembly import Place, assemble, recorded
from llmapi_conformance.sending.budget import Budget, limits_of
from llmapi_conformance.sending.controls import Controls
from llmapi_conformance.sending.generator import Generation, Generator
from llmapi_conformance.sending.keys import Keys
from llmapi_conformance.sending.lanes import Lanes
from llmapi_conformance.sending.listener import Listener
from llmapi_conformance.sending.preflight import see_target
from llmapi_conformance.sending.presence import Presence
from llmapi_conformance.sending.retrying import pause_before
from llmapi_conformance.sending.socket_session import SocketSession
from llmapi_conformance.sending.spending import charge_of, settled
from llmapi_conformance.sending.sweeping import Sweep
from llmapi_conformance.sending.usage import may_be_charged
from llmapi_conformance.sending.watch import Watch
from llmapi_conformance.target.secrets import secrets_of
from llmapi_conformance.wire.capture import captured_response
from llmapi_conformance.wire.http import HttpSender
from llmapi_conformance.wire.websocket import converse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from llmapi_conformance.evidence.journal import Journal
    from llmapi_conformance.generating.cases import Case, Order
    from llmapi_conformance.sending.assembly import Assembled
    from llmapi_conformance.sending.credentials import Credential
    from llmapi_conformance.sending.outgoing import Outgoing, SocketScript
    from llmapi_conformance.sending.scenario import Instance
    from llmapi_conformance.target.keyring import Keyring
    from llmapi_conformance.target.profile import Profile
    from llmapi_conformance.target.target import Target

_T = TypeVar("_T")
STOP_DEADLINE = 3.0
"""Seconds that scenarios have to come to their ends when the run is stopped, and then what goes on without them."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything that a run is conducted with."""

    target: Target
    keyring: Keyring
    profile: Profile
    operations: tuple[Operation, ...]
    header_secrets: dict[str, str]
    generation: Generation = field(default_factory=Generation)


class Sender:
    """Sends for sessions (see ``sending.outgoing.Gateway``); all of it on the conductor's loop.

    Attributes:
        budget: What was spent.
        exchanges: All exchanges, in the order in which they ended.
        redactor: Knows every secret so far.
    """

    def __init__(self, setting: Setting, journal: Journal) -> None:
        self._setting = setting
        self._journal = journal
        self.budget = Budget(limits_of(setting.target, setting.profile))
        self.exchanges: list[Exchange] = []
        self.redactor = Redactor(secrets_of(setting.keyring, setting.header_secrets))
        self._keys = Keys(setting.keyring)
        self._ids: set[str] = set()
        self._sent_by: dict[tuple[str, str], list[Exchange]] = {}
        self._outlasting: set[asyncio.Task[Any]] = set()

    @property
    def target(self) -> Target:
        """The gateway under test."""
        return self._setting.target

    @property
    def examples(self) -> int:
        """Examples that a scenario may draw (see ``sending.outgoing.Gateway``)."""
        return self._setting.profile.examples

    @property
    def generation(self) -> Generation:
        """What is generated (see ``sending.outgoing.Gateway``)."""
        return self._setting.generation

    @property
    def probing(self) -> bool:
        """Whether an answer that says "not now" is never judged (see ``sending.outgoing.Gateway``)."""
        return self._setting.profile.probing

    async def open(self) -> None:
        """Open what sending needs; called once."""
        profile = self._setting.profile
        concurrency = min(self.target.concurrency, profile.concurrency or self.target.concurrency)
        pause = profile.wrong_key_pause if self.target.wrong_key_pause is None else self.target.wrong_key_pause
        self._lanes = Lanes(concurrency, self.target.rate, pause)
        ca_file = Path(self.target.ca_file) if self.target.ca_file else None
        self._http = await HttpSender(self.target.base_url, concurrency=concurrency, ca_file=ca_file).__aenter__()
        self._controls = Controls()
        self._watch = Watch()
        self._watch.start()
        self._generator = Generator()
        self._presence = Presence(self.target, self._setting.keyring, self._http, self.keep, patient=self.probing)

    async def preflight(self) -> None:
        """See that the target answers and accepts a key.

        Raises:
            TargetError: It does not; one sentence says what happened and what to do.
        """
        if self.target.upstream_control:
            secrets = await self._controls.upstream_secrets(self.target.upstream_control)
            self.redactor = self.redactor.with_secrets(secrets)
        await see_target(self.target, self._setting.keyring, self._http)

    async def start_generator(self) -> None:
        """Have the generator ready when it is asked."""
        await self._generator.start()

    async def stop(self) -> None:
        """Give what goes on without its scenario some time, and stop it then."""
        if self._outlasting:
            _, late = await asyncio.wait(self._outlasting, timeout=STOP_DEADLINE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def look(self) -> None:
        """Ask the gateway whether it is still there."""
        await self._presence.look(self.redactor)

    async def sweep(self, limit: float) -> None:
        """End the image tasks that were submitted and not seen to end, in so many seconds at most."""
        sweep = Sweep(self.target, self._http, self.redactor, self._keys.of_holder, self.keep)
        await sweep.run(submitted_tasks(self.exchanges).left, limit)

    async def close(self) -> None:
        """Close the connections."""
        await self._generator.stop()
        await self._http.__aexit__()
        await self._controls.close()
        await self._watch.stop()

    @asynccontextmanager
    async def scenario(self, instance: Instance) -> AsyncIterator[None]:
        """Hold for a whole scenario what it may spend, and what its lane asks for.

        Raises:
            BudgetExceeded: There is nothing left for it.
            ScenarioStopped: The reference gateway did not hand out a key.
        """
        wanted = self.generation
        declared = instance.cost(wanted.cases, wanted.samples)
        place = (instance.scenario.name, instance.parameters)
        await self.budget.admit(instance.key, charge_of(self.target, instance, declared))
        self._sent_by[place] = []
        try:
            lane = instance.scenario.lane
            if lane == "own_key" and self.target.gateway_control:
                secrets = await self._keys.freshen(instance, self._controls, self.target.gateway_control)
                self.redactor = self.redactor.with_secrets(secrets)
                lane = "shared"
            async with self._lanes.scenario(lane, self._keys.names(instance)):
                yield
        finally:
            self.budget.settle(instance.key, settled(self.target, instance, declared, self._sent_by[place]))

    async def cases(self, order: Order) -> tuple[Case, ...]:
        """Generated cases (see ``sending.outgoing.Gateway``)."""
        return await self._generator.cases(order)

    def credential(self, instance: Instance, role: str) -> Credential:
        """The key of a role (see ``sending.outgoing.Gateway``)."""
        return self._keys.of(instance, role)

    async def send(self, instance: Instance, step: int, attempt: int, outgoing: Outgoing) -> Exchange:
        """Send, record and return one exchange (see ``sending.outgoing.Gateway``)."""
        place = self._place(instance, step, attempt, outgoing)
        async with self._request(instance, step, outgoing):
            assembled = assemble(outgoing, self.target, instance.role, self._http.origin)
            if place.operation in SUBMITTING:
                # Whoever asked may be stopped meanwhile: then we still need to know which task it made.
                return await asyncio.shield(self._start(self._exchanged(place, assembled)))
            return await self._exchanged(place, assembled)

    async def _exchanged(self, place: Place, assembled: Assembled) -> Exchange:
        if assembled.raw is not None:
            outcome = await self._http.send_raw(assembled.raw, like=assembled.wire)
        else:
            outcome = await self._http.send(assembled.wire)
        exchange = self.keep(recorded(place, assembled, outcome, self._http.origin, self.redactor))
        await self._presence.saw(exchange, self.redactor)
        return exchange

    async def listen(self, instance: Instance, step: int, attempt: int, outgoing: Outgoing) -> Listener:
        """Begin to follow a stream (see ``sending.outgoing.Gateway``)."""
        place = self._place(instance, step, attempt, outgoing)
        async with self._request(instance, step, outgoing):
            assembled = assemble(outgoing, self.target, instance.role, self._http.origin)
            listener = Listener(self.target, self.redactor.with_secrets(assembled.secrets))
            followed = replace(assembled, wire=replace(assembled.wire, follower=listener))
            await listener.follow(lambda: self._exchanged(place, followed), self._start)
        return listener

    async def converse(
        self, instance: Instance, step: int, attempt: int, outgoing: Outgoing, script: SocketScript, *, deflate: bool
    ) -> Exchange:
        """Open a WebSocket, run the script over it, record and return (see ``sending.outgoing.Gateway``)."""

        async def turn() -> None:
            self.budget.spend(instance.key)
            await self._lanes.pace()

        place = self._place(instance, step, attempt, outgoing)
        origin = self._http.origin
        async with self._request(instance, step, outgoing):
            assembled = assemble(outgoing, self.target, instance.role, origin, upgrade=True, deflate=deflate)
            conversation = await converse(
                origin,
                assembled.wire,
                lambda socket: script(SocketSession(socket, turn)),
                ssl_context=self._http.ssl_context,
            )
        outcome, frames = conversation.outcome, conversation.frames
        exchange = self.keep(
            recorded(place, assembled, outcome, origin, self.redactor, mode="websocket", frames=frames)
        )
        if conversation.error is not None:
            raise conversation.error
        return exchange

    def _start(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """A task that goes on when the scenario that wanted it is stopped; it records what it comes to."""
        task = asyncio.get_running_loop().create_task(work)
        self._outlasting.add(task)
        task.add_done_callback(self._outlasting.discard)
        return task

    def _place(self, instance: Instance, step: int, attempt: int, outgoing: Outgoing) -> Place:
        operation = self._operation(outgoing, instance.role)
        return Place(instance.scenario.name, instance.parameters, step, attempt, operation, instance.role)

    @asynccontextmanager
    async def _request(self, instance: Instance, step: int, outgoing: Outgoing) -> AsyncIterator[None]:
        """Hold what a request of this instance needs, and count it."""
        lane = "shared" if self._keys.are_own(instance) else instance.scenario.lane
        # The cases of an operation go side by side: none of them is further along than what others begin with.
        progress = 0 if instance.scenario.generated else step
        wrong_key = outgoing.lacks_a_good_key
        async with self._lanes.request(lane, self._keys.names(instance), progress, wrong_key=wrong_key):
            await self._presence.ready()
            self._see_what_it_came_to(instance)
            self.budget.spend(instance.key)
            yield

    def _see_what_it_came_to(self, instance: Instance) -> None:
        """See that the answers so far did not cost so much more than was declared that a limit is broken.

        Raises:
            BudgetExceeded: They did.
        """
        declared = instance.cost(self.generation.cases, self.generation.samples)
        sent = self._sent_by.get((instance.scenario.name, instance.parameters), ())
        if sent:
            self.budget.come_to(instance.key, settled(self.target, instance, declared, sent))

    def _operation(self, outgoing: Outgoing, role: str) -> str:
        """The operation that a request means.

        Raises:
            ScenarioStopped: The target does not offer it, or not to this role.
        """
        operation, known = outgoing.operation, self._setting.operations
        if operation is None:
            matched = match_operation(known, outgoing.method, outgoing.target)
        else:
            matched = next((one for one in known if one.id == operation), None)
        operation = matched.id if matched else operation or ""
        if matched and matched.surface not in self.target.offers:
            raise ScenarioStopped(ResultStatus.NOT_OFFERED, f"the target does not offer the surface {matched.surface}")
        if gap := self.target.gap(role, operation):
            raise ScenarioStopped(ResultStatus.NOT_OFFERED, gap)
        return operation

    def keep(self, exchange: Exchange) -> Exchange:
        """Write an exchange into the recording; as a later attempt where the first part of a run had the same step."""
        while exchange.id in self._ids:
            exchange = replace(exchange, attempt=exchange.attempt + 1)
        self._ids.add(exchange.id)
        exchange = self._watch.marked(exchange)
        self._journal.write_exchange(exchange)
        self.exchanges.append(exchange)
        self._sent_by.setdefault((exchange.scenario, exchange.parameters), []).append(exchange)
        return exchange

    async def control(self, instance: Instance, step: int, method: str, url: str, operation: str) -> Exchange:
        """Ask a control port of ours; the caller keeps the answer (see ``sending.outgoing.Gateway``).

        Raises:
            ScenarioStopped: The port gave no answer.
        """
        started_at = time.time()
        outcome = await self._controls.ask(method, url)
        response, failure = captured_response(outcome, self.redactor)
        if response is None:
            raise ScenarioStopped(ResultStatus.INCONCLUSIVE, f"our upstream's control port did not answer: {failure}")
        parts = urlsplit(url)
        return Exchange(
            scenario=instance.scenario.name,
            parameters=instance.parameters,
            step=step,
            operation=operation,
            mode="plain",
            role="",
            request=Request(method, parts.path + (f"?{parts.query}" if parts.query else ""), ()),
            response=response,
            started_at=started_at,
        )

    async def pause_before_retry(self, instance: Instance, attempt: int, exchange: Exchange) -> bool:
        """Wait before the next attempt (see ``sending.outgoing.Gateway``)."""
        pause = pause_before(attempt, exchange, self._setting.profile)
        if pause is None:
            return False
        if may_be_charged(exchange):  # no answer came, and the work may have been done all the same
            again = instance.cost(self.generation.cases, self.generation.samples)
            self.budget.reserve(instance.key, charge_of(self.target, instance, again))
        await asyncio.sleep(pause)
        return True
