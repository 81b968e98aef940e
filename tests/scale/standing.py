"""A reference gateway that stands while several runs are made, a target file for it, and our tool."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmapi_conformance.sending.embedded import TASK_END

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Standing:
    """What a run needs to be made against it."""

    target: Path
    environ: Mapping[str, str]


def standing_target(
    folder: Path, announcement: Mapping[str, Any], *, name: str = "standing", keys: str = "SCALE_KEY"
) -> Standing:
    """Write a target file with every role of a running reference gateway.

    Args:
        folder: Where.
        announcement: What the reference said of itself.
        name: Of the target.
        keys: How the names of the variables begin that hold its keys.
    """
    tasks, models = announcement["tasks"], announcement["models"]
    lines = [f'name = "{name}"', f'base_url = "{announcement["base_url"]}"']
    environ: dict[str, str] = {}
    for number, (role, key) in enumerate(announcement["keys"].items()):
        environ[f"{keys}_{number}"] = key
        named = models.get(role, models.get(role.partition("+")[0], ()))
        lines += [f'[roles."{role}"]', f'key_env = "{keys}_{number}"', f"models = {json.dumps(list(named))}"]
    lines += ["[upstream]", f'control_url = "{announcement["upstream_control_url"]}"']
    lines += ["[limits]", "concurrency = 16", f"refused_request_bytes = {announcement['body_limit']}"]
    lines += ["[timeouts]", "connect = 15", "first_byte = 30", "idle = 15", "total = 60"]
    lines += ["[tasks]", f"end_seconds = {TASK_END}", *(f"{entry} = {value}" for entry, value in tasks.items())]
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return Standing(path, {**os.environ, **environ})


def tool(*arguments: object, environ: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run our tool: its exit status, and all that it said."""
    command = [sys.executable, "-m", "llmapi_conformance", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=environ)
    return done.returncode, done.stdout + done.stderr


def verdicts(folder: Path) -> dict[str, Any]:
    """The verdicts of a run."""
    document: dict[str, Any] = json.loads((folder / "verdicts.json").read_bytes())
    return document
