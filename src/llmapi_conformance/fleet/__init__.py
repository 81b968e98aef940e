r"""A fleet: many targets, or the shards of one, as pytest tests, so that pytest-xdist spreads them over machines.

    pytest -p llmapi_conformance.fleet --pyargs llmapi_conformance.fleet \
        --fleet-target=eu.toml --fleet-target=us.toml -n 4

Each test runs our tool as a process of its own where the worker is, with the keys of that machine's environment, and
hands its recording back over xdist's own connection; whoever started it all finds the recordings under ``--fleet-dir``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from llmapi_conformance.errors import ConformanceError
from llmapi_conformance.evidence.shard import Shard
from llmapi_conformance.fleet.handing import LEFT, Left, unpacked

if TYPE_CHECKING:
    from collections.abc import Generator

_HANDED: Final = "llmapi_fleet_left"
"""Attribute of a report, and entry of what a worker is told."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a fleet."""
    group = parser.getgroup("llmapi-conformance-fleet", "conformance of many gateways at once (write these with =)")
    group.addoption(
        "--fleet-target",
        action="append",
        default=[],
        metavar="FILE",
        help="target file, at the same place on every machine; may be repeated",
    )
    group.addoption("--fleet-shards", type=int, default=1, metavar="N", help="shards of each target (default: 1)")
    group.addoption("--fleet-dir", default="fleet", metavar="DIR", help="where recordings go (default: fleet)")
    group.addoption(
        "--fleet-run", action="append", default=[], metavar="OPTION", help="a further option of run; may be repeated"
    )
    group.addoption(
        "--fleet-timeout", type=float, default=4000.0, metavar="S", help="seconds that each run has (default: 4000)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """See that the options make sense, before anything starts."""
    config.addinivalue_line("markers", "last: the last shard of a target, to be sent when the others have ended")
    if config.option.help:
        return
    if not config.option.fleet_target:
        raise pytest.UsageError("A fleet needs --fleet-target=FILE, once for each gateway.")
    try:
        Shard.read(f"1/{config.option.fleet_shards}")
    except ConformanceError as error:
        raise pytest.UsageError(f"--fleet-shards: {error}") from None
    names = [path.stem for path in targets_of(config)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise pytest.UsageError(f"Two target files are called {twice[0]}: their results would go to one folder.")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Gathering(Path(config.option.fleet_dir)), "llmapi-conformance-gathering")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell a worker where the target files are: it may stand in another folder than we do."""
    node.workerinput[_HANDED] = [str(path) for path in targets_of(node.config)]  # type: ignore[attr-defined]


def targets_of(config: pytest.Config) -> list[Path]:
    """The target files, by their absolute paths."""
    told = getattr(config, "workerinput", {}).get(_HANDED, config.option.fleet_target)
    return [Path(path).absolute() for path in told]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each shard of each target."""
    count = metafunc.config.option.fleet_shards
    shards = [Shard(number, count) for number in range(1, count + 1)]
    parts = [
        pytest.param(
            (path, shard if count > 1 else None),
            id=path.stem + (f"-{shard.number}of{count}" if count > 1 else ""),
            marks=[pytest.mark.last] if count > 1 and shard.is_last else [],
        )
        for path in targets_of(metafunc.config)
        for shard in shards
    ]
    metafunc.parametrize("part", parts)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hand over what a run left: the attributes of a report travel as they are."""
    report = yield
    if call.when == "call" and (left := item.stash.get(LEFT, None)):
        setattr(report, _HANDED, (left.folder, left.recording))
    return report


class Gathering:
    """Keeps what the runs hand over, where the fleet was started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: list[Path] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the recording of a run that has ended."""
        handed = getattr(report, _HANDED, None)
        left = Left(*handed) if handed else None
        if left is None or not left.recording:
            return
        path = self.folder / left.folder / "recording.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.replace(path.with_stem("recording.previous"))
        path.touch(0o600)
        path.write_bytes(unpacked(left.recording))
        self.kept.append(path.parent)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what to do next."""
        if self.kept:
            terminalreporter.section("recordings of the fleet")
        targets: dict[Path, list[Path]] = {}
        for path in sorted(self.kept):
            whole = path.parent == self.folder
            targets.setdefault(path if whole else path.parent, []).append(path)
        for target, paths in targets.items():
            if paths == [target]:
                terminalreporter.line(f"llmapi-conformance judge {target}/recording.jsonl --report-dir {target}")
            else:
                # All of them, also where some are sent by another call, such as the last one.
                count = int(paths[0].name.rpartition("of")[2])
                shards = [target / f"{number}of{count}" for number in range(1, count + 1)]
                absent = [path.name for path in shards if not (path / "recording.jsonl").is_file()]
                still = f"  # when {', '.join(absent)} has ended too" if absent else ""
                terminalreporter.line(
                    f"llmapi-conformance merge {' '.join(map(str, shards))} -o {target}/merged{still}"
                )
