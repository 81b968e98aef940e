"""Commands that judge: ``run``, ``plan`` and ``judge``."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pytest
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from llmapi_conformance.commands.history import UrlOption, remember
from llmapi_conformance.commands.pytest_run import Collected, run_pytest
from llmapi_conformance.commands.shared import (
    UNTRUSTED,
    BaselineOption,
    GenerateOption,
    KeywordOption,
    ProfileOption,
    ReportOption,
    SamplesOption,
    SeedOption,
    ShardOption,
    TargetOption,
    known,
    plainly,
)
from llmapi_conformance.errors import ContractError, TargetError
from llmapi_conformance.evidence.results import BUDGET_SPENT
from llmapi_conformance.evidence.shard import Shard, sent_elsewhere
from llmapi_conformance.gating import set_up
from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.reporting.again import again
from llmapi_conformance.reporting.comparing.baseline import known_findings, load_baseline
from llmapi_conformance.reporting.folder import FILES
from llmapi_conformance.reporting.terminal import console_for_people, print_plan, print_summary, print_tasks
from llmapi_conformance.request import EMBEDDED, Request, new_report_dir
from llmapi_conformance.run import Run
from llmapi_conformance.sending.plan import Plan
from llmapi_conformance.sending.sharding import ALONE


@plainly
def run(
    *,
    target: TargetOption = EMBEDDED,
    profile: ProfileOption = "gate",
    keyword: KeywordOption = "",
    report_dir: ReportOption = None,
    generate: GenerateOption = None,
    seed: SeedOption = 1,
    samples: SamplesOption = None,
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
    shard: ShardOption = "",
    baseline: BaselineOption = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Go on with a run that stopped at a limit or died: its folder or recording. What is done in it is not "
            "sent again; limits count for each invocation.",
        ),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Add the run to the history at its end (extra: history).")
    ] = False,
    history_url: UrlOption = None,
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
    if shard and (baseline or history or history_url):
        raise ContractError(
            "--baseline and --history speak of whole runs: leave them out with --shard, and give them the merged run "
            "(merge --baseline, history add)."
        )
    if shard:
        Shard.read(shard)  # before [setup] does anything
    known_run = load_baseline(baseline) if baseline else None
    if target != EMBEDDED:
        set_up(Path(target))
    request = Request(
        report_dir=report_dir or new_report_dir(),
        target=target,
        profile=profile,
        selection={"keyword": keyword, "fail_on_warned": strict},
        fault=known(fault, "fault"),
        variations=tuple(known(name, "variation") for name in variation or ()),
        delay_ms=delay_ms,
        generate=generate,
        seed=seed,
        samples=samples,
        baseline=known_run,
        resume=str(resume or ""),
        shard=shard,
    )
    try:
        status = conduct(Run(request), keyword)
    finally:
        if history or history_url:
            remember(request.report_dir, history_url)
    raise typer.Exit(status)


@plainly
def plan(
    *,
    target: TargetOption = EMBEDDED,
    profile: ProfileOption = "gate",
    keyword: KeywordOption = "",
    generate: GenerateOption = None,
    seed: SeedOption = 1,
    samples: SamplesOption = None,
    shard: ShardOption = "",
) -> None:
    """Say what a run would send and what it would cost; nothing is sent."""
    selection = {"keyword": keyword, "fail_on_warned": False}
    request = Request(
        report_dir=Path(),
        target=target,
        profile=profile,
        selection=selection,
        generate=generate,
        seed=seed,
        samples=samples,
        shard=shard,
    )
    conformance = Run(request)
    if target == EMBEDDED:
        conformance.prepare_target()
    try:
        collected = Collected()
        status = run_pytest(conformance, keyword, ["--plan"], collected)
        if status == pytest.ExitCode.NO_TESTS_COLLECTED or not collected.count:
            raise ContractError(f"No check matches {keyword!r}; try 'llmapi-conformance clauses list'.")
        own = Plan(tuple(step for step in conformance.plan.steps if not sent_elsewhere(step.obstacle)))
        print_plan(console_for_people(), own, conformance.sent_to, conformance.profile, collected.count)
        if conformance.shard:
            _print_shard(conformance.shard, own, len(conformance.plan.steps) - len(own.steps))
        raise typer.Exit(UNTRUSTED if conformance.beyond_the_budget else 0)
    finally:
        conformance.close()


@plainly
def judge(
    recording: Annotated[Path, typer.Argument(help="A recording.jsonl of an earlier run.")],
    *,
    report_dir: ReportOption = None,
    baseline: BaselineOption = None,
) -> None:
    """Judge a recording again, without any network. Exit status as for run."""
    known_run = load_baseline(baseline) if baseline else None
    request = Request(report_dir=report_dir or new_report_dir(), replay=str(recording), baseline=known_run)
    conformance = Run(request)
    raise typer.Exit(conduct(conformance, str(conformance.selection.get("keyword", ""))))


def conduct(conformance: Run, keyword: str, candidate: Sequence[str] = ()) -> int:
    """Run the checks, print the summary and say the exit status.

    Args:
        conformance: The run.
        keyword: What narrows the checks.
        candidate: Options of a gate that start again what is judged here.

    Raises:
        TargetError: Nothing could be judged.
    """
    console = console_for_people()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            shown = _Shown(progress, "judging" if conformance.request.replay else "sending and judging")
            status = run_pytest(conformance, keyword, [], shown)
    finally:
        conformance.close()
    if not conformance.document:
        return UNTRUSTED
    if not any(one.checks for one in conformance.results) and conformance.problems:
        print_tasks(console, conformance.document["tasks"], _cleanup_command(conformance))
        raise TargetError("; ".join(conformance.problems))
    print_summary(console, conformance.results, conformance.document, _cleanup_command(conformance))
    folder = conformance.request.report_dir
    if command := _again_command(conformance, candidate):
        console.print(Text(f"again: {command}", "red"), soft_wrap=True)  # a line that is broken can't be copied
    if command := _resume_command(conformance):
        console.print(Text(f"to go on, with the same options: {command}", "yellow"), soft_wrap=True)
    left = [name for name in FILES if (folder / name).exists()]
    console.print(Text(f"{folder}: {', '.join(left)}", "dim"))
    return int(status)


def _print_shard(shard: Shard, own: Plan, elsewhere: int) -> None:
    """How the plan of a shard goes with those of the others."""
    console = console_for_people()
    words = f"{shard.words}: the others send {elsewhere} scenarios; limits are this shard's share"
    console.print(words, highlight=False)
    alone = sum(step.instance.scenario.lane in ALONE for step in own.steps if not step.obstacle)
    if alone and shard.count > 1:
        words = f"{alone} of its scenarios need a key or the gateway to themselves: send it when the others have ended"
        console.print(Text(f"{words}, unless each shard has a gateway of its own", "yellow"))


def _again_command(conformance: Run, candidate: Sequence[str]) -> str:
    """What asks for the clauses that failed, and nothing else; there is none for a recording."""
    request, document = conformance.request, conformance.document
    known_ones = known_findings(document)
    failed = [
        one["id"] for one in document["clauses"] if one["verdict"] == Verdict.FAILED and one["id"] not in known_ones
    ]
    if not failed or request.replay:
        return ""
    options = ["--fault", request.fault] if request.fault else []
    options += [word for name in request.variations for word in ("--variation", name)]
    options += ["--delay-ms", str(request.delay_ms)] if request.delay_ms else []
    target = "" if request.target == EMBEDDED else request.target
    return again(document, target=target, clauses=failed, reference=options, candidate=candidate)


def _resume_command(conformance: Run) -> str:
    """What goes on with a run that stopped at a limit; nothing can with the reference gateway, which is gone."""
    request = conformance.request
    stopped = any(problem.startswith(BUDGET_SPENT) for problem in conformance.problems)
    if not stopped or request.replay or request.target == EMBEDDED:
        return ""
    return f"llmapi-conformance run --target {request.target} --profile {request.profile} --resume {request.report_dir}"


def _cleanup_command(conformance: Run) -> str:
    """What ends the tasks that a run left; the reference gateway takes its own along."""
    target = conformance.request.target
    if target == EMBEDDED:
        return ""
    return f"llmapi-conformance cleanup {conformance.recording_path} --target {target or 'FILE'}"


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
