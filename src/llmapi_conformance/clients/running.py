"""Runs clients through a pass-through before a target; records what they sent and got, and what they made of it."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from llmapi_conformance.clients.agents import TOOL_SAID, session_of
from llmapi_conformance.clients.case import CLIENT_CASE
from llmapi_conformance.clients.driving import new_home, run_process, run_script
from llmapi_conformance.clients.environments import command_of, lacking, script_command
from llmapi_conformance.clients.wanting import DISTURBED, IMAGE_MODEL, obstacle, prompts, wanted
from llmapi_conformance.errors import RecordingError
from llmapi_conformance.evidence.redaction import Redactor
from llmapi_conformance.evidence.results import ResultStatus
from llmapi_conformance.passthrough.recorder import Recorder
from llmapi_conformance.passthrough.serving import listening
from llmapi_conformance.passthrough.settings import Settings
from llmapi_conformance.target.secrets import secrets_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from llmapi_conformance.clients.catalogue import Case, Client
    from llmapi_conformance.contract.operations import Operation
    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.journal import Journal
    from llmapi_conformance.target.keyring import Keyring
    from llmapi_conformance.target.target import Target

SESSION_SECONDS: Final = 90.0
"""Of a session of an agent."""
_MOST: Final = 200
"""Requests of one case that are passed on."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where clients are run.

    Attributes:
        target: The gateway.
        keyring: Its keys.
        headers: Marker name -> value of the secret headers of the target file.
        operations: What a request can mean.
        journal: Where everything goes.
        scripts: Folder of the scripts of clients.
        home: Folder of the environments of clients.
        wrong_key: A key that nobody handed out.
    """

    target: Target
    keyring: Keyring
    headers: Mapping[str, str]
    operations: tuple[Operation, ...]
    journal: Journal
    scripts: Path
    home: Path
    wrong_key: str = field(default_factory=lambda: f"sk-llmapi-{secrets.token_hex(24)}", repr=False)


async def run_client(site: Site, client: Client, absent: str, done: Callable[[str], None]) -> None:
    """Run every case of a client that can be run, and record each.

    Args:
        site: Where.
        client: Which.
        absent: Why it can't be run here at all, empty when it can.
        done: Called with each case.

    Raises:
        RecordingError: An exchange could not be kept.
    """
    run: list[Case] = []
    absent = absent or lacking(client)
    for case in client.cases:
        stopped = obstacle(client, case, site.target)
        if stopped is None and absent:
            stopped = (ResultStatus.NOT_OFFERED, absent)
        if stopped is None:
            run.append(case)
        else:
            site.journal.write_result(CLIENT_CASE, f"{client.name}-{case.name}", stopped[0].value, reason=stopped[1])
            done(f"{client.name}, {case.name}: {stopped[1]}")
    if not run:
        return
    if client.script:
        await _script(site, client, run, done)
        return
    for case in run:  # each in a home of its own
        async with _Line(site, client, case).open() as line:
            told = await _session(site, client, case, line.url)
        line.write(told)
        done(f"{client.name}, {case.name}")


async def _script(site: Site, client: Client, run: list[Case], done: Callable[[str], None]) -> None:
    role = site.target.roles[client.role]
    lines: dict[str, _Line] = {}
    async with contextlib.AsyncExitStack() as stack:
        for case in run:
            lines[case.name] = await stack.enter_async_context(_Line(site, client, case).open())
        orders = {
            **prompts(site.target),
            **dict(client.orders),
            "key": site.keyring.reveal(client.role),
            "wrong_key": site.wrong_key,
            "model": role.models[0],
            "image_model": IMAGE_MODEL,
            "cases": [{"label": name, "do": name, "base_url": line.url} for name, line in lines.items()],
        }
        with new_home() as folder:
            command = script_command(client, site.home, site.scripts, Path(folder))
            told = await run_script(command, orders, folder=Path(folder))
    for name, line in lines.items():
        line.write(told[name])
        done(f"{client.name}, {name}")


async def _session(site: Site, client: Client, case: Case, url: str) -> dict[str, Any]:
    key, model = site.keyring.reveal(client.role), site.target.roles[client.role].models[0]
    with new_home() as folder:
        session = session_of(client.agent, case.name, base_url=url, key=key, model=model, home=Path(folder))
        ended = await run_process(
            [*command_of(client, site.home), *session.arguments],
            environment=session.environment,
            given="",
            seconds=SESSION_SECONDS,
            folder=Path(folder),
        )
    if ended.status != 0:
        return {"ended": ended.why}
    said = [line.strip() for line in ended.output.splitlines()]
    # Agents wrap what a tool printed in words of their own, which the upstream gives back with it.
    return {"value": TOOL_SAID if TOOL_SAID in said else ended.output.strip()}


class _Line:
    """Where one case of a client finds the gateway, and what went through there."""

    def __init__(self, site: Site, client: Client, case: Case) -> None:
        self._site, self._client, self._case = site, client, case
        self._parameters = f"{client.name}-{case.name}"
        self._exchanges: list[Exchange] = []
        prefix = urlsplit(site.target.base_url).path
        self._recorder = Recorder(site.journal, site.operations, prefix, _MOST, self._named)
        self.url = ""

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Self]:
        """Listen; at the end everything has been written."""
        site = self._site
        try:
            async with listening(Settings(site.target, site.keyring, dict(site.headers)), self._recorder) as self.url:
                yield self
        finally:
            self._recorder.settle()

    def write(self, told: Mapping[str, Any]) -> None:
        """Record what the client told of the case."""
        if self._recorder.failure:
            raise RecordingError(f"{self._parameters}: {self._recorder.failure}")
        redactor = Redactor(
            {**secrets_of(self._site.keyring, self._site.headers), self._site.wrong_key: "[[key:client:wrong]]"}
        )
        value = {
            "client": self._client.name,
            "case": self._case.name,
            "clause": self._case.clause,
            "surface": self._case.surface,
            "wanted": wanted(self._client, self._case, self._site.target),
            "told": _redacted(dict(told), redactor),
            "requests": self._recorder.begun,
            # A client that waited no longer has no answer to show.
            "exchanges": [one for one in self._exchanges if one.answered],
        }
        self._site.journal.write_result(CLIENT_CASE, self._parameters, "done", value=value)

    def _named(self, exchange: Exchange) -> Exchange:
        disturbed = self._case.name in DISTURBED
        named = replace(exchange, scenario=CLIENT_CASE, parameters=self._parameters, disturbed=disturbed)
        self._exchanges.append(named)
        return named


def _redacted(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        return redactor.redact_text(value)
    if isinstance(value, dict):
        return {name: _redacted(part, redactor) for name, part in value.items()}
    if isinstance(value, list):
        return [_redacted(part, redactor) for part in value]
    return value
