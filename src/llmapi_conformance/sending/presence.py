"""Whether the gateway is still there: it is looked at when it is silent, and given up when it says nothing then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from llmapi_conformance.evidence.results import ResultStatus, ScenarioStopped
from llmapi_conformance.evidence.silence import LAST_LOOK
from llmapi_conformance.evidence.tasks import CLEANUP
from llmapi_conformance.sending.assembly import Place, recorded
from llmapi_conformance.sending.preflight import question

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.redaction import Redactor
    from llmapi_conformance.target.keyring import Keyring
    from llmapi_conformance.target.target import Target
    from llmapi_conformance.wire.http import HttpSender

SILENCES: Final = 4
"""Requests in a row without an answer after which the gateway is looked at."""
_PAUSES: Final = (0.0, 1.0, 2.0)
_PATIENT: Final = (*_PAUSES, 5.0, 10.0, 15.0)
"""Seconds before each look: a gateway that is started anew may need some."""


class Presence:
    """Looks at the gateway; its requests are no part of any budget."""

    def __init__(
        self,
        target: Target,
        keyring: Keyring,
        http: HttpSender,
        keep: Callable[[Exchange], object],
        *,
        patient: bool = False,
    ) -> None:
        """Prepare; the sender is open, each look is given to ``keep``, and who is patient looks for half a minute."""
        self._target = target
        self._keyring = keyring
        self._http = http
        self._keep = keep
        self._pauses = _PATIENT if patient else _PAUSES
        self._silences = 0
        self._looks = 0
        self._seen = asyncio.Event()
        self._seen.set()
        self._gone = ""

    async def ready(self) -> None:
        """Wait until nobody looks at the gateway: what is sent meanwhile would only be lost.

        Raises:
            ScenarioStopped: The gateway was given up.
        """
        await self._seen.wait()
        if self._gone:
            raise ScenarioStopped(ResultStatus.INCONCLUSIVE, self._gone)

    async def saw(self, exchange: Exchange, redactor: Redactor) -> None:
        """Count the silences, and look when there are too many."""
        self._silences = 0 if exchange.answered else self._silences + 1
        if self._silences >= SILENCES and self._seen.is_set():
            await self.look(redactor)

    async def look(self, redactor: Redactor) -> None:
        """Look until an answer comes or there were enough looks; does nothing where the gateway was given up."""
        if self._gone:
            return
        self._seen.clear()
        try:
            for pause in self._pauses:
                await asyncio.sleep(pause)
                look = await self._look(redactor)
                if look.answered:
                    self._silences = 0
                    return
            self._gone = f"the gateway stopped answering ({look.failure})"
        finally:
            self._seen.set()

    async def _look(self, redactor: Redactor) -> Exchange:
        role = next(iter(self._target.roles))
        asked = question(self._target, self._keyring, role, self._http, LAST_LOOK)
        self._looks += 1
        place = Place(CLEANUP, "", 0, self._looks, "listModels", role)
        outcome = await self._http.send(asked.wire)
        look = recorded(place, asked, outcome, self._http.origin, redactor)
        self._keep(look)
        return look
