"""Runs as their verdicts.json says, made by hand: few clauses, any verdict."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

from llmapi_conformance.reporting.past import PastRun, read_run

BROKEN = {"failed": "MUST", "warned": "SHOULD", "noted": "INFO"}
HOSTILE = (
    "</details></script><script>alert(1)</script> ``` ~~~ `` ` | \n\n# head ![x](http://evil.invalid/p.png) "
    "[go](http://evil.invalid) <img src=x onerror=alert(1)> @everyone #1 \x1b[31m\x00\ufffe\u202e ]]> &lt; {0}"
)
"""What a gateway may say to take over a page, a comment or an XML file."""


def finding(oracle: str = "it_is_so", observed: str = "it is not so", **other: Any) -> dict[str, Any]:
    return {
        "verdict": "failed",
        "check": "chat/test_stream.py::test_it",
        "oracle": oracle,
        "expected": "it is so",
        "observed": observed,
        "exchange": "chat_stream#1",
        "status": 200,
        "curl": "curl -sS http://127.0.0.1:4000/v1/models -H 'Authorization: Bearer '\"$KEY_GENERAL_OPENAI\"''",
        "excerpt": "data: [DONE]",
        "span": [0, 4],
        "also": ["chat_stream#2"],
        **other,
    }


def clause(name: str, verdict: str = "passed", *, oracles: tuple[str, ...] = (), **other: Any) -> dict[str, Any]:
    """One clause; a broken one has a finding of each of these oracles, or one of ``it_is_so``."""
    broken = verdict in (*BROKEN, "waived")
    return {
        "id": name,
        "surface": {"CHAT": "chat", "MSG": "messages", "RSP": "responses"}[name.partition("-")[0]],
        "level": BROKEN.get(verdict, "MUST"),
        "basis": "protocol",
        "statement": f"The promise of {name} [is] kept.",
        "source": "CHAT F5.17; RFC 9110 15.5.2",
        "verdict": verdict,
        "reason": "" if verdict == "passed" or verdict in BROKEN else f"why {verdict}",
        "examined": 1,
        "findings": [finding(oracle) for oracle in oracles or ("it_is_so",)] if broken else [],
        "checks": [{"name": "chat/test_stream.py::test_it", "verdict": verdict, "examined": 1, "reason": ""}],
        **other,
    }


def document(*clauses: dict[str, Any], name: str = "staging", **other: Any) -> dict[str, Any]:
    counts = Counter(one["verdict"] for one in clauses)
    surfaces: dict[str, Counter[str]] = {}
    for one in clauses:
        surfaces.setdefault(one["surface"], Counter())[one["verdict"]] += 1
    status = 1 if counts["failed"] else 0
    return {
        "format": "llmapi-conformance/verdicts",
        "version": 1,
        "tool": {"name": "llmapi-conformance", "version": "0.1.0"},
        "contract": "c0ffee" * 10 + "c0ff",
        "target": {"name": name, "base_url": "http://127.0.0.1:4000", "claims": [], "offers": [], "roles": {}},
        "profile": "gate",
        "selection": {"keyword": "", "fail_on_warned": False},
        "started_at": "2026-11-27T23:26:34.000+00:00",
        "ended_at": "2026-11-27T23:26:44.500+00:00",
        "exit_status": status,
        "headline": {0: "conformant", 1: "findings"}[status],
        "problems": [],
        "figures": {
            "requests": 12,
            "clauses_judged": sum(counts[verdict] for verdict in ("passed", "failed", "warned", "noted")),
            "clauses_per_request": 1.0,
            "verdicts": dict(counts),
            "surfaces": {surface: dict(row) for surface, row in surfaces.items()},
        },
        "tasks": {"submitted": 0, "ended": 0, "cancelled_at_end": 0, "left": [], "unanswered": 0},
        "clauses": list(clauses),
        **other,
    }


def run(*clauses: dict[str, Any], **other: Any) -> PastRun:
    return read_run(Path("verdicts.json"), document(*clauses, **other))


def hostile() -> dict[str, Any]:
    """A gateway that puts what takes over reports into whatever it says."""
    broken = [
        clause("CHAT-S04", "failed", findings=[finding(observed=HOSTILE, excerpt=HOSTILE, curl=HOSTILE)]),
        clause("MSG-S07", "warned", findings=[finding(expected=HOSTILE, observed=HOSTILE * 40)]),
        clause("RSP-S01", "inconclusive", reason=HOSTILE),
        clause("RSP-S02", "not_observed", reason=HOSTILE),
    ]
    return document(*copy.deepcopy(broken), name=HOSTILE, problems=[HOSTILE])


def written(folder: Path, data: dict[str, Any]) -> Path:
    """A run's folder with this verdicts.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "verdicts.json").write_text(json.dumps(data), "utf-8")
    return folder
