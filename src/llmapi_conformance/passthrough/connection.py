"""One client's connection: its requests, one after another, each with what came of it in the recording."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import h11

from llmapi_conformance.passthrough.asking import next_request
from llmapi_conformance.passthrough.credentials import TooManyKeysError
from llmapi_conformance.passthrough.heads import forwarded, with_key
from llmapi_conformance.passthrough.parting import leave, reset, say
from llmapi_conformance.passthrough.relaying import Line, Relay, Relayed
from llmapi_conformance.passthrough.settings import is_loopback
from llmapi_conformance.wire.failing import failure_of
from llmapi_conformance.wire.message import WireFailure, WireRequest, origin_of
from llmapi_conformance.wire.reading import open_pipe

if TYPE_CHECKING:
    import ssl
    from collections.abc import Coroutine
    from typing import Any

    from llmapi_conformance.passthrough.asking import ClientRequest
    from llmapi_conformance.passthrough.credentials import Credentials, Learned
    from llmapi_conformance.passthrough.recorder import Recorder
    from llmapi_conformance.passthrough.settings import Settings


class Connection:
    """A client and its connection to the gateway, which nobody else uses: it lives and ends with that of the client."""

    def __init__(
        self,
        client: Line,
        settings: Settings,
        credentials: Credentials,
        recorder: Recorder,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._client = client
        self._settings = settings
        self._credentials = credentials
        self._recorder = recorder
        self._tls = tls
        self._origin = origin_of(settings.target.base_url)
        self._prefix = urlsplit(settings.target.base_url).path
        self._gateway: Line | None = None

    async def serve(self) -> None:
        """Serve until one side closes."""
        ahead = b""
        try:
            while request := await self._next(ahead):
                wire = self._wire(request)
                try:
                    learned = self._credentials.learn(wire.headers, wire.target)
                except TooManyKeysError as error:
                    await say(self._client, 503, str(error))
                    return
                if refusal := self._refusal(request):
                    await say(self._client, *refusal)
                    return
                with self._recorder.exchange() as step:
                    goes_on = await self._exchange(step, request, wire, learned)
                if not goes_on:
                    return
                ahead = request.ahead
        finally:
            for line in (self._client, self._gateway):
                if line is not None:
                    line.transport.close()  # what was written still goes out

    async def _next(self, ahead: bytes) -> ClientRequest | None:
        """The next request; ``None`` when there will be none."""
        limits = self._settings.limits
        asking = asyncio.create_task(next_request(self._client.pipe, ahead))
        hearing = asyncio.create_task(self._gateway.pipe.receive()) if self._gateway else None
        tasks: list[asyncio.Task[Any]] = [task for task in (asking, hearing) if task]
        seconds = limits.keep_alive if self._gateway else limits.client
        try:
            await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
            if hearing and hearing.done():  # the gateway leaves an idle connection, perhaps with a word
                self._client.transport.write(hearing.result()[1])
        except h11.RemoteProtocolError as error:
            await say(self._client, error.error_status_hint, "what was sent is no HTTP/1.1 request")
        except OSError:
            pass
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return None

    def _wire(self, request: ClientRequest) -> WireRequest:
        """The request as it is sent on."""
        settings, target = self._settings, self._settings.target
        headers, path = forwarded(request.headers, self._origin), request.target
        if settings.role:
            more = (*target.headers, *target.roles[settings.role].headers)
            headers, path = with_key(headers, path, settings.keyring.reveal(settings.role), more)
        return WireRequest(
            request.method,
            self._prefix + path,
            headers,
            deadlines=settings.limits.deadlines,
            body_limit=target.body_cap,
            bare=True,
        )

    def _refusal(self, request: ClientRequest) -> tuple[int, str] | None:
        """Status and sentence for a request that is not sent on."""
        if not request.target.startswith("/"):
            return 400, "use this as the base URL of a client, not as its proxy"
        if self._recorder.failure:
            return 503, self._recorder.failure
        if self._recorder.full:
            return 503, f"the recording is full: it may hold {self._settings.limits.exchanges} exchanges"
        if self._settings.role and not _comes_from_here(request):
            return 403, "a key is put in here: only programs of this machine may send, and no page of a browser"
        return None

    async def _exchange(self, step: int, request: ClientRequest, wire: WireRequest, learned: Learned) -> bool:
        """Relay and record one exchange; whether another one can follow."""

        def kept(relayed: Relayed) -> Coroutine[Any, Any, None]:
            return self._recorder.keep(step, wire, request.body, learned, relayed)

        gateway = self._gateway
        if gateway is None:
            try:
                gateway = self._gateway = await self._open(wire.deadlines.connect)
            except OSError as error:  # a passed deadline too
                failure = WireFailure(*failure_of(error, connected=False), 0.0, time.time())
                await kept(Relayed(failure))
                await say(self._client, 502, f"the gateway can't be reached: {failure.sentence}")
                return False
        relay = Relay(request, wire, self._client, gateway)
        try:
            relayed = await relay.run()
        except asyncio.CancelledError:
            await kept(relay.stopped())
            raise
        except Exception as error:  # noqa: BLE001 - told at the end
            self._recorder.lack(step, error)
            return False
        if relayed.goes_on:
            await kept(relayed)
            return True
        gateway.transport.close()
        await kept(relayed)
        if relayed.overdue:
            await say(self._client, 504, relayed.overdue)
        elif relayed.reset:
            await reset(self._client)
        else:
            await leave(self._client)
        return False

    async def _open(self, seconds: float) -> Line:
        async with asyncio.timeout(seconds):
            return Line(*await open_pipe(self._origin, self._tls))


def _comes_from_here(request: ClientRequest) -> bool:
    """Whether no page of a browser sends this: those name where they come from, or a host that was made to mean us."""
    headers = {name.lower(): value for name, value in request.headers}
    hosts = [urlsplit(f"//{headers.get('host', '')}").hostname or ""]
    if "origin" in headers:
        hosts.append(urlsplit(headers["origin"]).hostname or "")
    return all(is_loopback(host) for host in hosts)
