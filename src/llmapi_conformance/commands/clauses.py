"""The commands ``clauses``: what is promised, and what proves that it is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from llmapi_conformance.commands.pytest_run import Collected, run_pytest
from llmapi_conformance.commands.shared import plainly
from llmapi_conformance.contract.clauses import Clause, Status
from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.errors import ContractError
from llmapi_conformance.reporting.terminal import console_for_people, print_coverage
from llmapi_conformance.request import EMBEDDED, Request
from llmapi_conformance.run import Run
from llmapi_conformance.tree import tree

app = typer.Typer(help="Look up what is promised.")


@app.callback(invoke_without_command=True)
@plainly
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


@app.command("list")
@plainly
def clauses_list(
    *,
    surface: Annotated[str, typer.Option(help="Only this surface.")] = "",
    planned: Annotated[bool, typer.Option("--planned", help="Planned clauses too.")] = False,
) -> None:
    """One line per clause."""
    _print_clauses(
        [c for c in _all_clauses() if (not surface or c.surface == surface) and (planned or c.status is Status.ACTIVE)]
    )


@app.command("search")
@plainly
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


@app.command("show")
@plainly
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

    conformance = Run(Request(report_dir=Path(), target=EMBEDDED, clients=True))
    collected = Collected()
    run_pytest(conformance, "", ["--plan"], collected)
    covered = coverage_of(_all_clauses(), collected.clauses)
    print_coverage(console_for_people(), covered)
    if not all(one.checks for one in covered):
        raise typer.Exit(1)
