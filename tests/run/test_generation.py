"""Generated requests in a run: how many, from which seed, judged again without the gateway."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from llmapi_conformance.request import EMBEDDED, Request
from llmapi_conformance.run import Run

if TYPE_CHECKING:
    from pathlib import Path

ONE = "test_generated and (getUsage or createChatCompletion)"  # and its alias


def tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "llmapi_conformance", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "verdicts.json").read_text("utf-8"))
    return found


def bodies(folder: Path) -> list[tuple[str, str, str, str]]:
    """What was sent, as it is in the recording; the gateway's port and the key aside."""
    records = map(json.loads, (folder / "recording.jsonl").read_bytes().splitlines())
    return sorted(
        (one["parameters"], one["request"]["method"], one["request"]["target"], json.dumps(one["request"]["body"]))
        for one in records
        if one["record"] == "exchange" and one["scenario"] == "generated"
    )


def test_the_same_seed_sends_the_same_bytes_and_is_judged_again_alike(tmp_path: Path) -> None:
    runs = [tmp_path / name for name in ("first", "again", "other")]
    for folder, seed in zip(runs, ("7", "7", "8"), strict=True):
        done = tool("run", "-k", ONE, "--generate", "12", "--seed", seed, "--report-dir", str(folder))
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"12 generated cases of each operation, drawn from --seed {seed}" in done.stdout
    first, again, other = map(bodies, runs)
    assert len(first) >= 26
    assert first == again
    assert first != other
    assert document(runs[0])["selection"] | {"keyword": ""} == {
        "keyword": "",
        "fail_on_warned": False,
        "generate": 12,
        "seed": 7,
    }
    judged = tmp_path / "judged"
    assert tool("judge", str(runs[0] / "recording.jsonl"), "--report-dir", str(judged)).returncode == 0
    assert (judged / "verdicts.json").read_bytes() == (runs[0] / "verdicts.json").read_bytes()


def test_without_cases_nothing_is_generated_and_the_reason_is_said(tmp_path: Path) -> None:
    done = tool("run", "-k", "ERR-G01 and getUsage", "--generate", "0", "--report-dir", str(tmp_path))
    assert "generated" not in done.stdout.partition("not observed")[0].partition("surface")[2]
    [clause] = [one for one in document(tmp_path)["clauses"] if one["id"] == "ERR-G01"]
    assert clause["verdict"] == "not_observed"
    assert "--generate N" in clause["reason"]


def test_the_plan_counts_generated_requests() -> None:
    planned = [tool("plan", "-k", ONE, "--generate", number).stdout for number in ("10", "50")]
    for text, requests in zip(planned, (2 * 51 + 44, 2 * 91 + 54), strict=True):
        assert f"at most {requests} requests" in text


def test_a_target_that_may_have_to_be_paid_for_gets_none_unless_asked(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("A_KEY", "sk-0123456789abcdef")
    file = tmp_path / "target.toml"
    file.write_text(
        'name = "paid"\nbase_url = "http://127.0.0.1:9"\n'
        '[roles."general:openai"]\nkey_env = "A_KEY"\nmodels = ["gpt-5.1"]\n'
    )

    def cases(target: str, profile: str, generate: int | None = None) -> int:
        return Run(Request(tmp_path, target=target, profile=profile, generate=generate)).generation.cases

    assert cases(str(file), "gate") == 0
    assert cases(str(file), "acceptance") == 0
    assert cases(str(file), "gate", 5) == 5
    assert (cases(EMBEDDED, "gate"), cases(EMBEDDED, "acceptance"), cases(EMBEDDED, "probe")) == (20, 60, 0)
    assert cases(EMBEDDED, "gate", 0) == 0


def test_an_operation_that_the_target_does_not_offer_gets_none(
    tmp_path: Path, reference: dict[str, Any], monkeypatch: Any
) -> None:
    monkeypatch.setenv("A_KEY", reference["keys"]["general:openai"])
    file = tmp_path / "target.toml"
    file.write_text(
        f'name = "no usage"\nbase_url = "{reference["base_url"]}"\noffers = ["errors", "http", "chat"]\n'
        '[roles."general:openai"]\nkey_env = "A_KEY"\nmodels = ["gpt-5.1"]\n'
    )
    done = tool("run", "-t", str(file), "-k", ONE, "--generate", "4", "--report-dir", str(tmp_path / "run"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert {operation for operation, *_ in bodies(tmp_path / "run")} == {"createChatCompletion"}
