"""Commands about evidence: ``verify`` and ``statement``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from llmapi_conformance.commands.shared import plainly
from llmapi_conformance.errors import StatementError
from llmapi_conformance.reporting.bundle_verifying import is_bundle, verify_bundle
from llmapi_conformance.reporting.statement import PAYLOAD_TYPE, STATEMENT, signing, statement_of, to_bytes
from llmapi_conformance.reporting.verifying import exit_status_of
from llmapi_conformance.reporting.verifying import verify as verify_files

RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help="The folder of a run.", exists=True, file_okay=False, show_default=False)
]


@plainly
def verify(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="A run's folder, a bundle, a recording, or a statement.")
    ],
    *,
    public_key: Annotated[
        Path | None,
        typer.Option("--public-key", metavar="FILE", help="Ed25519 public key (PEM) of who signed the statement."),
    ] = None,
) -> None:
    """Say whether recordings are whole and unaltered, whether verdicts belong to them, and whether a statement is true.

    A line for each file. Exit status: 0 whole, 1 altered, 2 something can't be checked.

    The digests in a recording find every change that was made without making all later digests anew, and say where it
    is. Whoever rewrites the recording from some record on, with new digests to its end, and the verdicts with it, is
    found only by a signature over both: sign a statement when the run is over (llmapi-conformance statement RUN --key
    FILE), and verify with --public-key.
    """
    said = [one for path in paths for one in (verify_bundle if is_bundle(path) else verify_files)(path, public_key)]
    for one in said:
        typer.echo(f"{one.path}: {one.sentence}")
    raise typer.Exit(exit_status_of(said))


@plainly
def statement(
    run: RunFolder,
    *,
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            metavar="FILE",
            help="Sign with this Ed25519 private key (PEM, PKCS #8): openssl genpkey -algorithm ed25519 -out FILE. "
            "The passphrase of an encrypted one is taken from LLMAPI_CONFORMANCE_KEY_PASSPHRASE.",
        ),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option("--target", "-t", metavar="FILE", help="State the digest of this target file too."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help=f"Where to write it; {STATEMENT} in RUN when omitted."),
    ] = None,
) -> None:
    """Write the result of a run as an in-toto statement (test-result/v0.1); with --key in a signed DSSE envelope."""
    data = to_bytes(statement_of(run, target))
    if key:
        passphrase = os.environ.get("LLMAPI_CONFORMANCE_KEY_PASSPHRASE", "")
        envelope = signing().signed(data, PAYLOAD_TYPE, key, passphrase=passphrase)
        data = json.dumps(envelope, indent=1).encode() + b"\n"
    path = output or run / STATEMENT
    try:
        path.write_bytes(data)
    except OSError as error:
        raise StatementError(f"{path} can't be written: {error.strerror}.") from None
    typer.echo(str(path))
