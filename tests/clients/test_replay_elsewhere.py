"""``clients replay`` into the folder of another run leaves what that run says as it is."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from tests.clients.test_replay import command, home, run

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["home", "run"]  # fixtures


def test_page_and_summary_of_another_recording_are_left_as_they_are(run: Path, home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(run, other)
    verdicts = json.loads((other / "verdicts.json").read_text("utf-8"))
    verdicts["recording"] = {"seal": "of another"}
    (other / "verdicts.json").write_text(json.dumps(verdicts), "utf-8")
    before = {name: (other / name).read_bytes() for name in ("report.html", "summary.md")}
    told = command("clients", "replay", run / "recording.jsonl", "--home", home, "--report-dir", other)
    assert {name: (other / name).read_bytes() for name in before} == before
    assert "is of another recording: report.html and summary.md there are left as they are." in told
    document = json.loads((other / "clients-replay.json").read_text("utf-8"))
    assert document["recording"] != "of another"
    broken = [stream["broken"] for client in document["clients"] for stream in client["streams"]]
    assert ["MSG-S08"] in broken  # the verdicts beside the recording say so


def test_verdicts_of_another_recording_beside_it_say_nothing_of_its_streams(
    run: Path,
    home: Path,
    tmp_path: Path,
) -> None:
    shutil.copytree(run, tmp_path / "seen")
    file = tmp_path / "seen" / "verdicts.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | {"recording": {"seal": "of another"}}), "utf-8")
    command("clients", "replay", tmp_path / "seen" / "recording.jsonl", "--home", home)
    document = json.loads((tmp_path / "seen" / "clients-replay.json").read_text("utf-8"))
    assert not any(stream["broken"] for client in document["clients"] for stream in client["streams"])
