"""A session: how one scenario instance talks to the gateway; every request becomes an exchange of the recording."""

from __future__ import annotations

import asyncio
import json as jsonlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from llmapi_conformance.evidence.results import NO_UPSTREAM, ResultStatus, ScenarioStopped
from llmapi_conformance.generating.cases import Order
from llmapi_conformance.sending.credentials import Auth, Credential, bearer, made_up
from llmapi_conformance.sending.outgoing import Outgoing
from llmapi_conformance.sending.transient import NOT_NOW, TRANSIENT, Expect, transient, transient_talk

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.generating.cases import Case
    from llmapi_conformance.sending.generator import Generation
    from llmapi_conformance.sending.listener import Listener
    from llmapi_conformance.sending.outgoing import Gateway, SocketScript
    from llmapi_conformance.sending.scenario import Instance
    from llmapi_conformance.target.target import Target

_UNSET: Any = object()
_PLAIN = bytes(range(0x21, 0x7F))
UPSTREAM_DEADLINE = 5.0
"""Seconds until the upstream's log must show what a scenario waits for."""


class Session:
    """Sends for one scenario instance.

    Attributes:
        role: The role whose key it sends with, empty for none.
        nonce: The nonce of the latest prompt.
    """

    def __init__(self, gateway: Gateway, instance: Instance) -> None:
        self._gateway = gateway
        self._instance = instance
        self._step = 0
        self.role = instance.role
        self.nonce = ""

    @property
    def target(self) -> Target:
        """The gateway under test."""
        return self._gateway.target

    @property
    def examples(self) -> int:
        """Examples that the scenario may draw, where it draws what it sends."""
        return self._gateway.examples

    @property
    def generation(self) -> Generation:
        """How many cases are generated in this run, and from which seed."""
        return self._gateway.generation

    async def cases(self, sample: Case, count: int | None = None) -> tuple[Case, ...]:
        """Generated cases of an operation: all of them, before the first is sent.

        Args:
            sample: A small correct call of the operation.
            count: How many at most; as many as the run wants when omitted.

        Raises:
            ScenarioStopped: The generator failed.
        """
        wanted = self.generation.cases if count is None else count
        return await self._gateway.cases(Order(sample, self.generation.seed, wanted, self.models))

    @property
    def sandwich(self) -> bool:
        """Whether our upstream is behind the gateway."""
        return self.target.sandwich

    @property
    def models(self) -> tuple[str, ...]:
        """Text models of the session's role."""
        return self.target.roles[self.role].models if self.role in self.target.roles else ()

    @property
    def model(self) -> str:
        """The text model to use.

        Raises:
            ScenarioStopped: The target file names none for this role.
        """
        if not self.models:
            raise ScenarioStopped(
                ResultStatus.NOT_OBSERVED, f"the target file names no model for role {self.role or 'none'}"
            )
        return self.models[0]

    def affordable(self, model: str) -> bool:
        """Whether a model that only the gateway has named may be asked: where money is limited, its price is known."""
        return self.target.spending.money is None or model in self.target.prices.models

    def prompt(self, words: str = "", payload: str = "", *, live: str | None = None) -> str:
        """A user text: a directive and its payload on the sandwich, plain text on a live gateway.

        Args:
            words: Directive words for the upstream; a nonce is added.
            payload: What follows the directive line.
            live: What to say where no upstream of ours listens; the payload, or a short greeting, when omitted.
        """
        return self.prompt_with_nonce(words, payload, live=live)[0]

    def prompt_with_nonce(self, words: str = "", payload: str = "", *, live: str | None = None) -> tuple[str, str]:
        """Like ``prompt``, with the nonce that ties the upstream's log to it."""
        self.nonce = secrets.token_hex(8)
        if not self.sandwich:
            return (live if live is not None else payload or "Say hello in one word."), self.nonce
        directive = " ".join(part for part in ("@upstream", words, f"nonce={self.nonce}") if part)
        return f"{directive}\n{payload}" if payload else directive, self.nonce

    def key(self, role: str | None = None) -> Credential:
        """The key of a role, the session's own when omitted.

        Raises:
            ScenarioStopped: There is no key for this role.
        """
        return self._gateway.credential(self._instance, role or self.role)

    def made_up_key(self) -> Credential:
        """A key that looks right and that the gateway never handed out."""
        return made_up(self.key())

    def auth(
        self, header: str = "Authorization", credential: Credential | None = None, *, scheme: str = "Bearer"
    ) -> Auth:
        """A credential header: the session's key in this header, or another credential."""
        chosen = credential or self.key()
        return Auth(header, chosen, f"{scheme} " if header.lower() == "authorization" and scheme else "")

    async def get(self, path: str, **options: Any) -> Exchange:
        """GET; see ``request``."""
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> Exchange:
        """POST; see ``request``."""
        return await self.request("POST", path, **options)

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = _UNSET,
        content: bytes | None = None,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        query: Mapping[str, str] | None = None,
        auth: Auth | Iterable[Auth] | None = None,
        query_key: Credential | None = None,
        expect: Expect = "success",
        operation: str | None = None,
        label: str = "",
        abort_after_events: int | None = None,
        on_event: Callable[[int], Awaitable[None]] | None = None,
        disturbs: bool = False,
    ) -> Exchange:
        """Send one request and return its exchange.

        Args:
            method: As sent.
            path: Below the target's base URL.
            json: Sent as compact JSON with its content type.
            content: Exact bytes, instead of ``json``; name the content type yourself.
            headers: Further headers; a given content type replaces ours.
            query: Query parameters.
            auth: Credential headers; the session's key as Bearer when omitted, none for ``NO_AUTH``.
            query_key: A credential sent as the query parameter ``key``.
            expect: What the scenario is about. ``success``: silence and 429, 502, 503, 504 are retried, then the
                scenario is inconclusive. ``refusal``: silence and 429 are. ``any``: whatever comes is what is judged.
            operation: Operation id, when the path alone does not tell it.
            label: A word that tells this exchange from its neighbours in a report.
            abort_after_events: Hang up after so many server-sent events.
            on_event: Called with the number of each server-sent event when it has arrived.
            disturbs: The request makes the upstream fail in the midst of the answer, so the answer may end early.

        Raises:
            ScenarioStopped: The gateway gave no answer that could be judged, or does not offer the operation.
            BudgetExceeded: The request would break a limit; it was not sent.
        """
        listed = list(headers.items() if isinstance(headers, Mapping) else headers)
        body = content or b""
        if json is not _UNSET:
            body = jsonlib.dumps(json, ensure_ascii=False, separators=(",", ":")).encode()
            if not any(name.lower() == "content-type" for name, _ in listed):
                listed.append(("Content-Type", "application/json"))
        target = _on_one_line(path) + ("?" + urlencode(query, quote_via=quote) if query else "")
        return await self._send(
            Outgoing(
                method,
                target,
                tuple(listed),
                body,
                self._auth(auth),
                operation=operation,
                query_key=query_key,
                label=label,
                abort_after_events=abort_after_events,
                on_event=on_event,
                disturbs=disturbs,
            ),
            expect,
        )

    async def raw(
        self,
        head: str,
        body: bytes = b"",
        *,
        auth: Auth | Iterable[Auth] | None = None,
        expect: Expect = "any",
        operation: str = "",
        label: str = "",
    ) -> Exchange:
        """Send bytes as they are over a socket of their own.

        Args:
            head: Request line and headers joined by CRLF, without credential headers and the final blank line; a Host
                header is added unless the head has one, likewise Content-Length for a body without Transfer-Encoding.
            body: Exact bytes.
            auth: As in ``request``.
            expect: As in ``request``.
            operation: Operation id that the answer should be judged as; none when empty.
            label: As in ``request``.
        """
        method, _, rest = head.partition(" ")
        line_end = rest.find("\r\n")
        target = (rest if line_end < 0 else rest[:line_end]).rpartition(" ")[0]
        return await self._send(
            Outgoing(method, target, (), body, self._auth(auth), operation=operation, label=label, head=head), expect
        )

    async def websocket(
        self,
        path: str,
        script: SocketScript,
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        query: Mapping[str, str] | None = None,
        auth: Auth | Iterable[Auth] | None = None,
        query_key: Credential | None = None,
        expect: Expect = "success",
        operation: str | None = None,
        label: str = "",
        disturbs: bool = False,
        deflate: bool = False,
    ) -> Exchange:
        """Open a WebSocket, run a script over it, close it, and return the exchange with its frames.

        The script runs only when the gateway switches protocols; a refusal is an answer like any other. Opening counts
        as one request, each ``response.create`` as another.

        Args:
            path: Below the target's base URL.
            script: Talks; an open WebSocket is closed with 1000 when it returns.
            headers: Further headers; those of the handshake replace ours.
            query: Query parameters.
            auth: As in ``request``.
            query_key: As in ``request``.
            expect: As in ``request``, for the answer to the handshake. With ``success`` the scenario is also
                inconclusive when an error message says 429, 502, 503 or 504, or the gateway closes with 1013 (try again
                later) before its first message; a script is never run twice.
            operation: As in ``request``.
            label: As in ``request``.
            disturbs: As in ``request``.
            deflate: Offer compression (RFC 7692).

        Raises:
            ScenarioStopped: The gateway gave no answer that could be judged, or does not offer the operation.
            BudgetExceeded: A request or turn would break a limit; it was not sent.
        """
        listed = tuple(headers.items() if isinstance(headers, Mapping) else headers)
        target = _on_one_line(path) + ("?" + urlencode(query, quote_via=quote) if query else "")
        outgoing = Outgoing(
            "GET",
            target,
            listed,
            b"",
            self._auth(auth),
            operation=operation,
            query_key=query_key,
            label=label,
            disturbs=disturbs,
        )
        self._step += 1
        step = self._step
        exchange = await self._until_telling(
            lambda attempt: self._gateway.converse(self._instance, step, attempt, outgoing, script, deflate=deflate),
            expect,
        )
        if (expect == "success" or self._gateway.probing) and (reason := transient_talk(exchange)):
            raise ScenarioStopped(ResultStatus.INCONCLUSIVE, reason)
        return exchange

    @asynccontextmanager
    async def listen(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        auth: Auth | Iterable[Auth] | None = None,
        expect: Expect = "success",
        operation: str | None = None,
        label: str = "",
    ) -> AsyncIterator[Listener]:
        """Follow a stream that has no end of its own; leaving the block hangs up.

        The block begins when a 2xx head has come, or when an answer that is none has ended. Within it the listener
        takes no place from other requests. What came until we hung up counts as evidence (``Ending.LEFT``), and
        ``listener.exchange`` is there behind the block. It counts as one request.

        Args:
            path: Below the target's base URL, of a GET.
            headers: Further headers; an ``Accept`` takes the place of ours, which asks for server-sent events.
            auth: As in ``request``.
            expect: As in ``request``; only what comes before a 2xx head is retried.
            operation: As in ``request``.
            label: As in ``request``.

        Raises:
            ScenarioStopped: The gateway gave no answer that could be judged, or does not offer the operation.
            BudgetExceeded: The request would break a limit; it was not sent.
        """
        listed = list(headers.items() if isinstance(headers, Mapping) else headers)
        if not any(name.lower() == "accept" for name, _ in listed):
            listed.insert(0, ("Accept", "text/event-stream"))
        outgoing = Outgoing(
            "GET",
            _on_one_line(path),
            tuple(listed),
            b"",
            self._auth(auth),
            operation=operation,
            label=label,
            listens=True,
        )
        self._step += 1
        step, attempt = self._step, 1
        while True:
            listener = await self._gateway.listen(self._instance, step, attempt, outgoing)
            if listener.opened or not await self._again(attempt, listener.exchange, expect):
                break
            attempt += 1
        try:
            yield listener
        finally:
            await listener.leave()

    async def upstream_log(
        self, nonce: str = "", *, until: Callable[[list[dict[str, Any]]], bool] | None = None
    ) -> Exchange:
        """What our upstream received under a nonce: ``exchange.json["requests"]``.

        Args:
            nonce: Of the prompt; the latest when empty.
            until: Ask again until this holds for the requests, at most ``UPSTREAM_DEADLINE`` seconds.

        Raises:
            ScenarioStopped: There is no upstream of ours behind the target.
        """
        self._step += 1
        step = self._step
        url = f"{self._control()}/log?nonce={quote(nonce or self.nonce)}"
        deadline = asyncio.get_running_loop().time() + UPSTREAM_DEADLINE
        while True:
            exchange = await self._gateway.control(self._instance, step, "GET", url, "upstream:log")
            requests = exchange.json.get("requests", []) if isinstance(exchange.json, dict) else []
            if until is None or until(requests) or asyncio.get_running_loop().time() > deadline:
                return self._gateway.keep(exchange)
            await asyncio.sleep(0.05)

    async def upstream_release(self, token: str) -> None:
        """Let the upstream go on that waits for this token."""
        self._step += 1
        url = f"{self._control()}/release/{quote(token)}"
        self._gateway.keep(await self._gateway.control(self._instance, self._step, "POST", url, "upstream:release"))

    def _control(self) -> str:
        if not self.target.upstream_control:
            raise ScenarioStopped(ResultStatus.NOT_OBSERVED, NO_UPSTREAM)
        return self.target.upstream_control

    def _auth(self, auth: Auth | Iterable[Auth] | None) -> tuple[Auth, ...]:
        if auth is None:
            return (bearer(self.key()),) if self.role else ()
        return (auth,) if isinstance(auth, Auth) else tuple(auth)

    async def _send(self, outgoing: Outgoing, expect: Expect) -> Exchange:
        self._step += 1
        step = self._step
        return await self._until_telling(
            lambda attempt: self._gateway.send(self._instance, step, attempt, outgoing), expect
        )

    async def _until_telling(self, send: Callable[[int], Awaitable[Exchange]], expect: Expect) -> Exchange:
        """Send until the answer says something about the behaviour under judgement, or the retries are spent."""
        attempt = 1
        while await self._again(attempt, exchange := await send(attempt), expect):
            attempt += 1
        return exchange

    async def _again(self, attempt: int, exchange: Exchange, expect: Expect) -> bool:
        """Whether to send once more, since the answer says nothing; the pause before that is over then."""
        reason = transient(exchange, NOT_NOW if self._gateway.probing else TRANSIENT[expect])
        if reason and not await self._gateway.pause_before_retry(self._instance, attempt, exchange):
            raise ScenarioStopped(ResultStatus.INCONCLUSIVE, f"{reason} (attempt {attempt})")
        return bool(reason)


def _on_one_line(path: str) -> str:
    """A path in which whatever would end the request line or the path is escaped: an id in it may be the gateway's."""
    return quote(path, safe=_PLAIN, errors="surrogatepass")
