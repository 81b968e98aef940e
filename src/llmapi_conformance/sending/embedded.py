"""The embedded default target: our reference gateway and its upstream, in a process of their own."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmapi_conformance.errors import TargetError
from llmapi_conformance.target.keyring import Keyring
from llmapi_conformance.target.target import Role, Target, TaskTerms, Timeouts

if TYPE_CHECKING:
    from collections.abc import Iterable

START_DEADLINE = 30.0
"""Seconds until the reference gateway must have announced itself."""
STOP_DEADLINE = 5.0
"""Seconds until it must have ended after its standard input was closed."""
TASK_END = 30.0
"""Seconds in which a task of the reference gateway must have ended."""
OFFERED = (
    "auth",
    "access",
    "errors",
    "http",
    "messages",
    "chat",
    "responses",
    "models",
    "usage",
    "websocket",
    "aliases",
    "gemini",
    "antigravity",
    "images",
    "tasks",
)
"""Surfaces that the reference gateway serves so far."""


@dataclass(slots=True)
class Reference:
    """A running reference gateway."""

    process: subprocess.Popen[str]
    announcement: dict[str, Any]

    def stop(self) -> None:
        """End it: its standard input closes, and that is its sign."""
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_DEADLINE)
        if self.process.stdout:
            self.process.stdout.close()


def start_reference(*, fault: str = "", variations: Iterable[str] = (), delay_ms: int = 0) -> Reference:
    """Start the reference gateway on free ports of 127.0.0.1.

    The fault and the variations travel in the environment, where the suite's judging never looks.

    Raises:
        TargetError: It did not start in time.
    """
    environment = {"LLMAPI_REFERENCE_FAULT": fault, "LLMAPI_REFERENCE_VARIATIONS": ",".join(variations)}
    return _started(["--delay-ms", str(delay_ms)], environment, "reference gateway")


def start_upstream(*, port: int = 0, control_port: int = 0) -> Reference:
    """Start our scripted provider alone, on 127.0.0.1; it takes whatever provider key a gateway sends.

    Args:
        port: Where gateways call it; 0 for a free one.
        control_port: Where the suite reads its log; 0 for a free one.

    Raises:
        TargetError: It did not start in time, or a port is taken.
    """
    ports = ["--upstream-port", str(port), "--upstream-control-port", str(control_port)]
    return _started(["--upstream-only", "--no-strict", *ports], {}, "upstream")


def launch(options: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    """Start the process of the reference, with these variables of the environment beside ours."""
    # A session of its own: Ctrl-C in the terminal is for us, and we still need it to end its tasks.
    return subprocess.Popen(  # noqa: S603 - our own module, our own interpreter
        [sys.executable, "-m", "llmapi_conformance.reference", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
        text=True,
        start_new_session=True,
    )


def _started(options: list[str], environment: dict[str, str], what: str) -> Reference:
    process = launch(["--until-stdin-closes", *options], environment)
    reference = Reference(process, {})
    line = _first_line(process)
    if not line:
        reference.stop()
        raise TargetError(
            f"The {what} did not start within {START_DEADLINE:.0f} s; run 'llmapi-conformance reference' to see why."
        )
    reference.announcement = json.loads(line)
    return reference


def embedded_target(announcement: dict[str, Any]) -> tuple[Target, Keyring]:
    """The target and the keyring that a reference gateway announced."""
    models: dict[str, list[str]] = announcement["models"]
    keys: dict[str, str] = announcement["keys"]
    roles = {role: Role(role, tuple(models.get(role, models.get(role.partition("+")[0], ())))) for role in keys}
    target = Target(
        name="reference gateway",
        base_url=announcement["base_url"],
        roles=roles,
        offers=frozenset(OFFERED),
        concurrency=16,
        timeouts=Timeouts(connect=15, first_byte=30, idle=15, total=60),
        tasks=_task_terms(announcement.get("tasks", {})),
        body_limit=announcement.get("body_limit", 0),
        upstream_control=announcement["upstream_control_url"],
        gateway_control=announcement["control_url"],
        wrong_key_pause=0.0,  # nobody is locked out there
    )
    return target, Keyring(keys)


def _task_terms(announced: dict[str, Any]) -> TaskTerms:
    usual = TaskTerms()
    return TaskTerms(
        heartbeat=announced.get("heartbeat_seconds", usual.heartbeat),
        end=TASK_END,
        timeout=announced.get("timeout_seconds", usual.timeout),
        running=announced.get("running", usual.running),
        waiting=announced.get("waiting", usual.waiting),
    )


def _first_line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        return ""
    deadline = time.monotonic() + START_DEADLINE
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if selector.select(max(0.0, deadline - time.monotonic())):
            return process.stdout.readline()
    return ""
