"""Environments of clients are made by the ordinary installers, pinned, and count only when they are whole."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.clients import environments
from llmapi_conformance.clients.catalogue import load_clients
from llmapi_conformance.errors import TargetError
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from pathlib import Path

    from llmapi_conformance.clients.catalogue import Client


def client(family: str) -> Client:
    return next(one for one in load_clients(tree() / "specs") if one.family == family)


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text, "utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a Python whose environments have a pip, and an npm, that write down how they were called."""
    pip = f'echo "$@" > {tmp_path}/pip.txt'
    python = program(
        tmp_path / "bin" / "python",
        f'mkdir -p "$3/bin"; printf \'#!/bin/sh\\n%s\\n\' \'{pip}\' > "$3/bin/pip"; chmod +x "$3/bin/pip"\n',
    )
    start = "node_modules/@openai/codex/bin/codex.js"
    program(
        tmp_path / "bin" / "npm",
        f'echo "$@" > {tmp_path}/npm.txt; mkdir -p "$(dirname {start})"; touch {start}\n',
    )
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path / "home"


def test_a_python_client_is_installed_by_pip_with_its_version_pinned(home: Path) -> None:
    one = client("openai-python")
    assert not environments.is_installed(one, home)
    environments.install(one, home)
    assert environments.is_installed(one, home)
    assert (home.parent / "pip.txt").read_text().split()[-1] == f"openai[realtime]=={one.version}"
    assert environments.command_of(one, home)[0].startswith(str(home))


def test_an_agent_is_installed_by_npm_without_its_scripts(home: Path) -> None:
    one = client("codex")
    environments.install(one, home)
    called = (home.parent / "npm.txt").read_text().split()
    assert called[-1] == f"@openai/codex@{one.version}"
    assert "--ignore-scripts" in called
    assert environments.command_of(one, home)[0] == "node"


def test_two_families_of_one_package_share_an_environment(home: Path) -> None:
    environments.install(client("google-genai"), home)
    assert environments.is_installed(client("google-genai-v1"), home)


def test_an_installer_that_fails_is_quoted_and_leaves_nothing_that_counts(home: Path) -> None:
    program(home.parent / "bin" / "npm", "echo 'no such version' >&2; exit 1\n")
    with pytest.raises(TargetError, match=r"codex-.* can't be installed by npm: no such version"):
        environments.install(client("codex"), home)
    assert not environments.is_installed(client("codex"), home)


def test_an_installer_that_is_not_there_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(TargetError, match=r"codex-.* can't be installed: npm"):
        environments.install(client("codex"), home)


def test_an_agent_that_is_not_where_it_should_be_is_not_installed(home: Path) -> None:
    program(home.parent / "bin" / "npm", "exit 0\n")
    with pytest.raises(TargetError, match="not where it should be"):
        environments.install(client("codex"), home)
    assert not environments.is_installed(client("codex"), home)
