"""What a gate shows of its candidate holds no key, and still starts the same."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.errors import TargetError
from llmapi_conformance.gating import Candidate, candidate_running, without_keys
from tests.gate.conftest import free_ports

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-gate-0123456789abcdef"
HEADER = KEY + "-and-more"


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATE_KEY", KEY)
    monkeypatch.setenv("GATE_HEADER", HEADER)
    (tmp_path / "other.key").write_text("sk-of-a-file-0123456789\n", "utf-8")
    path = tmp_path / "target.toml"
    path.write_text(
        f"""name = "mine"
base_url = "http://127.0.0.1:{free_ports(1)[0]}"
[headers]
x-pass = {{ env = "GATE_HEADER" }}
[roles."general:openai"]
key_env = "GATE_KEY"
models = ["m"]
[roles."general:anthropic"]
key_file = "other.key"
models = ["m"]
""",
        "utf-8",
    )
    return path


def test_a_command_is_shown_with_the_names_of_its_keys_and_starts_the_same(target: Path) -> None:
    command = f"echo {KEY} {HEADER} $HOME"
    shown = without_keys(command, target)
    assert shown == "echo ${GATE_KEY} ${GATE_HEADER} $HOME"
    said = [subprocess.check_output(["/bin/sh", "-c", line]) for line in (command, shown)]
    assert said[0] == said[1]


def test_a_key_of_a_file_has_no_name(target: Path) -> None:
    assert without_keys("ADMIN=sk-of-a-file-0123456789 ./gateway", target) == "ADMIN=[secret] ./gateway"


def test_no_half_of_a_key_is_in_the_last_words(target: Path) -> None:
    # The key lies across the place where the last 2000 bytes begin.
    candidate = Candidate(f"printf '%s' '{KEY}'; printf '%01990d' 0; exit 3")
    with pytest.raises(TargetError, match="ended with status 3") as caught, candidate_running(candidate, target):
        pass
    assert "0" * 1990 in str(caught.value)
    assert KEY[-6:] not in str(caught.value)
