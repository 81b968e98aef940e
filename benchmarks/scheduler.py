"""The scheduler against its bound: a run on a reference gateway that delays every answer.

    python benchmarks/scheduler.py [--delay-ms 1500] [-k EXPRESSION]

The bound is max(longest chain, requests x latency / concurrency). A scenario's chain is the time in which at least one
of its requests was under way; sending starts with the first exchange and ends with the last.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from llmapi_conformance.evidence.recording import read_recording

RUN_DEADLINE = 600.0


def covered(intervals: list[tuple[float, float]]) -> float:
    """Seconds that the intervals cover together."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def main() -> None:
    """Run once and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delay-ms", type=int, default=1500)
    parser.add_argument("-k", dest="keyword", default="")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "llmapi_conformance", "run", "--delay-ms", str(arguments.delay_ms)]
        subprocess.run(  # noqa: S603 - our own module, our own interpreter
            [*command, "--report-dir", folder, *(["-k", arguments.keyword] if arguments.keyword else [])],
            timeout=RUN_DEADLINE,
            check=False,
            stdout=subprocess.DEVNULL,
        )
        recording = read_recording(Path(folder) / "recording.jsonl")
    chains: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in recording.exchanges.values():
        if one.response is not None and not one.of_our_upstream:
            chains[f"{one.scenario}[{one.parameters}]"].append((one.started_at, one.started_at + one.response.ended_at))
    spans = [span for chain in chains.values() for span in chain]
    wall = max(end for _, end in spans) - min(start for start, _ in spans)
    latency = sum(end - start for start, end in spans) / len(spans)
    concurrency = int(recording.opening.target["concurrency"])
    longest, name = max((covered(chain), name) for name, chain in chains.items())
    share = len(spans) * latency / concurrency
    bound = max(longest, share)
    print(f"{len(spans)} requests, mean {latency:.2f} s each, concurrency {concurrency}")
    print(f"longest chain {longest:.1f} s ({name}); requests x latency / concurrency {share:.1f} s")
    print(f"sending took {wall:.1f} s; bound {bound:.1f} s; ratio {wall / bound:.2f}")


if __name__ == "__main__":
    main()
