"""What a run leaves in its report folder beside the recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.reporting.document import write_document
from llmapi_conformance.reporting.html import NAME as REPORT
from llmapi_conformance.reporting.html import write_report
from llmapi_conformance.reporting.junit import junit_xml
from llmapi_conformance.reporting.past import write_text
from llmapi_conformance.reporting.summary import summary_markdown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange

FILES = (REPORT, "summary.md", "verdicts.json", "junit.xml", "events.jsonl", "recording.jsonl")
"""Every file that a run may leave, in the order in which people look for them."""


def write_reports(folder: Path, document: dict[str, Any], exchanges: Sequence[Exchange], recording: Path) -> None:
    """Write the verdicts, and what is made of them.

    Args:
        folder: Where.
        document: What ``verdicts.json`` says.
        exchanges: Of the run.
        recording: Where they are recorded.

    Raises:
        ReportError: One can't be written.
    """
    verdicts = folder / "verdicts.json"
    write_document(verdicts, document)
    write_report(folder / REPORT, document, exchanges, verdicts=verdicts, recording=recording)
    write_text(folder / "junit.xml", junit_xml(document))
    write_text(folder / "summary.md", summary_markdown(document))
