"""One upstream for all tests of this folder: it is cheap, but not free."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

import httpx2
import pytest

from llmapi_conformance.reference.upstream import RunningUpstream, UpstreamSettings, running_upstream
from tests.reference.upstream.talking import KEY, Talk

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def in_the_background(settings: UpstreamSettings) -> Iterator[RunningUpstream]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    block = running_upstream(settings)
    try:
        yield asyncio.run_coroutine_threadsafe(block.__aenter__(), loop).result(5)
        asyncio.run_coroutine_threadsafe(block.__aexit__(None, None, None), loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


@pytest.fixture(scope="session")
def upstream() -> Iterator[RunningUpstream]:
    with in_the_background(UpstreamSettings(KEY)) as running:
        yield running


@pytest.fixture(scope="session")
def talk(upstream: RunningUpstream) -> Iterator[Talk]:
    with httpx2.Client(timeout=30, trust_env=False) as client:
        yield Talk(upstream, client)


@pytest.fixture(scope="session")
def lenient() -> Iterator[Talk]:
    settings = UpstreamSettings(KEY, strict=False)
    with in_the_background(settings) as running, httpx2.Client(timeout=30, trust_env=False) as client:
        yield Talk(running, client)
