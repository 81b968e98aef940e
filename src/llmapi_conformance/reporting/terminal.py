"""The terminal: progress while a run goes on, and its summary in 80 columns."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from llmapi_conformance.judging.verdicts import ClauseVerdict, Finding, Verdict
from llmapi_conformance.reporting.comparing.baseline import baseline_sentence, known_findings, why
from llmapi_conformance.reporting.curl import curl_line
from llmapi_conformance.reporting.excerpt import printable
from llmapi_conformance.reporting.measured import objective_sentence, objectives_by_weight, rows_together
from llmapi_conformance.sending.budget import limits_of
from llmapi_conformance.sending.spending import forecast, unbounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.reporting.coverage import ClauseCoverage
    from llmapi_conformance.sending.plan import Plan
    from llmapi_conformance.target.profile import Profile
    from llmapi_conformance.target.target import Target

STYLES = {
    Verdict.ERROR: "bold magenta",
    Verdict.FAILED: "bold red",
    Verdict.WARNED: "yellow",
    Verdict.NOTED: "cyan",
    Verdict.INCONCLUSIVE: "magenta",
    Verdict.PASSED: "green",
    Verdict.NOT_OBSERVED: "dim",
    Verdict.NOT_OFFERED: "dim",
    Verdict.WAIVED: "blue",
}
_HEADLINES = {
    0: ("green", "conformant"),
    1: ("bold red", "findings"),
    2: ("bold magenta", "this run can't be trusted"),
    3: ("magenta", "inconclusive"),
}
_KNOWN = ("yellow", "no new failures")
MOST_FINDINGS = 3
"""Findings shown per clause; all are in ``verdicts.json``."""
MOST_TASKS = 10
"""Tasks that were left, shown; all are in ``verdicts.json``."""
_WIDEST = 100


def print_summary(
    console: Console, results: Sequence[ClauseVerdict], document: dict[str, Any], cleanup: str = ""
) -> None:
    """Findings, counts by surface, figures, and the verdict as the last line but the files.

    Args:
        console: For people.
        results: One verdict for each clause.
        document: What ``verdicts.json`` says.
        cleanup: The command that ends tasks which are left.
    """
    base_url = str(document["target"].get("base_url", ""))
    known = known_findings(document)
    for verdict in (Verdict.NOTED, Verdict.WARNED, Verdict.FAILED):
        for one in results:
            if one.verdict is verdict and one.clause.id not in known:
                console.print(_clause_block(one, base_url, brief=verdict is Verdict.NOTED))
    for verdict in (Verdict.INCONCLUSIVE, Verdict.ERROR):
        for one in results:
            if one.verdict is verdict:
                line = Text(f"{one.clause.id} {verdict.value} ", STYLES[verdict])
                console.print(line.append(printable(one.reason), "default"))
    console.print(_surfaces(results))
    _print_figures(console, document)
    print_tasks(console, document["tasks"], cleanup)
    _print_measured(console, document)
    _print_terms(console, results, document)
    style, headline = _KNOWN if document["headline"] == "known" else _HEADLINES[document["exit_status"]]
    failed = [one for one in results if one.verdict is Verdict.FAILED and one.clause.id not in known]
    warned = sum(one.verdict is Verdict.WARNED and one.clause.id not in known for one in results)
    reason = f"{failed[0].clause.id} {failed[0].clause.statement}" if failed else printable(why(document))
    first = f": {reason}" if reason else ""
    if len(failed) > 1:
        console.print(Text("failed: " + " ".join(one.clause.id for one in failed), "bold red"))
    more = f" (and {len(failed) - 1} more failed)" if len(failed) > 1 else ""
    besides = f", {warned} warned" if warned else ""
    if missed := sum(entry["verdict"] == "missed" for entry in document.get("objectives", ())):
        besides += f", {_counted(missed, 'objective')} missed"
    console.print(Text(f"{document['target']['name']}: {headline}{first}{more}{besides}", style))


def _print_figures(console: Console, document: dict[str, Any]) -> None:
    """How much was sent, judged and spent."""
    figures = document["figures"]
    console.print(
        f"{figures['requests']} requests, {figures['clauses_judged']} clauses judged, "
        f"{figures['clauses_per_request']:.2f} clauses per request",
        style="dim",
    )
    if spent := figures.get("spent"):
        console.print(Text(_spent(spent), "dim"))
    if traffic := document["selection"].get("traffic"):
        console.print(Text(printable(f"{traffic}: clauses that need requests of the suite were not observed"), "dim"))
    if shard := document["selection"].get("shard"):
        line = f"shard {shard} only: what others send is not observed here; 'merge' makes one run of all shards"
        console.print(Text(printable(line), "yellow"))
    if cases := document["selection"].get("generate"):
        console.print(
            f"{cases} generated cases of each operation, drawn from --seed {document['selection']['seed']}", style="dim"
        )


def _spent(spent: dict[str, Any]) -> str:
    """What a run has spent, in one line; money where every model that was asked has a price."""
    read, written = spent["input_tokens"], spent["output_tokens"]
    money = f", {spent['money']['amount']:.4f} {spent['money']['currency']}" if spent["money"] else ""
    return (
        f"{read['observed']} tokens in and {written['observed']} out reported "
        f"(at most {read['declared']} and {written['declared']}){money}"
    )


def _print_measured(console: Console, document: dict[str, Any]) -> None:
    """What was measured over all operations, and how the gateway stands to the stated objectives."""
    if rows := rows_together(document):
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for column in ("measured", "point", "estimate", "95 % interval", "n"):
            table.add_column(column, justify="right" if column == "n" else "left")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for line in document.get("unmeasured", ()):
        console.print(Text(printable(f"not measured: {line}"), "dim"))
    for entry in objectives_by_weight(document):
        style = {"met": "green", "missed": "bold red", "undecided": "magenta"}[entry["verdict"]]
        console.print(Text(f"{entry['verdict']}: ", style).append(printable(objective_sentence(entry)), "default"))


def _print_terms(console: Console, results: Sequence[ClauseVerdict], document: dict[str, Any]) -> None:
    """What is waived, what the baseline knows, which waivers are no longer good, and why the run can't be trusted."""
    for one in results:
        if one.verdict is Verdict.WAIVED:
            console.print(Text(f"{one.clause.id} waived: {printable(one.reason)}", STYLES[Verdict.WAIVED]))
    if known := known_findings(document):
        console.print(Text("known: " + " ".join(sorted(known)), "dim"))
    if sentence := baseline_sentence(document):
        console.print(Text(printable(sentence)))
        for line in document["baseline"]["unlike"]:
            console.print(Text(f"note: {printable(line)}", "yellow"))
    for line in document["bad_waivers"]:
        console.print(Text(printable(line), "bold red"))
    for problem in document["problems"]:
        console.print(Text(f"problem: {printable(problem)}", "bold magenta"))


def print_tasks(console: Console, tasks: dict[str, Any], cleanup: str = "") -> None:
    """Whether the image tasks of the run have ended, and what to do about those that have not.

    Args:
        console: For people.
        tasks: As in ``verdicts.json``.
        cleanup: The command that ends tasks which are left; empty when there is none.
    """
    left = tasks["left"]
    if tasks["submitted"]:
        by_us = f" ({tasks['cancelled_at_end']} by cancelling at the end)" if tasks["cancelled_at_end"] else ""
        ended = f"{tasks['ended']} ended{by_us}, {len(left)} left" if left else f"all ended{by_us}"
        line = f"{_counted(tasks['submitted'], 'image task')} submitted, {ended}"
        console.print(Text(line, "yellow" if left else "dim"))
    for one in left[:MOST_TASKS]:
        console.print(Text(printable(f"left: {one['id']} of {one['key']}: {one['seen']}"), "yellow"))
    if len(left) > MOST_TASKS:
        console.print(Text(f"and {len(left) - MOST_TASKS} more, all in verdicts.json", "yellow"))
    if left and cleanup:
        console.print(Text(f"to end them: {cleanup}", "yellow"))
    if unanswered := tasks["unanswered"]:
        line = f"{_counted(unanswered, 'submission')} got no answer: whether a task was made is unknown"
        console.print(Text(line, "yellow"))


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def print_plan(console: Console, plan: Plan, target: Target, profile: Profile, checks: int) -> None:
    """What would be sent, what can't be tried and why, and what it would cost."""
    table = Table(title=f"Plan for {target.name}", title_justify="left", box=None, pad_edge=False)
    table.add_column("scenario", overflow="fold")
    table.add_column("role", overflow="fold")
    for column in ("requests", "tokens in", "out"):
        table.add_column(column, justify="right")
    for step in plan.steps:
        if not step.obstacle:
            cost = step.cost
            table.add_row(
                step.instance.key,
                step.instance.role or "none",
                str(cost.requests),
                str(cost.input_tokens),
                str(cost.output_tokens),
            )
    console.print(table)
    obstacles = Counter(step.obstacle for step in plan.steps if step.obstacle)
    for reason, count in sorted(obstacles.items()):
        console.print(Text(f"can't be tried: {count} scenario{'s' * (count > 1)}: {reason}", "yellow"))
    expected, limits = forecast(target, plan), limits_of(target, profile)
    cost = expected.charge.cost
    images = f", {_counted(cost.images, 'image')}" if cost.images else ""
    console.print(
        f"{checks} checks; at most {cost.requests} requests, {cost.input_tokens} tokens in, "
        f"{cost.output_tokens} tokens out{images} (first attempts; {profile.retries} retries each at most)"
    )
    if target.prices.models:
        console.print(f"at most {expected.charge.money:.4f} {target.prices.currency} by the prices of the target file")
    if expected.unpriced and (target.prices.models or limits.money is not None):
        console.print(Text(f"without a price: {', '.join(expected.unpriced)}", "yellow"))
    if reason := unbounded(target, plan):
        console.print(Text(reason, "bold red"))
    elif excess := limits.broken_by(expected.charge):
        console.print(Text(f"over the budget: {excess}", "bold red"))
    else:
        console.print(Text(f"within the limits of the profile {profile.name} and the target file", "green"))


def print_coverage(console: Console, covered: Sequence[ClauseCoverage]) -> None:
    """Each clause with its checks and the faults that it finds, then the sums of each surface."""
    rows = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    rows.add_column("clause", no_wrap=True)
    rows.add_column("checks", justify="right")
    rows.add_column("killed faults", overflow="fold")
    for one in covered:
        faults = Text(" ".join(one.faults)) if one.faults else Text("violating recordings only", "dim")
        rows.add_row(one.clause, str(one.checks) if one.checks else Text("none", "bold red"), faults)
    console.print(rows)
    console.print()
    sums = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("surface", "clauses", "checks", "proved on the wire", "by faults"):
        sums.add_column(column, justify="left" if column == "surface" else "right")
    for surface in dict.fromkeys(one.surface for one in covered):
        of_it = [one for one in covered if one.surface == surface]
        faults_of_it = {fault for one in of_it for fault in one.faults}
        proved = sum(bool(one.faults) for one in of_it)
        checks = sum(one.checks for one in of_it)
        sums.add_row(surface, str(len(of_it)), str(checks), str(proved), str(len(faults_of_it)))
    console.print(sums)


def print_reference(console: Console, where: dict[str, Any]) -> None:
    """Where a reference gateway and its upstream listen, and a key for each role."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, key in (
        ("gateway", "base_url"),
        ("its control port", "control_url"),
        ("upstream", "upstream_url"),
        ("its control port", "upstream_control_url"),
    ):
        if key in where:
            grid.add_row(name, where[key])
    for role, secret in where.get("keys", {}).items():
        models = ", ".join(where["models"].get(role, ()))
        grid.add_row(role, f"{secret}  {models}".rstrip())
    console.print(grid)
    console.print("Ctrl-C ends it. The keys are made up anew at each start.", style="dim")


def _clause_block(one: ClauseVerdict, base_url: str, *, brief: bool) -> Group:
    clause = one.clause
    heading = Text(f"{clause.id} {one.verdict.value}", STYLES[one.verdict])
    heading.append(f"  {one.level} {clause.basis}  {clause.source}", "dim")
    parts: list[Any] = [heading, Text(f"  {clause.statement}")]
    shown = one.findings[: 1 if brief else MOST_FINDINGS]
    parts.extend(_finding_grid(finding, base_url, brief=brief) for finding in shown)
    if len(one.findings) > len(shown):
        parts.append(Text(f"  and {len(one.findings) - len(shown)} other findings, all in verdicts.json", "dim"))
    parts.append(Text())
    return Group(*parts)


def _finding_grid(finding: Finding, base_url: str, *, brief: bool) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0), pad_edge=True)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    rows = [("expected", finding.expected), ("observed", finding.observed[:400])]
    if finding.exchange and not brief:
        more = f" and {len(finding.also)} more" if finding.also else ""
        rows += [("exchange", finding.exchange.id + more), ("reproduce", curl_line(finding.exchange, base_url)[:900])]
    for name, value in rows:
        grid.add_row(f" {name}", Text(printable(value)))
    return grid


def _surfaces(results: Sequence[ClauseVerdict]) -> Table:
    counts: dict[str, Counter[Verdict]] = {}
    for one in results:
        if one.verdict is Verdict.NOT_OBSERVED and not one.checks:
            continue  # not selected
        counts.setdefault(one.clause.surface, Counter())[one.verdict] += 1
    seen = [verdict for verdict in Verdict if any(row[verdict] for row in counts.values())]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("surface")
    for verdict in seen:
        table.add_column(Text(verdict.value.replace("_", " "), STYLES[verdict]), justify="right")
    for surface, row in counts.items():
        table.add_row(surface, *(Text(str(row[v]), STYLES[v]) if row[v] else Text("·", "dim") for v in seen))
    return table


def console_for_people() -> Console:
    """A console that wraps long lines at the terminal's width, and at a readable one in a log file."""
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDEST
    return console
