"""The faults of `reference.faults`, each a wrapper around the conforming gateway or around its way to the upstream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmapi_conformance.reference.gateway.faulty import (
    aliases,
    answers,
    books,
    delivery,
    doors,
    events,
    gemini,
    gemini_doors,
    generated,
    generated_doors,
    images,
    properties,
    provider,
    requests,
    responses,
    sockets,
    tasks,
    tasks_events,
    tasks_inside,
    usage,
)
from llmapi_conformance.reference.gateway.faulty.provider import TRANSPORT_FAULTS
from llmapi_conformance.reference.gateway.keys import Keyring
from llmapi_conformance.reference.gateway.ledger import Ledger
from llmapi_conformance.reference.gateway.tasks_habits import Habits

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2
    from starlette.types import ASGIApp

    from llmapi_conformance.reference.gateway.core import Core
    from llmapi_conformance.reference.gateway.keys import Condition

_APP_FAULTS: Final[dict[str, Callable[[ASGIApp, Core], ASGIApp]]] = {
    **doors.FAULTS,
    **requests.FAULTS,
    **answers.FAULTS,
    **events.FAULTS,
    **delivery.FAULTS,
    **provider.FAULTS,
    **responses.FAULTS,
    **sockets.FAULTS,
    **aliases.FAULTS,
    **books.FAULTS,
    **gemini.FAULTS,
    **gemini_doors.FAULTS,
    **images.FAULTS,
    **usage.FAULTS,
    **tasks.FAULTS,
    **tasks_events.FAULTS,
    **properties.FAULTS,
    **generated.FAULTS,
    **generated_doors.FAULTS,
}
_TRANSPORT_FAULTS: Final = TRANSPORT_FAULTS | properties.TRANSPORT_FAULTS
_UNHEEDED: Final[dict[str, Condition]] = {"A06": "disabled", "A07": "expired"}

IMPLEMENTED: Final = frozenset({*_APP_FAULTS, *_TRANSPORT_FAULTS, *_UNHEEDED, *books.LEDGERS, *tasks_inside.HABITS})


def break_app(app: ASGIApp, core: Core, fault: str | None) -> ASGIApp:
    """Wrap the public application in a fault, if the fault works there."""
    wrap = _APP_FAULTS.get(fault) if fault is not None else None
    return wrap(app, core) if wrap is not None else app


def break_transport(transport: httpx2.AsyncBaseTransport, fault: str | None) -> httpx2.AsyncBaseTransport:
    """Wrap the way to the upstream in a fault, if the fault works there."""
    wrap = _TRANSPORT_FAULTS.get(fault) if fault is not None else None
    return wrap(transport) if wrap is not None else transport


def new_keyring(fault: str | None) -> Keyring:
    """Return an empty keyring, or one that does not heed a condition of its keys (A06, A07)."""
    condition = _UNHEEDED.get(fault) if fault is not None else None
    return Keyring(unheeded=frozenset() if condition is None else frozenset({condition}))


def new_habits(fault: str | None) -> Habits:
    """Return the habits of the task machinery: those of the contract, or those of one of its faults."""
    habits = tasks_inside.HABITS.get(fault) if fault is not None else None
    return habits() if habits is not None else Habits()


def new_ledger(fault: str | None) -> Ledger:
    """Return empty books, or those that leave out what one of the faults of the books says."""
    if fault in books.LEDGERS:
        return books.LEDGERS[fault]()
    return Ledger(leaves_out=books.left_out) if fault in books.FAULTS else Ledger()
