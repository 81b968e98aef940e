"""The command line tool ``llmapi-conformance``: registers the commands of ``commands``."""

from __future__ import annotations

from typing import Annotated

import typer

from llmapi_conformance import __version__
from llmapi_conformance.commands import (
    acceptance,
    allure,
    annotate,
    capsules,
    clauses,
    clients,
    evidence,
    gate,
    history,
    merge,
    pages,
    record,
    recordings,
    reference,
    reports,
    running,
    schema,
)

app = typer.Typer(
    help="Contract tests and conformance suite for LLMAPI and other LLM gateways.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    running.run,
    running.plan,
    running.judge,
    gate.gate,
    merge.merge,
    recordings.cleanup,
    recordings.har,
    pages.report,
    reports.compare,
    reports.matrix,
    reports.badge,
    reports.summary,
    reports.sarif,
    annotate.annotate,
    allure.allure,
    evidence.verify,
    evidence.statement,
    acceptance.bundle,
    acceptance.dossier,
    capsules.evidence,
    capsules.replay,
    reference.reference,
    schema.schema,
):
    app.command()(command)
app.add_typer(clauses.app, name="clauses")
app.add_typer(record.app, name="record")
app.add_typer(clients.app, name="clients")
app.add_typer(history.app, name="history")


@app.callback(invoke_without_command=True)
def main(*, version: Annotated[bool, typer.Option("--version", help="Say the version and stop.")] = False) -> None:
    """Contract tests and conformance suite for LLMAPI and other LLM gateways."""
    if version:
        typer.echo(f"llmapi-conformance {__version__}")
        raise typer.Exit
