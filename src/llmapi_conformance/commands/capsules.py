"""Commands about single findings: ``evidence`` and ``replay``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pytest
import typer

from llmapi_conformance import replaying
from llmapi_conformance.commands.pytest_run import run_pytest
from llmapi_conformance.commands.shared import plainly
from llmapi_conformance.errors import ReportError
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.judging import oracles as _registered  # noqa: F401 - registers every oracle
from llmapi_conformance.judging.oracle import ORACLES
from llmapi_conformance.pytest_plugin import check_name
from llmapi_conformance.reporting.capsule import Subject, load_capsule, write_capsule
from llmapi_conformance.reporting.past import load_run
from llmapi_conformance.reporting.statement import RECORDING, seal_named_by
from llmapi_conformance.request import Request, new_report_dir
from llmapi_conformance.run import Run
from llmapi_conformance.scenario_fixtures import instances_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmapi_conformance.evidence.recording import Key

_EVERYWHERE = "test_every_exchange.py::test_every_exchange_keeps_the_rule"
"""The check that calls an oracle which looks at one exchange alone."""


@plainly
def evidence(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.", exists=True, file_okay=False)],
    clause: Annotated[str, typer.Argument(metavar="[CLAUSE]", help="Only its findings; all when omitted.")] = "",
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Where to put a folder for each finding."),
    ],
) -> None:
    """Write a capsule for each finding: a folder that stands alone, with curl, bytes, times, HAR and a recording.

    Exit status: 0 when there is a capsule for each finding, 1 when a finding has no exchange to show, 2 otherwise.
    """
    verdicts = load_run(run).document
    recording = read_recording(run / RECORDING)
    if seal_named_by(verdicts) != recording.seal:
        raise ReportError(f"The verdicts in {run} were not judged from the recording beside them; judge it again.")
    wanted = [one for one in verdicts["clauses"] if one["findings"] and clause.upper() in ("", one["id"])]
    if not wanted:
        raise ReportError(f"{run} has no finding{f' of {clause.upper()}' if clause else ''}; there is nothing to show.")
    needs = _needs(run / RECORDING)
    status = 0
    for one in wanted:
        for number, finding in enumerate(one["findings"], start=1):
            if finding["exchange"] is None:
                typer.echo(f"{one['id']}: no exchange shows it: {finding['observed']}", err=True)
                status = 1
                continue
            folder = output / f"{one['id']}-{number}"
            write_capsule(folder, _subject(one, finding, needs), recording, verdicts)
            typer.echo(str(folder))
    raise typer.Exit(status)


@plainly
def replay(
    capsule: Annotated[Path, typer.Argument(help="A capsule that 'evidence' wrote.", exists=True, file_okay=False)],
    *,
    target: Annotated[
        Path,
        typer.Option("--target", "-t", metavar="FILE", help="Target file of the gateway to send to; the keys are its."),
    ],
    report_dir: Annotated[
        Path | None,
        typer.Option(
            "--report-dir",
            metavar="DIR",
            help="Where to record; a new folder under reports/ when omitted.",
        ),
    ] = None,
) -> None:
    """Send the requests of a capsule again, record what comes back, and judge it by the same check.

    Exit status: 0 it no longer deviates, 1 it still does, 2 it can't be tried.
    """
    read = load_capsule(capsule)
    if read.obstacle:
        typer.echo(
            f"{read.clause} can't be tried: {read.obstacle}; run its checks as a whole: "
            f"llmapi-conformance run -k {read.clause} --target {target}"
        )
        raise typer.Exit(replaying.UNTRIED)
    folder = report_dir or new_report_dir()
    folder.mkdir(parents=True, exist_ok=True)
    replaying.send_again(read, target, folder / RECORDING)
    conformance = Run(Request(report_dir=folder, replay=str(folder / RECORDING)))
    try:
        run_pytest(conformance, read.clause, [])
    finally:
        conformance.close()
    status, sentence = replaying.outcome(read, conformance.results, conformance.problems)
    typer.echo(sentence)
    typer.echo(str(folder / RECORDING))
    raise typer.Exit(status)


def _subject(clause: Mapping[str, Any], finding: Mapping[str, Any], needs: Mapping[str, tuple[Key, ...]]) -> Subject:
    """What the capsule of a finding is about: an oracle that looks at one exchange alone needs that one only."""
    oracle = ORACLES.get(finding["oracle"])
    alone = f"{_EVERYWHERE}[{clause['id']}-{finding['oracle']}]"
    if alone in needs and oracle is not None and oracle.on is not None:
        return Subject(clause, finding, alone)
    return Subject(clause, finding, finding["check"], needs.get(finding["check"], ()))


def _needs(recording: Path) -> dict[str, tuple[Key, ...]]:
    """Which scenarios each check takes results of."""
    collected = _Needs()
    conformance = Run(Request(report_dir=Path(), replay=str(recording)))
    try:
        run_pytest(conformance, "", ["--plan"], collected)
    finally:
        conformance.close()
    return collected.of


class _Needs:
    def __init__(self) -> None:
        self.of: dict[str, tuple[Key, ...]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            if isinstance(item, pytest.Function):
                needed = instances_of(item)
                self.of[check_name(item)] = tuple((one.scenario.name, one.parameters) for one in needed)
