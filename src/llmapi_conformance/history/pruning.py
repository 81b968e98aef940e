"""Old runs out of the history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from llmapi_conformance.history.models import DeliveryRow, RunRow

if TYPE_CHECKING:
    from llmapi_conformance.history.database import History


def prune(history: History, keep_days: int, now: datetime | None = None) -> int:
    """Delete runs that began earlier, but never the newest of a series, and what was delivered as long ago.

    Returns:
        How many runs are gone.

    Raises:
        HistoryError: The database can't do it.
    """
    since = (now or datetime.now(UTC)) - timedelta(days=keep_days)
    place = (RunRow.target, RunRow.profile, RunRow.keyword)
    newest = func.row_number().over(partition_by=place, order_by=(RunRow.started_at.desc(), RunRow.id.desc()))
    with history.writing() as session:
        ranked = select(RunRow.id, RunRow.started_at, newest.label("rank")).subquery()
        old = session.scalars(select(ranked.c.id).where(ranked.c.rank > 1, ranked.c.started_at < since)).all()
        session.execute(delete(RunRow).where(RunRow.id.in_(old)))
        session.execute(delete(DeliveryRow).where(DeliveryRow.created_at < since))
    return len(old)
