"""The command ``reference``: a local LLMAPI to develop against."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from llmapi_conformance.commands.shared import known, plainly
from llmapi_conformance.errors import TargetError
from llmapi_conformance.reporting.terminal import console_for_people, print_reference

if TYPE_CHECKING:
    from llmapi_conformance.reference.serve import ServeSettings


@plainly
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
        fault=known(fault, "fault") or None,
        variations=frozenset(known(name, "variation") for name in variation or ()),
    )
    try:
        asyncio.run(_serve(settings))
    except OSError as error:
        raise TargetError(f"A port can't be bound: {error.strerror}; name another one, or 0 for a free one.") from None


async def _serve(settings: ServeSettings) -> None:
    """Serve until a signal, and say where."""
    from llmapi_conformance.reference.serve import running_reference

    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with running_reference(settings) as where:
        print_reference(console_for_people(), where)
        await stopped.wait()
