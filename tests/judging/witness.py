"""A pytest plugin: writes down which oracles have been seen to find a deviation, and which to examine without one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from llmapi_conformance.judging.oracle import Deviation, Oracle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.judging.oracle import Examined

VARIABLE = "ORACLE_WITNESS"
"""Names the file that is written at the end."""

_seen: dict[str, set[str]] = {"deviated": set(), "content": set()}
_call = Oracle.__call__


def _witnessed(oracle: Oracle, *subjects: object) -> Iterator[Examined | Deviation]:
    deviated = examined = False
    for item in _call(oracle, *subjects):
        deviated |= isinstance(item, Deviation)
        examined |= not isinstance(item, Deviation)
        yield item
    if deviated:
        _seen["deviated"].add(oracle.name)
    elif examined:
        _seen["content"].add(oracle.name)


def pytest_configure() -> None:
    setattr(Oracle, "__call__", _witnessed)  # noqa: B010 - mypy would not let us, and it is for this pytest run only


def pytest_sessionfinish() -> None:
    Path(os.environ[VARIABLE]).write_text(json.dumps({kind: sorted(names) for kind, names in _seen.items()}), "utf-8")
