"""SARIF 2.1.0 of a run, for a code-scanning view: rules are clauses, results are findings."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from llmapi_conformance.contract.files import read_yaml
from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.reporting.excerpt import printable
from llmapi_conformance.reporting.markdown import block, code, cut, prose

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "clauseAndOracle/v1"
_LEVELS = {Verdict.FAILED: "error", Verdict.WARNED: "warning", Verdict.NOTED: "note"}
_BY_LEVEL = {"MUST": "error", "SHOULD": "warning", "INFO": "note"}
_ID = re.compile(r"^\s*- id: ([A-Z]+-[A-Z][0-9]{2,})\s*$")
_RFC = re.compile(r"\bRFC (\d+)(?: section)?(?: (\d+(?:\.\d+)*))?")


def sarif_log(document: Mapping[str, Any], specs: Path, place: str = "") -> dict[str, Any]:
    """A run as a SARIF log that code scanning accepts.

    A result is what one oracle found on one clause: its fingerprint holds no number or id of the run, so that the same
    defect is the same alert every night. A target has a category of its own.

    Args:
        document: What ``verdicts.json`` says.
        specs: The folder of the contract, for the lines of the clauses and their pages.
        place: A file of the reader's repository at whose first line results stand; the clause's own line when empty.
    """
    lines = clause_lines(specs)
    sites = _sites(specs)
    rules: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for clause in document["clauses"]:
        rules.append(_rule(clause, sites))
        results.extend(_results(clause, len(rules) - 1, place, lines))
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", document["target"]["name"]).strip("-") or "target"
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": document["tool"]["name"],
                        "semanticVersion": document["tool"]["version"],
                        "rules": rules,
                    }
                },
                "automationDetails": {"id": f"llmapi-conformance/{name}/"},
                "invocations": [
                    {
                        "executionSuccessful": document["exit_status"] != 2,
                        "startTimeUtc": _utc(document["started_at"]),
                        "endTimeUtc": _utc(document["ended_at"]),
                        "exitCode": document["exit_status"],
                        "toolExecutionNotifications": [
                            {"level": "error", "message": {"text": printable(problem)}}
                            for problem in document["problems"]
                        ],
                    }
                ],
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }


def clause_lines(specs: Path) -> dict[str, tuple[str, int]]:
    """Clause id -> file below the folder that holds ``specs``, and line; empty where there is no contract."""
    return {
        found[1]: (f"specs/clauses/{path.name}", number)
        for path in sorted((specs / "clauses").glob("*.yaml"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if (found := _ID.match(line))
    }


def _rule(clause: Mapping[str, Any], sites: Mapping[str, str]) -> dict[str, Any]:
    source = clause["source"]
    rule: dict[str, Any] = {
        "id": clause["id"],
        "name": clause["id"].replace("-", ""),
        "shortDescription": {"text": cut(printable(clause["statement"]), 1_000)},
        "fullDescription": {"text": cut(printable(clause["statement"]), 1_000)},
        "help": {
            "text": f"{clause['statement']} Level {clause['level']}, basis {clause['basis']}, source {source}.",
            "markdown": f"{prose(clause['statement'])}\n\nLevel {clause['level']}, basis {clause['basis']}, "
            f"source {prose(source)}.",
        },
        "defaultConfiguration": {"level": _BY_LEVEL[clause["level"]]},
        "properties": {"tags": [clause["surface"], clause["basis"]], "precision": "very-high"},
    }
    if link := _link(source, sites):
        rule["helpUri"] = link
    return rule


def _results(
    clause: Mapping[str, Any], rule: int, place: str, lines: Mapping[str, tuple[str, int]]
) -> Iterable[dict[str, Any]]:
    verdict = Verdict(clause["verdict"])
    level = _BY_LEVEL[clause["level"]] if verdict is Verdict.WAIVED else _LEVELS.get(verdict)
    if level is None:
        return
    alike: dict[str, list[Mapping[str, Any]]] = {}
    for finding in clause["findings"]:
        alike.setdefault(finding["oracle"], []).append(finding)
    file, line = (place, 1) if place else lines.get(clause["id"], (f"specs/clauses/{clause['surface']}.yaml", 1))
    for oracle, findings in alike.items():
        digest = hashlib.sha256(f"{clause['id']}\n{oracle}".encode()).hexdigest()
        result: dict[str, Any] = {
            "ruleId": clause["id"],
            "ruleIndex": rule,
            "kind": "fail",
            "level": level,
            "message": _message(clause, findings),
            "locations": [
                {
                    "physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": line}},
                    "logicalLocations": [{"name": clause["id"], "fullyQualifiedName": f"{clause['surface']}/{oracle}"}],
                }
            ],
            "partialFingerprints": {FINGERPRINT: digest, "primaryLocationLineHash": f"{digest[:16]}:1"},
            "occurrenceCount": sum(1 + len(finding.get("also", ())) for finding in findings),
        }
        if verdict is Verdict.WAIVED:
            result["suppressions"] = [{"kind": "external", "justification": printable(clause["reason"])}]
        yield result


def _message(clause: Mapping[str, Any], findings: list[Mapping[str, Any]]) -> dict[str, str]:
    first = findings[0]
    observed = cut(printable(first["observed"]).replace("\n", " "), 500)
    more = f" ({len(findings) - 1} other findings of this kind)" if len(findings) > 1 else ""
    text = f"{clause['statement']} Expected: {first['expected']}. Observed: {observed}{more}."
    shown = (
        f"{prose(clause['statement'])}\n\n- expected {code(first['expected'])}\n- observed {code(first['observed'])}"
        f"{more}"
    )
    if first.get("curl"):
        shown += f"\n\nReproduce:\n\n{block(first['curl'], 'sh')}"
    # In a message [x](1) is a link to a location (SARIF 2.1.0, 3.11.6).
    return {"text": printable(text).replace("](", "] ("), "markdown": shown}


def _sites(specs: Path) -> dict[str, str]:
    """Page code -> address."""
    if not (specs / "sources.yaml").is_file():
        return {}
    data = read_yaml(specs / "sources.yaml", "sources")
    return {page["code"]: data["site"] + page["path"] for page in data["pages"]}


def _link(source: str, sites: Mapping[str, str]) -> str:
    """Where a clause can be read: its page, or the first RFC that it cites; empty for none."""
    if page := sites.get(source.partition(" ")[0].rstrip(";")):
        return page
    if found := _RFC.search(source):
        section = f"#section-{found[2]}" if found[2] else ""
        return f"https://www.rfc-editor.org/rfc/rfc{found[1]}{section}"
    return ""


def _utc(time: str) -> str:
    return time.replace("+00:00", "Z")
