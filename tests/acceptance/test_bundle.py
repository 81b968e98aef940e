"""A bundle is the same for the same run, and tells what was done to it."""

from __future__ import annotations

import io
import json
import re
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.reporting.bundle import bundle_of, manifest_of, unpacked
from llmapi_conformance.reporting.bundle_verifying import verify_bundle
from llmapi_conformance.reporting.verifying import State, exit_status_of
from tests.acceptance.conftest import cli

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.acceptance.conftest import Accepted

    Keys = tuple[Path, Path]


@pytest.fixture(scope="module")
def sealed(accepted: Accepted, keys: Keys) -> bytes:
    return bundle_of(accepted.folder, keys[0])


def zipped(members: Iterable[tuple[str, bytes]]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            file.writestr(name, data)
    return made.getvalue()


def said(data: bytes, folder: Path, public: Path | None = None) -> tuple[int, str]:
    path = folder / "vendor.zip"
    path.write_bytes(data)
    found = list(verify_bundle(path, public))
    return exit_status_of(found), "\n".join(one.sentence for one in found)


def test_the_same_run_makes_the_same_bytes(accepted: Accepted, sealed: bytes, keys: Keys) -> None:
    assert bundle_of(accepted.folder, keys[0]) == sealed
    assert bundle_of(accepted.folder) == bundle_of(accepted.folder) != sealed


def test_a_bundle_is_verified_by_the_command(accepted: Accepted, keys: Keys, tmp_path: Path) -> None:
    path = tmp_path / "vendor.zip"
    assert cli("bundle", accepted.folder, "-o", path, "--key", keys[0]).returncode == 0
    done = cli("verify", path, "--public-key", keys[1])
    assert done.returncode == 0, done.stdout
    assert "signed with the key" in done.stdout
    assert cli("verify", path).returncode == 2  # signed, and nobody looked


def test_the_readme_says_how_to_check_it_without_the_tool(sealed: bytes, keys: Keys, tmp_path: Path) -> None:
    for name, data in unpacked(sealed).items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "public.pem").write_bytes(keys[1].read_bytes())
    readme = (tmp_path / "README.txt").read_text("utf-8")
    commands = re.search(r"check it without\n(.*?)\n\n", readme, re.DOTALL)
    assert commands is not None
    script = "set -eu\n" + commands[1]
    done = subprocess.run(
        ["/bin/bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=400
    )
    assert done.returncode == 0, done.stderr
    assert "recording.jsonl: OK" in done.stdout
    assert "Verified Successfully" in done.stdout


def test_the_readme_names_the_command_that_repeats_the_run(accepted: Accepted, sealed: bytes) -> None:
    readme = unpacked(sealed)["README.txt"].decode()
    assert "--profile acceptance --generate 0 --seed 1 --samples 8 -k MSG-S07" in readme
    assert accepted.document["recording"]["seal"] in readme
    assert "Objective missed: total_p50_ms" in readme


def test_a_bundle_holds_no_key(accepted: Accepted, sealed: bytes) -> None:
    members = unpacked(sealed)
    assert json.loads(members["target.json"]) == accepted.document["target"]
    assert not any(b"sk-llmapi-" in data for data in members.values())


@pytest.mark.parametrize("name", ["report.html", "verdicts.json", "recording.jsonl", "target.json", "README.txt"])
def test_an_altered_member_is_named(name: str, sealed: bytes, keys: Keys, tmp_path: Path) -> None:
    members = unpacked(sealed)
    before, _, after = members[name].rpartition(b"a")
    members[name] = before + b"b" + after
    status, words = said(zipped(members.items()), tmp_path, keys[1])
    assert status == 1
    assert f"{name} was altered" in words
    # With a manifest that was made anew the signed statement still tells.
    del members["MANIFEST"]
    members["MANIFEST"] = manifest_of(members)
    status, words = said(zipped(members.items()), tmp_path, keys[1])
    assert status == 1
    assert name in words


def test_a_missing_and_an_extra_member_are_named(sealed: bytes, tmp_path: Path) -> None:
    members = unpacked(sealed)
    del members["junit.xml"]
    assert "'junit.xml' is missing" in said(zipped(members.items()), tmp_path)[1]
    members = unpacked(sealed) | {"run.sh": b"rm -rf /"}
    assert "members that no bundle has: run.sh" in said(zipped(members.items()), tmp_path)[1]
    members = unpacked(sealed)
    members["MANIFEST"] = b"\n".join(line for line in members["MANIFEST"].split(b"\n") if b"junit" not in line)
    assert "junit.xml is not in MANIFEST" in said(zipped(members.items()), tmp_path)[1]


def test_a_path_that_leads_out_is_refused(sealed: bytes, tmp_path: Path) -> None:
    for name in ("../evil", "/etc/evil", "a/../../evil", "..\\evil", "report.html/"):
        status, words = said(zipped([*unpacked(sealed).items(), (name, b"")]), tmp_path)
        assert (status, "members that no bundle has" in words) == (1, True), name
    assert {one.name for one in tmp_path.iterdir()} == {"vendor.zip"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(sealed: bytes, tmp_path: Path) -> None:
    members = [*unpacked(sealed).items(), ("verdicts.json", b"{}")]
    assert said(zipped(members), tmp_path) == (
        1,
        "it has two members called verdicts.json: nobody can tell which one counts",
    )


def test_what_would_fill_the_disk_is_refused_before_it_is_unpacked(
    sealed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = unpacked(sealed) | {"report.html": b"\0" * (64 << 20)}
    data = zipped(members.items())
    monkeypatch.setattr("llmapi_conformance.reporting.bundle.MOST_BYTES", 16 << 20)
    assert len(data) < 16 << 20
    status, words = said(data, tmp_path)
    assert status == 1
    assert "would unpack to" in words


@pytest.mark.parametrize("kept", [4, 200, -30])
def test_a_damaged_file_is_no_bundle(kept: int, sealed: bytes, tmp_path: Path) -> None:
    status, words = said(sealed[:kept], tmp_path)
    assert status == State.ALTERED
    assert "damaged, or no zip file" in words
