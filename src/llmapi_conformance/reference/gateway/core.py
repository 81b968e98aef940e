"""What every request handler of one gateway shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from llmapi_conformance.reference.gateway.responses_store import ResponseStore

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from llmapi_conformance.reference.gateway.keys import ApiKey, Keyring
    from llmapi_conformance.reference.gateway.ledger import Ledger
    from llmapi_conformance.reference.gateway.settings import GatewaySettings
    from llmapi_conformance.reference.gateway.tasks_runner import Tasks
    from llmapi_conformance.reference.gateway.upstream_client import Upstream


@dataclass(frozen=True, slots=True)
class Core:
    """One gateway: its settings, keys (by role those of the start), books, way to the upstream, tasks, responses."""

    settings: GatewaySettings
    keyring: Keyring
    keys: dict[str, ApiKey]
    ledger: Ledger
    upstream: Upstream
    tasks: Tasks
    responses: ResponseStore = field(default_factory=ResponseStore)


def core_of(request: HTTPConnection) -> Core:
    """Return the gateway that a request came to."""
    return cast("Core", request.app.state.core)
