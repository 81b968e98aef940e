"""Serving the reference from the command line: the upstream, and the gateway in front of it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from llmapi_conformance.reference.faults import FAULTS
from llmapi_conformance.reference.gateway import GatewaySettings, TaskSettings, running_gateway
from llmapi_conformance.reference.upstream import UpstreamSettings, running_upstream
from llmapi_conformance.reference.variations import variations_named

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

FAULT_VARIABLE = "LLMAPI_REFERENCE_FAULT"
VARIATIONS_VARIABLE = "LLMAPI_REFERENCE_VARIATIONS"


# A task that is given up, and a heartbeat, are to be seen in seconds.
_QUICK = TaskSettings(heartbeat_seconds=1.0, timeout_seconds=6.0, running=2, waiting=12)


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What is served: ports (0 takes a free one), the delay, the fault and the variations, how tasks are run."""

    port: int = 0
    control_port: int = 0
    upstream_port: int = 0
    upstream_control_port: int = 0
    delay_ms: int = 0
    upstream_only: bool = False
    strict: bool = True
    fault: str | None = None
    variations: frozenset[str] = frozenset()
    tasks: TaskSettings = _QUICK


@contextlib.asynccontextmanager
async def running_reference(settings: ServeSettings) -> AsyncIterator[dict[str, Any]]:
    """Run the upstream and, unless it is wanted alone, the gateway in front of it.

    Yields:
        Where they are: `upstream_url`, `upstream_control_url`, and with a gateway `base_url`, `control_url`, `keys` by
        role, `models` by plain role, `body_limit` and the terms of `tasks`.

    Raises:
        ValueError: There is no fault or no variation of a given name.
        OSError: A port can't be bound.
    """
    async with contextlib.AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(
            running_upstream(
                UpstreamSettings(
                    provider_key=f"sk-provider-{secrets.token_hex(20)}",
                    strict=settings.strict,
                    port=settings.upstream_port,
                    control_port=settings.upstream_control_port,
                )
            )
        )
        where: dict[str, Any] = {
            "upstream_url": upstream.base_url,
            "upstream_control_url": upstream.control_url,
        }
        if not settings.upstream_only:
            gateway_settings = GatewaySettings(
                upstream_url=upstream.base_url,
                upstream_key=upstream.provider_key,
                fault=settings.fault,
                variations=settings.variations,
                delay_ms=settings.delay_ms,
                port=settings.port,
                control_port=settings.control_port,
                tasks=settings.tasks,
            )
            gateway = await stack.enter_async_context(running_gateway(gateway_settings))
            where = {
                "base_url": gateway.base_url,
                "control_url": gateway.control_url,
                **where,
                "keys": gateway.keys,
                "models": gateway.models,
                "body_limit": gateway_settings.body_limit,
                "tasks": {
                    "heartbeat_seconds": settings.tasks.heartbeat_seconds,
                    "timeout_seconds": settings.tasks.timeout_seconds,
                    "running": settings.tasks.running,
                    "waiting": settings.tasks.waiting,
                },
            }
        yield where


def settings_from(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[ServeSettings, bool]:
    """Read the command line and the environment.

    The fault and the variations come from the environment, where neither the wire nor a list of processes shows them.

    Returns:
        The settings, and whether to stop when standard input is closed.

    Raises:
        ValueError: There is no fault or no variation of a given name.
        SystemExit: The command line can't be read.
    """
    parser = argparse.ArgumentParser(
        prog="python -m llmapi_conformance.reference",
        description="Serve a local LLMAPI: the reference gateway in front of a scripted upstream.",
        epilog=f"{FAULT_VARIABLE} switches one fault on, {VARIATIONS_VARIABLE} a comma-separated list of variations.",
    )
    for name, what in (
        ("--port", "the gateway's port"),
        ("--control-port", "the port of the gateway's control surface"),
        ("--upstream-port", "the upstream's port"),
        ("--upstream-control-port", "the port of the upstream's control surface"),
    ):
        parser.add_argument(name, type=_port, default=0, metavar="N", help=f"{what}; 0 takes a free one")
    parser.add_argument("--delay-ms", type=_delay, default=0, metavar="N", help="pause before each answer, in ms")
    parser.add_argument("--upstream-only", action="store_true", help="serve the upstream without the gateway")
    parser.add_argument("--no-strict", action="store_true", help="the upstream accepts any provider key")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when standard input is closed")
    read = parser.parse_args(arguments)
    fault = environment.get(FAULT_VARIABLE, "").strip() or None
    if fault is not None and fault not in FAULTS:
        raise ValueError(f"{FAULT_VARIABLE}: unknown fault {fault!r}: choose one of {', '.join(FAULTS)}")
    named = [name.strip() for name in environment.get(VARIATIONS_VARIABLE, "").split(",") if name.strip()]
    settings = ServeSettings(
        port=read.port,
        control_port=read.control_port,
        upstream_port=read.upstream_port,
        upstream_control_port=read.upstream_control_port,
        delay_ms=read.delay_ms,
        upstream_only=read.upstream_only,
        strict=not read.no_strict,
        fault=fault,
        variations=variations_named(named),
    )
    return settings, read.until_stdin_closes


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; one line of JSON on standard output says where, as soon as all listen."""
    try:
        settings, until_stdin_closes = settings_from(sys.argv[1:] if arguments is None else arguments, os.environ)
        asyncio.run(_serve(settings, sys.stdin if until_stdin_closes else None))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"The reference can't be served: {error}\n")
        return 2
    return 0


async def _serve(settings: ServeSettings, leash: TextIO | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with running_reference(settings) as where:
        sys.stdout.write(json.dumps(where) + "\n")
        sys.stdout.flush()
        held = asyncio.ensure_future(_closed(leash)) if leash is not None else None
        if held is not None:
            held.add_done_callback(lambda _: stopped.set())
        await stopped.wait()
        if held is not None:
            held.cancel()


async def _closed(stdin: TextIO) -> None:
    """Wait until a pipe on standard input is closed; what comes through it is not read for its meaning."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stdin)
    while await reader.read(4096):
        pass


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return value


def _delay(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("a delay is a number of milliseconds, 0 or more")
    return value
