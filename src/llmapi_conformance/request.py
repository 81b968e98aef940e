"""What is asked of a run: by the command line, by plain pytest, or by another command."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmapi_conformance.reporting.past import PastRun

EMBEDDED = "embedded"
"""Names the reference gateway as the target."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for.

    Attributes:
        target: Path of a target file, or ``embedded``; empty for a replay.
        replay: Path of a recording, empty for a live run.
        profile: Name of the profile; a replay takes that of the recording.
        report_dir: Where recording and reports go.
        selection: What narrows the checks, as plain JSON, for the recording.
        fault: Of the reference gateway.
        variations: Of the reference gateway.
        delay_ms: Of the reference gateway.
        generate: Generated cases of each operation; ``None`` for as many as the profile says.
        seed: Decides whatever is drawn.
        samples: Of each statistic; ``None`` for as many as the profile says, or none where checks were selected.
        baseline: The run whose findings are known, ``None`` for none.
        resume: Folder or recording of a run that stopped, and goes on now; empty for one from its beginning.
        shard: Which part of the run is sent here, such as ``2/3``; empty for all of it.
        clients: Whether the checks of official clients are collected too, though nothing was recorded of any.
    """

    report_dir: Path
    target: str = ""
    replay: str = ""
    profile: str = "gate"
    selection: dict[str, Any] | None = None
    fault: str = ""
    variations: tuple[str, ...] = ()
    delay_ms: int = 0
    generate: int | None = None
    seed: int = 1
    samples: int | None = None
    baseline: PastRun | None = None
    resume: str = ""
    shard: str = ""
    clients: bool = False


def new_report_dir() -> Path:
    """A folder named by the time (UTC)."""
    return Path("reports") / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")


def asked(option: Any) -> Request:
    """What plain pytest was asked for.

    Args:
        option: Its options.
    """
    return Request(
        report_dir=Path(option.report_dir or new_report_dir()),
        target=option.target or "",
        replay=option.replay or "",
        profile=option.profile,
        selection={"keyword": option.keyword, "fail_on_warned": bool(option.fail_on_warned)},
        generate=option.generate,
        seed=option.generate_seed,
        samples=option.samples,
        shard=option.shard,
    )
