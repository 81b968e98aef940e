"""What every request handler of one gateway shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from llmapi_conformance.reference.gateway.keys import ApiKey, Keyring
    from llmapi_conformance.reference.gateway.ledger import Ledger
    from llmapi_conformance.reference.gateway.settings import GatewaySettings
    from llmapi_conformance.reference.gateway.upstream_client import Upstream


@dataclass(frozen=True, slots=True)
class Core:
    """One gateway: its settings, its keys (by role those of the start), its books, its way to the upstream."""

    settings: GatewaySettings
    keyring: Keyring
    keys: dict[str, ApiKey]
    ledger: Ledger
    upstream: Upstream


def core_of(request: HTTPConnection) -> Core:
    """Return the gateway that a request came to."""
    return cast("Core", request.app.state.core)
