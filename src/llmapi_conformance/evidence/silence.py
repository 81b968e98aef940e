"""Whether a gateway went away in the middle of a run, and which answers broke off because of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmapi_conformance.evidence.tasks import CLEANUP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmapi_conformance.evidence.exchange import Exchange

LAST_LOOK: Final = "last look"
"""Label of the request that asks, when all scenarios have ended, whether the gateway is still there."""
SLACK: Final = 1.0
"""Seconds between the ends of what breaks off together, at most: one connection may be heard of later than another."""


def seems_gone(exchanges: Iterable[Exchange]) -> bool:
    """Whether a last look is needed: the latest request was not answered, or the latest answers broke off."""
    sent = _of_the_gateway(exchanges)
    return bool(sent) and (not sent[-1].answered or bool(broken_at_the_end(sent)))


def stopped_answering(exchanges: Iterable[Exchange]) -> str:
    """One sentence when the gateway went away, as the last look at it shows; empty when it did not."""
    sent = _of_the_gateway(exchanges)
    silent: list[Exchange] = []
    while sent and not sent[-1].answered:
        silent.append(sent.pop())
    looks = [one for one in silent if _is_look(one)]
    if not looks:
        return ""
    if len(looks) == len(silent):
        return f"the gateway went away: its latest answers broke off, and it answered no more ({looks[0].failure})"
    return f"the gateway stopped answering: none of the last {len(silent)} requests was answered ({looks[0].failure})"


def broken_at_the_end(exchanges: Iterable[Exchange]) -> frozenset[str]:
    """Ids of the answers that broke off at the gateway's last sign of life, or behind it."""
    answers = [one for one in _of_the_gateway(exchanges) if one.answered and not _is_look(one)]
    alive = max((_last_sign(one) for one in answers), default=0.0)
    return frozenset(one.id for one in answers if one.broke_off and _end(one) >= alive - SLACK)


def _of_the_gateway(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """What was sent to the gateway, in that order; what ends the tasks of a run is no part of it."""
    sent = [one for one in exchanges if not one.of_our_upstream and (one.scenario != CLEANUP or _is_look(one))]
    return sorted(sent, key=lambda one: (round(one.started_at, 6), one.id))


def _is_look(exchange: Exchange) -> bool:
    return exchange.scenario == CLEANUP and exchange.label == LAST_LOOK


def _end(exchange: Exchange) -> float:
    return exchange.started_at + (exchange.response.ended_at if exchange.response else 0.0)


def _last_sign(exchange: Exchange) -> float:
    """When the gateway last sent something of an answer (unix seconds)."""
    if exchange.response is None or exchange.complete:
        return _end(exchange)
    return exchange.started_at + max(
        (chunk.at for chunk in exchange.response.chunks), default=exchange.response.headers_at
    )
