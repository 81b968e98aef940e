"""What the gate starts it stops, and what does not start in time is told with its last words."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llmapi_conformance.errors import TargetError
from llmapi_conformance.gating import Candidate, candidate_running, set_up
from tests.gate.conftest import free_ports

SERVER = f"exec '{sys.executable}' -m http.server --bind 127.0.0.1 %d"


def target_file(folder: Path, more: str = "", port: int = 0) -> Path:
    path = folder / "target.toml"
    role = '[roles."general:openai"]\nkey_env = "GATE_KEY"\nmodels = ["m"]\n'
    path.write_text(f'name = "mine"\nbase_url = "http://127.0.0.1:{port or free_ports(1)[0]}"\n{role}{more}', "utf-8")
    return path


def serving(folder: Path, more: str = "", before: str = "") -> tuple[Candidate, Path, int]:
    port = free_ports(1)[0]
    return Candidate(before + SERVER % port), target_file(folder, more, port), port


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_candidate_and_upstream_serve_in_the_block_and_are_gone_after_it(tmp_path: Path) -> None:
    control = free_ports(1)[0]
    seen = tmp_path / "seen"
    upstream = f'[upstream]\ncontrol_url = "http://127.0.0.1:{control}"\n'
    candidate, target, port = serving(tmp_path, upstream, f"echo $UPSTREAM_URL > '{seen}'; ")

    def interrupted() -> None:
        with candidate_running(candidate, target):
            assert answers(port)
            assert answers(control)
            assert answers(int(seen.read_text("utf-8").strip().rpartition(":")[2]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not answers(port)
    assert not answers(control)


def test_what_the_candidate_started_ends_with_it_also_when_it_heeds_no_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmapi_conformance.gating.STOP_DEADLINE", 0.5)
    stubborn = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print(os.getpid(), flush=True); time.sleep(60)"
    )
    said = tmp_path / "pid"
    candidate, target, port = serving(tmp_path, before=f"'{sys.executable}' -c '{stubborn}' > '{said}' & ")
    with candidate_running(candidate, target):
        deadline = time.monotonic() + 40
        while not said.read_text("utf-8"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        pid = int(said.read_text("utf-8"))
        os.kill(pid, 0)
    assert not answers(port)
    with contextlib.suppress(FileNotFoundError):  # ended, and perhaps not yet waited for by whoever adopted it
        assert Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "Z"


def test_a_candidate_that_ends_is_told_with_its_last_words_but_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATE_KEY", "sk-gate-0123456789")
    with (
        pytest.raises(TargetError, match=r"(?s)ended with status 3 before it served.*\| key \[secret\] is not mine"),
        candidate_running(Candidate("echo key $GATE_KEY is not mine; exit 3"), target_file(tmp_path)),
    ):
        pass


def test_a_candidate_that_never_serves_is_waited_for_no_longer_than_asked(tmp_path: Path) -> None:
    began = time.monotonic()
    with (
        pytest.raises(TargetError, match=r"did not serve \S+/health within 1 s: nothing answers there.*said nothing"),
        candidate_running(Candidate("exec sleep 60", "/health", 1.0), target_file(tmp_path)),
    ):
        pass
    assert time.monotonic() - began < 40


def test_ready_means_an_answer_with_success(tmp_path: Path) -> None:
    candidate, target, _ = serving(tmp_path)
    waiting = Candidate(candidate.command, "/absent", 3.0)
    with pytest.raises(TargetError, match="its last answer was 404"), candidate_running(waiting, target):
        pass


def test_what_serves_already_is_not_taken_for_the_candidate(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as other:
        deadline = time.monotonic() + 40
        while not answers(port):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        try:
            with (
                pytest.raises(TargetError, match=r"Something serves .* already"),
                candidate_running(Candidate("exec sleep 60"), target_file(tmp_path, port=port)),
            ):
                pass
        finally:
            other.send_signal(signal.SIGTERM)


def test_a_candidate_that_goes_away_meanwhile_is_told(tmp_path: Path) -> None:
    candidate, target, port = serving(tmp_path)
    log = tmp_path / "log"
    dying = Candidate(
        f"{candidate.command.removeprefix('exec ')} & sleep 1; kill $!; wait; echo out of memory; exit 9", log=log
    )

    def until_it_is_gone() -> None:
        with candidate_running(dying, target):
            deadline = time.monotonic() + 40
            while answers(port):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            time.sleep(0.3)

    with pytest.raises(TargetError, match=r"(?s)ended with status 9 while it was under test.*out of memory"):
        until_it_is_gone()
    assert "out of memory" in log.read_text("utf-8")


def test_an_upstream_elsewhere_can_not_be_started_by_the_gate(tmp_path: Path) -> None:
    target = target_file(tmp_path, '[upstream]\ncontrol_url = "https://upstream.example"\n')
    with (
        pytest.raises(TargetError, match="a port of this machine"),
        candidate_running(Candidate("exec sleep 60"), target),
    ):
        pass


@pytest.mark.parametrize("whose", ["control_url of", "--upstream-port"])
def test_a_port_of_the_upstream_that_is_taken_is_named(tmp_path: Path, whose: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = free_ports(1)[0]
        control, upstream = (other, port) if whose.startswith("--") else (port, other)
        target = target_file(tmp_path, f'[upstream]\ncontrol_url = "http://127.0.0.1:{control}"\n')
        words = rf"{whose} .*port {port} for our upstream, .*Address already in use.*stop what listens there"
        with (
            pytest.raises(TargetError, match=words),
            candidate_running(Candidate("exec sleep 60", upstream_port=upstream), target),
        ):
            pass


def test_a_shard_that_is_none_is_said_before_anything_is_set_up(tmp_path: Path) -> None:
    target = target_file(tmp_path, '[setup]\ncommand = ["touch", "made"]\n')
    command = [sys.executable, "-m", "llmapi_conformance", "run", "-t", str(target), "--shard", "3/2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=400)
    assert (done.returncode, "'3/2' is no shard" in done.stderr) == (2, True)
    assert not (tmp_path / "made").exists()


def test_set_up_runs_beside_the_target_file_and_its_failure_is_told(tmp_path: Path) -> None:
    set_up(target_file(tmp_path, '[setup]\ncommand = ["touch", "made"]\n'))
    assert (tmp_path / "made").exists()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "llmapi_conformance",
            "run",
            "-t",
            target_file(tmp_path, '[setup]\ncommand = ["false"]\n'),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "[setup] false ended with status 1" in done.stderr
    for command, words in ((["false"], "ended with status 1"), (["./absent"], "can't be started: No such file")):
        with pytest.raises(TargetError, match=words):
            set_up(target_file(tmp_path, f"[setup]\ncommand = {command}\n"))
