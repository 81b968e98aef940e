"""Official clients: whether each saw what the gateway was asked for (specs/clients.yaml)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, Oracle, oracle

LONGEST: Final = 200
"""Characters of what a client told that a finding shows."""


def as_asked(case: Mapping[str, Any]) -> Judgement:
    """What a client told of a case is what the case is about.

    Args:
        case: ``client``, ``case``, ``wanted`` (``value``; ``some`` for any text; ``holds`` for a list with it; or
            ``raises`` and ``status``; and ``requests``, 0 for any number), ``told`` (``value``, ``raised`` or
            ``ended``), ``requests`` (how many it sent) and ``exchanges``.
    """
    wanted, told = case["wanted"], case["told"]
    who = f"{case['client']}, {case['case']}"
    shown = case["exchanges"][-1] if case["exchanges"] else None
    yield Examined("client case")
    if "raises" in wanted:
        status = f" with status {wanted['status']}" if wanted["status"] else ""
        expected = f"{who}: raises {wanted['raises']}{status}"
        if not _raised(told, wanted):
            yield Deviation(expected, _said(told), exchange=shown)
    elif not _told(told, wanted):
        yield Deviation(f"{who}: {_expected(wanted)}", _said(told), exchange=shown)
    if wanted["requests"] and case["requests"] != wanted["requests"]:
        yield Deviation(f"{who}: {wanted['requests']} requests", f"{case['requests']} requests", exchange=shown)


def _told(told: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    value = told.get("value")
    if "some" in wanted:
        return isinstance(value, str) and bool(value.strip())
    if "holds" in wanted:
        return isinstance(value, list) and wanted["holds"] in value
    return "value" in told and bool(value == wanted["value"])


def _expected(wanted: Mapping[str, Any]) -> str:
    if "some" in wanted:
        return f"some {wanted['some']}"
    return f"a list with {wanted['holds']}" if "holds" in wanted else _short(wanted["value"])


def _raised(told: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    raised = told.get("raised")
    if not isinstance(raised, Mapping) or wanted["raises"] not in raised["is"]:
        return False
    return not wanted["status"] or raised["status"] == wanted["status"]


def _said(told: Mapping[str, Any]) -> str:
    if "value" in told:
        return _short(told["value"])
    if "raised" in told:
        raised = told["raised"]
        status = f" with status {raised['status']}" if raised["status"] else ""
        return f"it raised {raised['type']}{status}: {_short(raised['text'])}"
    return f"it ended early: {_short(told.get('ended', ''))}"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."


def _client_oracle(clause: str) -> Oracle:
    """One oracle for each clause: they differ in the cases that they are given."""

    def works(case: Mapping[str, Any]) -> Judgement:
        yield from as_asked(case)

    works.__name__ = f"client_works_{clause.removeprefix('CLI-').lower()}"
    works.__doc__ = "A client saw what the gateway was asked for (specs/clients.yaml)."
    return oracle(clause)(works)


CLIENT_ORACLES: Final = {
    f"CLI-{group}{number:02}": _client_oracle(f"CLI-{group}{number:02}")
    for group, last in (("O", 10), ("A", 8), ("G", 7), ("C", 4))
    for number in range(1, last + 1)
}
"""Clause id -> its oracle."""
