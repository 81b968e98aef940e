"""``summary.md``: a run for a job summary and a pull-request comment, the verdict first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.reporting.comparing.baseline import baseline_sentence, known_findings
from llmapi_conformance.reporting.markdown import block, cell, code, folded, prose, table
from llmapi_conformance.reporting.measured import objective_sentence, objectives_by_weight, rows_together

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LONGEST = 65_000
"""Characters: GitHub takes 65,536 in a comment."""
MOST_FINDINGS = 3
"""Findings shown per clause; all are in ``verdicts.json``."""
_MARKS = {0: "✅", 1: "❌", 2: "⚠️", 3: "❔"}
_HEADLINES = {0: "conformant", 1: "findings", 2: "this run can't be trusted", 3: "inconclusive"}
_KNOWN = "no new failures"
_UNSEEN = (Verdict.NOT_OBSERVED, Verdict.NOT_OFFERED)
_ROOM = 400
"""Characters kept for the sentence that says what is missing."""


def summary_markdown(document: Mapping[str, Any], longest: int = LONGEST) -> str:
    """A run as Markdown: verdict, findings with how to reproduce them, counts per surface, what was not seen.

    What is too long is left out from the end, whole clauses at a time, and counted.

    Args:
        document: What ``verdicts.json`` says.
        longest: Characters at most.
    """
    clauses = document["clauses"]
    by_verdict: dict[str, list[Mapping[str, Any]]] = {}
    for clause in clauses:
        by_verdict.setdefault(clause["verdict"], []).append(clause)
    head = "\n\n".join((_verdict(document, by_verdict), *_problems(document)))
    tail = "\n\n".join((*_measured(document), _surfaces(document), *_unseen(clauses)))[: longest // 4]
    shown: list[str] = []
    room = longest - len(head) - len(tail) - _ROOM
    left_out: list[str] = []
    for part, clause in _parts(by_verdict, known_findings(document)):
        if left_out or len(part) + 2 > room:
            left_out.append(clause["id"])
        else:
            shown.append(part)
            room -= len(part) + 2
    if left_out:
        more = f" and {len(left_out) - 10} more" if len(left_out) > 10 else ""
        shown.append(f"No room here for {', '.join(left_out[:10])}{more}: all are in the report of the run.")
    return "\n\n".join(part for part in (head, *shown, tail) if part)[: longest - 1] + "\n"


def _measured(document: Mapping[str, Any]) -> Iterable[str]:
    """How the gateway stands to the stated objectives, and what was measured over all operations."""
    if objectives := objectives_by_weight(document):
        yield "\n".join(f"- **{entry['verdict']}**: {prose(objective_sentence(entry))}" for entry in objectives)
    if rows := rows_together(document):
        heads = ("measured", "point", "estimate", "95 % interval", "n")
        yield table(heads, [tuple(cell(prose(text)) for text in row) for row in rows])


def _verdict(document: Mapping[str, Any], by_verdict: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    status = document["exit_status"]
    headline = _KNOWN if document["headline"] == "known" else _HEADLINES[status]
    counts = [
        f"{len(by_verdict[verdict])} {verdict.value.replace('_', ' ')}" for verdict in Verdict if verdict in by_verdict
    ]
    figures = document["figures"]
    keyword = document["selection"].get("keyword")
    facts = [
        f"profile {document['profile']}",
        *([f"region {prose(region)}"] if (region := str(document["target"].get("region", ""))) else []),
        *([f"only {code(keyword, 100)}"] if keyword else []),
        *([f"shard {prose(shard)}"] if (shard := str(document["selection"].get("shard", ""))) else []),
        *([prose(traffic)] if (traffic := str(document["selection"].get("traffic", ""))) else []),
        f"{figures['requests']} requests",
        f"{figures['clauses_judged']} clauses judged",
        f"suite {prose(document['tool']['version'])}",
        f"contract {code(document['contract'][:12])}",
        f"{document['started_at'][:16].replace('T', ' ')} UTC",
    ]
    sentence = baseline_sentence(document)
    return (
        f"## {_MARKS[status]} {prose(document['target']['name'])}: {headline}\n\n"
        f"**{', '.join(counts)}**\n\n{', '.join(facts)}" + (f"\n\n**{prose(sentence)}**" if sentence else "")
    )


def _problems(document: Mapping[str, Any]) -> Iterable[str]:
    tasks = document["tasks"]
    lines = [f"- problem: {code(problem)}" for problem in document["problems"][:10]]
    lines += [f"- {code(line)}" for line in document.get("bad_waivers", ())[:10]]
    lines += [f"- note: {prose(line)}" for line in (document.get("baseline") or {}).get("unlike", ())]
    if tasks["left"]:
        lines.append(f"- {len(tasks['left'])} image tasks were left: `llmapi-conformance cleanup` ends them")
    if lines:
        yield "\n".join(lines)


def _parts(
    by_verdict: Mapping[str, Sequence[Mapping[str, Any]]],
    known: frozenset[str],
) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """What is said clause by clause, the weightiest first; what the baseline knows is said in short."""
    broken = [clause for verdict in (Verdict.FAILED, Verdict.WARNED) for clause in by_verdict.get(verdict, ())]
    for clause in broken:
        if clause["id"] not in known:
            yield _finding_part(clause), clause
    for verdict in (Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.WAIVED, Verdict.NOTED):
        for clause in by_verdict.get(verdict, ()):
            yield _short_part(clause, verdict.value), clause
    for clause in broken:
        if clause["id"] in known:
            yield _short_part(clause, f"{clause['verdict']}, as in the baseline"), clause


def _short_part(clause: Mapping[str, Any], verdict: str) -> str:
    why = clause["reason"] or next((finding["observed"] for finding in clause["findings"]), "")
    return f"**{clause['id']}** {verdict}: {prose(clause['statement'])}" + (f" {code(why, 300)}" if why else "")


def _finding_part(clause: Mapping[str, Any]) -> str:
    terms = f"{clause['level']}, {prose(clause['basis'])}, {prose(clause['source'])}"
    parts = [f"### {clause['id']} {clause['verdict']}\n\n{prose(clause['statement'])} ({terms})"]
    findings = clause["findings"]
    for finding in findings[:MOST_FINDINGS]:
        parts.append(f"- expected {code(finding['expected'])}\n- observed {code(finding['observed'])}")
        shown = [block(finding["curl"], "sh")] if finding.get("curl") else []
        if finding.get("excerpt"):
            status = f", status {finding['status']}" if finding.get("status") else ""
            shown.append(f"What came back{status}:\n\n" + block(finding["excerpt"], "text", 2_000))
        if shown:
            also = f"; {len(finding['also'])} other exchanges show the same" if finding.get("also") else ""
            where = f"In the recording: {code(str(finding['exchange']))}{also}"
            parts.append(folded("How to reproduce", "\n\n".join([*shown, where])))
    if len(findings) > MOST_FINDINGS:
        parts.append(f"and {len(findings) - MOST_FINDINGS} other findings")
    return "\n\n".join(parts)


def _surfaces(document: Mapping[str, Any]) -> str:
    counts: dict[str, Counter[str]] = {}
    for clause in document["clauses"]:
        if clause["checks"] or clause["verdict"] != Verdict.NOT_OBSERVED:  # else it was not selected
            counts.setdefault(clause["surface"], Counter())[clause["verdict"]] += 1
    seen = [verdict for verdict in Verdict if any(row[verdict] for row in counts.values())]
    rows = [
        [cell(prose(surface)), *(str(row[verdict]) if row[verdict] else "·" for verdict in seen)]
        for surface, row in counts.items()
    ]
    return table(["surface", *(verdict.value.replace("_", " ") for verdict in seen)], rows, right=1)


def _unseen(clauses: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for verdict in _UNSEEN:
        reasons = Counter(
            clause["reason"]
            for clause in clauses
            if clause["verdict"] == verdict and (clause["checks"] or verdict is Verdict.NOT_OFFERED)
        )
        if reasons:
            lines = [f"- {count}: {code(reason, 200)}" for reason, count in reasons.most_common(20)]
            if len(reasons) > 20:
                lines.append(f"- and {len(reasons) - 20} other reasons")
            words = verdict.value.replace("_", " ")
            counted = f"{reasons.total()} clause{'s' * (reasons.total() != 1)}"
            yield folded(f"{counted} {words}: why", "\n".join(lines))
