"""The command line tool ``llmapi-conformance``."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pytest
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from llmapi_conformance import __version__, pytest_plugin
from llmapi_conformance.cleaning import clean_up
from llmapi_conformance.contract.clauses import Clause, Status
from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.errors import ConformanceError, ContractError, RecordingError, TargetError
from llmapi_conformance.evidence.har import to_har
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.reporting.document import tasks_document
from llmapi_conformance.reporting.terminal import (
    console_for_people,
    print_coverage,
    print_plan,
    print_reference,
    print_summary,
    print_tasks,
)
from llmapi_conformance.run import EMBEDDED, Request, Run
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from llmapi_conformance.reference.serve import ServeSettings

UNTRUSTED = 2
"""Exit status when the run can't be trusted, bad input included."""

app = typer.Typer(
    help="Contract tests and conformance suite for LLMAPI and other LLM gateways.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
clauses_app = typer.Typer(help="Look up what is promised.")
app.add_typer(clauses_app, name="clauses")

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


def _plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Show our own errors as one sentence."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except ConformanceError as error:
            typer.echo(f"llmapi-conformance: {error}", err=True)
            raise typer.Exit(UNTRUSTED) from None

    return run


@app.callback(invoke_without_command=True)
def main(*, version: Annotated[bool, typer.Option("--version", help="Say the version and stop.")] = False) -> None:
    """Contract tests and conformance suite for LLMAPI and other LLM gateways."""
    if version:
        typer.echo(f"llmapi-conformance {__version__}")
        raise typer.Exit


@app.command()
@_plainly
def run(
    *,
    target: TargetOption = EMBEDDED,
    profile: ProfileOption = "gate",
    keyword: KeywordOption = "",
    report_dir: ReportOption = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="A broken SHOULD fails the run, assumed clauses aside.")
    ] = False,
    fault: Annotated[str, typer.Option(help="A fault of the reference gateway, such as M15.")] = "",
    variation: Annotated[
        list[str] | None, typer.Option(help="A legal variation of the reference gateway, such as C2; may be repeated.")
    ] = None,
    delay_ms: Annotated[
        int, typer.Option(min=0, help="Milliseconds by which the reference gateway delays each answer.")
    ] = 0,
) -> None:
    """Send, record, judge and report.

    Exit status: 0 conformant, 1 findings, 2 the run can't be trusted, 3 only inconclusive MUSTs.
    """
    if target != EMBEDDED and (fault or variation or delay_ms):
        raise ContractError(
            "--fault, --variation and --delay-ms belong to the embedded reference gateway; leave out --target."
        )
    # A CI job that is cancelled gets SIGTERM: like Ctrl-C, it leaves time to end what was begun.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    request = Request(
        report_dir=report_dir or _new_report_dir(),
        target=target,
        profile=profile,
        selection={"keyword": keyword, "fail_on_warned": strict},
        fault=_known(fault, "fault"),
        variations=tuple(_known(name, "variation") for name in variation or ()),
        delay_ms=delay_ms,
    )
    raise typer.Exit(_conduct(Run(request), keyword))


@app.command()
@_plainly
def plan(*, target: TargetOption = EMBEDDED, profile: ProfileOption = "gate", keyword: KeywordOption = "") -> None:
    """Say what a run would send and what it would cost; nothing is sent."""
    selection = {"keyword": keyword, "fail_on_warned": False}
    conformance = Run(Request(report_dir=Path(), target=target, profile=profile, selection=selection))
    if target == EMBEDDED:
        conformance.prepare_target()
    try:
        collected = _Collected()
        status = _pytest(conformance, keyword, ["--plan"], collected)
        if status == pytest.ExitCode.NO_TESTS_COLLECTED or not collected.count:
            raise ContractError(f"No check matches {keyword!r}; try 'llmapi-conformance clauses list'.")
        print_plan(console_for_people(), conformance.plan, conformance.target, conformance.profile, collected.count)
        raise typer.Exit(UNTRUSTED if conformance.plan.exceeds(conformance.profile) else 0)
    finally:
        conformance.close()


@app.command()
@_plainly
def judge(
    recording: Annotated[Path, typer.Argument(help="A recording.jsonl of an earlier run.")],
    *,
    report_dir: ReportOption = None,
) -> None:
    """Judge a recording again, without any network. Exit status as for run."""
    conformance = Run(Request(report_dir=report_dir or _new_report_dir(), replay=str(recording)))
    raise typer.Exit(_conduct(conformance, str(conformance.selection.get("keyword", ""))))


@app.command()
@_plainly
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


@app.command()
@_plainly
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


@app.command()
@_plainly
def reference(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the gateway; 0 for a free one.")] = 0,
    upstream_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the upstream.")] = 0,
    control_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the gateway's control surface.")] = 0,
    upstream_control_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the upstream's control surface.")
    ] = 0,
    upstream_only: Annotated[
        bool, typer.Option("--upstream-only", help="Only the scripted provider, to put behind your own gateway.")
    ] = False,
    any_provider_key: Annotated[
        bool, typer.Option("--any-provider-key", help="The upstream accepts whatever key your gateway sends.")
    ] = False,
    fault: Annotated[str, typer.Option(help="A fault to switch on.")] = "",
    variation: Annotated[
        list[str] | None, typer.Option(help="A legal variation to switch on; may be repeated.")
    ] = None,
    delay_ms: Annotated[int, typer.Option(min=0, help="Milliseconds by which each answer is delayed.")] = 0,
) -> None:
    """Start a local LLMAPI (gateway and scripted provider) on 127.0.0.1 to develop against; Ctrl-C ends it."""
    from llmapi_conformance.reference.serve import ServeSettings

    settings = ServeSettings(
        port=port,
        upstream_port=upstream_port,
        control_port=control_port,
        upstream_control_port=upstream_control_port,
        upstream_only=upstream_only,
        strict=not any_provider_key,
        delay_ms=delay_ms,
        fault=_known(fault, "fault") or None,
        variations=frozenset(_known(name, "variation") for name in variation or ()),
    )
    try:
        asyncio.run(_serve(settings))
    except OSError as error:
        raise TargetError(f"A port can't be bound: {error.strerror}; name another one, or 0 for a free one.") from None


@clauses_app.callback(invoke_without_command=True)
@_plainly
def clauses_main(
    context: typer.Context,
    *,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Per surface: clauses, checks, and the faults that find them.")
    ] = False,
) -> None:
    """Look up what is promised, and what proves that it is judged."""
    if coverage:
        _print_coverage()
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@clauses_app.command("list")
@_plainly
def clauses_list(
    *,
    surface: Annotated[str, typer.Option(help="Only this surface.")] = "",
    planned: Annotated[bool, typer.Option("--planned", help="Planned clauses too.")] = False,
) -> None:
    """One line per clause."""
    _print_clauses(
        [c for c in _all_clauses() if (not surface or c.surface == surface) and (planned or c.status is Status.ACTIVE)]
    )


@clauses_app.command("search")
@_plainly
def clauses_search(
    words: Annotated[list[str], typer.Argument(help="All of these words, anywhere in the clause.")],
) -> None:
    """Clauses that hold all the words: in id, statement or source."""
    wanted = [word.lower() for word in words]
    found = [
        c for c in _all_clauses() if all(w in f"{c.id} {c.surface} {c.statement} {c.source}".lower() for w in wanted)
    ]
    _print_clauses(found)
    if not found:
        raise typer.Exit(1)


@clauses_app.command("show")
@_plainly
def clauses_show(clause_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Everything about one clause."""
    clause = load_contract(tree()).clauses.get(clause_id.upper())
    if clause is None:
        raise ContractError(f"There is no clause {clause_id}; try 'llmapi-conformance clauses search'.")
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in (
        ("clause", clause.id),
        ("surface", clause.surface),
        ("level", clause.level),
        ("basis", clause.basis),
        ("status", clause.status + (f", issue {clause.issue}" if clause.issue else "")),
        ("statement", clause.statement),
        ("source", str(clause.source)),
        ("since", clause.since),
        ("reason", clause.reason),
    ):
        if value:
            grid.add_row(name, Text(value))
    console_for_people().print(grid)


async def _serve(settings: ServeSettings) -> None:
    """Serve until a signal, and say where."""
    from llmapi_conformance.reference.serve import running_reference

    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with running_reference(settings) as where:
        print_reference(console_for_people(), where)
        await stopped.wait()


def _all_clauses() -> list[Clause]:
    return list(load_contract(tree()).clauses.values())


def _print_clauses(clauses: list[Clause]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for clause in clauses:
        level = clause.level.value if clause.status is Status.ACTIVE else f"planned ({clause.issue})"
        table.add_row(clause.id, level, Text(clause.statement))
    console_for_people().print(table)


def _print_coverage() -> None:
    """Each clause with its checks and faults, and the sums of each surface; fails when a clause has no check."""
    from llmapi_conformance.reporting.coverage import coverage_of

    conformance = Run(Request(report_dir=Path(), target=EMBEDDED))
    collected = _Collected()
    _pytest(conformance, "", ["--plan"], collected)
    covered = coverage_of(_all_clauses(), collected.clauses)
    print_coverage(console_for_people(), covered)
    if not all(one.checks for one in covered):
        raise typer.Exit(1)


def _known(name: str, kind: str) -> str:
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


def _new_report_dir() -> Path:
    return Path("reports") / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")


def _conduct(conformance: Run, keyword: str) -> int:
    console = console_for_people()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    junit = str(conformance.request.report_dir / "junit.xml")
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            shown = _Shown(progress, "judging" if conformance.request.replay else "sending and judging")
            status = _pytest(conformance, keyword, [f"--junit-xml={junit}"], shown)
    finally:
        conformance.close()
    if not conformance.document:
        return UNTRUSTED
    if not any(one.checks for one in conformance.results) and conformance.problems:
        print_tasks(console, conformance.document["tasks"], _cleanup_command(conformance))
        raise TargetError("; ".join(conformance.problems))
    print_summary(console, conformance.results, conformance.document, _cleanup_command(conformance))
    for name in ("verdicts.json", "junit.xml", "recording.jsonl"):
        path = conformance.request.report_dir / name
        if path.exists():
            console.print(Text(str(path), "dim"))
    return int(status)


def _cleanup_command(conformance: Run) -> str:
    """What ends the tasks that a run left; the reference gateway takes its own along."""
    target = conformance.request.target
    if target == EMBEDDED:
        return ""
    return f"llmapi-conformance cleanup {conformance.recording_path} --target {target or 'FILE'}"


def _pytest(conformance: Run, keyword: str, more: list[str], *plugins: object) -> int:
    """Run pytest on the suites with its own configuration, whatever lies in the working folder."""
    root = tree()
    arguments = [
        "-c",
        str(root / "suites" / "pytest.ini"),
        f"--rootdir={root}",
        "--disable-plugin-autoload",
        "-p",
        "no:terminal",
        "-p",
        "no:cacheprovider",
        *(["-k", keyword] if keyword else []),
        *more,
        str(root / "suites"),
    ]
    sys.dont_write_bytecode = sys.dont_write_bytecode or not _writable(root)
    return int(pytest.main(arguments, plugins=[pytest_plugin, _Given(conformance), *plugins]))


def _writable(folder: Path) -> bool:
    probe = folder / "suites"
    try:
        return probe.stat().st_mode & 0o200 != 0
    except OSError:
        return False


class _Given:
    """Hands the prepared run to our pytest plugin."""

    def __init__(self, conformance: Run) -> None:
        self.conformance = conformance

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[pytest_plugin.RUN] = self.conformance


class _Collected:
    """Counts the selected checks, and those of each clause."""

    def __init__(self) -> None:
        self.count = 0
        self.clauses: Counter[str] = Counter()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.count = len(session.items)
        for item in session.items:
            self.clauses.update(pytest_plugin.clauses_of(item))


class _Shown:
    """Shows how far the run is."""

    def __init__(self, progress: Progress, words: str) -> None:
        self.progress = progress
        self.task = progress.add_task(words, total=None)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.progress.update(self.task, total=len(session.items))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.progress.console.print(Text(str(report.longrepr)))

    def pytest_internalerror(self, excrepr: object) -> None:
        self.progress.console.print(Text(str(excrepr)))

    def pytest_runtest_logfinish(self) -> None:
        self.progress.advance(self.task)
