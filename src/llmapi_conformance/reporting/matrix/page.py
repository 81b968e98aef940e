"""The matrix as one page that loads nothing and lets nothing of a gateway act."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.reporting.excerpt import printable
from llmapi_conformance.reporting.matrix.table import FINDINGS

if TYPE_CHECKING:
    from jinja2 import Environment

    from llmapi_conformance.reporting.matrix.table import Matrix

SIGNS = {
    "failed": "✕",
    "warned": "!",
    "noted": "i",
    "error": "✱",
    "inconclusive": "?",
    "passed": "✓",
    "not_observed": "○",
    "not_offered": "-",
    "waived": "~",
}


def matrix_html(matrix: Matrix) -> str:
    """The whole page; equal for equal runs."""
    style, script = _resource("matrix.css"), _resource("matrix.js")
    policy = (
        f"default-src 'none'; style-src 'sha256-{_hash(style)}'; script-src 'sha256-{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template("matrix.html.j2")
        .render(
            matrix=matrix,
            verdicts=[v for v in Verdict if any(column.counts.get(v) for column in matrix.columns)],
            differing=sum(row.differs for row in matrix.rows),
            found=sum(row.found for row in matrix.rows),
            findings=FINDINGS,
            signs=SIGNS,
            style=style,
            script=script,
            policy=policy,
        )
    )


def _resource(name: str) -> str:
    return (files("llmapi_conformance.reporting.matrix") / "template" / name).read_text("utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    # Only what writes a matrix pays for the template engine.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=PackageLoader("llmapi_conformance.reporting.matrix", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = printable
    environment.filters["words"] = lambda name: str(name).replace("_", " ")
    return environment
