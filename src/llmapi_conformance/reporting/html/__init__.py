"""``report.html``: a run as one page that needs nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING, Any

from llmapi_conformance.clients.accumulating import with_clauses
from llmapi_conformance.clients.case import CLIENTS
from llmapi_conformance.clients.catalogue import load_clients
from llmapi_conformance.errors import RecordingError, ReportError
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.reporting.clients import case_rows
from llmapi_conformance.reporting.html.render import render
from llmapi_conformance.reporting.html.shown_clients import NOTHING, Heard
from llmapi_conformance.reporting.html.view import view_of
from llmapi_conformance.reporting.measured import objective_sentence, objectives_by_weight
from llmapi_conformance.reporting.past import write_text
from llmapi_conformance.reporting.played import REPLAY, broken_in, read_played
from llmapi_conformance.reporting.plots import plots_of
from llmapi_conformance.target.profile import PROFILES
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.reporting.clients import CaseRow

NAME = "report.html"
"""Its name in a report folder."""
_OPENING = {"tool_version", "version", "contract_digest"}
"""What the page shows of the first record of a recording."""


def report_page(
    document: Mapping[str, Any],
    exchanges: Iterable[Exchange],
    files: Iterable[tuple[str, str]] = (),
    opening: Mapping[str, Any] | None = None,
    heard: Heard = NOTHING,
) -> str:
    """The page; equal for equal input.

    Args:
        document: As in ``verdicts.json``.
        exchanges: Of the recording; only those that findings name are used.
        files: Name and SHA-256 (hex) of the files that the page was made from.
        opening: The first record of the recording, empty when it is damaged, ``None`` when there is none.
        heard: What is known of official clients in the run.
    """
    by_id = {one.id: one for one in exchanges}
    return render(
        {
            "view": view_of(document, by_id, _limits(document["profile"]), heard),
            "document": document,
            "recorded": sum(not one.of_our_upstream for one in by_id.values()),
            "files": list(files),
            "opening": opening,
            "plots": plots_of(document),
            "objectives": objectives_by_weight(document),
            "sentence": objective_sentence,
        }
    )


def write_report(
    path: Path, document: Mapping[str, Any], exchanges: Iterable[Exchange], *, verdicts: Path, recording: Path
) -> None:
    """Write the page; what 'clients replay' left beside the verdicts is on it.

    Args:
        path: Where.
        document: As in ``verdicts.json``.
        exchanges: Of the recording.
        verdicts: The file of the document.
        recording: The recording, which may be missing.

    Raises:
        ReportError: It can't be written.
    """
    replay = verdicts.with_name(REPLAY)
    heard = _heard(document, replay, recording)
    sources = (verdicts, recording, *([replay] if heard.played else ()))
    files = [(one.name, digest) for one in sources if (digest := _digest(one))]
    page = report_page(document, exchanges, files, _opening(recording), heard)
    write_text(path, page)


def _heard(document: Mapping[str, Any], replay: Path, recording: Path) -> Heard:
    """What official clients made of the run: in its recording where they sent it, and in what lies beside it."""
    rows: tuple[CaseRow, ...] = ()
    if CLIENTS in document["target"]["offers"]:
        with contextlib.suppress(RecordingError):  # the page says that it has no exchanges
            rows = tuple(case_rows(read_recording(recording), load_clients(tree() / "specs")))
    if not replay.is_file():
        return Heard(rows)
    try:
        seal, played = read_played(replay)
    except ReportError as error:
        return Heard(rows, note=str(error))
    if seal != ((document.get("recording") or {}).get("seal") or ""):
        return Heard(rows, note=f"{REPLAY} was made of another recording than these verdicts: it is not shown.")
    return Heard(rows, tuple(with_clauses(played, broken_in(document))))


def _limits(name: str) -> list[tuple[str, str]]:
    """What the profile is for and how far it goes; nothing for one that this version does not know."""
    profile = PROFILES.get(name)
    if profile is None:
        return [("profile", name)]
    limits = (
        f"{profile.max_requests:,} requests, {profile.max_input_tokens:,} tokens in, "
        f"{profile.max_output_tokens:,} tokens out, {profile.deadline:,.0f} s, {profile.retries} retries"
    )
    return [("profile", f"{name}: {profile.summary}"), ("limits", limits)]


def _digest(path: Path) -> str:
    """SHA-256 (hex) of a file; empty when there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _opening(path: Path) -> Mapping[str, Any] | None:
    """The first record of a recording, empty when it does not say what it must; ``None`` when there is no recording."""
    try:
        with path.open("rb") as file:
            record = json.loads(file.readline())
    except OSError:
        return None
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) and record.keys() >= _OPENING else {}
