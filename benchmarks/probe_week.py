"""A probe week: seven nights against the reference gateway, a fault that comes on night 3 and flaps from night 5 on.

    python benchmarks/probe_week.py [--fault M15] [-k EXPRESSION] [--prices 3 15] [--keep DIR]

Each night is a run of its own with `--profile probe`, the fault on in nights 3, 4 and 6. Runs are real; only the time
at which they began is not: `history add --at` puts them on seven nights in a row at 03:00. After each night
`history alert` is called twice, as a cron job that is started twice would. What the week would have cost are the tokens
that answers reported, at the prices per million tokens (input, output) that are named.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

TOOL = Path(sys.executable).with_name("llmapi-conformance")
FIRST = datetime(2026, 11, 2, 3)  # noqa: DTZ001  --at is in UTC and takes no zone
FAULTY = (3, 4, 6)


@dataclass(frozen=True, slots=True)
class Night:
    """What a night came to."""

    number: int
    faulty: bool
    run_exit: int
    seconds: float
    alert_exit: int
    again_exit: int
    told: str


def call(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the tool with the history of this week."""
    environment = {**os.environ, "LLMAPI_CONFORMANCE_HISTORY": str(folder / "history.sqlite")}
    return subprocess.run(  # noqa: S603  our own tool
        [TOOL, *words], capture_output=True, text=True, timeout=1_200, check=False, env=environment
    )


def night(folder: Path, number: int, fault: str, keyword: str) -> Night:
    """One run, added to the history, and what is told of it."""
    place = folder / f"night{number}"
    words = ["run", "--profile", "probe", "--generate", "0", "--report-dir", str(place)]
    words += ["-k", keyword] if keyword else []
    faulty = number in FAULTY
    begun = time.perf_counter()
    ended = call(folder, *words, *(["--fault", fault] if faulty else []))
    seconds = time.perf_counter() - begun
    at = FIRST + timedelta(days=number - 1)
    added = call(folder, "history", "add", str(place), "--at", at.isoformat())
    if added.returncode:
        sys.exit(added.stderr or ended.stderr)
    first, second = call(folder, "history", "alert"), call(folder, "history", "alert")
    return Night(number, faulty, ended.returncode, seconds, first.returncode, second.returncode, first.stdout)


def week(folder: Path, fault: str, keyword: str) -> tuple[list[Night], dict[str, Any]]:
    """Seven nights, and what the history says of them in the end."""
    nights = [night(folder, number, fault, keyword) for number in range(1, 8)]
    (series,) = json.loads(call(folder, "history", "show", "--json").stdout)["series"]
    return nights, series


def main() -> None:
    """Print the nights, the history, and the cost."""
    parser = argparse.ArgumentParser(description="A probe week, simulated.")
    parser.add_argument("--fault", default="M15")
    parser.add_argument("-k", dest="keyword", default="", metavar="EXPRESSION")
    parser.add_argument("--prices", nargs=2, type=float, default=(3.0, 15.0), metavar=("INPUT", "OUTPUT"))
    parser.add_argument("--keep", type=Path, help="where runs and history stay; a folder that is removed when omitted")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        nights, series = week(folder, options.fault, options.keyword)
        for one in nights:
            fault = f"fault {options.fault}" if one.faulty else "no fault"
            print(
                f"night {one.number}, {fault}: run ended with {one.run_exit} after {one.seconds:.1f} s, alert with "
                f"{one.alert_exit}, alert again with {one.again_exit}"
            )
            print("".join(f"    {line}\n" for line in one.told.splitlines()), end="")
        for words in (("show",), ("flips",)):
            print(call(folder, "history", *words).stdout)
        requests = [run["requests"] for run in series["runs"]]
        tokens = [sum(run[name] or 0 for run in series["runs"]) for name in ("input_tokens", "output_tokens")]
        money = sum(count * price / 1e6 for count, price in zip(tokens, options.prices, strict=True))
        print(
            f"the week: {sum(requests)} requests ({min(requests)} to {max(requests)} a night), {tokens[0]} tokens in, "
            f"{tokens[1]} out; {money:.2f} at {options.prices[0]:g} and {options.prices[1]:g} for a million"
        )


if __name__ == "__main__":
    main()
