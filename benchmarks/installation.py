"""How long it takes from ``pip install`` to a verdict, in a fresh environment: ``python -m benchmarks.installation``.

The packages come from pip's cache where they are in it; a first call fills it. What is timed is printed in seconds.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = {"one clause": ["-k", "MSG-S07", "--generate", "0"], "one surface": ["-k", "messages"], "everything": []}


def main() -> None:
    """Build the wheel, install it, run it from an empty folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], ROOT)
        (wheel,) = folder.glob("*.whl")
        seconds([sys.executable, "-m", "venv", str(folder / "venv")], folder)
        programs = folder / "venv" / "bin"
        pip = [str(programs / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        install = seconds([*pip, str(wheel)], folder)
        print(f"wheel {wheel.stat().st_size / 1e6:.1f} MB, pip install {install:.1f}")
        for what, options in RUNS.items():
            empty = folder / what.replace(" ", "-")
            empty.mkdir()
            run = seconds([str(programs / "llmapi-conformance"), "run", *options], empty)
            print(f"{what}: run {run:.1f}, from pip install to verdict {install + run:.1f}")


def seconds(command: list[str], folder: Path) -> float:
    """How long a command takes; its failure ends the measurement."""
    began = time.monotonic()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - commands of this file
    return time.monotonic() - began


if __name__ == "__main__":
    main()
