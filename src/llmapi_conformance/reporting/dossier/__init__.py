"""A dossier: a page for each vendor, an index of them, and the matrix over all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmapi_conformance.reporting.dossier.vendor import vendors_of
from llmapi_conformance.reporting.html.render import render_still
from llmapi_conformance.reporting.matrix import matrix_html, matrix_markdown, matrix_of
from llmapi_conformance.reporting.measured import objective_sentence
from llmapi_conformance.reporting.past import load_run, write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from llmapi_conformance.reporting.dossier.vendor import Vendor

INDEX: Final = "index.html"
_STYLES: Final = ("report.css", "measured.css", "dossier.css")
_WORST: Final = ("untrusted", "findings", "inconclusive", "known", "conformant")


def write_dossier(runs: Iterable[Path], folder: Path) -> list[Path]:
    """Write the pages; equal for equal runs.

    Args:
        runs: Folders of runs, or their ``verdicts.json``.
        folder: Where.

    Returns:
        What was written, the index first.

    Raises:
        ReportError: A run can't be read, or a page can't be written.
    """
    vendors = vendors_of((load_run(path) for path in runs), folder)
    matrix = matrix_of([vendor.newest for vendor in vendors], folder)
    pages = {
        INDEX: index_page(vendors),
        **{vendor.file: vendor_page(vendor) for vendor in vendors},
        "matrix.html": matrix_html(matrix),
        "matrix.md": matrix_markdown(matrix),
    }
    for name, text in pages.items():
        write_text(folder / name, text)
    return [folder / name for name in pages]


def vendor_page(vendor: Vendor) -> str:
    """The page of a vendor."""
    context = {"vendor": vendor, "headline": vendor.document["headline"], "sentence": objective_sentence}
    return render_still("dossier.html.j2", _STYLES, context)


def index_page(vendors: Sequence[Vendor]) -> str:
    """The page that leads to all of them."""
    seen = {vendor.document["headline"] for vendor in vendors}
    worst = next(one for one in _WORST if one in seen)
    return render_still("dossiers.html.j2", _STYLES, {"vendors": vendors, "headline": worst})
