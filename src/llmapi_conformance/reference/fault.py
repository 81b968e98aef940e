"""What is known of a fault of the reference gateway."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        name: How it is switched on.
        summary: What goes wrong, in one line.
        provenance: Public threads that report the like of it; empty for a fault that is only imagined.
        trigger: When it shows; otherwise the gateway conforms.
        clauses: Ids of the clauses that it breaks.
    """

    name: str
    summary: str
    provenance: tuple[str, ...]
    trigger: str
    clauses: tuple[str, ...] = ()
