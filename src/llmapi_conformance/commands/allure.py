"""The command ``allure``: results that Allure makes a report of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llmapi_conformance.commands.shared import plainly
from llmapi_conformance.errors import RecordingError
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.reporting.allure import write_allure
from llmapi_conformance.reporting.past import load_run


@plainly
def allure(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or its verdicts.json.")],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder for the results, such as allure-results.")
    ],
) -> None:
    """Write Allure results: a test for each clause by surface, with the exchanges of findings attached."""
    past = load_run(run)
    try:
        exchanges = read_recording(past.path.with_name("recording.jsonl")).exchanges
    except RecordingError as error:
        typer.echo(f"llmapi-conformance: no exchanges are attached: {error}", err=True)
        exchanges = {}
    count = write_allure(output, past.document, exchanges)
    typer.echo(f"{output}: {count} results")
