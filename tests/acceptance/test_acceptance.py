"""Acceptance end to end: samples, objectives, exit status, and the same again from the recording."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from llmapi_conformance.errors import TargetError
from llmapi_conformance.target.files import load_target
from tests.acceptance.conftest import EXAMPLE, accept, cli

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.conftest import Accepted


def test_an_objective_is_met_missed_or_undecided_and_a_missed_one_is_a_finding(accepted: Accepted) -> None:
    assert accepted.status == 1, accepted.text
    assert accepted.document["figures"]["verdicts"].get("failed") is None
    assert accepted.objectives() == {
        "first_token_p50_ms": "met",
        "total_p50_ms": "missed",
        "stream_terminal_rate": "undecided",
    }
    assert "1 objective missed" in accepted.text
    assert "3,688 samples would decide" in " ".join(accepted.text.split())
    assert "1 objective" in (accepted.folder / "report.html").read_text("utf-8")
    assert "**missed**: total" in (accepted.folder / "summary.md").read_text("utf-8")
    assert 'type="objective"' in (accepted.folder / "junit.xml").read_text("utf-8")


def test_the_samples_are_as_many_as_were_asked_for_and_within_the_plan(accepted: Accepted) -> None:
    measured = {(one["statistic"], one["operation"]): one for one in accepted.document["measured"]}
    total = measured["total_ms", "createMessage"]
    assert total["n"] + total["dropped"] == 8
    load = measured["error_rate", "createChatCompletion"]
    assert [(level["at_once"], level["n"]) for level in load["levels"]] == [(1, 8), (2, 8)]
    assert all(line.startswith(("Gemini", "Messages under")) for line in accepted.document["unmeasured"])
    spent = accepted.document["figures"]["spent"]
    assert spent["output_tokens"]["observed"] <= spent["output_tokens"]["declared"]


def test_the_document_fits_its_schema(accepted: Accepted) -> None:
    schema = json.loads((files("llmapi_conformance.reporting") / "verdicts.schema.json").read_text("utf-8"))
    jsonschema.validate(accepted.document, schema)


def test_judging_the_recording_again_says_the_same_to_the_byte(accepted: Accepted, tmp_path: Path) -> None:
    again = cli("judge", accepted.folder / "recording.jsonl", "--report-dir", tmp_path)
    assert again.returncode == 1
    for name in ("verdicts.json", "summary.md", "junit.xml", "report.html"):
        assert (tmp_path / name).read_bytes() == (accepted.folder / name).read_bytes(), name


def test_streams_without_their_terminal_event_miss_the_objective(tmp_path: Path) -> None:
    # One Responses stream in three.
    objectives = "[objectives]\nstream_terminal_rate = 0.99\n[objectives.operations.createMessage]\nerror_rate = 0.5\n"
    found = accept(tmp_path, objectives, "--samples", "10", fault="M21")
    assert found.status == 1, found.text
    assert found.objectives() == {"stream_terminal_rate": "missed", "error_rate": "met"}


def test_other_profiles_and_selected_checks_measure_nothing_unless_asked() -> None:
    assert "measured_messages" not in cli("plan", "-k", "MSG-S07").stdout
    assert "measured_messages" not in cli("plan", "-k", "MSG-S07", "--profile", "acceptance").stdout
    asked = cli("plan", "-k", "MSG-S07", "--samples", "3").stdout
    assert "measured_messages[load]" in asked


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("error_rate = 0", "no number of samples shows exactly all or none"),
        ("first_token_p50 = 3", "did you mean 'first_token_p50_ms'"),
        ("total_p50_ms = -1", "objectives.total_p50_ms"),
    ],
)
def test_an_objective_that_makes_no_sense_is_refused(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "target.toml"
    path.write_text(
        'name = "x"\nbase_url = "http://127.0.0.1:1"\n[roles."general:openai"]\nkey_env = "A_KEY"\n[objectives]\n'
        + text
    )
    with pytest.raises(TargetError, match=words.replace("(", "\\(")):
        load_target(path, {"A_KEY": "sk-0123456789abcdef0123"})


def test_the_worked_example_can_be_planned() -> None:
    key = "sk-0123456789abcdef0123"
    keys = {"VENDOR_OPENAI_KEY": key, "VENDOR_ANTHROPIC_KEY": key}
    done = cli("plan", "--target", EXAMPLE, "--profile", "acceptance", environ=keys)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "measured_chat[load]" in done.stdout
