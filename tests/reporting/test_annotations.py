"""What a CI system is told of a run: GitHub's workflow commands, GitLab's code quality report."""

from __future__ import annotations

from typing import Any

import pytest

from llmapi_conformance.reporting.annotations import MOST, code_quality, github_annotations
from llmapi_conformance.reporting.comparing.baseline import held_against
from tests.reporting.runs import HOSTILE, clause, document, finding, hostile, run


def of_kind(kind: str, lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith(f"::{kind} ")]


def test_a_failed_clause_is_an_error_at_the_target_file_and_a_warned_one_a_warning() -> None:
    lines = github_annotations(document(clause("CHAT-S04", "failed"), clause("MSG-S07", "warned")), "ci/target.toml")
    assert lines[0] == (
        "::error file=ci/target.toml,line=1,title=CHAT-S04 failed::The promise of CHAT-S04 [is] kept. (MUST, protocol) "
        "Expected: it is so. Observed: it is not so"
        " | Again: llmapi-conformance run --target ci/target.toml --profile gate -k CHAT-S04"
    )
    assert of_kind("warning", lines)[0].startswith("::warning file=ci/target.toml,line=1,title=MSG-S07 warned::")
    assert of_kind("notice", lines) == [
        "::notice file=ci/target.toml,line=1,title=staging%3A findings::1 failed, 1 warned"
    ]


def test_what_the_baseline_knows_is_only_counted() -> None:
    old = run(clause("CHAT-S04", "failed"), clause("CHAT-S05"), clause("MSG-S07"))
    new = document(clause("CHAT-S04", "failed"), clause("CHAT-S05", "not_observed"), clause("MSG-S07", "failed"))
    lines = github_annotations(held_against(new, old))
    titles = [line.partition("title=")[2].partition("::")[0] for line in of_kind("error", lines)]
    assert titles == ["MSG-S07 failed", "CHAT-S05 is no longer observed"]
    assert "1 known finding, 1 new (MSG-S07), 1 no longer observed (CHAT-S05)" in lines[-1]


def test_a_gate_says_how_to_judge_its_candidate_again_also_where_nothing_was_observed() -> None:
    old = run(clause("CHAT-S04"), clause("CHAT-S05"))
    new = document(clause("CHAT-S04", "failed", oracles=("it",)), clause("CHAT-S05", "not_observed"))
    new["clauses"][0]["findings"] = [finding("x" * 900, expected="y" * 900)]
    lines = github_annotations(held_against(new, old), "t.toml", ["--candidate", "./gateway " + "z" * 300])
    command = f"Again: llmapi-conformance gate --target t.toml --candidate './gateway {'z' * 300}' -k "
    assert [line.rpartition(command)[2] for line in of_kind("error", lines)] == ["CHAT-S04", "CHAT-S05"]


def test_what_is_too_much_for_a_step_is_counted_in_the_last_one() -> None:
    failed = [clause(f"CHAT-S{number:02d}", "failed") for number in range(1, 26)]
    errors = of_kind("error", github_annotations(document(*failed)))
    assert len(errors) == MOST
    assert "title=and 16 more::CHAT-S10 failed, CHAT-S11 failed" in errors[-1]


def test_a_run_without_trust_and_a_bad_waiver_are_errors() -> None:
    found = document(clause("CHAT-S04"), exit_status=2, problems=["nothing answered"], bad_waivers=["MSG-S07: expired"])
    assert [line.rpartition("::")[2] for line in of_kind("error", github_annotations(found))] == [
        "nothing answered",
        "MSG-S07: expired",
    ]


@pytest.mark.parametrize("place", ["", "a,b:c%.toml"])
def test_nothing_that_a_gateway_said_ends_a_command_or_begins_one(place: str) -> None:
    said = f"{HOSTILE}\n::set-output name=x::y\r::stop-commands::z"
    broken = clause("CHAT-S04", "failed", findings=[finding(said, said, expected=said)])
    lines = github_annotations({**hostile(), "clauses": [broken]}, place)
    assert all("\n" not in line and "\r" not in line for line in lines)
    assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in lines)
    if place:
        assert all("file=a%2Cb%3Ac%25.toml,line=1,title=" in line for line in lines)


def quality(*clauses: dict[str, Any]) -> list[dict[str, Any]]:
    return code_quality(document(*clauses), "target.toml")


def test_gitlab_gets_an_entry_for_each_oracle_that_is_the_same_in_every_run() -> None:
    first = quality(clause("CHAT-S04", "failed", oracles=("it_is_so", "it_ends")), clause("MSG-S07", "warned"))
    assert [(one["check_name"], one["severity"]) for one in first] == [
        ("CHAT-S04", "critical"),
        ("CHAT-S04", "critical"),
        ("MSG-S07", "minor"),
    ]
    assert len({one["fingerprint"] for one in first}) == 3
    assert all(one["location"] == {"path": "target.toml", "lines": {"begin": 1}} for one in first)
    again = quality(clause("CHAT-S04", "failed", findings=[finding("it_is_so", "another id: 17")]))
    assert again[0]["fingerprint"] == first[0]["fingerprint"]
