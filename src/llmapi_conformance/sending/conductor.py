"""The conductor: starts every selected scenario at once on one background loop; checks wait for their own."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.errors import BudgetExceeded
from llmapi_conformance.evidence.results import BUDGET_SPENT, ResultStatus, ScenarioResult, ScenarioStopped
from llmapi_conformance.evidence.silence import seems_gone
from llmapi_conformance.sending.plan import Plan, Step, declined, needed_by
from llmapi_conformance.sending.sender import STOP_DEADLINE, Sender
from llmapi_conformance.sending.session import Session
from llmapi_conformance.sending.sweeping import HURRIED, PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.journal import Journal
    from llmapi_conformance.sending.budget import Budget
    from llmapi_conformance.sending.resuming import Earlier
    from llmapi_conformance.sending.scenario import Instance
    from llmapi_conformance.sending.sender import Setting


LATER: Final = {"measuring": 1, "last": 2}
"""Lanes whose scenarios begin when everything of the earlier stages is done; that of all other lanes is 0."""


class Conductor:
    """Sends what a plan names and keeps the results.

    Attributes:
        on_result: Told of each scenario that has come out: name, parameters, status, reason; on the conductor's thread.
    """

    def __init__(self, setting: Setting, journal: Journal) -> None:
        self._setting = setting
        self._journal = journal
        self._sender = Sender(setting, journal)
        self.on_result: Callable[[str, str, ResultStatus, str], None] | None = None
        self._plan = Plan(())
        self._earlier: dict[tuple[str, str], ScenarioResult] = {}
        self._futures: dict[str, Future[ScenarioResult]] = {}
        self._tasks: dict[str, asyncio.Task[ScenarioResult]] = {}
        self._looked = False
        self._swept = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="conductor", daemon=True)
        self._thread.start()
        self._ends_at = time.monotonic() + setting.profile.deadline
        self._on_loop(self._sender.open())

    @property
    def budget(self) -> Budget:
        """What was spent."""
        return self._sender.budget

    @property
    def exchanges(self) -> list[Exchange]:
        """All exchanges, in the order in which they ended."""
        return self._sender.exchanges

    def preflight(self) -> None:
        """See that the target answers and accepts a key.

        Raises:
            TargetError: It does not; one sentence says what happened and what to do.
        """
        self._on_loop(self._sender.preflight())

    def take(self, earlier: Earlier) -> None:
        """Take the first part of a run over into this one's recording; what is done in it is not sent again."""
        for exchange in earlier.recording.exchanges.values():
            self._sender.keep(exchange)
        for (scenario, parameters), result in earlier.done.items():
            self._journal.write_result(scenario, parameters, result.status, reason=result.reason, value=result.value)
            self._earlier[scenario, parameters] = ScenarioResult(ResultStatus.DONE, result.reason, result.value)

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
                self._on_loop(self._sender.look())

    def sweep(self, limit: float = PATIENT) -> None:
        """End the image tasks that were submitted and not seen to end, in so many seconds at most; once."""
        if not self._swept:
            self._swept = True
            self._on_loop(self._sender.sweep(limit))

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
        self._on_loop(self._sender.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # What follows runs on the conductor's loop.

    async def _stop(self) -> None:
        # What a scenario does in its end, and a submission under way, have some time; then they are stopped for good.
        under_way: set[asyncio.Task[Any]] = {task for task in self._tasks.values() if not task.done()}
        for patience in (STOP_DEADLINE, 1.0, 1.0):
            for task in under_way:
                task.cancel()
            if under_way:
                _, under_way = await asyncio.wait(under_way, timeout=patience)
        await self._sender.stop()

    async def _begin(self, plan: Plan) -> None:
        self._plan = plan
        if plan.generates:
            await self._sender.start_generator()
        # The longest first: what they need all the time for should not begin last.
        for step in sorted(plan.steps, key=lambda step: -step.cost.requests):
            self._futures[step.instance.key] = Future()
            self._tasks[step.instance.key] = self._loop.create_task(self._conduct(step))

    async def _conduct(self, step: Step) -> ScenarioResult:
        instance = step.instance
        key = (instance.scenario.name, instance.parameters)
        if (known := self._earlier.get(key)) is not None:
            self._tell(instance, known)
            self._futures[instance.key].set_result(known)
            return known
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
            result = ScenarioResult(ResultStatus.NOT_OBSERVED, f"{BUDGET_SPENT}: {spent}")
        except Exception as error:  # noqa: BLE001 - a scenario's mistake is the suite's own
            text = self._sender.redactor.redact_text(f"{type(error).__name__}: {error}")
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
        self._tell(instance, result)

    def _tell(self, instance: Instance, result: ScenarioResult) -> None:
        if self.on_result is not None:
            self.on_result(instance.scenario.name, instance.parameters, result.status, result.reason)

    async def _perform(self, instance: Instance, step: Step) -> ScenarioResult:
        if reason := declined(self._setting.target, instance):
            return ScenarioResult(ResultStatus.NOT_OFFERED, reason)
        if step.obstacle:
            return ScenarioResult(ResultStatus.NOT_OBSERVED, step.obstacle)
        if instance.scenario.lane in LATER:
            await self._all_before(LATER[instance.scenario.lane])
        needs: dict[str, Any] = {}
        for needed in needed_by(instance):
            result = await asyncio.shield(self._tasks[needed.key])
            if result.status is not ResultStatus.DONE:
                return result
            needs[needed.scenario.name] = result.value
        scenario = instance.scenario
        async with self._sender.scenario(instance):
            try:
                value = await scenario.function(Session(self._sender, instance), **instance.values, **needs)
            except BaseExceptionGroup as group:
                raise sole_cause(group) from None
        return ScenarioResult(ResultStatus.DONE, "", value)

    async def _all_before(self, stage: int) -> None:
        """Wait until everything of the earlier stages is done."""
        steps = (step.instance for step in self._plan.steps if LATER.get(step.instance.scenario.lane, 0) < stage)
        earlier = [self._tasks[instance.key] for instance in steps]
        await asyncio.gather(*(asyncio.shield(task) for task in earlier))

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
