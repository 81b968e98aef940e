"""A client's case as a recording holds it: a scenario of its own, which no ordinary run sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.clients.catalogue import load_clients
from llmapi_conformance.evidence.results import ResultStatus, ScenarioStopped
from llmapi_conformance.sending.scenario import Instance, Scenario

if TYPE_CHECKING:
    from pathlib import Path

CLIENTS: Final = "clients"
"""The surface of their clauses; a target offers it in the recording of a run of clients."""
CLIENT_CASE: Final = "client_case"
"""Name of the scenario; its one parameter is ``<client>-<case>``."""


def client_cases(specs: Path) -> Scenario:
    """The scenario, with an instance for each case of each version of each client."""
    names = [f"{client.name}-{case.name}" for client in load_clients(specs) for case in client.cases]
    return Scenario(CLIENT_CASE, CLIENTS, _never_sent, parameters={"case": names}, summary="What a client made of it.")


def cases_of_clauses(specs: Path) -> list[tuple[str, Instance]]:
    """Each case with the clause that it shows."""
    scenario = client_cases(specs)
    return [
        (case.clause, Instance(scenario, {"case": f"{client.name}-{case.name}"}))
        for client in load_clients(specs)
        for case in client.cases
    ]


async def _never_sent(_: Any) -> None:
    """Clients send it themselves (``clients.running``).

    Raises:
        ScenarioStopped: Always.
    """
    raise ScenarioStopped(ResultStatus.NOT_OBSERVED, "official clients send it: llmapi-conformance clients run")
