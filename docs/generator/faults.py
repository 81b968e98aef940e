"""The page of faults and variations of the reference gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docs.generator.sources import provenance
from docs.generator.text import counted, link, plain
from llmapi_conformance.reference.faults import FAULTS
from llmapi_conformance.reference.variations import VARIATIONS

if TYPE_CHECKING:
    from llmapi_conformance.reference.fault import Fault


def faults_page() -> str:
    """Every fault and every variation, each with an anchor of its own."""
    faults = "\n".join(_fault(fault) for fault in FAULTS.values())
    variations = "\n".join(
        f"### {one.name}\n\n{plain(one.summary)}. Legal: {plain(one.basis)}.\n" for one in VARIATIONS.values()
    )
    return (
        "# Faults and variations\n\n"
        "The reference gateway conforms, but for one fault that can be switched on: a known defect with a narrow\n"
        "trigger. A run with it has a finding on a clause that the fault lists; so each check is seen to fail when it\n"
        "must.\n"
        "A variation is a legal change on the wire: it must raise no finding.\n\n"
        "```console\n"
        "$ llmapi-conformance run --fault M15\n"
        "$ llmapi-conformance run --variation C2\n"
        "```\n\n"
        f"## {counted(len(FAULTS), 'fault')}\n\n{faults}\n## {counted(len(VARIATIONS), 'variation')}\n\n{variations}"
    )


def _fault(fault: Fault) -> str:
    clauses = ", ".join(link(clause, f"clauses/{clause}.md") for clause in fault.clauses)
    seen = f" Reported: {', '.join(provenance(thread) for thread in fault.provenance)}." if fault.provenance else ""
    return f"### {fault.name}\n\n{plain(fault.summary)}. When: {plain(fault.trigger)}.{seen}\n\nBreaks {clauses}.\n"
