"""A comparison for people and machines: text in 80 columns, Markdown, JSON."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from llmapi_conformance.reporting.comparing.difference import Kind
from llmapi_conformance.reporting.excerpt import printable
from llmapi_conformance.reporting.markdown import block, code, cut, folded, prose

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmapi_conformance.reporting.comparing.difference import Change, Difference
    from llmapi_conformance.reporting.comparing.speed import Slower
    from llmapi_conformance.reporting.past import PastRun

FORMAT = "llmapi-conformance/comparison"
VERSION = 1
WIDTH = 80
MOST = 25
"""Clauses of one kind that are told with their statements; of the others only the ids."""
_LONGEST_IDS = 2_000
_TITLES = {
    Kind.BROKE: "broke",
    Kind.LOST: "no longer observed",
    Kind.MENDED: "mended",
    Kind.SEEN: "observed now",
    Kind.CHANGED: "changed",
    Kind.LEVEL: "another level",
    Kind.NEW: "new clauses",
    Kind.REMOVED: "clauses that are gone",
}


def comparison_text(difference: Difference) -> str:
    """The comparison in lines of at most 80 columns; the last one says it all."""
    lines = [*_wrapped(f"{_named(difference.old)}  ->  {_named(difference.new)}")]
    for sentence in difference.unlike:
        lines += _wrapped(f"note: {sentence}")
    for kind, title in _TITLES.items():
        if found := difference.of(kind):
            lines += ["", f"{title} ({len(found)})"]
            lines += _grouped(found) if kind in (Kind.LOST, Kind.REMOVED) else _told(found)
    if difference.speeds.slower:
        lines += ["", f"slower ({len(difference.speeds.slower)})"]
        for one in difference.speeds.slower:
            lines += _wrapped(
                f"{_operation(one)}, {one.what}: {_ms(one.old)} -> {_ms(one.new)} (medians of {one.pairs} "
                f"requests, {one.slower} of them slower)",
                "  ",
            )
    if difference.still:
        lines += ["", f"broken as before ({len(difference.still)})"]
        lines += _ids(clause.id for clause in difference.still)
    if difference.speeds.unknown:
        lines += ["", *_wrapped(f"times: not compared: {difference.speeds.unknown}")]
    lines.append("")
    for sentence in difference.untrusted:
        lines += _wrapped(f"problem: {sentence}")
    lines += _wrapped(headline(difference))
    return "\n".join(lines) + "\n"


def headline(difference: Difference) -> str:
    """The whole comparison in one sentence."""
    parts = [
        f"{len(found)} {words}"
        for words, found in (
            ("broke", difference.of(Kind.BROKE)),
            ("broken that are new", [one for one in difference.of(Kind.NEW) if one.worse]),
            ("no longer observed", difference.of(Kind.LOST)),
            ("slower", difference.speeds.slower),
            ("mended", difference.of(Kind.MENDED)),
            ("observed now", difference.of(Kind.SEEN)),
            ("broken as before", difference.still),
        )
        if found
    ]
    verdict = {0: "nothing is worse", 1: "worse", 2: "can't be compared"}[difference.status]
    return f"{verdict}: {', '.join(parts)}" if parts else f"{verdict}: no verdict has changed"


def comparison_markdown(difference: Difference) -> str:
    """The comparison for a job summary or a comment."""
    mark = {0: "✅", 1: "❌", 2: "⚠️"}[difference.status]
    parts = [
        f"## {mark} {prose(headline(difference))}",
        f"{prose(_named(difference.old))} → {prose(_named(difference.new))}",
    ]
    notes = [f"- {prose(sentence)}" for sentence in (*difference.untrusted, *difference.unlike)]
    if notes:
        parts.append("\n".join(notes))
    for kind, title in _TITLES.items():
        found = difference.of(kind)
        if not found:
            continue
        loud = kind in (Kind.BROKE, Kind.LOST) or any(one.worse for one in found)
        body = "\n".join(_item(one) for one in found[: MOST * 2])
        if len(found) > MOST * 2:
            body += f"\n- and {len(found) - MOST * 2} more"
        heading = f"{prose(title)} ({len(found)})"
        parts.append(f"### {heading}\n\n{body}" if loud else folded(heading, body))
    if difference.speeds.slower:
        rows = [
            f"- {code(_operation(one))}, {one.what}: {_ms(one.old)} → {_ms(one.new)} "
            f"(medians of {one.pairs} requests, {one.slower} of them slower)"
            for one in difference.speeds.slower
        ]
        parts.append(f"### slower ({len(rows)})\n\n" + "\n".join(rows))
    if difference.still:
        body = "\n".join(f"- **{one.id}** {prose(one.statement)}" for one in difference.still[: MOST * 2])
        parts.append(folded(f"broken as before ({len(difference.still)})", body))
    if difference.speeds.unknown:
        parts.append(prose(f"Times were not compared: {difference.speeds.unknown}."))
    return "\n\n".join(parts) + "\n"


def comparison_json(difference: Difference) -> dict[str, Any]:
    """The comparison as data."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "exit_status": difference.status,
        "headline": headline(difference),
        "old": _run(difference.old),
        "new": _run(difference.new),
        "unlike": list(difference.unlike),
        "untrusted": list(difference.untrusted),
        "changes": [
            {
                "kind": one.kind.value,
                "worse": one.worse,
                "clause": one.clause.id,
                "surface": one.clause.surface,
                "statement": one.clause.statement,
                "old": {"verdict": one.old.verdict.value, "level": one.old.level} if one.old else None,
                "new": {"verdict": one.new.verdict.value, "level": one.new.level} if one.new else None,
                "reason": one.clause.reason,
                "oracles": list(one.oracles),
                "findings": [dict(finding) for finding in _telling(one)],
            }
            for one in difference.changes
        ],
        "broken_as_before": [clause.id for clause in difference.still],
        "speed": {
            "compared_operations": difference.speeds.compared,
            "not_compared": difference.speeds.unknown,
            "slower": [
                {
                    "operation": one.operation,
                    "mode": one.mode,
                    "what": one.what,
                    "old_ms": round(one.old * 1000, 1),
                    "new_ms": round(one.new * 1000, 1),
                    "pairs": one.pairs,
                    "slower_pairs": one.slower,
                }
                for one in difference.speeds.slower
            ],
        },
    }


def _told(changes: tuple[Change, ...]) -> Iterable[str]:
    for change in changes[:MOST]:
        clause = change.clause
        yield from _wrapped(f"{clause.id}  {change.words}  ({clause.level}, {clause.surface})", "  ")
        yield from _wrapped(clause.statement, "    ")
        if change.worse:
            for finding in _telling(change)[:1]:
                yield from _wrapped(f"expected  {finding['expected']}", "    ", longest=300)
                yield from _wrapped(f"observed  {finding['observed']}", "    ", longest=300)
    if len(changes) > MOST:
        yield f"  and {len(changes) - MOST} more:"
        yield from _ids(change.clause.id for change in changes[MOST:])


def _grouped(changes: tuple[Change, ...]) -> Iterable[str]:
    groups: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        groups.setdefault((change.words, change.new.reason if change.new else ""), []).append(change.clause.id)
    for (words, reason), ids in groups.items():
        if words or reason:
            yield from _wrapped(f"{words}: {reason}" if reason else words, "  ", longest=300)
        yield from _ids(ids)


def _telling(change: Change) -> list[Mapping[str, Any]]:
    """The findings that are new, or all when it is not known which."""
    findings = list(change.new.findings) if change.new else []
    return [one for one in findings if one["oracle"] in change.oracles] or findings


def _item(change: Change) -> str:
    clause = change.clause
    words = f" {prose(change.words)}" if change.words else ""
    line = f"- **{clause.id}**{words} ({clause.level}, {prose(clause.surface)}): {prose(clause.statement)}"
    if change.kind is Kind.LOST and clause.reason:
        line += f" Now: {code(clause.reason, 200)}"
    if not change.worse:
        return line
    for finding in _telling(change)[:1]:
        line += (
            f"\n  - expected {code(str(finding['expected']), 300)}\n  - observed {code(str(finding['observed']), 300)}"
        )
        if finding.get("curl"):
            shown = textwrap.indent(folded("how to reproduce", block(str(finding["curl"]), "sh", 1_500)), "    ")
            line += f"\n\n{shown}\n"
    return line


def _run(run: PastRun) -> dict[str, Any]:
    return {
        "target": run.target,
        "started_at": run.document["started_at"],
        "profile": run.document["profile"],
        "contract": run.document["contract"],
        "exit_status": run.status,
    }


def _named(run: PastRun) -> str:
    return f"{run.target}, {run.started_at:%Y-%m-%d %H:%M}"


def _ids(ids: Iterable[str]) -> list[str]:
    return _wrapped(" ".join(ids), "    ", longest=_LONGEST_IDS)


def _wrapped(text: str, indent: str = "", longest: int = 1_000) -> list[str]:
    line = cut(printable(text).replace("\n", " "), longest)
    return textwrap.wrap(
        line, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True
    ) or [indent.rstrip()]


def _operation(one: Slower) -> str:
    return f"{one.operation} {one.mode}".rstrip()


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
