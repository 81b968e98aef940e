"""The conductor: starts every selected scenario at once on one background loop; checks wait for their own."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from llmapi_conformance.contract.operations import Operation, match_operation
from llmapi_conformance.errors import BudgetExceeded, TargetError
from llmapi_conformance.evidence.exchange import Exchange, Request, decode_json
from llmapi_conformance.evidence.redaction import Redactor
from llmapi_conformance.evidence.results import ResultStatus, ScenarioResult, ScenarioStopped
from llmapi_conformance.evidence.silence import seems_gone
from llmapi_conformance.evidence.tasks import SUBMITTING, submitted_tasks
from llmapi_conformance.sending.assembly import Place, assemble, recorded
from llmapi_conformance.sending.budget import Budget
from llmapi_conformance.sending.controls import Controls, body_of
from llmapi_conformance.sending.credentials import Credential
from llmapi_conformance.sending.generator import Generation, Generator
from llmapi_conformance.sending.lanes import Lanes
from llmapi_conformance.sending.listener import Listener
from llmapi_conformance.sending.plan import Plan, Step, declined, needed_by
from llmapi_conformance.sending.preflight import see_target
from llmapi_conformance.sending.presence import Presence
from llmapi_conformance.sending.session import Session
from llmapi_conformance.sending.socket_session import SocketSession
from llmapi_conformance.sending.sweeping import HURRIED, PATIENT, Sweep
from llmapi_conformance.target.secrets import secrets_of, sent_forms
from llmapi_conformance.wire.capture import captured_response
from llmapi_conformance.wire.http import HttpSender
from llmapi_conformance.wire.message import WireFailure
from llmapi_conformance.wire.websocket import converse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from llmapi_conformance.evidence.journal import Journal
    from llmapi_conformance.evidence.tasks import Holder
    from llmapi_conformance.generating.cases import Case, Order
    from llmapi_conformance.sending.assembly import Assembled
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


class Conductor:
    """Sends what a plan names and keeps the results.

    Attributes:
        budget: What was spent.
        exchanges: All exchanges, in the order in which they ended.
        on_result: Told of each scenario that has come out: name, parameters, status, reason; on the conductor's thread.
    """

    def __init__(self, setting: Setting, journal: Journal) -> None:
        self._setting = setting
        self._journal = journal
        self.budget = Budget(
            setting.profile.max_requests, setting.profile.max_input_tokens, setting.profile.max_output_tokens
        )
        self.exchanges: list[Exchange] = []
        self.on_result: Callable[[str, str, ResultStatus, str], None] | None = None
        self._redactor = Redactor(secrets_of(setting.keyring, setting.header_secrets))
        self._plan = Plan(())
        self._own_keys: dict[tuple[str, str], Credential] = {}
        self._futures: dict[str, Future[ScenarioResult]] = {}
        self._tasks: dict[str, asyncio.Task[ScenarioResult]] = {}
        self._outlasting: set[asyncio.Task[Any]] = set()
        self._looked = False
        self._swept = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="conductor", daemon=True)
        self._thread.start()
        self._ends_at = time.monotonic() + setting.profile.deadline
        self._on_loop(self._open())

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

    def preflight(self) -> None:
        """See that the target answers and accepts a key.

        Raises:
            TargetError: It does not; one sentence says what happened and what to do.
        """
        self._on_loop(self._preflight())

    def begin(self, plan: Plan) -> None:
        """Start every instance of the plan; returns at once."""
        self._on_loop(self._begin(plan))

    def result(self, instance: Instance) -> ScenarioResult:
        """The result of an instance, when it is there."""
        future = self._futures.get(instance.key)
        if future is None:
            return ScenarioResult(ResultStatus.ERROR, f"{instance.key} was not planned")
        return future.result()

    def wait(self) -> None:
        """Until every started instance has a result; a gateway that seems to have gone away is then asked once more."""
        for future in self._futures.values():
            future.result()
        if not self._looked:
            self._looked = True
            if seems_gone(self.exchanges):
                self._on_loop(self._look())

    def sweep(self, limit: float = PATIENT) -> None:
        """End the image tasks that were submitted and not seen to end, in so many seconds at most; once."""
        if not self._swept:
            self._swept = True
            self._on_loop(self._sweep(limit))

    def close(self) -> None:
        """Stop what is still under way, end its tasks in a hurry and close the connections."""
        if self._loop.is_closed():
            return
        try:
            self._on_loop(self._stop())
            self.sweep(HURRIED)
        finally:
            self._end()

    def _end(self) -> None:
        self._on_loop(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # What follows runs on the conductor's loop.

    async def _open(self) -> None:
        self._lanes = Lanes(self.target.concurrency, self.target.rate)
        ca_file = Path(self.target.ca_file) if self.target.ca_file else None
        self._http = await HttpSender(
            self.target.base_url, concurrency=self.target.concurrency, ca_file=ca_file
        ).__aenter__()
        self._controls = Controls()
        self._generator = Generator()
        self._presence = Presence(self.target, self._setting.keyring, self._http, self.keep)

    async def _stop(self) -> None:
        # What a scenario does in its end, and a submission under way, have some time; then they are stopped for good.
        under_way: set[asyncio.Task[Any]] = {task for task in self._tasks.values() if not task.done()}
        for patience in (STOP_DEADLINE, 1.0, 1.0):
            for task in under_way:
                task.cancel()
            if under_way:
                _, under_way = await asyncio.wait(under_way, timeout=patience)
        if self._outlasting:
            _, late = await asyncio.wait(self._outlasting, timeout=STOP_DEADLINE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _look(self) -> None:
        await self._presence.look(self._redactor)

    async def _sweep(self, limit: float) -> None:
        def credential(holder: Holder) -> Credential | None:
            if holder.own:
                return self._own_keys.get((holder.own, holder.role))
            return self._credential_of(holder.role) if holder.role in self._setting.keyring else None

        sweep = Sweep(self.target, self._http, self._redactor, credential, self.keep)
        await sweep.run(submitted_tasks(self.exchanges).left, limit)

    async def _shut(self) -> None:
        await self._generator.stop()
        await self._http.__aexit__()
        await self._controls.close()

    async def _begin(self, plan: Plan) -> None:
        self._plan = plan
        if plan.generates:
            await self._generator.start()
        # The longest first: what they need all the time for should not begin last.
        for step in sorted(plan.steps, key=lambda step: -step.cost.requests):
            self._futures[step.instance.key] = Future()
            self._tasks[step.instance.key] = self._loop.create_task(self._conduct(step))

    async def _conduct(self, step: Step) -> ScenarioResult:
        instance = step.instance
        try:
            async with asyncio.timeout(max(0.0, self._ends_at - time.monotonic())):
                result = await self._perform(instance, step)
        except TimeoutError:
            result = ScenarioResult(
                ResultStatus.INCONCLUSIVE, f"the run's deadline of {self._setting.profile.deadline:.0f} s passed"
            )
        except asyncio.CancelledError:
            result = ScenarioResult(ResultStatus.INCONCLUSIVE, "the run was stopped")
        except ScenarioStopped as stopped:
            result = ScenarioResult(stopped.status, stopped.reason)
        except BudgetExceeded as spent:
            result = ScenarioResult(ResultStatus.NOT_OBSERVED, f"the budget is spent: {spent}")
        except Exception as error:  # noqa: BLE001 - a scenario's mistake is the suite's own
            text = self._redactor.redact_text(f"{type(error).__name__}: {error}")
            result = ScenarioResult(ResultStatus.ERROR, f"the scenario {instance.key} failed: {text}")
        try:
            self._write(instance, result)
        except TypeError as error:
            result = ScenarioResult(ResultStatus.ERROR, f"the scenario {instance.key} failed: {error}")
            self._write(instance, result)
        finally:
            self._futures[instance.key].set_result(result)
        return result

    def _write(self, instance: Instance, result: ScenarioResult) -> None:
        self._journal.write_result(
            instance.scenario.name, instance.parameters, result.status.value, reason=result.reason, value=result.value
        )
        if self.on_result is not None:
            self.on_result(instance.scenario.name, instance.parameters, result.status, result.reason)

    async def _perform(self, instance: Instance, step: Step) -> ScenarioResult:
        if reason := declined(self.target, instance):
            return ScenarioResult(ResultStatus.NOT_OFFERED, reason)
        if step.obstacle:
            return ScenarioResult(ResultStatus.NOT_OBSERVED, step.obstacle)
        if instance.scenario.lane == "last":
            await self._all_others()
        needs: dict[str, Any] = {}
        for needed in needed_by(instance):
            result = await asyncio.shield(self._tasks[needed.key])
            if result.status is not ResultStatus.DONE:
                return result
            needs[needed.scenario.name] = result.value
        scenario = instance.scenario
        self.budget.reserve(instance.key, step.cost)
        lane = scenario.lane
        if lane == "own_key" and self.target.gateway_control:
            await self._fresh_keys(instance)
            lane = "shared"
        async with self._lanes.scenario(lane, self._gate_keys(instance)):
            try:
                value = await scenario.function(Session(self, instance), **instance.values, **needs)
            except BaseExceptionGroup as group:
                raise sole_cause(group) from None
        return ScenarioResult(ResultStatus.DONE, "", value)

    async def _all_others(self) -> None:
        """Wait until everything is done that does not itself wait for this."""
        earlier = [self._tasks[step.instance.key] for step in self._plan.steps if step.instance.scenario.lane != "last"]
        await asyncio.gather(*(asyncio.shield(task) for task in earlier))

    async def cases(self, order: Order) -> tuple[Case, ...]:
        """Generated cases (see ``sending.outgoing.Gateway``)."""
        return await self._generator.cases(order)

    def credential(self, instance: Instance, role: str) -> Credential:
        """The key of a role: for the lane ``own_key`` on the reference gateway a fresh one of the instance's own."""
        own = self._own_keys.get((instance.key, role))
        if own:
            return own
        if role not in self._setting.keyring:
            raise ScenarioStopped(ResultStatus.NOT_OBSERVED, f"no key for role {role}")
        return Credential(f"key:{role}", self._setting.keyring.reveal(role))

    def _gate_keys(self, instance: Instance) -> list[str]:
        """Names of the keys that an instance sends with; equal keys of several roles are one."""
        roles = [role for role in (instance.role, *instance.scenario.also_roles) if role in self._setting.keyring]
        return [hashlib.sha256(self._setting.keyring.reveal(role).encode()).hexdigest() for role in roles]

    async def _fresh_keys(self, instance: Instance) -> None:
        for role in (instance.role, *instance.scenario.also_roles):
            if not role:
                continue
            body = ('{"role":"' + role + '"}').encode()
            answer = await self._controls.ask("POST", f"{self.target.gateway_control}/keys", body)
            if isinstance(answer, WireFailure):
                reason = f"the reference gateway handed out no key for role {role}: {answer.sentence}"
                raise ScenarioStopped(ResultStatus.INCONCLUSIVE, reason)
            made = decode_json(body_of(answer))
            if not isinstance(made, dict) or not isinstance(made.get("key"), str):
                raise TargetError(f"The reference gateway handed out no key for role {role}.")
            marker = f"key:{role}:own"
            self._own_keys[instance.key, role] = Credential(marker, made["key"])
            self._redactor = self._redactor.with_secrets(sent_forms(made["key"], marker))

    async def send(self, instance: Instance, step: int, attempt: int, outgoing: Outgoing) -> Exchange:
        """Send, record and return one exchange (see ``sending.outgoing.Gateway``)."""
        place = self._place(instance, step, attempt, outgoing)
        async with self._request(instance, step):
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
        exchange = recorded(place, assembled, outcome, self._http.origin, self._redactor)
        self.keep(exchange)
        await self._presence.saw(exchange, self._redactor)
        return exchange

    async def listen(self, instance: Instance, step: int, attempt: int, outgoing: Outgoing) -> Listener:
        """Begin to follow a stream (see ``sending.outgoing.Gateway``)."""
        place = self._place(instance, step, attempt, outgoing)
        async with self._request(instance, step):
            assembled = assemble(outgoing, self.target, instance.role, self._http.origin)
            listener = Listener(self.target, self._redactor.with_secrets(assembled.secrets))
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
        async with self._request(instance, step):
            assembled = assemble(outgoing, self.target, instance.role, origin, upgrade=True, deflate=deflate)
            conversation = await converse(
                origin,
                assembled.wire,
                lambda socket: script(SocketSession(socket, turn)),
                ssl_context=self._http.ssl_context,
            )
        exchange = recorded(
            place,
            assembled,
            conversation.outcome,
            origin,
            self._redactor,
            mode="websocket",
            frames=conversation.frames,
        )
        self.keep(exchange)
        if conversation.error is not None:
            raise conversation.error
        return exchange

    def _start(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """A task that goes on when the scenario that wanted it is stopped; it records what it comes to."""
        task = self._loop.create_task(work)
        self._outlasting.add(task)
        task.add_done_callback(self._outlasting.discard)
        return task

    def _place(self, instance: Instance, step: int, attempt: int, outgoing: Outgoing) -> Place:
        operation = self._operation(outgoing, instance.role)
        return Place(instance.scenario.name, instance.parameters, step, attempt, operation, instance.role)

    @asynccontextmanager
    async def _request(self, instance: Instance, step: int) -> AsyncIterator[None]:
        """Hold what a request of this instance needs, and count it."""
        lane = "shared" if (instance.key, instance.role) in self._own_keys else instance.scenario.lane
        # The cases of an operation go side by side: none of them is further along than what others begin with.
        progress = 0 if instance.scenario.generated else step
        async with self._lanes.request(lane, self._gate_keys(instance), progress):
            await self._presence.ready()
            self.budget.spend(instance.key)
            yield

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

    def keep(self, exchange: Exchange) -> None:
        """Write an exchange into the recording."""
        self._journal.write_exchange(exchange)
        self.exchanges.append(exchange)

    async def control(self, instance: Instance, step: int, method: str, url: str, operation: str) -> Exchange:
        """Ask a control port of ours; the caller keeps the answer (see ``sending.outgoing.Gateway``).

        Raises:
            ScenarioStopped: The port gave no answer.
        """
        started_at = time.time()
        outcome = await self._controls.ask(method, url)
        response, failure = captured_response(outcome, self._redactor)
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

    async def pause_before_retry(self, attempt: int, exchange: Exchange) -> bool:
        """Wait before the next attempt (see ``sending.outgoing.Gateway``)."""
        profile = self._setting.profile
        if attempt > profile.retries:
            return False
        pause = profile.retry_pause * 2 ** (attempt - 1)
        asked = exchange.header("retry-after") or ""
        if asked.isdecimal():
            pause = max(pause, float(asked))
        if pause > profile.retry_cap:
            return False
        await asyncio.sleep(pause)
        return True

    async def _preflight(self) -> None:
        if self.target.upstream_control:
            secrets = await self._controls.upstream_secrets(self.target.upstream_control)
            self._redactor = self._redactor.with_secrets(secrets)
        await see_target(self.target, self._setting.keyring, self._http)

    def _credential_of(self, role: str) -> Credential:
        return Credential(f"key:{role}", self._setting.keyring.reveal(role))

    def _on_loop(self, work: Coroutine[Any, Any, None]) -> None:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            future.result()
        except BaseException:  # Ctrl-C, above all: nobody waits for it any more
            future.cancel()
            raise


def sole_cause(error: BaseException) -> BaseException:
    """What a scenario's task group failed for: the one exception in it, or the group where there are several.

    Several that only stopped the scenario, as when a gateway goes away, are one: the first of them.
    """
    while isinstance(error, BaseExceptionGroup):
        stopped, others = error.split((ScenarioStopped, BudgetExceeded))
        if others is not None and (stopped is not None or len(error.exceptions) > 1):
            return error
        error = error.exceptions[0]
    return error
