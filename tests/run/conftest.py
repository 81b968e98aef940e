from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.sending.embedded import start_reference
from tests.kill.suite import run_suite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def reference() -> Iterator[dict[str, Any]]:
    """A running reference gateway: what it announced."""
    running = start_reference()
    yield running.announcement
    running.stop()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a whole run against the conforming reference gateway."""
    folder = tmp_path_factory.mktemp("recorded")
    status, _ = run_suite(folder)
    assert status == 0
    return folder
