"""The HTML report: how long it takes to make, how large it is, and how soon a browser has it open.

    python benchmarks/report.py RUN ... [--times N]

RUN is the folder of a run. Times are medians; opening is from the request for the file until its load event has ended,
in Debian's Chromium without a window.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.reporting.html import write_report
from llmapi_conformance.reporting.past import load_run


def make(folder: Path, page: Path) -> tuple[float, int]:
    """Write the page of a run; seconds, and exchanges of the recording."""
    run = load_run(folder)
    recording = run.path.with_name("recording.jsonl")
    exchanges = list(read_recording(recording).exchanges.values())
    started = time.perf_counter()
    write_report(page, run.document, exchanges, verdicts=run.path, recording=recording)
    return time.perf_counter() - started, len(exchanges)


def opening(page: Path, times: int) -> float:
    """Milliseconds until the page is open."""
    path = shutil.which("chromium")
    if path is None:
        sys.exit("chromium is not there: 'apt-get install chromium' brings it")
    seen = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path)
        for _ in range(times):
            window = browser.new_page(viewport={"width": 1440, "height": 900})
            window.goto(page.as_uri())
            seen.append(float(window.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")))
            window.close()
        browser.close()
    return statistics.median(seen)


def main() -> None:
    """Print a line for each run."""
    parser = argparse.ArgumentParser(description="Time and size of the HTML report.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        for run in options.runs:
            made = [make(run, page) for _ in range(options.times)]
            seconds = statistics.median(one for one, _ in made)
            print(
                f"{run}: {made[0][1]} exchanges, {page.stat().st_size / 1_000:,.0f} kB, "
                f"made in {seconds:.2f} s, open after {opening(page, options.times):,.0f} ms"
            )


if __name__ == "__main__":
    main()
