"""The schedules of a probe: each is what its scheduler allows, shows no key, and does what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate  # type: ignore[import-untyped] # it says nothing of its types
import pytest
import yaml

from llmapi_conformance.sending.embedded import start_reference
from llmapi_conformance.target.files import load_target
from tests.run.test_command_line import tool

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE = EXAMPLES / "probe"
UNITS = EXAMPLE / "systemd"
PROGRAMS = Path(sys.executable).parent
KEYS = {
    "PROBE_OPENAI_KEY": "general:openai",
    "PROBE_ANTHROPIC_KEY": "general:anthropic",
    "PROBE_GEMINI_KEY": "general:gemini",
    "PROBE_IMAGE_KEY": "image:batch",
}
MADE_UP = dict.fromkeys(KEYS, "made-up-for-this-test")
CRON_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")


def cron_line() -> tuple[list[str], str, str]:
    """The five fields, the user and the command of the one entry; what stands before it are variables and comments."""
    lines = (EXAMPLE / "crontab").read_text("utf-8").splitlines()
    entries = [line for line in lines if line and not re.match(r"#|[A-Z]+=", line)]
    assert len(entries) == 1
    *fields, user, command = entries[0].split(None, 6)
    return fields, user, command


def manifest() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((EXAMPLE / "kubernetes" / "cronjob.yaml").read_text("utf-8"))
    return found


def test_the_target_file_prices_every_model_and_a_probe_stays_below_its_limits(tmp_path: Path) -> None:
    target, _, _ = load_target(EXAMPLE / "production.toml", MADE_UP)
    assert {model for role in target.roles.values() for model in role.models} <= target.prices.models.keys()
    done = tool("plan", "-t", str(EXAMPLE / "production.toml"), "--profile", "probe", cwd=tmp_path, **MADE_UP)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "USD by the prices of the target file" in " ".join(done.stdout.split())


def test_the_target_file_does_without_image_tasks() -> None:
    keys = {name: value for name, value in MADE_UP.items() if name != "PROBE_IMAGE_KEY"}
    target, _, _ = load_target(EXAMPLE / "production.toml", keys)
    assert "image:batch" not in target.roles


def test_no_key_stands_in_an_example() -> None:
    for path in (one for one in EXAMPLE.rglob("*") if one.is_file()):
        assert not re.search(r"sk-[A-Za-z0-9]|_KEY=(?!\.\.\.)|--key", path.read_text("utf-8")), path


def test_the_line_for_cron_is_one() -> None:
    fields, user, command = cron_line()
    for field, (least, most) in zip(fields, CRON_FIELDS, strict=True):
        assert field == "*" or least <= int(field) <= most
    assert user.isidentifier()
    assert "%" not in command  # a line feed to cron
    assert len(command) < 990  # cron cuts at 1000


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Path]:
    """The files where the schedules look for them, below a folder; the target is a reference gateway."""
    running = start_reference()
    etc, state = tmp_path / "etc", tmp_path / "var"
    etc.mkdir()
    state.mkdir()
    gateway = running.announcement
    text = (EXAMPLE / "production.toml").read_text("utf-8")
    text = text.replace("https://gateway.example", gateway["base_url"])
    text = re.sub(r"requests_per_second = .*|concurrency = .*", "", text)
    text = re.sub(r"wrong_key_seconds = \d+", "wrong_key_seconds = 0", text)
    (etc / "production.toml").write_text(text + "\n[tasks]\nheartbeat_seconds = 1\n", "utf-8")
    shutil.copy(EXAMPLES / "alerts" / "nightly.sh", etc)
    (etc / "keys.env").write_text("".join(f"{name}={gateway['keys'][role]}\n" for name, role in KEYS.items()), "utf-8")
    yield tmp_path
    running.stop()


def performed(script: str, installed: Path) -> subprocess.CompletedProcess[str]:
    for there, here in (
        ("/etc/llmapi-conformance", installed / "etc"),
        ("/var/lib/llmapi-conformance", installed / "var"),
        ("/etc/conformance", installed / "etc"),
    ):
        script = script.replace(there, str(here))
    environment = {"PATH": f"{PROGRAMS}{os.pathsep}/usr/bin:/bin", "HOME": str(installed)}
    for line in (installed / "etc" / "keys.env").read_text("utf-8").splitlines():
        name, _, value = line.partition("=")
        environment |= {name: value} if "keys.env" not in script else {}
    return subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=installed / "var",
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=400,
    )


def test_the_line_for_cron_probes_and_keeps_the_run(installed: Path) -> None:
    done = performed(cron_line()[2], installed)
    assert done.returncode in (0, 11), done.stdout + done.stderr
    assert (installed / "var" / "reports" / "history.sqlite").exists()
    (verdicts,) = (installed / "var" / "reports").glob("*/verdicts.json")
    assert '"exit_status": 0' in verdicts.read_text("utf-8")
    key = (installed / "etc" / "keys.env").read_text("utf-8").split("=")[1].split()[0]
    assert key not in done.stdout + done.stderr


@systemd
def test_the_units_pass_systemd(tmp_path: Path) -> None:
    for path in UNITS.iterdir():
        shutil.copy(path, tmp_path)
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no"]
    names = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run([*command, *names], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    service = tmp_path / "llmapi-conformance-probe.service"
    service.write_text(service.read_text("utf-8").replace("ExecStart=/bin/sh", "ExecStrat=/bin/sh"), "utf-8")
    done = subprocess.run([*command, str(service)], capture_output=True, text=True, check=False)
    assert "ExecStrat" in done.stdout + done.stderr


@systemd
def test_the_timer_fires_every_night() -> None:
    (when,) = re.findall(r"(?m)^OnCalendar=(.*)$", (UNITS / "llmapi-conformance-probe.timer").read_text("utf-8"))
    command = ["systemd-analyze", "calendar", "--iterations=2", when]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.count("02:17:00") >= 2


@systemd
def test_the_service_has_few_rights() -> None:
    service = UNITS / "llmapi-conformance-probe.service"
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(service)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-400:]


def test_the_service_probes(installed: Path) -> None:
    text = (UNITS / "llmapi-conformance-probe.service").read_text("utf-8")
    (command,) = re.findall(r"(?m)^ExecStart=(.*)$", text)
    assert "SuccessExitStatus=11" in text
    done = performed(command, installed)
    assert done.returncode in (0, 11), done.stdout + done.stderr


@pytest.mark.parametrize("version", ["1.33", "1.36"])
def test_the_cron_job_is_what_kubernetes_allows(version: str) -> None:
    kubernetes_validate.validate(manifest(), version, strict=True)
    broken = deepcopy(manifest())
    broken["spec"]["concurrencyPolice"] = "Forbid"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, version, strict=True)


def test_the_cron_job_is_never_sent_twice_and_has_no_rights_that_it_does_not_need() -> None:
    spec = manifest()["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["jobTemplate"]["spec"]["backoffLimit"] == 0
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert "env" not in container
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_cron_job_probes(installed: Path) -> None:
    (container,) = manifest()["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    done = performed("".join(container["args"]), installed)
    assert done.returncode == 0, done.stdout + done.stderr
