"""``history``: runs over the nights, what is told of them, and metrics for a monitor."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmapi_conformance.commands.shared import UNTRUSTED, plainly
from llmapi_conformance.errors import ConformanceError, HistoryError

if TYPE_CHECKING:
    from llmapi_conformance.history.database import History
    from llmapi_conformance.history.nights import Series

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--history-url",
        metavar="URL",
        help="Where the history is: a path, sqlite:///path or postgresql://user@host/database; "
        "LLMAPI_CONFORMANCE_HISTORY, or reports/history.sqlite, when omitted.",
    ),
]
OnlyTarget = Annotated[str, typer.Option("--target", "-t", metavar="NAME", help="Only the target of this name.")]
OnlyProfile = Annotated[str, typer.Option("--profile", "-p", help="Only runs with this profile.")]
MostOption = Annotated[int, typer.Option("--runs", min=1, max=1_000, help="Runs that are looked at, the newest.")]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON, for machines.")]

app = typer.Typer(
    help="Runs over the nights: trend, flips, times, alerts, metrics.", no_args_is_help=True, add_completion=False
)


def needs_extra(command: Callable[..., None]) -> Callable[..., None]:
    """Say which extra has to be installed where a library is missing."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except ModuleNotFoundError as error:
            raise HistoryError(_missing(error)) from None

    return plainly(run)


@app.command()
@needs_extra
def add(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Runs: their folders, or their verdicts.json.")],
    *,
    url: UrlOption = None,
    at: Annotated[
        datetime | None,
        typer.Option(help="When the run shall have begun (UTC), for a trial with simulated nights; one RUN alone."),
    ] = None,
) -> None:
    """Add runs; one that is there already is left as it is.

    A shard is no run: merge all shards of a night, and add the merged run.
    """
    from llmapi_conformance.history.adding import add as add_run
    from llmapi_conformance.history.adding import be_whole
    from llmapi_conformance.reporting.past import load_run

    if at is not None and len(runs) != 1:
        raise HistoryError("--at says when one run began: name one RUN.")
    moment = at.replace(tzinfo=UTC) if at is not None else None
    loaded = [load_run(path) for path in runs]
    for run in loaded:  # before any of them is added
        be_whole(run)
    history = _opened(url, new=True)
    for run in loaded:
        new = add_run(history, run, at=moment)
        typer.echo(f"{run.path}: {'added' if new else 'is there already'}")


@app.command()
@needs_extra
def show(
    *,
    url: UrlOption = None,
    target: OnlyTarget = "",
    profile: OnlyProfile = "",
    most: MostOption = 14,
    as_json: JsonOption = False,
) -> None:
    """The trend: counts of each run, clauses that changed, times."""
    from llmapi_conformance.history.trend import show_text

    _tell(_series(url, target, profile, most), show_text, as_json=as_json)


@app.command()
@needs_extra
def clause(
    name: Annotated[str, typer.Argument(metavar="CLAUSE", help="A clause id, such as MSG-S07.")],
    *,
    url: UrlOption = None,
    target: OnlyTarget = "",
    profile: OnlyProfile = "",
    most: MostOption = 60,
    as_json: JsonOption = False,
) -> None:
    """Every run of one clause: the verdict, and what was observed."""
    from llmapi_conformance.history.trend import clause_document, clause_text

    found = [one for one in _series(url, target, profile, most) if name in one.clauses]
    if not found:
        raise HistoryError(f"No run in the history selected {name}: see 'llmapi-conformance clauses list'.")
    statement = _statements().get(name, "")
    _put(clause_document(found, name) if as_json else "\n".join(clause_text(one, name, statement) for one in found))


@app.command()
@needs_extra
def flips(
    *,
    url: UrlOption = None,
    target: OnlyTarget = "",
    profile: OnlyProfile = "",
    most: MostOption = 60,
    as_json: JsonOption = False,
) -> None:
    """Clauses that change their mind: flips, flake rate, and how sure it is."""
    from llmapi_conformance.history.trend import flips_text

    _tell(_series(url, target, profile, most), flips_text, as_json=as_json)


@app.command()
@needs_extra
def latency(
    *,
    url: UrlOption = None,
    target: OnlyTarget = "",
    profile: OnlyProfile = "",
    most: MostOption = 60,
    as_json: JsonOption = False,
) -> None:
    """Times of each operation: percentiles of the newest run, and what is usual."""
    from llmapi_conformance.history.trend import latency_text

    _tell(_series(url, target, profile, most), latency_text, as_json=as_json)


@app.command()
@needs_extra
def prune(
    *,
    keep_days: Annotated[int, typer.Option(min=1, metavar="N", help="Runs of the last N days stay.")],
    url: UrlOption = None,
) -> None:
    """Delete old runs; the newest of each target, profile and selection always stays."""
    from llmapi_conformance.history.pruning import prune as prune_runs

    count = prune_runs(_opened(url), keep_days)
    typer.echo(f"{count} run{'s' * (count != 1)} deleted")


@app.command()
@needs_extra
def alert(
    *,
    url: UrlOption = None,
    target: OnlyTarget = "",
    profile: OnlyProfile = "",
    again: Annotated[bool, typer.Option("--again", help="Tell also what was told of the newest runs before.")] = False,
    flapping: Annotated[
        int, typer.Option(min=1, metavar="K", help="A clause that changed more than K times is flapping: told once.")
    ] = 2,
    window: Annotated[int, typer.Option(min=2, max=50, metavar="N", help="Over the last N runs.")] = 7,
    unjudged: Annotated[
        int, typer.Option(min=1, metavar="M", help="A clause that can't be judged is news after M runs in a row.")
    ] = 3,
    untrusted: Annotated[
        int, typer.Option(min=1, metavar="M", help="Runs that can't be trusted are news after M in a row.")
    ] = 2,
    slower_by: Annotated[float, typer.Option(min=1.0, help="By how much the median of an operation may grow.")] = 1.5,
    slower_ms: Annotated[float, typer.Option(min=0.0, help="And how many milliseconds it must be longer.")] = 100.0,
    webhook_env: Annotated[
        str, typer.Option(metavar="NAME", help="The environment variable that holds the URL of a webhook.")
    ] = "",
    webhook_secret_env: Annotated[
        str, typer.Option(metavar="NAME", help="The variable that holds the secret which messages are signed with.")
    ] = "",
    webhook_deadline: Annotated[
        float, typer.Option(min=0.1, max=600.0, help="Seconds for one message with all its attempts.")
    ] = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Tell what changed, once: new findings, mended clauses, flapping ones, slower answers, runs without worth.

    Exit status: 0 nothing new, 10 something is worse, 11 news and nothing worse, 2 unusable or not delivered.
    """
    from llmapi_conformance.history.alerting import alert_document, alert_text, exit_status, tell
    from llmapi_conformance.history.pace import Pace
    from llmapi_conformance.history.watching import Rules
    from llmapi_conformance.history.webhook import deliver, hook_named

    if webhook_secret_env and not webhook_env:
        raise HistoryError("--webhook-secret-env signs messages to a webhook: add --webhook-env.")
    hook = hook_named(webhook_env, webhook_secret_env, webhook_deadline) if webhook_env else None
    rules = Rules(flapping, window, unjudged, untrusted, Pace(slower_by, slower_ms / 1000))
    history = _opened(url)
    told = tell(history, rules, target=target, profile=profile, hook=hook.name if hook else "", again=again)
    _put(alert_document(told) if as_json else (alert_text(told, _statements()) or "nothing new") + "\n")
    troubles = deliver(history, hook) if hook else []
    for trouble in troubles:
        typer.echo(f"llmapi-conformance: {trouble}", err=True)
    status = exit_status(told)
    raise typer.Exit(UNTRUSTED if troubles and status != 10 else status)


@app.command()
@needs_extra
def metrics(
    *,
    url: UrlOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A textfile for Prometheus' node exporter, such as x.prom."
        ),
    ] = None,
    otlp: Annotated[
        bool, typer.Option("--otlp", help="Send them by OTLP, to where the OTEL_EXPORTER_OTLP_* variables say.")
    ] = False,
) -> None:
    """The newest run of each target as metrics; the textfile's format on standard output when nothing else is asked."""
    from llmapi_conformance.history.metrics import metrics_of, prometheus_text, write_textfile

    made = metrics_of(_series(url, "", "", 14))
    if output is not None:
        write_textfile(output, made)
    if otlp:
        from llmapi_conformance.history.otlp import export

        typer.echo(f"{export(made)} values sent")
    if output is None and not otlp:
        _put(prometheus_text(made))


def remember(folder: Path, url: str | None) -> None:
    """Add the run of a folder at its end; a history that can't take it is told in one line and changes nothing."""
    try:
        from llmapi_conformance.history.adding import add as add_run
        from llmapi_conformance.reporting.past import load_run

        if (folder / "verdicts.json").is_file():
            add_run(_opened(url, new=True), load_run(folder))
    except ModuleNotFoundError as error:
        typer.echo(f"llmapi-conformance: the run is not in the history: {_missing(error)}", err=True)
    except ConformanceError as error:
        typer.echo(f"llmapi-conformance: the run is not in the history: {error}", err=True)
    except Exception as error:  # noqa: BLE001  whatever it is: the run itself is over, and its status stands
        typer.echo(f"llmapi-conformance: the run is not in the history: {type(error).__name__}", err=True)


def _missing(error: ModuleNotFoundError) -> str:
    extra = "otlp" if (error.name or "").startswith("opentelemetry") else "history"
    return f"{error.name} is not installed: pip install 'llmapi-conformance[{extra}]'."


def _opened(url: str | None, *, new: bool = False) -> History:
    from llmapi_conformance.history.database import open_history
    from llmapi_conformance.history.place import place

    return open_history(place(url), new=new)


def _series(url: str | None, target: str, profile: str, most: int) -> list[Series]:
    from llmapi_conformance.history.nights import series_of

    history = _opened(url)
    with history.reading() as session:
        found = series_of(session, target=target, profile=profile, most=most)
    if not found:
        asked = " ".join(word for word in (target, profile) if word)
        raise HistoryError(f"The history at {history.place} has no run{f' of {asked}' if asked else ''}.")
    return found


def _tell(found: list[Series], text: Callable[[Series], str], *, as_json: bool) -> None:
    from llmapi_conformance.history.trend import show_document

    _put(show_document(found) if as_json else "\n".join(map(text, found)))


def _statements() -> dict[str, str]:
    from llmapi_conformance.contract.contract import load_contract
    from llmapi_conformance.tree import tree

    return {one.id: one.statement for one in load_contract(tree()).clauses.values()}


def _put(what: str | dict[str, Any] | Sequence[Any]) -> None:
    text = what if isinstance(what, str) else json.dumps(what, ensure_ascii=False, indent=1) + "\n"
    sys.stdout.buffer.write(text.encode())
    sys.stdout.flush()
