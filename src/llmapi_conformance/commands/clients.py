"""The commands ``clients``: official clients through a gateway, and what they would make of recorded streams."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.text import Text

from llmapi_conformance.clients.catalogue import chosen, load_clients
from llmapi_conformance.clients.environments import default_home, install, is_installed, lacking
from llmapi_conformance.commands.shared import (
    ReportOption,
    TargetOption,
    known,
    plainly,
)
from llmapi_conformance.errors import ContractError, TargetError
from llmapi_conformance.reporting.terminal import console_for_people
from llmapi_conformance.request import EMBEDDED, new_report_dir
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from llmapi_conformance.clients.accumulating import Played
    from llmapi_conformance.clients.catalogue import Client
    from llmapi_conformance.target.keyring import Keyring
    from llmapi_conformance.target.target import Target

app = typer.Typer(help="Run official SDKs and agents through a gateway, and judge what they made of it.")

TRAFFIC = "requests of official clients"
"""What a report says about the selection."""

OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="CLIENT", help="A client of 'clients list', with or without its version; may be repeated."
    ),
]
HomeOption = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Where the clients' environments lie; the user's cache when omitted."),
]


@app.command("list")
@plainly
def clients_list(*, home: HomeOption = None) -> None:
    """Every client and version, whether it is installed, and what installs it."""
    where = home or default_home()
    for client in load_clients(tree() / "specs"):
        there = "installed" if is_installed(client, where) else "absent"
        typer.echo(f"{client.name:<26} {there:<10} {client.install}")


@app.command("install")
@plainly
def clients_install(*, only: OnlyOption = None, home: HomeOption = None) -> None:
    """Install clients, each version in an environment of its own, with pip or npm."""
    where = home or default_home()
    for client in chosen(load_clients(tree() / "specs"), only or ()):
        if not is_installed(client, where):
            typer.echo(f"installing {client.name}", err=True)
            install(client, where)


@app.command("run")
@plainly
def clients_run(
    *,
    target: TargetOption = EMBEDDED,
    only: OnlyOption = None,
    home: HomeOption = None,
    wanted: Annotated[
        bool, typer.Option("--install/--no-install", help="Install what is absent; else it is not offered.")
    ] = False,
    report_dir: ReportOption = None,
    fault: Annotated[str, typer.Option(help="A fault of the reference gateway, such as M15.")] = "",
) -> None:
    """Run clients through the gateway, record what they send and get, and judge it.

    Beside the clauses of the clients themselves, those of the protocols are judged on every exchange that the clients
    had. Exit status as for run.
    """
    from llmapi_conformance.commands.running import conduct
    from llmapi_conformance.evidence.recording import read_recording
    from llmapi_conformance.reporting.clients import (
        absent_lines,
        broken_lines,
        case_rows,
        clients_markdown,
        clients_table,
    )
    from llmapi_conformance.reporting.past import write_text
    from llmapi_conformance.request import Request
    from llmapi_conformance.run import Run

    if target != EMBEDDED and fault:
        raise ContractError("--fault belongs to the embedded reference gateway; leave out --target.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    where, known_clients = home or default_home(), load_clients(tree() / "specs")
    clients = chosen(known_clients, only or ())
    folder = report_dir or new_report_dir()
    asked = {client: _absent(client, where, wanted=wanted) for client in clients}
    _record(target, known(fault, "fault"), _Asked(asked, where, folder))
    recording = folder / "recording.jsonl"
    conformance = Run(Request(report_dir=folder, replay=str(recording)))
    status = conduct(conformance, "")
    rows = case_rows(read_recording(recording), known_clients)
    write_text(folder / "clients.md", clients_markdown(rows, conformance.target.name))
    console = console_for_people()
    console.print()
    console.print(clients_table(rows))
    for line in broken_lines(rows):
        console.print(Text(line, "red"))
    for line in absent_lines(rows):
        console.print(Text(line, "dim"))
    console.print(Text(f"{folder / 'clients.md'}", "dim"), soft_wrap=True)
    raise typer.Exit(status)


def _absent(client: Client, home: Path, *, wanted: bool) -> str:
    """Why a client can't be run here, empty when it can; it is installed first where that is wanted."""
    if is_installed(client, home):
        return ""
    if reason := lacking(client):
        return reason
    if not wanted:
        return f"it is absent: {client.install} (or --install)"
    typer.echo(f"installing {client.name}", err=True)
    try:
        install(client, home)
    except TargetError as error:
        return str(error)
    return ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which clients (name -> why it can't be run, empty when it can), where they live and where the recording goes."""

    clients: dict[Client, str]
    home: Path
    folder: Path


def _record(target: str, fault: str, asked: _Asked) -> None:
    from llmapi_conformance.sending.embedded import embedded_target, start_reference
    from llmapi_conformance.target.files import load_target

    if target != EMBEDDED:
        _through(*load_target(Path(target)), asked)
        return
    reference = start_reference(fault=fault)
    try:
        _through(*embedded_target(reference.announcement), {}, asked)
    finally:
        reference.stop()


def _through(target: Target, keyring: Keyring, headers: dict[str, str], asked: _Asked) -> None:
    """Record the clients at a target that serves."""
    from llmapi_conformance import __version__
    from llmapi_conformance.clients.case import CLIENTS
    from llmapi_conformance.clients.running import Site, run_client
    from llmapi_conformance.contract.contract import load_contract
    from llmapi_conformance.evidence.journal import Journal
    from llmapi_conformance.target.description import describe

    contract = load_contract(tree())
    asked.folder.mkdir(parents=True, exist_ok=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with (
        Journal(
            asked.folder / "recording.jsonl",
            tool_version=__version__,
            contract_digest=contract.digest,
            target=describe(replace(target, offers=target.offers | {CLIENTS})),
            profile="gate",
            selection={"keyword": "", "fail_on_warned": False, "traffic": TRAFFIC},
        ) as journal,
        Progress(*columns, console=console_for_people(), transient=True) as progress,
    ):
        task = progress.add_task("clients")
        scripts = tree() / "fixtures" / "clients"
        site = Site(target, keyring, headers, contract.operations, journal, scripts, asked.home)

        async def run() -> None:
            for client, absent in asked.clients.items():
                progress.update(task, description=client.name)
                await run_client(site, client, absent, lambda words: progress.update(task, description=words))

        asyncio.run(run())


@app.command("replay")
@plainly
def clients_replay(
    recording: Annotated[Path, typer.Argument(help="A recording.jsonl of any run.")],
    *,
    only: OnlyOption = None,
    home: HomeOption = None,
    report_dir: Annotated[
        Path | None,
        typer.Option("--report-dir", metavar="DIR", help="Where to write; beside the recording when omitted."),
    ] = None,
) -> None:
    """Ask what clients would have made of the recorded streams: each is played to a client's own accumulator.

    Nothing is sent anywhere. Writes clients-replay.json and clients-replay.md, a table into summary.md where there is
    one, and the report page of the run again where its verdicts.json is there. What they say is INFO and stands beside
    the verdicts of the run; it changes none. Another recording's page and summary stay as they are.
    """
    import json

    from llmapi_conformance.clients.accumulating import HELPERS, play, playable, with_clauses
    from llmapi_conformance.evidence.recording import read_recording
    from llmapi_conformance.reporting.html import NAME, write_report
    from llmapi_conformance.reporting.past import write_text
    from llmapi_conformance.reporting.played import (
        REPLAY,
        broken_in,
        played_document,
        played_lines,
        played_markdown,
        with_played,
    )

    where = home or default_home()
    families = {family for family, _ in HELPERS}
    clients = [one for one in chosen(load_clients(tree() / "specs"), only or ()) if one.family in families]
    there = _that_run_here(clients, where)
    read = read_recording(recording)
    streams = playable(read.exchanges.values())
    folder = report_dir or recording.parent
    beside, _ = _judged(recording.parent, read.seal)
    document_of_run, others = _judged(folder, read.seal)
    broken = broken_in(beside) if beside else {}

    async def all_of_them() -> list[Played]:
        return [one for client in there for one in await play(client, where, tree() / "fixtures" / "clients", streams)]

    played = with_clauses(asyncio.run(all_of_them()), broken)
    document = played_document(read.seal, played)
    write_text(folder / REPLAY, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    write_text(folder / "clients-replay.md", played_markdown(played))
    summary = folder / "summary.md"
    if summary.exists() and not others:
        write_text(summary, with_played(summary.read_text("utf-8"), played))
    if document_of_run:
        verdicts = folder / "verdicts.json"
        write_report(folder / NAME, document_of_run, read.exchanges.values(), verdicts=verdicts, recording=recording)
    console = console_for_people()
    for client in document["clients"]:
        console.print(Text(f"{client['client']}: {client['worked']} of {client['played']} streams would have worked"))
    for line in played_lines(played)[:20]:
        console.print(Text(line, "dim"))
    console.print(Text(f"{folder / 'clients-replay.md'}", "dim"), soft_wrap=True)
    if document_of_run:
        console.print(Text(f"{folder / NAME}", "dim"), soft_wrap=True)
    if others:
        words = f"{folder / 'verdicts.json'} is of another recording: {NAME} and summary.md there are left as they are."
        console.print(Text(words, "yellow"), soft_wrap=True)


def _judged(folder: Path, seal: str) -> tuple[Mapping[str, Any] | None, bool]:
    """The verdicts in a folder where they are of the recording with this seal; and whether others lie there."""
    from llmapi_conformance.reporting.past import load_run
    from llmapi_conformance.reporting.statement import seal_named_by

    if not (folder / "verdicts.json").exists():
        return None, False
    document = load_run(folder).document
    return (document, False) if seal_named_by(document) == seal else (None, True)


def _that_run_here(clients: list[Client], home: Path) -> list[Client]:
    """The clients that are installed and have what they need; of those that lack something it is said.

    Raises:
        TargetError: There is none.
    """
    installed = [one for one in clients if is_installed(one, home)]
    if not installed:
        names = ", ".join(one.name for one in clients) or "the SDKs"
        raise TargetError(f"None of {names} is installed: llmapi-conformance clients install --only openai-python.")
    missing = {one: lacking(one) for one in installed}
    for one, reason in missing.items():
        if reason:
            typer.echo(f"left out: {one.name}: {reason}", err=True)
    there = [one for one in installed if not missing[one]]
    if not there:
        raise TargetError("No client that is installed can be run here.")
    return there


@app.command("facts")
@plainly
def clients_facts(
    recording: Annotated[Path, typer.Argument(help="The recording.jsonl of a run of clients.")],
) -> None:
    """Print as YAML what each client sent: methods, paths, names of headers and body members; no values.

    This is what specs/clients.yaml keeps: of the newest version under 'sends', of older ones under 'sends_older'.
    """
    import yaml

    from llmapi_conformance.clients.sending import sends
    from llmapi_conformance.contract.contract import load_contract
    from llmapi_conformance.evidence.recording import read_recording

    operations = {one.id: one for one in load_contract(tree()).operations}
    told = sends(read_recording(recording), load_clients(tree() / "specs"), operations)
    typer.echo(yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None), nl=False)
