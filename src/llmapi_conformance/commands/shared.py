"""What several commands share: options, how an error is shown, names of the reference gateway."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from llmapi_conformance.errors import ConformanceError, ContractError

UNTRUSTED = 2
"""Exit status when the run can't be trusted, bad input included."""

TargetOption = Annotated[
    str,
    typer.Option(
        "--target",
        "-t",
        metavar="FILE",
        help="Target file of the gateway; the embedded reference gateway when omitted.",
    ),
]
ProfileOption = Annotated[str, typer.Option("--profile", "-p", help="Limits: gate, probe or acceptance.")]
KeywordOption = Annotated[
    str,
    typer.Option(
        "-k",
        metavar="EXPRESSION",
        help="Only checks that match, as pytest's -k: surface, clause id or a part of a name.",
    ),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report-dir", metavar="DIR", help="Where recording and reports go; a new folder under reports/ when omitted."
    ),
]


BaselineOption = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        metavar="RUN",
        help="An earlier run, such as the last release's: its folder or verdicts.json. Only what is worse counts then.",
    ),
]
GenerateOption = Annotated[
    int | None,
    typer.Option(
        "--generate",
        metavar="N",
        min=0,
        help="Generated cases of each operation; as the profile says when omitted, none without our upstream.",
    ),
]
SamplesOption = Annotated[
    int | None,
    typer.Option(
        "--samples",
        metavar="N",
        min=0,
        max=100_000,
        help="Samples of each statistic (latency, error rate under load, ...); as the profile says when omitted, "
        "none with -k.",
    ),
]
ShardOption = Annotated[
    str,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Send the I-th of N parts only; 'merge' puts them together. The last one is sent when the others have "
        "ended, unless each has a gateway of its own.",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", metavar="S", help="What the generated cases are drawn from.")]


def plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Show our own errors as one sentence."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except ConformanceError as error:
            typer.echo(f"llmapi-conformance: {error}", err=True)
            raise typer.Exit(UNTRUSTED) from None

    return run


def known(name: str, kind: str) -> str:
    """The name of a fault or variation, as the reference knows it.

    Raises:
        ContractError: The reference has none of this name.
    """
    if not name:
        return name
    from llmapi_conformance.reference.faults import FAULTS
    from llmapi_conformance.reference.variations import VARIATIONS

    known = FAULTS if kind == "fault" else VARIATIONS
    if name not in known:
        raise ContractError(f"The reference gateway has no {kind} {name}; it has {', '.join(known)}.")
    return name
