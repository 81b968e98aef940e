from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from typing import Any

import httpx2
import pytest

from llmapi_conformance.reference.serve import FAULT_VARIABLE, VARIATIONS_VARIABLE, ServeSettings, main, settings_from

COMMAND = [sys.executable, "-m", "llmapi_conformance.reference"]


def started(
    *arguments: str, environment: dict[str, str] | None = None, stdin: int | None = None
) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | (environment or {}),
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def test_the_reference_serves_until_it_is_told_to_stop() -> None:
    process, where = started(environment={FAULT_VARIABLE: "L01", VARIATIONS_VARIABLE: "C12, C4"})
    try:
        assert {"base_url", "control_url", "upstream_url", "upstream_control_url", "keys", "models"} <= set(where)
        assert where["models"]["general:openai"] == ["gpt-5.1", "gpt-5.1-mini"]
        terms = {"heartbeat_seconds": 1.0, "timeout_seconds": 6.0, "running": 2, "waiting": 12}
        assert where["tasks"] == terms
        with httpx2.Client(trust_env=False) as client:
            listing = client.get(
                f"{where['base_url']}/v1/models", headers={"x-api-key": where["keys"]["general:openai"]}
            )
            assert len(listing.json()["data"]) == 4
            assert "content-length" not in listing.headers
            assert client.get(f"{where['upstream_control_url']}/health").status_code == 200
        _go_away_within_a_request(where)
    finally:
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=40)
    assert (process.returncode, output, errors) == (0, "", "")


def _go_away_within_a_request(where: dict[str, Any]) -> None:
    """What a client does that is interrupted; nothing is logged of it."""
    host, _, port = where["base_url"].removeprefix("http://").partition(":")
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-api-key: {where['keys']['general:openai']}\r\n"
    with socket.create_connection((host, int(port)), timeout=40) as connection:
        connection.sendall(f"{head}content-length: 100\r\nexpect: 100-continue\r\n\r\n{{".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100")  # the body is being read


def test_the_upstream_alone_serves_until_standard_input_is_closed() -> None:
    process, where = started("--upstream-only", "--no-strict", "--until-stdin-closes", stdin=subprocess.PIPE)
    try:
        assert set(where) == {"upstream_url", "upstream_control_url"}
        body = {"model": "gpt-5.1", "messages": [{"role": "user", "content": "hi"}]}
        headers = {"authorization": "Bearer dummy"}
        answer = httpx2.post(
            f"{where['upstream_url']}/v1/chat/completions", json=body, headers=headers, trust_env=False
        )
        assert answer.status_code == 200
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(40) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def test_the_command_line_and_the_environment_are_read() -> None:
    settings, leashed = settings_from(
        [
            "--port",
            "1",
            "--control-port",
            "2",
            "--upstream-port",
            "3",
            "--upstream-control-port",
            "4",
            "--delay-ms",
            "5",
        ],
        {FAULT_VARIABLE: "M01", VARIATIONS_VARIABLE: "C1,C2"},
    )
    assert settings == ServeSettings(
        port=1,
        control_port=2,
        upstream_port=3,
        upstream_control_port=4,
        delay_ms=5,
        fault="M01",
        variations=frozenset({"C1", "C2"}),
    )
    assert not leashed


@pytest.mark.parametrize("arguments", [["--port", "x"], ["--port", "70000"], ["--delay-ms", "-1"], ["--none"]])
def test_a_wrong_command_line_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        settings_from(arguments, {})
    assert stopped.value.code == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize(("name", "value"), [(FAULT_VARIABLE, "M99"), (VARIATIONS_VARIABLE, "C99")])
def test_an_unknown_fault_or_variation_is_one_clear_sentence(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    assert main([]) == 2
    assert value in capsys.readouterr().err
