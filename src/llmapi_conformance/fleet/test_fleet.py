"""The tests of a fleet: each is one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.fleet.handing import LEFT, Left, conducted, packed

if TYPE_CHECKING:
    from pathlib import Path

    from llmapi_conformance.evidence.shard import Shard


def test_target(part: tuple[Path, Shard | None], request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The gateway keeps its promises, as far as this shard shows."""
    target, shard = part
    option = request.config.option
    options = ["--target", str(target), *option.fleet_run, *(["--shard", str(shard)] if shard else [])]
    status, line = conducted(options, tmp_path / "run", option.fleet_timeout)
    folder = f"{target.stem}/{shard.number}of{shard.count}" if shard else target.stem
    request.node.stash[LEFT] = Left(folder, packed(tmp_path / "run" / "recording.jsonl"))
    if status:
        pytest.fail(f"exit status {status}: {line}", pytrace=False)
