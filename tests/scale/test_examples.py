"""The files for schedulers are what those allow, hold no known trap, and do what they say."""

from __future__ import annotations

import os
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
from tests.scale.standing import standing_target, verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "scale"
PROGRAMS = Path(sys.executable).parent
JOBS = ("shards", "merge")
VERSIONS = ("1.33", "1.36")


def manifest(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((EXAMPLE / "kubernetes" / f"{name}.yaml").read_text("utf-8"))
    return found


def containers(name: str) -> list[dict[str, Any]]:
    pod = manifest(name)["spec"]["template"]["spec"]
    return [*pod.get("initContainers", ()), *pod["containers"]]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [*JOBS, "runs"])
def test_a_manifest_is_what_kubernetes_allows(name: str, version: str) -> None:
    kubernetes_validate.validate(manifest(name), version, strict=True)
    broken = deepcopy(manifest(name))
    broken["spec"]["completion"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, version, strict=True)


@pytest.mark.parametrize("name", JOBS)
def test_a_pod_has_no_rights_that_it_does_not_need(name: str) -> None:
    pod = manifest(name)["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for container in containers(name):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "env" not in container


def test_the_merge_needs_no_key() -> None:
    assert [container["name"] for container in containers("merge") if "envFrom" in container] == ["last-shard"]


def test_the_target_file_of_the_example_can_be_used() -> None:
    target, _, _ = load_target(EXAMPLE / "target.toml", {"CONFORMANCE_ANTHROPIC_KEY": "made-up-for-this-test"})
    assert target.name == "eu"


@pytest.mark.parametrize(("schema", "file"), [("github-workflows", "github.yml"), ("gitlab-ci", "gitlab.yml")])
def test_a_file_for_ci_is_what_its_schema_allows(schema: str, file: str, tmp_path: Path) -> None:
    command: list[str | Path] = [PROGRAMS / "check-jsonschema", "--builtin-schema", schema]
    assert not subprocess.run([*command, EXAMPLE / file], check=False, capture_output=True).returncode
    (tmp_path / file).write_text((EXAMPLE / file).read_text("utf-8").replace("needs: ", "needs: 1 #"), "utf-8")
    assert subprocess.run([*command, tmp_path / file], check=False, capture_output=True).returncode == 1


def test_the_workflow_passes_the_linter_of_github_actions() -> None:
    config = ROOT / "tests" / "gate" / "zizmor.yml"
    command: list[str | Path] = [PROGRAMS / "zizmor", "--offline", "--quiet", "--no-progress", "--config", config]
    done = subprocess.run([*command, EXAMPLE / "github.yml"], check=False, capture_output=True, text=True)
    assert not done.returncode, done.stdout


def performed(container: Mapping[str, Any], folder: Path, environ: Mapping[str, str]) -> int:
    """What a container does, with a folder in the place of its volumes, and less to send."""
    script = "".join(container["args"])
    for path, place in (("/etc/conformance", folder), ("/runs", folder / "runs")):
        script = script.replace(path, str(place))
    script = script.replace(" run ", " run -k 'models or usage' --generate 0 ")
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    command = [*container["command"], script]
    done = subprocess.run(
        command, cwd=folder, env={**environ, "PATH": path}, check=False, capture_output=True, timeout=200
    )
    return done.returncode


@pytest.fixture(params=["", "M15"])
def faulty(request: pytest.FixtureRequest) -> Iterator[tuple[bool, Mapping[str, Any]]]:
    running = start_reference(fault=request.param)
    yield bool(request.param), running.announcement
    running.stop()


@pytest.mark.timeout(300)
def test_the_jobs_for_kubernetes_end_as_the_merged_run_does(
    faulty: tuple[bool, Mapping[str, Any]], tmp_path: Path
) -> None:
    standing = standing_target(tmp_path, faulty[1], name="target")
    (tmp_path / "runs" / "shard-1").mkdir(parents=True)
    (tmp_path / "runs" / "shard-1" / "recording.jsonl").write_text("of another night\n")
    (shard,) = containers("shards")
    for index in range(manifest("shards")["spec"]["completions"]):
        environ = {**standing.environ, "JOB_COMPLETION_INDEX": str(index)}
        assert performed(shard, tmp_path, environ) == 0
    last, merge = containers("merge")
    assert performed(last, tmp_path, standing.environ) == 0
    without_keys = {name: value for name, value in standing.environ.items() if not name.startswith("SCALE_KEY")}
    assert performed(merge, tmp_path, without_keys) == (1 if faulty[0] else 0)
    (run,) = [path for path in (tmp_path / "runs").iterdir() if not path.name.startswith("shard-")]
    assert verdicts(run)["exit_status"] == (1 if faulty[0] else 0)
    assert "shard" not in verdicts(run)["selection"]


def test_a_shard_that_can_not_be_sent_fails_its_job(tmp_path: Path) -> None:
    (tmp_path / "target.toml").write_text((EXAMPLE / "target.toml").read_text("utf-8"), "utf-8")
    (shard,) = containers("shards")
    assert performed(shard, tmp_path, {"JOB_COMPLETION_INDEX": "0"}) == 1
