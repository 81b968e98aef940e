"""A badge of a run: an SVG that needs no network, and the JSON that shields' endpoint badge reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from llmapi_conformance.reporting.excerpt import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

LABEL = "LLMAPI conformance"
_COLOURS = {
    "green": "#2e7d32",
    "yellow": "#8a6100",
    "red": "#c62828",
    "grey": "#5f6368",
}
"""With white text at least 4.5 to 1 each (WCAG 2.2, 1.4.3)."""
_SHIELDS = {"green": "brightgreen", "yellow": "yellow", "red": "red", "grey": "lightgrey"}
_NARROW, _WIDE = frozenset("fijlrt.,:;!|()'I /1"), frozenset("mwMWCDGHNOQAUV%@")


@dataclass(frozen=True, slots=True)
class Badge:
    """What a badge says.

    Attributes:
        label: Its left part.
        message: Its right part.
        colour: ``green``, ``yellow``, ``red`` or ``grey``.
    """

    label: str
    message: str
    colour: str


def badge_of(document: Mapping[str, Any], label: str = LABEL) -> Badge:
    """The badge of a run: red for a failed clause, yellow for a warned or an inconclusive one, grey for no trust.

    Args:
        document: What ``verdicts.json`` says.
        label: Its left part.
    """
    counts = document["figures"]["verdicts"]
    judged = document["figures"]["clauses_judged"]
    failed, warned = counts.get("failed", 0), counts.get("warned", 0)
    status = document["exit_status"]
    if status == 2:
        return Badge(label, "no trusted run", "grey")
    if failed:
        return Badge(label, f"{failed} of {judged} failed", "red")
    if status == 1:
        return Badge(label, "findings", "red")
    if status == 3:
        return Badge(label, f"{counts.get('inconclusive', 0)} inconclusive", "yellow")
    if warned:
        return Badge(label, f"{judged - warned} of {judged}, {warned} warned", "yellow")
    return Badge(label, f"conformant, {judged} clause{'s' * (judged != 1)}", "green")


def badge_json(badge: Badge) -> dict[str, Any]:
    """The badge as shields' endpoint schema, version 1."""
    return {
        "schemaVersion": 1,
        "label": badge.label,
        "message": badge.message,
        "color": _SHIELDS[badge.colour],
        "isError": badge.colour == "grey",
    }


def badge_svg(badge: Badge) -> str:
    """The badge as SVG: flat, 20 pixels high, with a title for those who can't see it."""
    label, message = printable(badge.label), printable(badge.message)
    left, right = _width(label) + 12, _width(message) + 12
    whole, title = left + right, f"{label}: {message}"
    texts = "".join(
        f'<text x="{x:.1f}" y="14" textLength="{width - 12}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
        for text, x, width in ((label, left / 2, left), (message, left + right / 2, right))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" viewBox="0 0 {whole} 20" '
        f'role="img" aria-label={quoteattr(title)}>'
        f"<title>{escape(title)}</title>"
        f'<path fill="#3c4043" d="M{left} 0H3a3 3 0 0 0-3 3v14a3 3 0 0 0 3 3H{left}z"/>'
        f'<path fill="{_COLOURS[badge.colour]}" d="M{left} 0H{whole - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H{left}z"/>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">'
        f"{texts}</g></svg>\n"
    )


def _width(text: str) -> int:
    """About how many pixels a text takes in Verdana of 11 pixels; ``textLength`` makes it exact."""
    return round(sum(4.2 if sign in _NARROW else 8.8 if sign in _WIDE else 6.8 for sign in text))
