from __future__ import annotations

import contextlib
import os
import random
import re
import socket
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "gate"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below those that the system gives away itself: other tests run at the same time."""
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(12_000, 32_000)  # noqa: S311 - no secret
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports += [port] if port not in ports else []
    return ports


@pytest.fixture(scope="session")
def keyway(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds the candidate of examples/gate, installed as its README says."""
    folder = tmp_path_factory.mktemp("candidate")
    python = folder / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True, timeout=400)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    done = subprocess.run(
        [*pip, "-r", str(EXAMPLE / "requirements.txt")], capture_output=True, text=True, check=False, timeout=400
    )
    if done.returncode and not os.environ.get("CI"):
        pytest.skip(f"the candidate can't be installed: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    return python


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of examples/gate on ports that are free."""
    folder = tmp_path / "project"
    copytree(EXAMPLE, folder, ignore=ignore_patterns("work", "report", "__pycache__"))
    target = folder / "target.toml"
    text = target.read_text("utf-8")
    for old, port in zip((":9233", ":4901"), free_ports(2), strict=True):
        text, replaced = re.subn(rf"{old}(?=\")", f":{port}", text)
        assert replaced == 1
    target.write_text(text, "utf-8")
    return folder
