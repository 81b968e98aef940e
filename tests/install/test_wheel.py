"""The wheel works where nothing of the checkout is."""

from __future__ import annotations

import json
import subprocess
import zipfile
from typing import TYPE_CHECKING

from tests.install.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.install.conftest import Installed

TREE = ("specs", "suites", "fixtures")
EXTRAS = ("sqlalchemy", "alembic", "psycopg", "opentelemetry", "securesystemslib", "mkdocs", "xdist")
"""What only an extra, or nobody but us, brings."""


EXPLAIN = """
import sys
from typer.main import get_command
from typer.testing import CliRunner
from llmapi_conformance.cli import app
for name in get_command(app).commands:
    done = CliRunner().invoke(app, [name, "--help"])
    print(name) if done.exit_code == 0 else sys.exit(f"{name}: {done.output} {done.exception!r}")
"""


def kept(folder: Path) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not {"__pycache__", ".pytest_cache"} & {*path.parts} and path.suffix != ".pyc"
    }


def test_it_holds_the_whole_tree_and_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    tree = {f"llmapi_conformance/_tree/{name}" for folder in TREE for name in kept(ROOT / folder)}
    package = {name.removeprefix("src/") for name in kept(ROOT / "src" / "llmapi_conformance")}
    assert names == tree | package
    assert wheel.stat().st_size < 3_000_000


def test_it_runs_from_an_empty_folder_with_a_package_that_can_not_be_written(installed: Installed) -> None:
    before = contents(installed.package)
    folders = [installed.package, *(path for path in installed.package.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        done = installed.tool("run", "--generate", "0", "-k", "MSG-S07", "--report-dir", "report")
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert done.returncode == 0, done.stdout + done.stderr
    verdicts = json.loads((installed.empty / "report" / "verdicts.json").read_text("utf-8"))
    assert [one["verdict"] for one in verdicts["clauses"] if one["id"] == "MSG-S07"] == ["passed"]
    assert [path.name for path in installed.empty.iterdir()] == ["report"]
    assert contents(installed.package) == before
    assert not installed.log.exists(), installed.log.read_text("utf-8")


def test_nothing_of_the_checkout_would_go_unseen(installed: Installed) -> None:
    """The watcher of the test above does see it."""
    (installed.empty / "target.toml").symlink_to(ROOT / "fixtures" / "targets" / "keyway" / "target.toml")
    try:
        real = str(ROOT / "fixtures" / "targets" / "keyway" / "target.toml")
        assert installed.tool("plan", "--target", real).returncode == 2
        assert real in installed.log.read_text("utf-8").splitlines()
    finally:
        (installed.empty / "target.toml").unlink()
        installed.log.unlink(missing_ok=True)


def test_every_command_explains_itself_without_any_extra(installed: Installed) -> None:
    for name in EXTRAS:
        assert not (installed.package.parent / name).exists(), f"{name} came with the base installation"
    done = subprocess.run(
        [installed.programs / "python", "-c", EXPLAIN],
        cwd=installed.empty,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"run", "gate", "judge", "clauses"} <= set(done.stdout.split())


def test_what_needs_an_extra_says_which(installed: Installed) -> None:
    (installed.empty / "key.pem").write_text("no key", "utf-8")
    run = installed.tool("run", "--generate", "0", "-k", "MSG-S07", "--report-dir", "other")
    assert run.returncode == 0, run.stdout + run.stderr
    done = installed.tool("statement", "other", "--key", "key.pem")
    assert done.returncode == 2
    assert "llmapi-conformance[sign]" in done.stderr


def contents(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}
