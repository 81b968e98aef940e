"""What official clients notice of a fault, and what the clauses of the protocols notice on the same exchanges.

``python benchmarks/clients.py [FAULT=CLIENT ...]``: two tables. In the first a client breaks although the status is
200, and a clause says so too; in the second a client swallows the fault, and the clause alone says so. Clients that are
not installed are installed into ``--home``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from llmapi_conformance.clients.catalogue import load_clients
from llmapi_conformance.clients.environments import default_home
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.reference.faults import FAULTS
from llmapi_conformance.reporting.clients import case_rows
from llmapi_conformance.reporting.markdown import cell, table
from llmapi_conformance.tree import tree

BREAKING: Final = (
    *("S03=anthropic-python", "S03=anthropic-node", "R29=openai-python", "R29=openai-node"),
    *("Y05=google-genai", "Y05=genai-node"),
)
SWALLOWED: Final = ("M15=openai-python", "M15=openai-node", "M25=anthropic-python", "M25=anthropic-node")
_BROKEN: Final = ("failed", "warned", "noted")
_DEADLINE: Final = 900.0


def main() -> None:
    """Run, and print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pairs", nargs="*", metavar="FAULT=CLIENT", help="in the place of those that are known")
    parser.add_argument("--home", type=Path, default=default_home(), help="where the clients' environments lie")
    given = parser.parse_args()
    for title, pairs in (("broken", BREAKING), ("swallowed", SWALLOWED)) if not given.pairs else (("", given.pairs),):
        heads = ("fault", "clients", "cases broken", "what they met", "clauses of the protocol broken", "seconds")
        rows = [_tried(pair, given.home) for pair in pairs]
        print(f"\n{title}\n\n{table(heads, rows)}")


def _tried(pair: str, home: Path) -> tuple[str, ...]:
    fault, _, client = pair.partition("=")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "llmapi_conformance", "clients", "run", "--fault", fault, "--only", client]
        begun = time.monotonic()
        done = subprocess.run(  # noqa: S603 - our own tool
            [*command, "--install", "--home", str(home), "--report-dir", folder],
            capture_output=True,
            text=True,
            timeout=_DEADLINE,
            check=False,
        )
        seconds = time.monotonic() - begun
        verdicts = Path(folder) / "verdicts.json"
        if not verdicts.exists():
            return fault, client, "no run", cell(done.stderr.strip()[-200:]), "", f"{seconds:.0f}"
        said = json.loads(verdicts.read_text("utf-8"))["clauses"]
        rows = case_rows(read_recording(Path(folder) / "recording.jsonl"), load_clients(tree() / "specs"))
    broken = [one for one in rows if one.state == "broken"]
    clauses = [one["id"] for one in said if one["verdict"] in _BROKEN and one["surface"] != "clients"]
    words = "; ".join(dict.fromkeys(one.words[:100] for one in broken)) or "nothing"
    return (
        f"{fault}: {FAULTS[fault].summary}",
        ", ".join(dict.fromkeys(one.client for one in rows)),
        f"{len(broken)} of {len(rows)}",
        cell(words),
        ", ".join(clauses) or "none",
        f"{seconds:.0f}",
    )


if __name__ == "__main__":
    main()
