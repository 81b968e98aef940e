"""Pass-throughs for tests, and clients that send exact bytes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.evidence.journal import Journal
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.passthrough.recorder import Recorder
from llmapi_conformance.passthrough.serving import listening
from llmapi_conformance.passthrough.settings import Limits, Settings
from llmapi_conformance.target.description import describe
from llmapi_conformance.target.keyring import Keyring
from llmapi_conformance.target.target import Role, Target
from llmapi_conformance.tree import tree
from llmapi_conformance.wire.message import Deadlines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.recording import Recording

PATIENCE = 40.0
"""Seconds that a test waits for anything."""
PATIENT = Limits(deadlines=Deadlines(connect=30.0, first_byte=30.0, idle=30.0, total=60.0))
CALM = replace(PATIENT, keep_alive=5.0, client=30.0)
"""Lets go of a connection soon, but bears a machine that stands still for seconds."""
QUICK = Limits(deadlines=Deadlines(connect=30.0, first_byte=1.0, idle=1.0, total=40.0), keep_alive=5.0, client=1.0)
"""For what is about deadlines."""


@dataclass
class Passing:
    """A pass-through that runs: where, and what it has recorded."""

    url: str
    path: Path
    recorder: Recorder

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    def recording(self) -> Recording:
        return read_recording(self.path, exact=True)

    def exchanges(self) -> list[Exchange]:
        return sorted(self.recording().exchanges.values(), key=lambda one: one.step)

    def only(self) -> Exchange:
        (exchange,) = self.exchanges()
        return exchange


@contextlib.asynccontextmanager
async def passing(
    url: str,
    folder: Path,
    *,
    keys: Mapping[str, str] | None = None,
    role: str = "",
    limits: Limits = PATIENT,
    **more: Any,
) -> AsyncIterator[Passing]:
    """A pass-through in this event loop; the recording is whole when the block has ended."""
    keys = keys or {}
    target = Target("here", url, {name: Role(name) for name in keys}, **more)
    settings = Settings(target, Keyring(keys), role=role, limits=limits)
    contract = load_contract(tree())
    path = folder / "recording.jsonl"
    journal = Journal(
        path,
        tool_version="0",
        contract_digest=contract.digest,
        target=describe(target),
        profile="gate",
        selection={"keyword": "", "traffic": "recorded client traffic"},
    )
    prefix = "/" + url.partition("://")[2].partition("/")[2] if url.count("/") > 2 else ""
    recorder = Recorder(journal, contract.operations, prefix, limits.exchanges)
    try:
        async with listening(settings, recorder) as base_url:
            yield Passing(base_url, path, recorder)
    finally:
        recorder.close()


@contextlib.contextmanager
def passing_beside(url: str, folder: Path, **options: Any) -> Iterator[Passing]:
    """The same in a thread of its own, for clients that block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    block = passing(url, folder, **options)
    started = asyncio.run_coroutine_threadsafe(block.__aenter__(), loop).result(PATIENCE)
    try:
        yield started
    finally:
        asyncio.run_coroutine_threadsafe(block.__aexit__(None, None, None), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


async def sent(address: tuple[str, int], data: bytes) -> bytes:
    """What comes back to exact bytes until the other side closes."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.read(), PATIENCE)
    finally:
        writer.close()


def address_of(url: str) -> tuple[str, int]:
    host, _, port = url.partition("://")[2].partition("/")[0].rpartition(":")
    return host, int(port)
