"""Commands for who accepts a vendor's gateway: ``bundle`` and ``dossier``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from llmapi_conformance.commands.evidence import RunFolder
from llmapi_conformance.commands.shared import plainly
from llmapi_conformance.errors import ReportError


@plainly
def bundle(
    run: RunFolder,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The zip file to write.")],
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="Sign with this Ed25519 private key (PEM); as for statement."),
    ] = None,
) -> None:
    """Seal a run as one zip file: report, recording, verdicts, statement, and how to check and repeat it.

    The same run and key make the same bytes. It is checked with 'llmapi-conformance verify FILE', or with sha256sum and
    openssl.
    """
    from llmapi_conformance.reporting.bundle import bundle_of

    data = bundle_of(run, key, passphrase=os.environ.get("LLMAPI_CONFORMANCE_KEY_PASSPHRASE", ""))
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(data)
    except OSError as error:
        raise ReportError(f"{output} can't be written: {error.strerror}.") from None
    typer.echo(str(output))


@plainly
def dossier(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Runs of one vendor or of several: folders, or verdicts.json."),
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder for a page per vendor and the matrix.")
    ],
) -> None:
    """Make a page for each vendor from its runs, an index, and the matrix over all vendors.

    A vendor is a name of a target; its newest run speaks for it, the others are its history.
    """
    from llmapi_conformance.reporting.dossier import write_dossier

    for path in write_dossier(runs, output):
        typer.echo(str(path))
