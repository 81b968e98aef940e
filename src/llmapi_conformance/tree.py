"""Where the tree lies: ``specs/``, ``suites/`` and ``fixtures/``."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from llmapi_conformance.errors import ContractError

ENVIRONMENT = "LLMAPI_CONFORMANCE_TREE"
"""Names another tree: a work copy with changed clauses, for example."""


@cache
def tree() -> Path:
    """The folder that holds ``specs/``, ``suites/`` and ``fixtures/``.

    Raises:
        ContractError: There is no such folder.
    """
    here = Path(__file__).resolve().parent
    named = os.environ.get(ENVIRONMENT)
    candidates = [Path(named).resolve()] if named else [here / "_tree", here.parents[1]]
    for candidate in candidates:
        if (candidate / "specs" / "clauses").is_dir():
            return candidate
    wanted = " or ".join(str(candidate) for candidate in candidates)
    raise ContractError(f"Expected the folder specs/clauses in {wanted}; reinstall the package or mend ${ENVIRONMENT}.")
