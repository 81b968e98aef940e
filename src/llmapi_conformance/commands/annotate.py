"""The command ``annotate``: what a run found, told to a CI system."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from llmapi_conformance.commands.reports import RunArgument
from llmapi_conformance.commands.shared import plainly
from llmapi_conformance.errors import ReportError
from llmapi_conformance.reporting.past import load_run, write_text

CODE_QUALITY = "gl-code-quality-report.json"
"""What GitLab's documentation calls that report."""


class System(StrEnum):
    """A CI system."""

    GITHUB = "github"
    GITLAB = "gitlab"


PlaceOption = Annotated[
    str,
    typer.Option(
        "--place",
        metavar="PATH",
        envvar="LLMAPI_GATE_PLACE",
        help="A file of your repository at which annotations stand, such as your target file.",
    ),
]


@plainly
def annotate(
    run: RunArgument,
    *,
    system: Annotated[
        System | None, typer.Option("--system", help="Whose form; the one that this runs on when omitted.")
    ] = None,
    place: PlaceOption = "",
) -> None:
    """Tell a CI system what a run found.

    On GitHub: annotations on standard output, the summary to $GITHUB_STEP_SUMMARY, and exit-status, headline and
    report to $GITHUB_OUTPUT, where these are set. For GitLab: gl-code-quality-report.json, beside verdicts.json.
    """
    past = load_run(run)
    chosen = system or running_on(os.environ) or System.GITHUB
    tell(chosen, past.document, past.path.parent, place)


def running_on(environment: Mapping[str, str]) -> System | None:
    """The CI system that runs this, ``None`` when it is none that we know."""
    if environment.get("GITHUB_ACTIONS") == "true":
        return System.GITHUB
    return System.GITLAB if environment.get("GITLAB_CI") == "true" else None


def tell(system: System, document: Mapping[str, Any], folder: Path, place: str, candidate: Sequence[str] = ()) -> None:
    """Hand a run over to a CI system.

    Args:
        system: Which.
        document: What ``verdicts.json`` says.
        folder: Of the run.
        place: See ``github_annotations``.
        candidate: Likewise.

    Raises:
        ReportError: A file can't be written.
    """
    from llmapi_conformance.reporting.annotations import code_quality, github_annotations
    from llmapi_conformance.reporting.summary import summary_markdown

    if system is System.GITLAB:
        text = json.dumps(code_quality(document, place or "target.toml"), ensure_ascii=False, indent=1)
        write_text(folder / CODE_QUALITY, text + "\n")
        return
    for line in github_annotations(document, place, candidate):
        typer.echo(line)
    _append("GITHUB_STEP_SUMMARY", summary_markdown(document))
    outputs = {"exit-status": document["exit_status"], "headline": document["headline"], "report": folder}
    _append("GITHUB_OUTPUT", "".join(f"{name}={value}\n" for name, value in outputs.items()))


def _append(variable: str, text: str) -> None:
    """Append to the file that a variable names; nothing where it is not set."""
    name = os.environ.get(variable)
    if not name:
        return
    try:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ReportError(f"{name} (${variable}) can't be written: {error.strerror}.") from None
