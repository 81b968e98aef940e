"""Acceptance end to end: samples, objectives, exit status, and the same again from the recording."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from llmapi_conformance.errors import TargetError
from llmapi_conformance.scenario_fixtures import load_scenarios
from llmapi_conformance.sending.plan import measuring_instances
from llmapi_conformance.target.files import load_target
from llmapi_conformance.tree import tree
from tests.acceptance.conftest import EXAMPLE, TEXT, accept, cli

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
    # The rest has no key; what is asked with the keys that are there is measured.
    assert {line.split(" (")[0] for line in accepted.document["unmeasured"]} == {
        *("Gemini", "Messages under the Antigravity prefix", "Image tasks")
    }
    turns, images = accepted.measured("turn_total_ms"), accepted.measured("image_error_rate")
    assert (turns["operation"], turns["n"] + turns["dropped"]) == ("connectResponses", 8)
    assert (images["operation"], images["n"], images["successes"]) == ("generateImage", 8, 0)
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


EVERYTHING = (*TEXT, "image:batch")
STATED = """
[tasks]
end_seconds = 20
[objectives]
image_error_rate = 0.4
task_end_rate = 0.5
task_error_rate = 0.5
[objectives.operations.connectResponses]
stream_terminal_rate = 0.5
"""


def test_turns_without_their_end_miss_the_objective(tmp_path: Path) -> None:
    stated = STATED.replace("stream_terminal_rate = 0.5", "stream_terminal_rate = 0.9")
    found = accept(tmp_path, stated, "--samples", "8", fault="M36")
    assert found.status == 1, found.text
    assert found.objectives()["stream_terminal_rate"] == "missed"
    assert found.objectives()["image_error_rate"] == "met"
    rates = {
        one["operation"]: (one["successes"], one["n"])
        for one in found.document["measured"]
        if one["statistic"] == "stream_terminal_rate"
    }
    assert rates["connectResponses"] == (0, 5)  # five in a row are enough
    assert rates["createResponse"][0] == rates["createResponse"][1]


def test_images_that_do_not_decode_miss_the_objective(tmp_path: Path) -> None:
    found = accept(tmp_path, STATED, "--samples", "8", fault="I04")
    assert found.status == 1, found.text
    assert found.objectives()["image_error_rate"] == "missed"
    assert found.objectives()["stream_terminal_rate"] == "met"
    assert "no picture that could be read" in found.measured("image_error_rate")["note"]


def test_a_task_that_never_ends_misses_the_objective_and_is_cancelled(tmp_path: Path) -> None:
    # One task in eight.
    stated = STATED.replace("task_end_rate = 0.5", "task_end_rate = 0.999")
    found = accept(tmp_path, stated, "--samples", "8", fault="M34", roles=EVERYTHING)
    assert found.status == 1, found.text
    assert found.objectives() == {
        "task_end_rate": "missed",
        "task_error_rate": "undecided",
        "image_error_rate": "met",
        "stream_terminal_rate": "met",
    }
    ends = found.measured("task_end_rate")
    assert (ends["successes"], ends["n"]) == (7, 8)
    assert "it did not end" in found.measured("task_error_rate")["note"]
    assert found.sent("measured_tasks").count("cancelImageTask") == 1
    assert found.sent("cleanup") == []


def test_a_gateway_with_legal_variations_misses_nothing(tmp_path: Path) -> None:
    legal = ("C5", "C16", "C17", "V1", "V3", "V10", "V11", "V12", "V14", "V16", "V21", "V22")
    found = accept(tmp_path, STATED, "--samples", "12", variations=legal, roles=EVERYTHING)
    assert found.status == 0, found.text
    assert found.sent("measured_websocket") == ["connectResponses"] * 2  # ten turns, and two
    assert found.sent("measured_images") == ["generateImage"] * 8
    assert "cancelImageTask" not in found.sent("measured_tasks")
    assert set(found.objectives().values()) == {"met"}
    spent = found.document["figures"]["spent"]
    assert spent["images"]["observed"] <= spent["images"]["declared"]


def test_what_is_not_offered_is_not_measured(tmp_path: Path) -> None:
    text = STATED + '[not_offered]\nwebsocket = "no WebSocket"\ntasks = "no tasks"\ngenerateImage = "no images"\n'
    found = accept(tmp_path, text, "--samples", "2", roles=EVERYTHING)
    operations = {one["operation"] for one in found.document["measured"]}
    assert "createChatCompletion" in operations
    assert not operations & {"connectResponses", "generateImage", "submitImageTask"}
    assert not any(map(found.sent, ("measured_websocket", "measured_images", "measured_tasks")))
    assert "no WebSocket" in " ".join(found.document["unmeasured"])


@pytest.mark.parametrize(("samples", "images"), [(1, 1), (8, 8), (30, 8), (60, 12), (5_000, 20)])
def test_images_and_tasks_are_few_and_the_plan_counts_them(samples: int, images: int) -> None:
    load_scenarios(tree())
    costs = {one.key: one.cost(samples=samples) for one in measuring_instances()}
    assert costs["measured_images[images]"].images == images
    assert costs["measured_images[images]"].requests == images
    assert costs["measured_tasks[tasks]"].images == images
    assert costs["measured_websocket[turns]"].requests == 2 * samples


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
