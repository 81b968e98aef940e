"""The replayer: results from a recording, without running scenario code and without any network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.evidence.recording import DamagedResult, Recording, read_recording
from llmapi_conformance.evidence.results import ResultStatus, ScenarioResult

if TYPE_CHECKING:
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.sending.scenario import Instance


class Replayer:
    """Stands where the conductor stands in a live run.

    Attributes:
        recording: What is judged.
        exchanges: All undamaged exchanges, in the order of the recording.
    """

    def __init__(self, path: Path) -> None:
        """Read the recording.

        Raises:
            RecordingError: It can't be read.
        """
        self.recording: Recording = read_recording(path)
        self.exchanges: list[Exchange] = list(self.recording.exchanges.values())

    def result(self, instance: Instance) -> ScenarioResult:
        """What the recording holds of an instance; a damaged result is no result."""
        key = (instance.scenario.name, instance.parameters)
        if key not in self.recording.results:
            reason = f"the recording holds no result of {instance.key}"
            if self.recording.opening.selection.get("traffic"):
                reason = "no such scenario was recorded: these are the requests of clients"
            return ScenarioResult(ResultStatus.NOT_OBSERVED, reason)
        found = self.recording.results[key]
        if isinstance(found, DamagedResult):
            return ScenarioResult(ResultStatus.ERROR, f"the recording of {instance.key} is damaged: {found.reason}")
        return ScenarioResult(ResultStatus(found.status), found.reason, found.value)

    def wait(self) -> None:
        """Nothing is under way."""

    def close(self) -> None:
        """Nothing is open."""
