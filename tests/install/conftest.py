"""The suite as somebody else has it: a wheel, in an environment with what the base installation brings and no more."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Each file that is opened, of every process of the environment; this very environment's packages aside.
_WATCHER = """
import os, sys
def watch(event, args, log={log!r}, root={root!r}, aside={aside!r}):
    if event == "open" and isinstance(args[0], (str, bytes)):
        path = os.path.abspath(os.fsdecode(args[0]))
        if path.startswith(root) and not path.startswith(aside):
            fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(fd, path.encode() + b"\\n")
            os.close(fd)
sys.addaudithook(watch)
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """An installation of the wheel.

    Attributes:
        programs: Folder of the programs.
        package: Folder of the package.
        empty: An empty folder to work in.
        log: Has a line for each file of the checkout that was opened; not there when none was.
    """

    programs: Path
    package: Path
    empty: Path
    log: Path

    def tool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.programs / "llmapi-conformance", *arguments],
            cwd=self.empty,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.empty.parent), "LANG": "C.UTF-8", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


def build(source: Path, folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=400)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Installed without an index: what the base installation brings is linked from the environment of the tests."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True, timeout=400)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)}))
    names = re.findall(r"(?m)^([A-Za-z0-9][\w.-]*)==", (ROOT / "requirements" / "base.txt").read_text("utf-8"))
    assert len(names) > 20
    for name in names:
        link(name, site)
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python")]
    options = ["install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", str(wheel)]
    subprocess.run([*pip, *options], check=True, timeout=400)
    log = folder / "opened"
    aside = (sys.prefix, str(ROOT / ".venv"))
    (site / "sitecustomize.py").write_text(_WATCHER.format(log=str(log), root=f"{ROOT}/", aside=aside), "utf-8")
    empty = folder / "empty"
    empty.mkdir()
    return Installed(venv / "bin", site / "llmapi_conformance", empty, log)


def link(name: str, site: Path) -> None:
    """Make a distribution of this environment one of another; one that this platform does not need is not there."""
    try:
        files = metadata.distribution(name).files or []
    except metadata.PackageNotFoundError:
        return
    for top in {file.parts[0] for file in files if file.parts[0] != ".."}:
        target = site / top
        if top != "__pycache__" and not target.exists():
            target.symlink_to(Path(str(metadata.distribution(name).locate_file(top))))
