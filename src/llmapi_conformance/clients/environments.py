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
OLDEST_NODE = 20
"""Major version of Node.js that clients in JavaScript were seen to work with; their packages ask for 22 by now."""
_NODE_DEADLINE = 60.0
_READY = "ready"
_MODULES = "node_modules"
_TOLD = "told.mjs"
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


def lacking(client: Client) -> str:
    """What a client needs of this machine beside its environment and does not find here; empty when it has all.

    Without it the client would end early, and the gateway would be blamed.
    """
    if not needs_node(client):
        return ""
    try:
        done = subprocess.run(
            ["node", "--version"],  # noqa: S607 - the one that would run the client
            capture_output=True,
            text=True,
            timeout=_NODE_DEADLINE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it needs Node.js {OLDEST_NODE} or newer: {error}"
    major = done.stdout.strip().removeprefix("v").partition(".")[0]
    if not major.isdecimal() or int(major) < OLDEST_NODE:
        return f"it needs Node.js {OLDEST_NODE} or newer, and node is {done.stdout.strip()[:40] or 'silent'}"
    return ""


def needs_node(client: Client) -> bool:
    """Whether Node.js runs it: an SDK for JavaScript, or an agent that is no program of its own."""
    return client.registry == "npm" and (bool(client.script) or _STARTS[client.agent].endswith(".js"))


def script_command(client: Client, home: Path, scripts: Path, folder: Path) -> list[str]:
    """How the script of an SDK is started.

    Args:
        client: The SDK.
        home: Of the environments.
        scripts: Folder of the scripts.
        folder: Where the process will live; what Node.js needs beside a script is put there, since an ``import`` finds
            packages only above the file that it stands in (Node.js, ECMAScript modules, resolution).
    """
    if client.registry == "pypi":
        return [*command_of(client, home), str(scripts / client.script)]
    for name in (client.script, _TOLD):
        shutil.copyfile(scripts / name, folder / name)
    (folder / _MODULES).symlink_to((folder_of(client, home) / _MODULES).absolute())
    return [*command_of(client, home), str(folder / client.script)]


def command_of(client: Client, home: Path) -> list[str]:
    """How it is started: what runs its script, or the agent itself."""
    folder = folder_of(client, home)
    if client.script:
        return ["node"] if client.registry == "npm" else [str(folder / "bin" / "python")]
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
        if not _start_of(client, folder).exists():
            raise TargetError(f"{client.name} was installed in {folder}, but is not where it should be.")
    (folder / _READY).touch()


def _start_of(client: Client, folder: Path) -> Path:
    """What an installation by npm must have brought: the agent, or the package of the SDK."""
    return folder / (_STARTS[client.agent] if client.agent else f"{_MODULES}/{client.package}/package.json")


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
