"""What the server of ``forking.py`` imports before it forks: all that a run and the reference gateway import."""

from __future__ import annotations

import gc
from importlib import import_module
from pathlib import Path

from llmapi_conformance.commands.pytest_run import run_pytest
from llmapi_conformance.reporting.html.render import _environment
from llmapi_conformance.run import EMBEDDED, Request, Run

for _name in (
    "anyio._backends._asyncio",
    "httpcore2",
    "hypothesis.strategies",
):  # a run imports them when it needs them
    import_module(_name)
for _name in ("llmapi_conformance.cli", "llmapi_conformance.reference.serve"):
    import_module(_name)
for _name in ("report.html.j2", "end.html.j2"):
    _environment().get_template(_name)
# A plan imports the scenarios and every suite, and reads the contract; it starts no gateway and sends nothing.
_run = Run(Request(report_dir=Path(), target=EMBEDDED))
run_pytest(_run, "", ["--plan"])
_run.close()
gc.collect()
gc.freeze()
