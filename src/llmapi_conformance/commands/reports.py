"""Commands that make reports of runs that were made: ``compare``, ``matrix``, ``badge``, ``summary``, ``sarif``."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from llmapi_conformance.commands.shared import plainly
from llmapi_conformance.errors import RecordingError, ReportError
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.reporting.badge import LABEL, badge_json, badge_of, badge_svg
from llmapi_conformance.reporting.comparing import Speeds, compare_speed
from llmapi_conformance.reporting.comparing import compare as compare_runs
from llmapi_conformance.reporting.comparing.speed import RATIO, SECONDS
from llmapi_conformance.reporting.comparing.words import comparison_json, comparison_markdown, comparison_text
from llmapi_conformance.reporting.matrix import matrix_html, matrix_markdown, matrix_of
from llmapi_conformance.reporting.past import PastRun, load_run, write_text
from llmapi_conformance.reporting.sarif import sarif_log
from llmapi_conformance.reporting.summary import summary_markdown
from llmapi_conformance.tree import tree

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or its verdicts.json.")]

OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="A file; standard output when omitted.")
]


class Format(StrEnum):
    """How a comparison is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


@plainly
def compare(
    old: Annotated[Path, typer.Argument(help="The earlier run: its folder, or its verdicts.json.")],
    new: Annotated[Path, typer.Argument(help="The later run.")],
    *,
    form: Annotated[Format, typer.Option("--format", help="text in 80 columns, markdown, or json.")] = Format.TEXT,
    output: OutputOption = None,
    times: Annotated[
        bool, typer.Option("--times/--no-times", help="Compare times too, where both recordings are there.")
    ] = True,
    slower_by: Annotated[
        float, typer.Option(min=1.0, help="By how much the median of an operation may grow: a factor.")
    ] = RATIO,
    slower_ms: Annotated[
        float, typer.Option(min=0.0, help="And how many milliseconds it must be longer to count.")
    ] = SECONDS * 1000,
) -> None:
    """Say what broke, was mended, is no longer observed, or got slower between two runs.

    Exit status: 0 nothing is worse, 1 something is, 2 a run can't be read or trusted.
    """
    before, after = load_run(old), load_run(new)
    speeds = _speeds(before, after, slower_by, slower_ms / 1000) if times else Speeds(unknown="--no-times was given")
    difference = compare_runs(before, after, speeds)
    if form is Format.JSON:
        text = json.dumps(comparison_json(difference), ensure_ascii=False, indent=1) + "\n"
    else:
        text = comparison_markdown(difference) if form is Format.MARKDOWN else comparison_text(difference)
    _put(text, output)
    raise typer.Exit(difference.status)


@plainly
def matrix(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Runs: their folders, or their verdicts.json.")],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder for matrix.html and matrix.md.")
    ],
) -> None:
    """Put many runs side by side: clause by run, with links to the report of each run."""
    made = matrix_of([load_run(path) for path in runs], output)
    for name, text in (("matrix.html", matrix_html(made)), ("matrix.md", matrix_markdown(made))):
        write_text(output / name, text)
        typer.echo(str(output / name))


@plainly
def badge(
    run: RunArgument,
    *,
    output: Annotated[
        list[Path],
        typer.Option(
            "--output", "-o", metavar="FILE", help="badge.svg, or badge.json for shields' endpoint; may be repeated."
        ),
    ],
    label: Annotated[str, typer.Option(help="What stands at the left.")] = LABEL,
) -> None:
    """Make a badge of a run."""
    made = badge_of(load_run(run).document, label)
    for path in output:
        if path.suffix == ".svg":
            write_text(path, badge_svg(made))
        elif path.suffix == ".json":
            write_text(path, json.dumps(badge_json(made)) + "\n")
        else:
            raise ReportError(f"{path} ends in neither .svg nor .json: name the file by what it shall be.")


@plainly
def summary(run: RunArgument, *, output: OutputOption = None) -> None:
    """Write a run as Markdown, for a job summary or a comment (65,000 characters at most)."""
    _put(summary_markdown(load_run(run).document), output)


@plainly
def sarif(
    run: RunArgument,
    *,
    output: OutputOption = None,
    place: Annotated[
        str,
        typer.Option(
            "--place",
            metavar="PATH",
            help="A file of your repository at which alerts shall stand, such as your target file; "
            "the clause in specs/clauses/ when omitted.",
        ),
    ] = "",
) -> None:
    """Write the findings of a run as SARIF 2.1.0, for a code-scanning view."""
    log = sarif_log(load_run(run).document, tree() / "specs", place)
    _put(json.dumps(log, ensure_ascii=False, indent=1) + "\n", output)


def _speeds(old: PastRun, new: PastRun, ratio: float, seconds: float) -> Speeds:
    exchanges = []
    for which, run in (("old", old), ("new", new)):
        path = run.beside("recording.jsonl")
        if path is None:
            return Speeds(unknown=f"no recording.jsonl lies beside the {which} verdicts.json")
        try:
            exchanges.append(read_recording(path).exchanges)
        except RecordingError as error:
            return Speeds(unknown=str(error))
    return compare_speed(exchanges[0], exchanges[1], ratio=ratio, seconds=seconds)


def _put(text: str, output: Path | None) -> None:
    if output is not None:
        write_text(output, text)
    else:
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        sys.stdout.flush()
