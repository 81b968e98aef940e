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
) -> str:
    """One line for a shell; empty for a recording of traffic, which others made.

    Args:
        document: What ``verdicts.json`` says.
        target: The target file; the embedded reference gateway when empty.
        clauses: Those that are to be looked at again, the first of them when they are many; what the run looked at
            when empty.
        reference: Options of the embedded reference gateway.
    """
    selection = document["selection"]
    if selection.get("traffic"):
        return ""
    words = ["llmapi-conformance", "run", *(("--target", target) if target else reference)]
    words += ["--profile", document["profile"]]
    # What is not generated for a clause needs no word.
    if selection.get("generate") is not None and (selection["generate"] or not clauses):
        words += ["--generate", str(selection["generate"]), "--seed", str(selection["seed"])]
    if selection.get("samples") is not None and not clauses:
        words += ["--samples", str(selection["samples"])]
    named = clauses if len(clauses) <= _MOST else clauses[:1]
    if keyword := " or ".join(named) or str(selection.get("keyword") or ""):
        words += ["-k", keyword]
    if selection.get("fail_on_warned"):
        words.append("--strict")
    return shlex.join(words)
