"""Where clients live: an environment for each version, made when it is asked for and kept for the next run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from llmapi_conformance.errors import TargetError

if TYPE_CHECKING:
    from llmapi_conformance.clients.catalogue import Client

INSTALL_DEADLINE = 600.0
"""Seconds that a registry's client may take to install one client."""
_READY = "ready"
_STARTS = {
    "claude": "node_modules/@anthropic-ai/claude-code-linux-x64/claude",
    "codex": "node_modules/@openai/codex/bin/codex.js",
    "gemini": "node_modules/@google/gemini-cli/bundle/gemini.js",
}


def default_home() -> Path:
    """Where environments lie unless said otherwise: the user's cache (XDG Base Directory)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "llmapi-conformance" / "clients"


def folder_of(client: Client, home: Path) -> Path:
    """The environment of a client; two families of one package share it."""
    return home / f"{client.package.replace('/', '_').replace('[', '_').rstrip(']')}-{client.version}"


def is_installed(client: Client, home: Path) -> bool:
    """Whether its environment was made to the end."""
    return (folder_of(client, home) / _READY).exists()


def command_of(client: Client, home: Path) -> list[str]:
    """How it is started: its Python, or the agent itself."""
    folder = folder_of(client, home)
    if client.script:
        return [str(folder / "bin" / "python")]
    start = str(folder / _STARTS[client.agent])
    return ["node", start] if start.endswith(".js") else [start]


def install(client: Client, home: Path) -> None:
    """Make the environment of a client with the ordinary installer of its registry.

    Raises:
        TargetError: It can't be installed here; says what the installer said.
    """
    folder = folder_of(client, home)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if client.registry == "pypi":
        _done(client, [sys.executable, "-m", "venv", str(folder)], folder)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        _done(client, [*pip, f"{client.package}=={client.version}"], folder)
    else:
        (folder / "package.json").write_text(json.dumps({"private": True}), "utf-8")
        npm = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
        _done(client, [*npm, "--loglevel=error", f"{client.package}@{client.version}"], folder)
        if not Path(command_of(client, home)[-1]).exists():
            raise TargetError(f"{client.name} was installed in {folder}, but is not where it should be.")
    (folder / _READY).touch()


def _done(client: Client, command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - an installer with a pinned name
            command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_DEADLINE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TargetError(f"{client.name} can't be installed: {command[0]}: {error}.") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise TargetError(
            f"{client.name} can't be installed by {command[0]}: {said[-1] if said else 'no reason given'}"
        )
