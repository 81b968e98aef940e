"""Starting and stopping a gateway."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmapi_conformance.reference.faults import FAULTS
from llmapi_conformance.reference.gateway.app import public_app
from llmapi_conformance.reference.gateway.control import control_app
from llmapi_conformance.reference.gateway.core import Core
from llmapi_conformance.reference.gateway.faulty import (
    break_app,
    break_transport,
    new_habits,
    new_keyring,
    new_ledger,
)
from llmapi_conformance.reference.gateway.models import MODELS
from llmapi_conformance.reference.gateway.tasks_runner import Tasks
from llmapi_conformance.reference.gateway.tasks_store import TaskStore
from llmapi_conformance.reference.gateway.upstream_client import Upstream, plain_transport
from llmapi_conformance.reference.gateway.varied import vary_app
from llmapi_conformance.reference.listening import listening
from llmapi_conformance.reference.variations import variations_named

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from llmapi_conformance.reference.gateway.settings import GatewaySettings


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """A gateway that is listening.

    Attributes:
        base_url: Where its public surface is.
        control_url: Where its control surface is.
        keys: The key of each role.
        models: The model ids of each plain role.
    """

    base_url: str
    control_url: str
    keys: dict[str, str] = field(repr=False)
    models: dict[str, list[str]]


@contextlib.asynccontextmanager
async def running_gateway(settings: GatewaySettings) -> AsyncIterator[RunningGateway]:
    """Run a gateway in the current event loop until the block ends.

    Raises:
        ValueError: There is no fault or no variation of the given name.
        OSError: A port can't be bound.
        sqlite3.Error: The file for tasks can't be used.
    """
    fault, variations = settings.fault, variations_named(settings.variations)
    if fault is not None and fault not in FAULTS:
        raise ValueError(f"unknown fault {fault!r}: choose one of {', '.join(FAULTS)}")
    keyring = new_keyring(fault)
    keys = keyring.issue_all(settings.secrets)
    upstream = Upstream(settings, break_transport(plain_transport(), fault))
    ledger = new_ledger(fault)
    tasks = Tasks(settings.tasks, TaskStore(settings.tasks.store), upstream, ledger, new_habits(fault))
    core = Core(settings, keyring, keys, ledger, upstream, tasks)
    app = vary_app(break_app(public_app(core), core, fault), core, variations)
    async with (
        contextlib.aclosing(upstream),
        contextlib.aclosing(tasks),
        listening(control_app(core), host=settings.host, port=settings.control_port) as control_port,
        listening(app, host=settings.host, port=settings.port) as port,
    ):
        tasks.resume(keys.values())
        yield RunningGateway(
            base_url=f"http://{settings.host}:{port}",
            control_url=f"http://{settings.host}:{control_port}",
            keys={role: key.secret for role, key in keys.items()},
            models={
                role: [model.id for model in MODELS[key.platform]] for role, key in keys.items() if "+" not in role
            },
        )
