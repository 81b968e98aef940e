"""What the server of ``forking.py`` imports before it forks: all that a run and the reference gateway import."""

from __future__ import annotations

import gc
from importlib import import_module
from pathlib import Path

from llmapi_conformance.commands.pytest_run import run_pytest
from llmapi_conformance.generating.properties import argument_texts, texts
from llmapi_conformance.reporting.html.render import _environment
from llmapi_conformance.request import EMBEDDED, Request
from llmapi_conformance.run import Run

for _name in ("anyio._backends._asyncio", "httpcore2"):  # a run imports them when it needs them
    import_module(_name)
for _name in ("llmapi_conformance.cli", "llmapi_conformance.reference.serve"):
    import_module(_name)
for _name in _environment().list_templates(["j2"]):
    _environment().get_template(_name)
# The first draw takes half a second for its tables; what is drawn later depends on seed and purpose alone.
texts(1, "warming", 1)
argument_texts(1, "warming", 1)
# A plan imports the scenarios and every suite, and reads the contract; it starts no gateway and sends nothing.
_run = Run(Request(report_dir=Path(), target=EMBEDDED))
run_pytest(_run, "", ["--plan"])
_run.close()
gc.collect()
gc.freeze()
