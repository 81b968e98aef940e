"""A badge says the verdict, to everybody."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from llmapi_conformance.reporting.badge import badge_json, badge_of, badge_svg
from tests.reporting.runs import HOSTILE, clause, document

UNTRUSTED: dict[str, Any] = {"exit_status": 2, "headline": "untrusted"}
INCONCLUSIVE = {"exit_status": 3, "headline": "inconclusive"}


@pytest.mark.parametrize(
    ("verdicts", "other", "message", "colour"),
    [
        (("passed", "passed"), {}, "conformant, 2 clauses", "green"),
        (("passed", "warned"), {}, "1 of 2, 1 warned", "yellow"),
        (("passed", "failed", "warned"), {}, "1 of 3 failed", "red"),
        (("passed", "inconclusive"), INCONCLUSIVE, "1 inconclusive", "yellow"),
        (("passed", "failed"), UNTRUSTED, "no trusted run", "grey"),
        (("passed",), {"exit_status": 1}, "findings", "red"),
    ],
)
def test_a_badge_says_the_verdict(verdicts: tuple[str, ...], other: dict[str, Any], message: str, colour: str) -> None:
    clauses = [clause(f"CHAT-S{number:02}", verdict) for number, verdict in enumerate(verdicts)]
    badge = badge_of(document(*clauses, **other))
    assert (badge.message, badge.colour) == (message, colour)
    shields = badge_json(badge)
    assert shields["schemaVersion"] == 1
    assert shields["message"] == message
    assert shields["isError"] is (colour == "grey")


def test_the_svg_is_read_out_and_needs_no_network() -> None:
    text = badge_svg(badge_of(document(clause("CHAT-S04")), HOSTILE + "\"'"))
    svg = ET.fromstring(text)  # noqa: S314 - made here
    names = {element.tag.rpartition("}")[2] for element in svg.iter()}
    assert names == {"svg", "title", "path", "g", "text"}
    title = svg[0].text
    assert title is not None
    assert title.endswith(": conformant, 1 clause")
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == title
    assert not [element for element in svg.iter() if any("href" in name or name == "style" for name in element.attrib)]


def test_colours_can_be_told_from_the_text_on_them() -> None:
    def light(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    cases: list[tuple[str, dict[str, Any]]] = [("passed", {}), ("warned", {}), ("failed", {}), ("passed", UNTRUSTED)]
    for verdict, other in cases:
        svg = ET.fromstring(badge_svg(badge_of(document(clause("CHAT-S04", verdict), **other))))  # noqa: S314 - made here
        fills = [fill for element in svg.iter() if (fill := element.get("fill", ""))[1:] and len(fill) == 7]
        assert len(fills) == 2
        assert all(1.05 / (light(fill) + 0.05) >= 4.5 for fill in fills)
