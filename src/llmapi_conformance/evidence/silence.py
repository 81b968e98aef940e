"""Whether a gateway went away in the middle of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmapi_conformance.evidence.exchange import Exchange

FEWEST: Final = 10
"""Requests in a row without an answer: fewer may be the silence of what they ask for."""
FEWEST_OPERATIONS: Final = 3
"""Operations among them, likewise."""


def stopped_answering(exchanges: Iterable[Exchange]) -> str:
    """One sentence when none of the last requests of a run was answered; empty when some were.

    The order is that in which they were sent.
    """
    sent = sorted(
        (one for one in exchanges if not one.of_our_upstream), key=lambda one: (round(one.started_at, 6), one.id)
    )
    silent: list[Exchange] = []
    while sent and not sent[-1].answered:
        silent.append(sent.pop())
    if len(silent) < FEWEST or len({one.operation for one in silent}) < FEWEST_OPERATIONS:
        return ""
    return f"the gateway stopped answering: none of the last {len(silent)} requests was answered ({silent[0].failure})"
