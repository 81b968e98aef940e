"""What a reference gateway is started with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """How image tasks are run.

    Attributes:
        heartbeat_seconds: How often a stream of task events has a heartbeat (F7.28).
        timeout_seconds: How long a task may run before it ends as `timeout`.
        running: How many tasks of one key run at once.
        waiting: How many more of them may wait for a place; the next one is refused (F9.11).
        most_images: The largest `n` (F7.10).
        store: The SQLite file that holds tasks and results; `:memory:` keeps them as long as the gateway runs.
    """

    heartbeat_seconds: float = 15.0
    timeout_seconds: float = 600.0
    running: int = 2
    waiting: int = 12
    most_images: int = 10
    store: str = ":memory:"


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """The configuration of one gateway.

    Attributes:
        upstream_url: Base URL of the upstream, without a path.
        upstream_key: The provider key that the gateway presents to the upstream.
        fault: Name of the one fault that is on, or None.
        variations: Names of the legal variations that are on.
        delay_ms: Pause before each answer, in milliseconds.
        heartbeat_seconds: Silence on a stream after which the gateway sends a ping or a comment (rule A-S12).
        upstream_timeout_seconds: Longest silence of the upstream before the gateway answers 504.
        websocket_seconds: Age at which a WebSocket connection is ended (wire-grammars.md section 6: 60 minutes).
        body_limit: Largest request body that is read, in bytes; a larger one is answered 413 (F9.11).
        tasks: How image tasks are run.
        secrets: The secret of a role's key, where it is not to be a new one: so a restarted gateway has the old keys.
        host: Address to listen on.
        port: TCP port of the public surface; 0 takes a free one.
        control_port: TCP port of the control surface; 0 takes a free one.
    """

    upstream_url: str
    upstream_key: str = field(repr=False)
    fault: str | None = None
    variations: frozenset[str] = frozenset()
    delay_ms: int = 0
    heartbeat_seconds: float = 15.0
    upstream_timeout_seconds: float = 120.0
    websocket_seconds: float = 3600.0
    body_limit: int = 4 * 1024 * 1024
    tasks: TaskSettings = field(default_factory=TaskSettings)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    control_port: int = 0
