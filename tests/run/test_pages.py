from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.kill.suite import run_suite

ROOT = Path(__file__).resolve().parents[2]


def tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "llmapi_conformance", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run with a finding."""
    made = tmp_path_factory.mktemp("run")
    status, _ = run_suite(made, "--fault", "M15", "-k", "CHAT-S04")
    assert status == 1
    return made


def test_a_run_leaves_its_page_and_report_makes_it_again_to_the_byte(folder: Path) -> None:
    page = folder / "report.html"
    first = page.read_bytes()
    assert b'id="CHAT-S04"' in first
    assert b"<mark>data: [DONE]" in first
    page.unlink()
    done = tool("report", str(folder))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(page)
    assert page.read_bytes() == first


def test_judge_leaves_the_same_page(folder: Path, tmp_path: Path) -> None:
    tool("judge", str(folder / "recording.jsonl"), "--report-dir", str(tmp_path))
    assert (tmp_path / "report.html").read_bytes() == (folder / "report.html").read_bytes()


def test_a_page_without_its_recording_is_made_and_the_tool_says_what_is_missing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "verdicts.json").write_bytes((folder / "verdicts.json").read_bytes())
    done = tool("report", str(tmp_path), "-o", str(tmp_path / "other" / "page.html"))
    assert done.returncode == 0
    assert "the page shows no exchanges: there is no recording" in done.stderr
    assert "in no recording that was given" in (tmp_path / "other" / "page.html").read_text("utf-8")


def test_what_is_no_run_is_said_in_one_line(tmp_path: Path) -> None:
    done = tool("report", str(tmp_path))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "verdicts.json" in done.stderr


def test_the_wheel_ships_what_the_page_is_made_of(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=400, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    template = Path("llmapi_conformance/reporting/html/template")
    there = {str(template / path.name) for path in (ROOT / "src" / template).iterdir()}
    assert len(there) >= 5
    assert there <= shipped
