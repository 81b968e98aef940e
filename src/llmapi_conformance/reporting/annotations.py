"""A run as annotations of a CI system: GitHub's workflow commands, GitLab's code quality report."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.reporting.again import TARGET_FILE, again
from llmapi_conformance.reporting.comparing.baseline import baseline_sentence, known_findings
from llmapi_conformance.reporting.excerpt import printable
from llmapi_conformance.reporting.markdown import cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST = 10
"""Annotations of one kind that GitHub shows of a step."""
_LONGEST = 2_000
_SEVERITIES = {Verdict.FAILED: "critical", Verdict.WARNED: "minor"}


def github_annotations(document: Mapping[str, Any], place: str = "", candidate: Sequence[str] = ()) -> list[str]:
    """Workflow commands: an error for each failed clause that is not known, a warning for each warned one.

    What is too much for a step is counted in the last of them. Nothing that a gateway said can be a command of its own.

    Args:
        document: What ``verdicts.json`` says.
        place: A file of the repository at which they stand, such as the target file; nowhere when empty.
        candidate: Options of the gate that started what was judged, for the command that judges it again.
    """
    errors = [("The run can't be trusted", problem) for problem in document["problems"]]
    errors += [("A waiver is no longer good", line) for line in document.get("bad_waivers", ())]
    warnings: list[tuple[str, str]] = []
    for clause in _fresh(document):
        told = errors if clause["verdict"] == Verdict.FAILED else warnings
        words = _sentence(clause) + _again(document, clause["id"], place, candidate)
        told.append((f"{clause['id']} {clause['verdict']}", words))
    for lost in (document.get("baseline") or {}).get("lost", ()):
        told = errors if lost["fails"] else warnings
        words = lost["words"] + _again(document, lost["clause"], place, candidate)
        told.append((f"{lost['clause']} is no longer observed", words))
    notices = [
        (f"{document['target']['name']}: {document['headline']}", baseline_sentence(document) or _counts(document))
    ]
    return [
        line
        for kind, told in (("error", errors), ("warning", warnings), ("notice", notices))
        for line in _commands(kind, told, place)
    ]


def github_command(kind: str, title: str, message: str, place: str = "") -> str:
    """One workflow command, in one line.

    Args:
        kind: ``error``, ``warning`` or ``notice``.
        title: What stands above it.
        message: What it says.
        place: A file of the repository; none when empty.
    """
    where = f"file={_property(place)},line=1," if place else ""
    return f"::{kind} {where}title={_property(cut(printable(title), 200))}::{_data(cut(printable(message), _LONGEST))}"


def code_quality(document: Mapping[str, Any], place: str) -> list[dict[str, Any]]:
    """GitLab's code quality report: what one oracle found on one clause is one entry, the same in every run.

    What the baseline knows is in it too: GitLab compares with the target branch itself.

    Args:
        document: What ``verdicts.json`` says.
        place: A file of the repository at which they stand.
    """
    entries = []
    for clause in document["clauses"]:
        severity = _SEVERITIES.get(clause["verdict"])
        if severity is None:
            continue
        first: dict[str, Mapping[str, Any]] = {}
        for finding in clause["findings"]:
            first.setdefault(finding["oracle"], finding)
        for oracle, finding in first.items():
            entries.append(
                {
                    "description": _sentence({**clause, "findings": [finding]}),
                    "check_name": clause["id"],
                    "fingerprint": hashlib.sha256(f"{clause['id']}\n{oracle}".encode()).hexdigest(),
                    "severity": severity,
                    "location": {"path": place, "lines": {"begin": 1}},
                }
            )
    return entries


def _fresh(document: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """Failed and warned clauses that the baseline does not know, failed ones first."""
    known = known_findings(document)
    for verdict in (Verdict.FAILED, Verdict.WARNED):
        yield from (one for one in document["clauses"] if one["verdict"] == verdict and one["id"] not in known)


def _sentence(clause: Mapping[str, Any]) -> str:
    text = f"{clause['statement']} ({clause['level']}, {clause['basis']})"
    if clause["findings"]:
        first = clause["findings"][0]
        text += (
            f" Expected: {cut(printable(first['expected']), 300)}. Observed: {cut(printable(first['observed']), 300)}"
        )
    return printable(text).replace("\n", " ")


def _again(document: Mapping[str, Any], clause: str, place: str, candidate: Sequence[str]) -> str:
    target = place if place.endswith(".toml") else TARGET_FILE
    command = again(document, target=target, clauses=[clause], candidate=candidate)
    return f" | Again: {command}" if command else ""


def _counts(document: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{count} {verdict.replace('_', ' ')}" for verdict, count in document["figures"]["verdicts"].items()
    )


def _commands(kind: str, told: list[tuple[str, str]], place: str) -> Iterable[str]:
    shown = told if len(told) <= MOST else told[: MOST - 1]
    for title, message in shown:
        yield github_command(kind, title, message, place)
    if rest := told[len(shown) :]:
        titles = ", ".join(title for title, _ in rest)
        yield github_command(kind, f"and {len(rest)} more", f"{titles}. All are in the summary and the report.", place)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
