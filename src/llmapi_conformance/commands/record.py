"""The command ``record``: a pass-through between any client and any gateway that keeps a recording."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer
from rich.text import Text

from llmapi_conformance import __version__
from llmapi_conformance.commands.shared import plainly
from llmapi_conformance.errors import TargetError
from llmapi_conformance.reporting.terminal import console_for_people
from llmapi_conformance.request import new_report_dir

if TYPE_CHECKING:
    from llmapi_conformance.passthrough.recorder import Recorder
    from llmapi_conformance.passthrough.settings import Settings

app = typer.Typer(invoke_without_command=True, add_completion=False)

TRAFFIC = "recorded client traffic"
"""What a report says about the selection."""


@app.callback()
def record(
    context: typer.Context,
    *,
    target: Annotated[
        Path | None, typer.Option("--target", "-t", metavar="FILE", help="Target file of the gateway.")
    ] = None,
    to: Annotated[
        str, typer.Option("--to", metavar="URL", help="Base URL of a gateway without a target file, and no keys.")
    ] = "",
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to listen; port 0 takes a free one.")
    ] = "127.0.0.1:0",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Where recording.jsonl goes; a new folder when omitted."),
    ] = None,
    role: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="ROLE",
            help="Put the key of this role, and the headers of the target file, into each request; without it clients "
            "send their own keys.",
        ),
    ] = "",
    seconds: Annotated[float, typer.Option("--for", metavar="SECONDS", min=0.0, help="End after so long.")] = 0.0,
    most: Annotated[
        int, typer.Option("--max-exchanges", metavar="N", min=1, help="End after so many exchanges.")
    ] = 10_000,
) -> None:
    """Pass on what a client sends to a gateway and what comes back, byte for byte and at once, and record it.

    Point the client's base URL at the address that is printed; Ctrl-C ends the recording. 'judge', 'har', 'verify' and
    'record facts' read it. Keys are nowhere in it: they are replaced by markers. Prompts and answers are in it: that is
    what is judged, so treat the folder as you treat them.
    """
    if context.invoked_subcommand is None:
        _record(target, to, listen, output, role=role, seconds=seconds, most=most)


@app.command()
@plainly
def facts(recording: Annotated[Path, typer.Argument(help="A recording.jsonl.")]) -> None:
    """Print as YAML what clients sent: methods, paths, names of headers and body members; no values."""
    import yaml

    from llmapi_conformance.evidence.recording import read_recording
    from llmapi_conformance.passthrough.observed import observed

    told = observed(read_recording(recording).exchanges.values())
    typer.echo(yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=120), nl=False)


@plainly
def _record(
    target: Path | None, to: str, listen: str, output: Path | None, *, role: str, seconds: float, most: int
) -> None:
    from llmapi_conformance.contract.contract import load_contract
    from llmapi_conformance.evidence.journal import Journal
    from llmapi_conformance.passthrough.recorder import Recorder
    from llmapi_conformance.target.description import describe
    from llmapi_conformance.tree import tree

    settings = _settings(target, to, listen, role=role, most=most)
    contract = load_contract(tree())
    folder = output or new_report_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TargetError(f"{folder} can't be made: {error.strerror}; name another folder.") from None
    journal = Journal(
        folder / "recording.jsonl",
        tool_version=__version__,
        contract_digest=contract.digest,
        target=describe(settings.target),
        profile="gate",
        selection={"keyword": "", "fail_on_warned": False, "traffic": TRAFFIC},
    )
    prefix = urlsplit(settings.target.base_url).path
    recorder = Recorder(journal, contract.operations, prefix, most)
    try:
        asyncio.run(_serve(settings, recorder, seconds))
    finally:
        recorder.close()
    console = console_for_people()
    console.print(Text(f"{recorder.begun} exchanges, sealed: {folder / 'recording.jsonl'}"))
    if recorder.failure:
        raise TargetError(f"The recording is not whole: {recorder.failure}.")
    console.print(Text(f"judge it: llmapi-conformance judge {folder / 'recording.jsonl'}", "dim"))


def _settings(target: Path | None, to: str, listen: str, *, role: str, most: int) -> Settings:
    from llmapi_conformance.contract.clauses import Basis
    from llmapi_conformance.passthrough.settings import Limits, Settings
    from llmapi_conformance.target.files import load_target
    from llmapi_conformance.target.keyring import Keyring
    from llmapi_conformance.target.parts import SURFACES
    from llmapi_conformance.target.target import Target
    from llmapi_conformance.wire.message import origin_of

    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise TargetError(f"--listen {listen!r} is no address; write it like 127.0.0.1:8088.")
    if bool(target) == bool(to):
        raise TargetError("Say where to pass things on: --target FILE, or --to URL for a gateway without one.")
    if target:
        known, keyring, secrets = load_target(target)
    else:
        origin_of(to)
        if urlsplit(to).query or urlsplit(to).fragment:
            raise TargetError(f"--to {to!r} has a query or a fragment; leave it out.")
        name = urlsplit(to).netloc
        claims = frozenset({Basis.PROTOCOL, Basis.STANDARD})
        known, keyring, secrets = Target(name, to.rstrip("/"), {}, claims, frozenset(SURFACES)), Keyring({}), {}
        if role:
            raise TargetError("--as needs the keys of a target file: give --target instead of --to.")
    return Settings(known, keyring, secrets, role, host.strip("[]"), int(port), Limits(exchanges=most))


async def _serve(settings: Settings, recorder: Recorder, seconds: float) -> None:
    """Serve until a signal, until the time is up or until nothing more is recorded."""
    from llmapi_conformance.passthrough.serving import listening

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, recorder.ended.set)
    async with listening(settings, recorder) as url:
        line = f"recording {url} -> {settings.target.base_url}; Ctrl-C ends it"
        console_for_people().print(Text(line), soft_wrap=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds or None):
                await recorder.ended.wait()
