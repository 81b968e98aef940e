"""``junit.xml``: one test case for each clause, so that a CI system says which promise is broken.

A check may judge twenty clauses and a clause may have twenty checks; a person who reads a red build asks for the
promise, and so does a CI system that compares names between two builds.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.measuring.objectives import Held
from llmapi_conformance.reporting.comparing.baseline import known_findings
from llmapi_conformance.reporting.excerpt import printable
from llmapi_conformance.reporting.markdown import cut
from llmapi_conformance.reporting.measured import objective_sentence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SUITE = "llmapi-conformance"
MOST_FINDINGS = 5
"""Findings in the text of a test case; all are in ``verdicts.json``."""
_LONGEST_LINE = 300
_LONGEST_TEXT = 2_000
_LONGEST_CURL = 6_000
_SKIPPED = frozenset({Verdict.INCONCLUSIVE, Verdict.NOT_OBSERVED, Verdict.NOT_OFFERED, Verdict.WAIVED})


def junit_xml(document: Mapping[str, Any]) -> str:
    """A run as JUnit XML in the form that Jenkins, GitLab and the reporters of GitHub read.

    A surface is a test suite, a clause a test case. ``failed`` is a failure, ``error`` an error; what could not be
    judged, or is waived, is skipped with its reason. What is only warned or noted passes, with the finding as its
    output. A failure that the baseline knows is skipped. The stated objectives are a suite: a missed one is a failure,
    an undecided one skipped. A last suite says whether the run can be trusted and which waivers are no longer good.
    What was not selected is not there.

    Args:
        document: What ``verdicts.json`` says.
    """
    root = ET.Element("testsuites", name=f"{SUITE} {printable(document['target']['name'])}")
    stamp = document["started_at"][:19]
    known = known_findings(document)
    surfaces: dict[str, list[Mapping[str, Any]]] = {}
    for clause in document["clauses"]:
        if clause["checks"] or clause["verdict"] != Verdict.NOT_OBSERVED:
            surfaces.setdefault(clause["surface"], []).append(clause)
    for surface, clauses in surfaces.items():
        suite = ET.SubElement(root, "testsuite", name=surface, timestamp=stamp)
        for clause in clauses:
            _case(suite, clause, known=clause["id"] in known)
    if document.get("objectives"):
        _objectives(ET.SubElement(root, "testsuite", name="objectives", timestamp=stamp), document)
    _trust(ET.SubElement(root, "testsuite", name="run", timestamp=stamp), document)
    totals: Counter[str] = Counter()
    for suite in root:
        counts = Counter({"tests": len(suite.findall("testcase"))})
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            counts[name] = len(suite.findall(f"testcase/{tag}"))
        _count(suite, counts)
        totals.update(counts)
    _count(root, totals)
    took = datetime.fromisoformat(document["ended_at"]) - datetime.fromisoformat(document["started_at"])
    root.set("time", f"{took.total_seconds():.3f}")
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _objectives(suite: ET.Element, document: Mapping[str, Any]) -> None:
    for entry in document["objectives"]:
        name = " ".join(filter(None, (entry["objective"], entry["operation"])))
        case = ET.SubElement(suite, "testcase", classname=f"{SUITE}.objectives", name=_line(name), time="0")
        said = _line(objective_sentence(entry))
        if entry["verdict"] == Held.MISSED:
            ET.SubElement(case, "failure", message=said, type="objective")
        elif entry["verdict"] == Held.UNDECIDED:
            ET.SubElement(case, "skipped", message=said)


def _case(suite: ET.Element, clause: Mapping[str, Any], *, known: bool) -> None:
    verdict = Verdict(clause["verdict"])
    name = f"{clause['id']} {clause['statement']}"
    case = ET.SubElement(suite, "testcase", classname=f"{SUITE}.{clause['surface']}", name=_line(name), time="0")
    properties = ET.SubElement(case, "properties")
    for key in ("level", "basis", "source"):
        ET.SubElement(properties, "property", name=key, value=_line(clause[key]))
    findings = clause["findings"]
    if verdict is Verdict.FAILED and known:
        element = ET.SubElement(case, "skipped", message="failed as in the baseline: a known finding")
        element.text = _text(clause, findings, 1)
    elif verdict is Verdict.FAILED:
        observed = findings[0]["observed"] if findings else clause["reason"]
        message = f"{name} - observed: {observed}"
        element = ET.SubElement(case, "failure", message=_line(message), type=f"{clause['level']} {clause['basis']}")
        element.text = _text(clause, findings, MOST_FINDINGS)
    elif verdict is Verdict.ERROR:
        message = f"the suite failed, not the gateway: {clause['reason']}"
        ET.SubElement(case, "error", message=_line(message), type="error").text = _clean(clause["reason"])
    elif verdict in _SKIPPED:
        ET.SubElement(case, "skipped", message=_line(f"{verdict.value.replace('_', ' ')}: {clause['reason']}"))
    elif findings:
        ET.SubElement(case, "system-out").text = f"{verdict.value}\n{_text(clause, findings, 1)}"


def _trust(suite: ET.Element, document: Mapping[str, Any]) -> None:
    name = "The run can be trusted"
    case = ET.SubElement(suite, "testcase", classname=f"{SUITE}.run", name=name, time="0")
    problems = list(document["problems"])
    if document["exit_status"] == 2:
        problems = problems or ["a check failed by itself, or nothing was observed"]
        element = ET.SubElement(case, "error", message=_line("; ".join(problems)), type="untrusted")
        element.text = _clean("\n".join(problems))
    if lines := document.get("bad_waivers", ()):
        case = ET.SubElement(suite, "testcase", classname=f"{SUITE}.run", name="The waivers are good", time="0")
        ET.SubElement(case, "failure", message=_line("; ".join(lines)), type="waiver").text = _clean("\n".join(lines))


def _text(clause: Mapping[str, Any], findings: Sequence[Mapping[str, Any]], most: int) -> str:
    lines = [f"{clause['id']} ({clause['level']}, {clause['basis']}; {clause['source']})", clause["statement"]]
    for finding in findings[:most]:
        lines += ["", f"expected   {finding['expected']}", f"observed   {cut(finding['observed'], _LONGEST_TEXT)}"]
        if finding.get("exchange"):
            also = f" and {len(finding['also'])} more" if finding.get("also") else ""
            lines.append(f"exchange   {finding['exchange']}{also}")
        if finding.get("curl"):
            lines.append(f"reproduce  {cut(finding['curl'], _LONGEST_CURL)}")
        lines.append(f"check      {finding['check']}")
    if len(findings) > most:
        lines += ["", f"and {len(findings) - most} other findings, all in verdicts.json"]
    return _clean("\n".join(lines))


def _count(element: ET.Element, counts: Mapping[str, int]) -> None:
    for name in ("tests", "failures", "errors", "skipped"):
        element.set(name, str(counts[name]))


def _line(text: str) -> str:
    return cut(_clean(text).replace("\n", " "), _LONGEST_LINE)


def _clean(text: str) -> str:
    """Text that XML 1.0 can hold: what it can't is written as an escape."""
    return printable(text)
