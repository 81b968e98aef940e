"""The command ``gate``: start a gateway candidate with our upstream behind it, run, tell the CI system, stop."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from llmapi_conformance.commands.annotate import PlaceOption, System, running_on, tell
from llmapi_conformance.commands.running import conduct
from llmapi_conformance.commands.shared import UNTRUSTED, plainly
from llmapi_conformance.errors import ConformanceError
from llmapi_conformance.gating import WITHIN, Candidate, candidate_running, without_keys
from llmapi_conformance.reporting.past import PastRun
from llmapi_conformance.request import Request, new_report_dir


@plainly
def gate(
    *,
    target: Annotated[
        Path, typer.Option("--target", "-t", metavar="FILE", envvar="LLMAPI_GATE_TARGET", help="Target file.")
    ],
    candidate: Annotated[
        str,
        typer.Option(
            metavar="COMMAND",
            envvar="LLMAPI_GATE_CANDIDATE",
            help="What the shell starts as the gateway. It stays in the foreground, listens where base_url says, and "
            "calls our upstream at $UPSTREAM_URL.",
        ),
    ],
    ready: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            envvar="LLMAPI_GATE_READY",
            help="Path that answers with success as soon as it serves; any answer to / will do when omitted.",
        ),
    ] = "",
    within: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, envvar="LLMAPI_GATE_WITHIN", help="Deadline for that.")
    ] = WITHIN,
    upstream_port: Annotated[
        int,
        typer.Option(min=0, max=65535, envvar="LLMAPI_GATE_UPSTREAM_PORT", help="Port of our upstream; 0, a free one."),
    ] = 0,
    baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            envvar="LLMAPI_GATE_BASELINE",
            help="The last release's run, its folder or verdicts.json: only what is worse counts then.",
        ),
    ] = None,
    report_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", envvar="LLMAPI_GATE_REPORT_DIR", help="Where recording and reports go."),
    ] = None,
    keyword: Annotated[
        str, typer.Option("-k", metavar="EXPRESSION", envvar="LLMAPI_GATE_KEYWORD", help="As for run.")
    ] = "",
    generate: Annotated[
        int | None, typer.Option(metavar="N", min=0, envvar="LLMAPI_GATE_GENERATE", help="As for run.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", envvar="LLMAPI_GATE_STRICT", help="As for run.")] = False,
    candidate_log: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="LLMAPI_GATE_CANDIDATE_LOG",
            help="Keep what the candidate says about itself; it may hold keys, so keep it to yourself.",
        ),
    ] = None,
    place: PlaceOption = "",
) -> None:
    """Start a gateway candidate with our upstream behind it, run against it, and stop both.

    Every option can stand in the environment. On GitHub and GitLab the findings become annotations, as annotate makes
    them. Exit status as for run; 2 also when the candidate does not start.
    """
    from llmapi_conformance.reporting.comparing.baseline import load_baseline
    from llmapi_conformance.run import Run

    system = running_on(os.environ)
    folder = report_dir or new_report_dir()
    # A CI job that is cancelled gets SIGTERM: like Ctrl-C, it leaves time to end what was begun.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    conformance: Run | None = None
    try:
        with _no_commands(system):
            known_run: PastRun | None = load_baseline(baseline) if baseline else None
            started = Candidate(candidate, ready, within, upstream_port, candidate_log)
            options = _options(started, target)
            with candidate_running(started, target):
                request = Request(
                    report_dir=folder,
                    target=str(target),
                    selection={"keyword": keyword, "fail_on_warned": strict},
                    generate=generate,
                    baseline=known_run,
                )
                conformance = Run(request)
                status = conduct(conformance, keyword, options)
    except ConformanceError as error:
        if system is System.GITHUB:
            from llmapi_conformance.reporting.annotations import github_command

            typer.echo(github_command("error", "The gate could not be run", str(error), place))
        raise
    except KeyboardInterrupt:
        typer.echo("llmapi-conformance: interrupted; upstream and candidate are stopped", err=True)
        raise typer.Exit(UNTRUSTED) from None
    finally:
        if system is not None and conformance is not None and conformance.document:
            tell(system, conformance.document, folder, place or str(target), options)
    raise typer.Exit(status)


def _options(candidate: Candidate, target: Path) -> list[str]:
    """What starts the same candidate in the same way; it is shown, so no key is in it."""
    words = ["--candidate", without_keys(candidate.command, target)]
    words += ["--ready", candidate.ready] if candidate.ready else []
    words += ["--within", f"{candidate.within:g}"] if candidate.within != WITHIN else []
    return words + (["--upstream-port", str(candidate.upstream_port)] if candidate.upstream_port else [])


@contextmanager
def _no_commands(system: System | None) -> Iterator[None]:
    """Meanwhile no line of the log is a command to the CI system: a gateway could send one."""
    if system is not System.GITHUB:
        yield
        return
    token = secrets.token_hex(16)
    typer.echo(f"::stop-commands::{token}")
    try:
        yield
    finally:
        typer.echo(f"::{token}::")
