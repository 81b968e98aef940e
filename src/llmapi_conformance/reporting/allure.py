"""Allure results: a test result for each clause, as the command line tool of Allure 2 and 3 reads them.

Only its JSON is written, by hand: the library of its authors gives every result an id by chance, and equal runs make
equal files here.
"""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.errors import ReportError
from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.reporting.capsule_files import exchange_files
from llmapi_conformance.reporting.excerpt import printable
from llmapi_conformance.reporting.statement import seal_named_by

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange

MOST_FINDINGS: Final = 5
"""Findings of a clause whose exchanges are attached; all are in ``verdicts.json``."""
LONGEST: Final = 256 * 1024
"""Bytes of an attachment; what is longer is cut, and says so."""
_STATUS: Final = {
    Verdict.FAILED: "failed",
    Verdict.ERROR: "broken",
    Verdict.INCONCLUSIVE: "skipped",
    Verdict.NOT_OBSERVED: "skipped",
    Verdict.NOT_OFFERED: "skipped",
    Verdict.WAIVED: "skipped",
}
"""What is not here has passed: Allure knows no warning, a tag tells of it."""
_SEVERITY: Final = {"MUST": "critical", "SHOULD": "normal", "INFO": "minor"}
_SPACE: Final = uuid.UUID("6f9f2bd4-6a4b-5d3e-9a55-2f0f7b7c1c11")


def allure_files(document: Mapping[str, Any], exchanges: Mapping[str, Exchange]) -> dict[str, bytes]:
    """A run as a folder of Allure results: file name -> content.

    Epic is the surface, feature the group of clauses (``MSG-S``), story the clause; severity is the level. A clause
    keeps its history at a target. ``failed`` is failed, ``error`` is broken; what could not be judged, or is waived, is
    skipped with its reason. What was not selected is not there.

    Args:
        document: What ``verdicts.json`` says.
        exchanges: By id; findings whose exchange is missing have none attached.
    """
    at = int(datetime.fromisoformat(document["started_at"]).timestamp() * 1000)
    run = f"{document['target']['name']}\n{document['started_at']}\n{seal_named_by(document)}"
    files: dict[str, bytes] = {"environment.properties": _environment(document)}
    for place, clause in enumerate(document["clauses"]):
        if not clause["checks"] and clause["verdict"] == Verdict.NOT_OBSERVED:
            continue
        name = str(uuid.uuid5(_SPACE, f"{run}\n{clause['id']}"))
        attached = _attached(name, clause, exchanges)
        result = _result(clause, document["target"]["name"], attached)
        time = at + place  # milliseconds: Allure sorts by time, and the order of the clauses says more
        files[f"{name}-result.json"] = _json({"uuid": name, "start": time, "stop": time, **result})
        files |= {part["source"]: data for parts in attached for part, data in parts}
    name = str(uuid.uuid5(_SPACE, run))
    files[f"{name}-result.json"] = _json({"uuid": name, "start": at, "stop": at, **_trust(document)})
    return files


def write_allure(folder: Path, document: Mapping[str, Any], exchanges: Mapping[str, Exchange]) -> int:
    """Write the results of a run; returns how many there are. Files of another run that lie there stay.

    Raises:
        ReportError: They can't be written.
    """
    files = allure_files(document, exchanges)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise ReportError(f"{folder} can't be written: {error.strerror}.") from None
    return sum(name.endswith("-result.json") for name in files)


_Attached = list[tuple[dict[str, str], bytes]]
"""An attachment as a result names it, and its bytes."""


def _result(clause: Mapping[str, Any], target: str, attached: list[_Attached]) -> dict[str, Any]:
    verdict = Verdict(clause["verdict"])
    findings = clause["findings"]
    group = clause["id"].rstrip("0123456789")
    labels = {"epic": clause["surface"], "feature": group, "story": f"{clause['id']} {clause['statement']}"}
    labels |= {"suite": clause["surface"], "severity": _SEVERITY[clause["level"]], "framework": "llmapi-conformance"}
    tags = (clause["level"], clause["basis"], *((verdict.value,) if verdict is not Verdict.PASSED else ()))
    message = clause["reason"] or (printable(findings[0]["observed"]) if findings else "")
    if verdict not in (Verdict.PASSED, Verdict.FAILED):
        message = f"{verdict.value.replace('_', ' ')}: {message}"
    details = {"message": printable(message), "trace": "\n\n".join(_told(one) for one in findings[:MOST_FINDINGS])}
    return {
        **_identity(clause["id"], target),
        "name": f"{clause['id']} {clause['statement']}",
        "fullName": f"llmapi-conformance.{clause['surface']}.{clause['id']}",
        "description": f"{clause['level']}, {clause['basis']}. Source: {clause['source']}",
        "status": _STATUS.get(verdict, "passed"),
        "statusDetails": details | {"muted": verdict is Verdict.WAIVED} if message else {},
        "stage": "finished",
        "labels": [
            *({"name": name, "value": value} for name, value in labels.items()),
            *({"name": "tag", "value": tag} for tag in tags),
        ],
        "parameters": [{"name": "target", "value": printable(target)}],
        "steps": [
            *(_finding_step(one, parts) for one, parts in zip(findings, attached, strict=False)),
            *(_check_step(check) for check in clause["checks"]),
        ],
        "attachments": [],
    }


def _identity(name: str, target: str) -> dict[str, str]:
    """What makes a result the same test in another run: the clause, and for its history the target too."""
    case = sha256(f"llmapi-conformance\n{name}".encode()).hexdigest()[:32]
    history = sha256(f"{case}\n{target}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return {"testCaseId": case, "historyId": history}


def _trust(document: Mapping[str, Any]) -> dict[str, Any]:
    problems = document["problems"] or ["a check failed by itself, or nothing was observed"]
    bad = document["exit_status"] == 2
    return {
        **_identity("run", document["target"]["name"]),
        "name": "The run can be trusted",
        "fullName": "llmapi-conformance.run",
        "status": "broken" if bad else "passed",
        "statusDetails": {"message": printable("; ".join(problems))} if bad else {},
        "stage": "finished",
        "labels": [
            {"name": name, "value": value} for name, value in (("epic", "run"), ("feature", "run"), ("suite", "run"))
        ],
        "parameters": [{"name": "target", "value": printable(document["target"]["name"])}],
        "steps": [],
        "attachments": [],
    }


def _finding_step(finding: Mapping[str, Any], attached: _Attached) -> dict[str, Any]:
    return {
        "name": f"{finding['oracle'].replace('_', ' ')}: {finding['exchange'] or 'no exchange'}",
        "status": _STATUS.get(Verdict(finding["verdict"]), "passed"),
        "statusDetails": {"message": printable(finding["observed"])},
        "stage": "finished",
        "attachments": [part for part, _ in attached],
        "steps": [],
    }


def _check_step(check: Mapping[str, Any]) -> dict[str, Any]:
    verdict = Verdict(check["verdict"])
    examined = f"{check['examined']} examined" + (f"; {check['reason']}" if check["reason"] else "")
    return {
        "name": f"{check['name']}: {verdict.value.replace('_', ' ')}, {printable(examined)}",
        "status": _STATUS.get(verdict, "passed"),
        "stage": "finished",
        "attachments": [],
        "steps": [],
    }


def _told(finding: Mapping[str, Any]) -> str:
    lines = [f"expected   {finding['expected']}", f"observed   {finding['observed']}"]
    if finding["exchange"]:
        also = f" and {len(finding['also'])} more" if finding["also"] else ""
        lines.append(f"exchange   {finding['exchange']}{also}")
    if finding["curl"]:
        lines.append(f"reproduce  {finding['curl']}")
    return printable("\n".join(lines))


def _attached(name: str, clause: Mapping[str, Any], exchanges: Mapping[str, Exchange]) -> list[_Attached]:
    """The attachments of each finding that is shown."""
    made: list[_Attached] = []
    for number, finding in enumerate(clause["findings"][:MOST_FINDINGS]):
        shown = exchanges.get(finding["exchange"] or "")
        files = {"curl.txt": finding["curl"].encode()} if finding["curl"] else {}
        files |= exchange_files(shown) if shown else {}
        made.append([_attachment(f"{name}-{number}-{file}", file, data) for file, data in files.items()])
    return made


def _attachment(source: str, name: str, data: bytes) -> tuple[dict[str, str], bytes]:
    """As text: a page that a gateway sent is shown, never run. Its name ends in what browsers show as text."""
    if len(data) > LONGEST:
        data = data[:LONGEST] + f"\n[cut: {len(data)} bytes in all]\n".encode()
    text = printable(data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")).encode()
    return {"name": name, "source": f"{source}-attachment.txt", "type": "text/plain"}, text


def _environment(document: Mapping[str, Any]) -> bytes:
    """In Java's form of properties, whose line ends and backslashes are escaped."""
    told = {
        "target": document["target"]["name"],
        "base_url": document["target"]["base_url"],
        "profile": document["profile"],
        "headline": document["headline"],
        "requests": document["figures"]["requests"],
        "tool_version": document["tool"]["version"],
        "contract": document["contract"][:12],
    }
    lines = (f"{name} = {printable(str(value)).replace(chr(10), ' ')}\n" for name, value in told.items())
    return "".join(line.replace("\\", "\\\\") for line in lines).encode("ascii", "backslashreplace")


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=1).encode() + b"\n"
