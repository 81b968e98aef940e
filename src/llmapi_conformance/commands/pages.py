"""The command ``report``: the page of a run, made again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llmapi_conformance.commands.shared import plainly
from llmapi_conformance.errors import RecordingError
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.reporting.html import NAME, write_report
from llmapi_conformance.reporting.past import load_run


@plainly
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or its verdicts.json.")],
    *,
    recording: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Its recording; the recording.jsonl beside the verdicts when omitted."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The page; report.html beside the verdicts when omitted."),
    ] = None,
) -> None:
    """Make the HTML report of a run again: one file, to open in a browser or to send to a vendor."""
    past = load_run(run)
    source = recording or past.path.with_name("recording.jsonl")
    try:
        exchanges = tuple(read_recording(source).exchanges.values())
    except RecordingError as error:
        if recording is not None:
            raise
        typer.echo(f"llmapi-conformance: the page shows no exchanges: {error}", err=True)
        exchanges = ()
    page = output or past.path.with_name(NAME)
    write_report(page, past.document, exchanges, verdicts=past.path, recording=source)
    typer.echo(str(page))
