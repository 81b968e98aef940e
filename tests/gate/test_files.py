"""The files for CI systems are what those systems' schemas allow, and hold no known trap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.gate.conftest import EXAMPLE, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

PROGRAMS = Path(sys.executable).parent
FILES = {
    "github-actions": [ROOT / "action.yml"],
    "github-workflows": [EXAMPLE / "github.yml"],
    "gitlab-ci": [ROOT / "ci" / "gitlab.yml", EXAMPLE / "gitlab.yml"],
}


@pytest.mark.parametrize("schema", FILES)
def test_a_file_is_what_its_schema_allows(schema: str, tmp_path: Path) -> None:
    command: list[Path | str] = [PROGRAMS / "check-jsonschema", "--builtin-schema", schema]
    assert ran([*command, *FILES[schema]]).returncode == 0
    broken = tmp_path / "broken.yml"
    broken.write_text(
        FILES[schema][0].read_text("utf-8").replace("script:", "skript: 1 #").replace("runs", "rans"), "utf-8"
    )
    assert ran([*command, broken]).returncode == 1


def test_action_and_workflow_pass_the_linter_of_github_actions(tmp_path: Path) -> None:
    command: list[Path | str] = [
        PROGRAMS / "zizmor",
        "--offline",
        "--quiet",
        "--no-progress",
        "--config",
        Path(__file__).with_name("zizmor.yml"),
    ]
    done = ran([*command, ROOT / "action.yml", EXAMPLE / "github.yml"])
    assert done.returncode == 0, done.stdout
    trap = (
        (ROOT / "action.yml")
        .read_text("utf-8")
        .replace('exec "$RUNNER_TEMP', 'echo ${{ inputs.candidate }}; "$RUNNER_TEMP')
    )
    (tmp_path / "action.yml").write_text(trap, "utf-8")
    found = ran([*command, tmp_path / "action.yml"])
    assert found.returncode != 0
    assert "template-injection" in found.stdout


def test_both_systems_hand_over_the_same_options() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    gate = next(one for one in action["runs"]["steps"] if one.get("id") == "gate")
    told = (ROOT / "ci" / "gitlab.yml").read_text("utf-8")
    assert len(gate["env"]) > 5
    assert not [name for name in gate["env"] if name.removeprefix("LLMAPI_GATE") not in told]


def ran(command: Iterable[Path | str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=400)
