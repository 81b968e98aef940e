"""Commands on a recording: ``cleanup`` and ``har``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from llmapi_conformance.cleaning import clean_up
from llmapi_conformance.commands.shared import UNTRUSTED, plainly
from llmapi_conformance.errors import RecordingError
from llmapi_conformance.evidence.har import to_har
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.reporting.document import tasks_document
from llmapi_conformance.reporting.terminal import console_for_people, print_tasks


@plainly
def cleanup(
    recording: Annotated[
        Path, typer.Argument(help="The recording.jsonl of a run that left image tasks, torn or whole.")
    ],
    *,
    target: Annotated[
        Path, typer.Option("--target", "-t", metavar="FILE", help="The target file that the run was made with.")
    ],
) -> None:
    """End the image tasks that a run left, say after a crash. Exit status 0 when all have ended, 2 otherwise."""
    submitted = clean_up(recording, target)
    print_tasks(console_for_people(), tasks_document(submitted))
    if not submitted.tasks:
        console_for_people().print("no image task was submitted", style="dim")
    raise typer.Exit(UNTRUSTED if submitted.left else 0)


@plainly
def har(
    recording: Annotated[Path, typer.Argument(help="A recording.jsonl of an earlier run.")],
    output: Annotated[Path, typer.Argument(help="The HAR file to write.")],
) -> None:
    """Export a recording as HAR 1.2, for a browser's network panel and other tools."""
    exported = to_har(read_recording(recording))
    try:
        output.write_text(json.dumps(exported, ensure_ascii=False, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise RecordingError(f"{output} can't be written: {error.strerror}.") from None
