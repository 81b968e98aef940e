from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.sending.embedded import start_reference

if TYPE_CHECKING:
    from collections.abc import Iterable

EXAMPLE = Path(__file__).parents[2] / "examples" / "acceptance" / "target.toml"
OBJECTIVES = """
[objectives]
first_token_p50_ms = 60_000
total_p50_ms = 1
stream_terminal_rate = 0.999
"""


@dataclass(frozen=True)
class Accepted:
    """An acceptance run of few samples: its folder, its exit status, what it said."""

    folder: Path
    status: int
    text: str

    @property
    def document(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.folder / "verdicts.json").read_text("utf-8"))
        return read

    def measured(self, statistic: str) -> dict[str, Any]:
        """The entry of a statistic that speaks of one operation, or of the first of several."""
        entries = (one for one in self.document["measured"] if one["statistic"] == statistic and one["operation"])
        return next(entries)

    def sent(self, scenario: str) -> list[str]:
        """The operations that a scenario asked for, in order."""
        lines = map(json.loads, (self.folder / "recording.jsonl").read_text("utf-8").splitlines())
        return [one["operation"] for one in lines if one["record"] == "exchange" and one["scenario"] == scenario]

    def objectives(self) -> dict[str, str]:
        return {one["objective"]: one["verdict"] for one in self.document["objectives"]}


def cli(*words: object, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "llmapi_conformance", *(str(word) for word in words)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=400, env={**os.environ, **(environ or {})}
    )


TEXT = ("general:openai", "general:anthropic")


def accept(
    folder: Path,
    objectives: str,
    *words: str,
    fault: str = "",
    variations: Iterable[str] = (),
    roles: Iterable[str] = TEXT,
) -> Accepted:
    """One clause and a few samples, against a reference gateway that a target file with these roles describes."""
    reference = start_reference(fault=fault, variations=variations, delay_ms=20)
    try:
        announced = reference.announcement
        lines = ['name = "the vendor"', f'base_url = "{announced["base_url"]}"']
        keys = {}
        for number, (role, key) in enumerate(announced["keys"].items()):
            if role not in roles:
                continue
            keys[f"VENDOR_KEY_{number}"] = key
            lines += [f'[roles."{role}"]', f'key_env = "VENDOR_KEY_{number}"']
            lines.append(f"models = {json.dumps(announced['models'][role])}")
        lines += ["[upstream]", f'control_url = "{announced["upstream_control_url"]}"', "[limits]", "concurrency = 2"]
        target = folder / "target.toml"
        target.write_text("\n".join(lines) + "\n" + objectives, "utf-8")
        out = folder / "run"
        done = cli(
            *("run", "--target", target, "--profile", "acceptance", "-k", "MSG-S07", "--report-dir", out),
            *("--generate", "0", *words),
            environ=keys,
        )
    finally:
        reference.stop()
    return Accepted(out, done.returncode, done.stdout + done.stderr)


@pytest.fixture(scope="session")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Accepted:
    for _ in range(4):  # samples during which our own process stood still do not count, and then too few are left
        found = accept(tmp_path_factory.mktemp("accepted"), OBJECTIVES, "--samples", "8")
        if found.objectives().get("total_p50_ms") != "undecided":
            break
    return found


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A private key and its public one."""
    folder = tmp_path_factory.mktemp("keys")
    private, public = folder / "key.pem", folder / "public.pem"
    openssl = shutil.which("openssl") or "openssl"
    subprocess.run([openssl, "genpkey", "-algorithm", "ed25519", "-out", private], check=True, capture_output=True)
    subprocess.run([openssl, "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return private, public
