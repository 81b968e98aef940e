"""The command that makes a run, or a part of it, again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TARGET_FILE: Final = "TARGET.toml"
"""Stands for a target file whose name is not known."""
_MOST: Final = 6
"""Clauses that are named together; more make a line that nobody reads."""


def again(
    document: Mapping[str, Any],
    *,
    target: str = TARGET_FILE,
    clauses: Sequence[str] = (),
    reference: Sequence[str] = (),
    candidate: Sequence[str] = (),
) -> str:
    """One line for a shell; empty for a recording of traffic, which others made.

    Args:
        document: What ``verdicts.json`` says.
        target: The target file; the embedded reference gateway when empty.
        clauses: Those that are to be looked at again, the first of them when they are many; what the run looked at
            when empty.
        reference: Options of the embedded reference gateway.
        candidate: How a gate started what it judged: it is gone by then, and a run alone would find nothing there.
    """
    selection = document["selection"]
    if selection.get("traffic"):
        return ""
    words = ["llmapi-conformance", "gate" if candidate else "run", *(("--target", target) if target else reference)]
    words += candidate or ("--profile", document["profile"])
    # What is not generated for a clause needs no word.
    if selection.get("generate") is not None and (selection["generate"] or not clauses):
        words += ["--generate", str(selection["generate"])]
        words += [] if candidate or selection.get("seed") is None else ["--seed", str(selection["seed"])]
    if selection.get("samples") is not None and not clauses and not candidate:
        words += ["--samples", str(selection["samples"])]
    named = clauses if len(clauses) <= _MOST else clauses[:1]
    if keyword := " or ".join(named) or str(selection.get("keyword") or ""):
        words += ["-k", keyword]
    if selection.get("fail_on_warned"):
        words.append("--strict")
    return shlex.join(words)
