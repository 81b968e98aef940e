"""What clients sent, as facts for ``specs/clients.yaml``: no values, and of paths only what no run chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.clients.case import CLIENT_CASE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmapi_conformance.clients.catalogue import Client
    from llmapi_conformance.contract.operations import Operation
    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.recording import Recording


def sends(
    recording: Recording, clients: Iterable[Client], operations: Mapping[str, Operation]
) -> dict[str, list[dict[str, Any]]]:
    """Client -> its kinds of requests: the newest recorded version by its family, an older one by its name.

    Of each ``method``, ``path`` (a template where the operation is documented), ``headers`` (names that at least one
    such request had, in lower case) and ``body`` (its top-level members, of a WebSocket those of its messages).
    """
    told: dict[str, list[dict[str, Any]]] = {}
    for client in clients:
        cases = {f"{client.name}-{case.name}" for case in client.cases}
        mine = [one for one in recording.exchanges.values() if one.scenario == CLIENT_CASE and one.parameters in cases]
        if mine:
            told[client.name if client.family in told else client.family] = _kinds(mine, operations)
    return told


def _kinds(exchanges: Iterable[Exchange], operations: Mapping[str, Operation]) -> list[dict[str, Any]]:
    headers: dict[tuple[str, str], set[str]] = {}
    members: dict[tuple[str, str], set[str]] = {}
    for one in exchanges:
        operation = operations.get(one.operation)
        key = (one.request.method, operation.path if operation else one.request.path)
        headers.setdefault(key, set()).update(name.lower() for name, _ in one.request.headers)
        members.setdefault(key, set()).update(_members(one))
    return [
        {
            "method": method,
            "path": path,
            "headers": sorted(headers[method, path]),
            **({"body": sorted(members[method, path])} if members[method, path] else {}),
        }
        for method, path in sorted(headers)
    ]


def _members(exchange: Exchange) -> set[str]:
    bodies = [exchange.request.json]
    if exchange.mode == "websocket":
        bodies = [message.json for message in exchange.conversation if message.sent]
    return {name for body in bodies if isinstance(body, dict) for name in body}
