"""The dossier: a page per vendor that tells its newest run and what came before."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from llmapi_conformance.reporting.dossier import write_dossier
from tests.acceptance.conftest import cli
from tests.reporting.runs import HOSTILE, clause, document, finding

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.conftest import Accepted


def written(folder: Path, *clauses: dict[str, Any], report: bool = True, **other: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "verdicts.json").write_text(json.dumps(document(*clauses, **other)), "utf-8")
    if report:
        (folder / "report.html").write_text("<!doctype html>", "utf-8")
    return folder


def nights(tmp_path: Path) -> list[Path]:
    good, bad = clause("MSG-S01"), clause("CHAT-S04", "failed")
    return [
        written(tmp_path / "1", good, clause("CHAT-S04"), name="North", started_at="2026-11-01T00:00:00.000+00:00"),
        written(tmp_path / "2", good, bad, name="North", started_at="2026-11-02T00:00:00.000+00:00"),
        written(tmp_path / "3", good, clause("RSP-S01", "not_offered"), name="South", report=False),
    ]


def test_there_is_a_page_for_each_vendor_an_index_and_the_matrix(tmp_path: Path) -> None:
    files = write_dossier(nights(tmp_path), tmp_path / "out")
    assert [one.name for one in files] == ["index.html", "north.html", "south.html", "matrix.html", "matrix.md"]
    index = files[0].read_text("utf-8")
    assert 'href="north.html"' in index
    assert 'href="matrix.html"' in index


def test_the_newest_run_speaks_for_a_vendor_and_the_others_are_its_history(tmp_path: Path) -> None:
    write_dossier(reversed(nights(tmp_path)), tmp_path / "out")
    page = (tmp_path / "out" / "north.html").read_text("utf-8")
    assert "North: findings" in page
    assert page.index("2026-11-02") < page.index("2026-11-01")
    assert "broke: CHAT-S04" in page
    assert 'href="../2/report.html#CHAT-S04"' in page
    assert "why not_offered" in (tmp_path / "out" / "south.html").read_text("utf-8")


def test_findings_stand_by_their_weight(tmp_path: Path) -> None:
    run = written(
        tmp_path / "1",
        clause("CHAT-S01", "noted"),
        clause("CHAT-S02", "warned"),
        clause("MSG-S09", "failed", level="SHOULD"),
        clause("RSP-S01", "failed"),
    )
    write_dossier([run], tmp_path / "out")
    page = (tmp_path / "out" / "staging.html").read_text("utf-8")
    assert re.findall(r'<a class="id"[^>]*>([A-Z0-9-]+)</a>', page) == ["RSP-S01", "MSG-S09", "CHAT-S02", "CHAT-S01"]


def test_nothing_that_a_gateway_said_acts_in_a_page(tmp_path: Path) -> None:
    broken = clause("CHAT-S04", "failed", findings=[finding(observed=HOSTILE)], reason=HOSTILE)
    write_dossier([written(tmp_path / "1", broken, name=HOSTILE)], tmp_path / "out")
    for path in (tmp_path / "out").glob("*.html"):
        page = path.read_text("utf-8")
        assert "<img" not in page
        assert "alert(1)</script>" not in page
        assert "default-src &#39;none&#39;" in page
    vendors = [one.name for one in (tmp_path / "out").glob("*.html")]
    assert all(re.fullmatch(r"[a-z0-9-]+\.html", name) for name in vendors)


def test_vendors_whose_names_are_alike_in_letters_have_pages_of_their_own(tmp_path: Path) -> None:
    runs = [
        written(tmp_path / str(number), clause("MSG-S01"), name=name)
        for number, name in enumerate(("A b", "a-B", "index"))
    ]
    names = {one.name for one in write_dossier(runs, tmp_path / "out")}
    assert {"a-b.html", "a-b-2.html", "index-2.html", "index.html"} <= names


def test_the_command_shows_objectives_with_their_intervals(accepted: Accepted, tmp_path: Path) -> None:
    done = cli("dossier", accepted.folder, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "the-vendor.html").read_text("utf-8")
    assert "objectives missed" in page
    assert '<line class="bound missed"' in page
    assert accepted.document["recording"]["seal"] in page
    assert "--samples 8" in page
