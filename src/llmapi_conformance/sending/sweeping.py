"""Sweeping: the tasks that a run submitted are ended, so that none goes on at somebody's cost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from llmapi_conformance.evidence.tasks import CLEANUP, FINAL
from llmapi_conformance.sending.assembly import Place, assemble, recorded
from llmapi_conformance.sending.credentials import bearer
from llmapi_conformance.sending.lanes import Lanes
from llmapi_conformance.sending.outgoing import Outgoing
from llmapi_conformance.wire.message import Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.redaction import Redactor
    from llmapi_conformance.evidence.tasks import Holder, SubmittedTask
    from llmapi_conformance.sending.credentials import Credential
    from llmapi_conformance.target.target import Target
    from llmapi_conformance.wire.http import HttpSender

PATIENT: Final = 15.0
"""Seconds for all tasks at the end of a run."""
HURRIED: Final = 5.0
"""Seconds for all tasks when somebody wants to stop."""
SIDE_BY_SIDE: Final = 4
"""Requests under way at once, at most."""
_SILENCES: Final = 3
"""Requests without an answer in a row after which the gateway is given up."""
_ANSWER: Final = 5.0
"""Seconds until an answer must have begun."""
_TRIES: Final = (0.2, 0.5, 1.0)
"""Seconds between attempts to cancel that the gateway could not serve."""
_LOOKS: Final = (0.0, 0.1, 0.2, 0.4, 0.8, 1.5, 2.0)
"""Seconds before each look at a task whose cancelling was accepted."""


class Sweep:
    """Looks at tasks that were not seen to end, cancels the active ones and looks again.

    Its requests are no part of any budget. Nothing here raises because of the gateway; what became of the tasks is in
    the exchanges, for ``evidence.tasks`` to read.
    """

    def __init__(
        self,
        target: Target,
        http: HttpSender,
        redactor: Redactor,
        credential: Callable[[Holder], Credential | None],
        keep: Callable[[Exchange], object],
    ) -> None:
        """Prepare.

        Args:
            target: The gateway.
            http: Sends to it; is open.
            redactor: Knows all secrets.
            credential: The key of a holder, ``None`` when it is not there.
            keep: Takes each exchange.
        """
        self._target = target
        self._http = http
        self._redactor = redactor
        self._credential = credential
        self._keep = keep
        self._lanes = Lanes(min(SIDE_BY_SIDE, target.concurrency), target.rate)
        self._step = 0
        self._silences = 0

    async def run(self, tasks: Iterable[SubmittedTask], limit: float) -> None:
        """End these tasks, in so many seconds at most."""
        ending = [asyncio.ensure_future(self._end(task)) for task in tasks if self._credential(task.holder)]
        if not ending:
            return
        try:
            await asyncio.wait(ending, timeout=limit)
        finally:
            for task in ending:
                task.cancel()
            came = await asyncio.gather(*ending, return_exceptions=True)
        for error in came:
            if isinstance(error, Exception):
                raise error

    async def _end(self, task: SubmittedTask) -> None:
        if await self._state(task) in FINAL:
            return
        accepted = False
        for pause in _TRIES:
            answer = await self._ask(task, "POST", "/cancel", "cancelImageTask")
            if answer is None or (answer.status < 500 and answer.status != 429 and answer.answered):
                accepted = answer is not None and (answer.succeeded or answer.status == 409)
                break
            await asyncio.sleep(max(pause, _asked_pause(answer)))
        for pause in _LOOKS if accepted else _LOOKS[:1]:
            await asyncio.sleep(pause)
            if await self._state(task) in FINAL:
                return

    async def _state(self, task: SubmittedTask) -> str:
        """The state that the gateway tells, empty when it tells none."""
        answer = await self._ask(task, "GET", "", "getImageTask")
        state = answer.json.get("status") if answer and answer.succeeded and isinstance(answer.json, dict) else None
        return state if isinstance(state, str) else ""

    async def _ask(self, task: SubmittedTask, method: str, action: str, operation: str) -> Exchange | None:
        """One request about a task; ``None`` when the gateway was given up."""
        credential = self._credential(task.holder)
        async with self._lanes.request("shared", ()):
            if self._silences >= _SILENCES or credential is None:
                return None
            path = f"/v1/images/tasks/{quote(task.id, safe='')}{action}"
            outgoing = Outgoing(method, path, (), b"", (bearer(credential),), label=task.id[:40])
            assembled = assemble(outgoing, self._target, task.holder.role, self._http.origin)
            limits = assembled.wire.deadlines
            quick = Deadlines(
                min(limits.connect, _ANSWER), min(limits.first_byte, _ANSWER), min(limits.idle, _ANSWER), 2 * _ANSWER
            )
            assembled = replace(assembled, wire=replace(assembled.wire, deadlines=quick))
            self._step += 1
            place = Place(CLEANUP, task.holder.own, self._step, 1, operation, task.holder.role)
            outcome = await self._http.send(assembled.wire)
        exchange = recorded(place, assembled, outcome, self._http.origin, self._redactor)
        self._silences = 0 if exchange.answered else self._silences + 1
        self._keep(exchange)
        return exchange


def _asked_pause(answer: Exchange) -> float:
    """Seconds that the gateway asks to wait, as far as there is time for it."""
    asked = answer.header("retry-after") or ""
    return min(float(asked), HURRIED) if asked.isdecimal() else 0.0
