"""What a reference gateway is started with."""

from __future__ import annotations

from dataclasses import dataclass, field


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
    host: str = "127.0.0.1"
    port: int = 0
    control_port: int = 0
