"""The retry policy: how long to wait before the next attempt, and when not to make one."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.target.profile import Profile


def pause_before(attempt: int, exchange: Exchange, profile: Profile) -> float | None:
    """Seconds before the next attempt; ``None`` when the retries are spent, or the gateway asks for too much patience.

    The pause doubles with each attempt, and is longer where ``Retry-After`` asks for it (RFC 9110 section 10.2.3).

    Args:
        attempt: The one that came to nothing, from 1.
        exchange: What came of it.
        profile: Has the limits.
    """
    if attempt > profile.retries:
        return None
    pause = max(profile.retry_pause * 2 ** (attempt - 1), _asked_for(exchange.header("retry-after") or ""))
    return pause if pause <= profile.retry_cap else None


def _asked_for(retry_after: str) -> float:
    """Seconds that a ``Retry-After`` asks for, as a number or as a date; 0 when it is neither."""
    if retry_after.isascii() and retry_after.isdecimal():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
