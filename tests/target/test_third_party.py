"""The third-party gateways that come with the suite: their target files, and the script that runs against them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from fixtures.targets import third_party
from llmapi_conformance.contract.clauses import Basis
from llmapi_conformance.request import Request
from llmapi_conformance.run import Run

if TYPE_CHECKING:
    from pathlib import Path

NAMES = sorted(third_party.PARTIES)


def _with_keys(name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = third_party.HERE / name / "target.toml"
    for role in tomllib.loads(path.read_text("utf-8"))["roles"].values():
        monkeypatch.setenv(role["key_env"], f"key-of-{role['key_env']}")
    return path


@pytest.mark.parametrize("name", NAMES)
def test_its_target_file_names_things_that_exist(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target = Run(Request(report_dir=tmp_path, target=str(_with_keys(name, monkeypatch)))).target
    assert target.claims == {Basis.PROTOCOL, Basis.STANDARD}
    assert target.sandwich
    assert {"general:openai", "general:anthropic"} <= target.roles.keys()
    assert not target.offers & target.not_offered.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_run_gets_its_target_file_with_the_ports_of_the_run(name: str) -> None:
    text = third_party.filled_in(name, 12345, "http://127.0.0.1:23456")
    filled = tomllib.loads(text)
    shipped = tomllib.loads((third_party.HERE / name / "target.toml").read_text("utf-8"))
    assert filled["base_url"] == "http://127.0.0.1:12345"
    assert filled["upstream"]["control_url"] == "http://127.0.0.1:23456"
    assert {**filled, "base_url": "", "upstream": ""} == {**shipped, "base_url": "", "upstream": ""}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_installed_is_pinned(name: str) -> None:
    lines = (third_party.HERE / name / "requirements.txt").read_text("utf-8").splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    assert packages
    assert all(package.count("==") == 1 and "/" not in package for package in packages)


def test_a_process_ends_with_its_block_and_its_children_with_it() -> None:
    ours, theirs = os.pipe()
    child = f"import subprocess; subprocess.Popen(['sleep', '60'], pass_fds=[{theirs}])"
    parent = f"{child}; print('up', flush=True); import time; time.sleep(60)"
    with third_party.running([sys.executable, "-c", parent], pass_fds=[theirs], stdout=subprocess.PIPE) as started:
        os.close(theirs)
        assert started.stdout
        assert started.stdout.readline() == b"up\n"
    assert started.returncode == -signal.SIGTERM
    assert os.read(ours, 1) == b""  # nobody holds the other end any more
    os.close(ours)


def test_a_gateway_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    words = "print('no such model list'); raise SystemExit(3)"
    place = third_party.Place(tmp_path, tmp_path, 1, "http://127.0.0.1:1", {})
    party = third_party.Party(dict, lambda _: [sys.executable, "-c", words], lambda _: {}, "/", lambda _: {})
    with (
        (tmp_path / "log").open("w+b") as log,
        pytest.raises(third_party.NotReadyError, match="no such model list"),
        third_party.gateway(party, place, log),
    ):
        pass
