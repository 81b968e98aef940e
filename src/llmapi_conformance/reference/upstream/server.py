"""Start the upstream: the public surface behind its relay, and the control surface."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmapi_conformance.reference.listening import bind, listening
from llmapi_conformance.reference.relay import relaying
from llmapi_conformance.reference.upstream.app import public_app
from llmapi_conformance.reference.upstream.control import control_app
from llmapi_conformance.reference.upstream.endpoint import State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from llmapi_conformance.reference.upstream.log import LogEntry


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """How an upstream is started.

    Attributes:
        provider_key: The key that it accepts.
        strict: Check key, version and signatures; otherwise any key is accepted, for gateways with dummy keys.
        host: The address to bind.
        port: The port of the public surface; 0 takes a free one.
        control_port: The port of the control surface; 0 takes a free one.
    """

    provider_key: str = field(repr=False)
    strict: bool = True
    host: str = "127.0.0.1"
    port: int = 0
    control_port: int = 0


@dataclass(frozen=True, slots=True)
class RunningUpstream:
    """An upstream that listens.

    Attributes:
        base_url: The public surface, without a path.
        control_url: The control surface.
        provider_key: The key that it accepts.
        aclose: Ends it before its block ends.
    """

    base_url: str
    control_url: str
    provider_key: str = field(repr=False)
    aclose: Callable[[], Awaitable[None]] = field(repr=False)
    _state: State = field(repr=False)

    @property
    def log(self) -> list[LogEntry]:
        """The requests received, oldest first."""
        return self._state.log.entries()


@contextlib.asynccontextmanager
async def running_upstream(settings: UpstreamSettings) -> AsyncIterator[RunningUpstream]:
    """Run an upstream in the running event loop until the block ends.

    Args:
        settings: How it is started.

    Yields:
        The upstream, ready for requests.

    Raises:
        OSError: A port can't be bound.
    """
    async with contextlib.AsyncExitStack() as stack:
        listener = stack.enter_context(bind(settings.host, settings.port))
        at = f"{settings.host}:{listener.getsockname()[1]}"
        state = State(settings.provider_key, settings.strict, _leaks(at))
        origin = await stack.enter_async_context(listening(public_app(state)))
        await stack.enter_async_context(relaying(origin, listener=listener, links=state.links))
        control = await stack.enter_async_context(
            listening(control_app(state, at), host=settings.host, port=settings.control_port)
        )
        yield RunningUpstream(
            base_url=f"http://{at}",
            control_url=f"http://{settings.host}:{control}",
            provider_key=settings.provider_key,
            aclose=stack.aclose,
            _state=state,
        )


def _leaks(host_and_port: str) -> tuple[tuple[str, str], ...]:
    """Make up the headers that a gateway must not pass on."""
    return (
        ("x-goog-api-key", "AIza" + secrets.token_urlsafe(32)[:35]),
        ("set-cookie", f"upstream_session={secrets.token_hex(16)}; Path=/; HttpOnly"),
        ("server", "upstream-internal"),
        ("x-internal-host", host_and_port),
    )
