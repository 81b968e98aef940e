"""The kill matrix: every fault of the reference gateway against the whole suite.

    python -m benchmarks.kill_matrix [FAULT ...] [--out FILE] [--jobs N]

A fault counts as killed when the run has a finding (failed or warned) on a clause that the fault lists. Localisation
is the share of all findings that are on listed clauses. The conforming gateway is run first: whatever it is accused of
is a false alarm.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from llmapi_conformance.reference.faults import FAULTS
from tests.kill.suite import run_suite

FOUND = ("failed", "warned")
RUN_DEADLINE = 240.0


def run_with(fault: str) -> dict[str, Any]:
    """Run the suite with a fault (none when empty) and return what ``verdicts.json`` says."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        try:
            status, document = run_suite(Path(folder), *(["--fault", fault] if fault else []), deadline=RUN_DEADLINE)
        except (AssertionError, TimeoutError) as error:
            sys.exit(f"{fault or 'no fault'}: {error}")
    return {
        "fault": fault,
        "exit_status": status,
        "seconds": round(time.monotonic() - started, 1),
        "requests": document["figures"]["requests"],
        "found": sorted(one["id"] for one in document["clauses"] if one["verdict"] in FOUND),
        "errors": sorted(one["id"] for one in document["clauses"] if one["verdict"] == "error"),
        "unseen": sorted(
            one["id"] for one in document["clauses"] if one["verdict"] in ("not_observed", "inconclusive")
        ),
    }


def print_row(row: dict[str, Any]) -> None:
    """One line for a fault: whether it was killed, by which listed clauses, and what else was found."""
    listed = set(FAULTS[row["fault"]].clauses) if row["fault"] else set()
    hits, others = sorted(listed & set(row["found"])), sorted(set(row["found"]) - listed)
    verdict = "killed" if hits else "SURVIVED" if row["fault"] else "conforming"
    print(
        f"{row['fault'] or '-':5} {verdict:10} {row['seconds']:5.1f} s  {' '.join(hits) or '-'}  | {' '.join(others)}"
    )
    if row["errors"]:
        print(f"      harness errors: {' '.join(row['errors'])}")


def main() -> None:
    """Run, print a row per fault, and fail when one survives or the conforming gateway is accused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", nargs="*", metavar="FAULT")
    parser.add_argument("--out", type=Path, help="write the matrix as JSON")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    names = ["", *(arguments.faults or FAULTS)]
    rows = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for row in pool.map(run_with, names):
            rows.append(row)
            print_row(row)
    listed = [set(FAULTS[row["fault"]].clauses) & set(row["found"]) for row in rows if row["fault"]]
    killed = sum(bool(hits) for hits in listed)
    aimed, found = sum(map(len, listed)), sum(len(row["found"]) for row in rows)
    accused = next(row["found"] for row in rows if not row["fault"])
    print(f"killed {killed} of {len(listed)}, localisation {aimed / max(1, found):.2f}")
    print(f"false alarms on the conforming gateway: {len(accused)} {' '.join(accused)}")
    if arguments.out:
        arguments.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    sys.exit(killed < len(listed) or bool(accused))


if __name__ == "__main__":
    main()
