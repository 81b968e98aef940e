"""Checks need a target: without one, pytest says how to name it."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """Refuse to run checks that would have nothing to look at."""
    if not config.pluginmanager.has_plugin("llmapi-conformance-run"):
        raise pytest.UsageError(
            "Name a target: pytest suites --target FILE, or --target embedded for the reference gateway."
        )
