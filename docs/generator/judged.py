"""What judges each clause: the checks that pytest collects, the scenarios that they take, and the oracles."""

from __future__ import annotations

import contextlib
import io
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance import pytest_plugin
from llmapi_conformance.commands.pytest_run import run_pytest
from llmapi_conformance.errors import ContractError
from llmapi_conformance.judging.oracle import ORACLES
from llmapi_conformance.request import EMBEDDED, Request
from llmapi_conformance.run import Run
from llmapi_conformance.sending.scenario import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmapi_conformance.judging.oracle import Oracle
    from llmapi_conformance.sending.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Judged:
    """What judges one clause.

    Attributes:
        checks: Names of the checks (pytest node ids below ``suites/``, parameters aside), in order.
        scenarios: What these send.
        oracles: What looks at the answers.
    """

    checks: tuple[str, ...] = ()
    scenarios: tuple[Scenario, ...] = ()
    oracles: tuple[Oracle, ...] = ()


@dataclass(slots=True)
class _Collected:
    checks: defaultdict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    scenarios: defaultdict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Every check is there."""
        for item in session.items:
            taken = dict.fromkeys(name for name in _own_parameters(item) if name in SCENARIOS)
            for clause in pytest_plugin.clauses_of(item):
                self.checks[clause][pytest_plugin.check_name(item).partition("[")[0]] = None
                self.scenarios[clause].update(taken)


def collect() -> Mapping[str, Judged]:
    """Clause id -> what judges it; nothing is sent.

    Raises:
        ContractError: The checks can't be collected.
    """
    collected = _Collected()
    run = Run(Request(report_dir=Path(), target=EMBEDDED, clients=True))
    with contextlib.redirect_stdout(io.StringIO()) as said:
        status = run_pytest(run, "", ["--plan"], collected)
    if status != pytest.ExitCode.OK or not collected.checks:
        raise ContractError(f"The checks can't be collected (pytest's exit status {status}): {said.getvalue()}")
    oracles: defaultdict[str, list[Oracle]] = defaultdict(list)
    for oracle in ORACLES.values():
        oracles[oracle.clause].append(oracle)
    return {
        clause: Judged(
            tuple(collected.checks[clause]),
            tuple(SCENARIOS[name] for name in collected.scenarios[clause]),
            tuple(oracles[clause]),
        )
        for clause in collected.checks
    }


def _own_parameters(item: pytest.Item) -> tuple[str, ...]:
    """The fixtures that a check names itself."""
    return item._fixtureinfo.argnames if isinstance(item, pytest.Function) else ()  # noqa: SLF001 - no other way to it
