"""The command ``merge``: the shards of a run become one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llmapi_conformance.commands.running import conduct
from llmapi_conformance.commands.shared import BaselineOption, plainly
from llmapi_conformance.errors import ReportError
from llmapi_conformance.evidence.merging import HOURS_APART, gather, write_merged
from llmapi_conformance.reporting.comparing.baseline import load_baseline
from llmapi_conformance.request import Request
from llmapi_conformance.run import Run


@plainly
def merge(
    shards: Annotated[
        list[Path],
        typer.Argument(metavar="SHARD...", help="What run --shard left: folders or recordings, in any order."),
    ],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where the run goes; a new folder.")],
    partial: Annotated[
        bool, typer.Option("--partial", help="Go without shards that are missing or can't be used.")
    ] = False,
    hours_apart: Annotated[
        float,
        typer.Option(
            metavar="HOURS",
            min=0,
            help="Hours between the beginnings of the first and the last shard, at most: one of another night tells "
            "what the gateway was then.",
        ),
    ] = HOURS_APART,
    baseline: BaselineOption = None,
) -> None:
    """Put the shards of one run together and judge them as one. Exit status as for run.

    Runs of several targets, regions or nights are not merged: 'matrix' puts them side by side.
    """
    known_run = load_baseline(baseline) if baseline else None
    gathered = gather(shards, partial=partial, hours_apart=hours_apart)
    for reason in gathered.left_out:
        typer.echo(f"left out: {reason}", err=True)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(f"{output} can't be made: {error.strerror}.") from None
    recording = output / "recording.jsonl"
    write_merged(gathered, recording)
    conformance = Run(Request(report_dir=output, replay=str(recording), baseline=known_run))
    raise typer.Exit(conduct(conformance, str(conformance.selection.get("keyword", ""))))
