"""A probe week with a fault that comes on night 3 and flaps: what is told, and when."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "probe_week.py"
    spec = importlib.util.spec_from_file_location("probe_week", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "probe_week", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.timeout(300)  # 35 starts of the tool
def test_a_week_with_a_flapping_fault_is_told_three_times(benchmark: Any, tmp_path: Path) -> None:
    nights, series = benchmark.week(tmp_path, "M15", "CHAT-S04")
    assert [one.run_exit for one in nights] == [0, 0, 1, 1, 0, 1, 0]
    assert [one.alert_exit for one in nights] == [0, 0, 10, 0, 11, 10, 0]
    assert [one.again_exit for one in nights] == [0] * 7
    told = [one.told for one in nights if one.alert_exit]
    for text, kind in zip(told, ("broke", "mended", "flapping"), strict=True):
        assert f"\n  {kind}: CHAT-S04 " in text
    assert series["changed"] == {"CHAT-S04": "..FF.F."}
    assert [run["started_at"][:10] for run in series["runs"]] == [f"2026-11-{day:02}" for day in range(2, 9)]
