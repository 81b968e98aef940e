"""A finding as lines of plain text: clause, statement, source, expected, observed, curl."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.reporting.curl import curl_line
from llmapi_conformance.reporting.excerpt import printable

if TYPE_CHECKING:
    from llmapi_conformance.judging.verdicts import ClauseVerdict, Finding


def finding_text(one: ClauseVerdict, finding: Finding, base_url: str) -> str:
    """What broke and how to reproduce it."""
    clause = one.clause
    lines = [
        f"{clause.id} {finding.verdict.value} ({one.level}, {clause.basis})",
        f"  statement  {clause.statement}",
        f"  source     {clause.source}",
        f"  expected   {printable(finding.expected)}",
        f"  observed   {printable(finding.observed)}",
    ]
    if finding.exchange:
        also = f" and {len(finding.also)} more" if finding.also else ""
        lines += [f"  exchange   {finding.exchange.id}{also}", f"  reproduce  {curl_line(finding.exchange, base_url)}"]
    return "\n".join(lines)
