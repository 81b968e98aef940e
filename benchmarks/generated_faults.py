"""Seeds x faults: which faults that only odd requests bring out generated requests find, and hand-written ones do not.

    python -m benchmarks.generated_faults [FAULT ...] [--seeds 1 2 3 4 5] [--by-hand] [--jobs N] [--out FILE]

Cases are of the default number. Sent are those of the operations that ``tests/kill/test_generated.py`` names for a
fault, and of all operations when these miss it. With ``--by-hand`` the whole suite runs once for each fault without
generated cases: whatever it finds is told, and there should be nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

from llmapi_conformance.reference.faults_generated import GENERATED_FAULTS
from tests.kill.suite import found, generated_only, run_suite
from tests.kill.test_generated import OPERATIONS

FAULTS = {fault.name: fault for fault in GENERATED_FAULTS}
BY_HAND = 0
"""Stands in the place of a seed."""
UNTRUSTED = 2
"""Exit status of a run that says nothing."""
EVERY = ("[",)
"""Part of the name of each generated check."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one run found.

    Attributes:
        fault: Its name.
        seed: The seed, ``BY_HAND`` for none.
        hits: Clauses with a finding that the fault lists.
        others: Clauses with a finding that it does not list.
        everywhere: Whether all operations had to be asked.
        requests: How many were sent in the last run for it.
        seconds: Wall seconds of all runs for it.
    """

    fault: str
    seed: int
    hits: tuple[str, ...]
    others: tuple[str, ...]
    everywhere: bool
    requests: int
    seconds: float


def look(fault: str, seed: int) -> Row:
    """Run with a fault and a seed."""
    clauses, started = FAULTS[fault].clauses, time.monotonic()
    if seed == BY_HAND:
        tries = [["--generate", "0"]]
    else:
        some, every = generated_only(clauses, OPERATIONS[fault]), generated_only(clauses, EVERY)
        tries = [["--seed", str(seed), "-k", keyword] for keyword in (some, every)]
    asked = 0
    for arguments in tries:
        asked += 1
        with tempfile.TemporaryDirectory() as folder:
            status, document = run_suite(Path(folder), "--fault", fault, *arguments)
        if status == UNTRUSTED:
            sys.exit(f"{fault}, seed {seed}: the run can't be trusted: {document['problems']}")
        findings = found(document)
        if findings & set(clauses):
            break
    hits, others = findings & set(clauses), findings - set(clauses)
    requests, seconds = document["figures"]["requests"], round(time.monotonic() - started, 1)
    return Row(fault, seed, tuple(sorted(hits)), tuple(sorted(others)), asked > 1, requests, seconds)


def table(rows: list[Row], seeds: list[int]) -> str:
    """A line for each fault, a column for each seed."""
    lines = [
        "| fault | " + " | ".join(f"seed {seed}" for seed in seeds) + " | found by |",
        "|---" * (len(seeds) + 2) + "|",
    ]
    for fault in dict.fromkeys(row.fault for row in rows):
        of_fault = {row.seed: row for row in rows if row.fault == fault}
        marks = ["-" if not of_fault[seed].hits else "yes" for seed in seeds]
        clauses = sorted({clause for row in of_fault.values() for clause in row.hits})
        lines.append(f"| {fault} {FAULTS[fault].summary} | {' | '.join(marks)} | {' '.join(clauses)} |")
    return "\n".join(lines)


def main() -> None:
    """Run, print a line per run and the table; fail when a fault is missed, or found by hand."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", nargs="*", metavar="FAULT")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--by-hand", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, help="write the rows as JSON")
    arguments = parser.parse_args()
    seeds = [BY_HAND] if arguments.by_hand else arguments.seeds
    if unknown := set(arguments.faults) - FAULTS.keys():
        parser.error(f"no such faults: {' '.join(sorted(unknown))}; choose of {' '.join(FAULTS)}")
    wanted = list(product(arguments.faults or FAULTS, seeds))
    rows: list[Row] = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for row in pool.map(lambda one: look(*one), wanted):
            rows.append(row)
            where = "by hand" if arguments.by_hand else f"seed {row.seed}" + (", everywhere" if row.everywhere else "")
            told = f"{' '.join(row.hits) or 'nothing'} | {' '.join(row.others)}"
            print(f"{row.fault} {where}: {told} ({row.requests} requests, {row.seconds} s)", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", "utf-8")
    if not arguments.by_hand:
        print(table(rows, seeds))
    wrong = [row for row in rows if bool(row.hits) is arguments.by_hand]
    sys.exit(
        f"{'found by hand' if arguments.by_hand else 'missed'}: {[(row.fault, row.seed) for row in wrong]}"
        if wrong
        else 0
    )


if __name__ == "__main__":
    main()
