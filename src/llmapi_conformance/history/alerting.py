"""Alerts: a look at the newest run of each series, what it brings is kept with what was told, so it is told once."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from llmapi_conformance.errors import HistoryError
from llmapi_conformance.history.lines import wrapped
from llmapi_conformance.history.models import AlertRow, DeliveryRow, ToldRow
from llmapi_conformance.history.nights import Night, Series, series_of
from llmapi_conformance.history.watching import Kind, News, Rules, look

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from llmapi_conformance.history.database import History

FORMAT: Final = "llmapi-conformance/alert"
VERSION: Final = 1
NOTHING, WORSE, OTHER = 0, 10, 11
"""Exit statuses: nothing new; something is worse; there is news, and nothing of it is worse."""
MOST: Final = 25
"""News of one series that the text tells with their findings; of the others only the subjects."""


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to tell of one series.

    Attributes:
        series: Of which.
        night: The run that brought it.
        news: The weighty first.
    """

    series: Series
    night: Night
    news: tuple[News, ...]


def tell(
    history: History, rules: Rules, *, target: str = "", profile: str = "", hook: str = "", again: bool = False
) -> list[Told]:
    """What is new since the last look; it counts as told when this returns.

    Args:
        history: Where runs, and what was told of them, are kept.
        rules: When a change is news.
        target: Only this one, where it is named.
        profile: Only this one, where it is named.
        hook: The environment variable with the URL of a webhook, for which a message is kept; empty for none.
        again: Tell also what was told of the newest runs before.

    Raises:
        HistoryError: The database can't do it, or has no such target.
    """
    with history.writing() as session:
        found = series_of(session, target=target, profile=profile)
        if not found and (target or profile):
            raise HistoryError(
                f"The history at {history.place} has no run of {target or 'a target'} {profile}".rstrip() + "."
            )
        told = []
        for series in found:
            earlier = _earlier(session, series) if again else []
            fresh = _look(session, series, rules)
            if news := (*earlier, *fresh):
                told.append(Told(series, series.newest, news))
        if hook and told:
            _keep(session, hook, told)
        return told


def _earlier(session: Session, series: Series) -> list[News]:
    rows = session.scalars(select(AlertRow).where(AlertRow.run_id == series.newest.id).order_by(AlertRow.id))
    return [News(**{**row.news, "kind": Kind(row.news["kind"])}) for row in rows]


def _look(session: Session, series: Series, rules: Rules) -> tuple[News, ...]:
    rows = {
        row.subject: row
        for row in session.scalars(
            select(ToldRow).where(
                ToldRow.target == series.target, ToldRow.profile == series.profile, ToldRow.keyword == series.keyword
            )
        )
    }
    seen = look(series, {subject: row.state for subject, row in rows.items()}, rules)
    for subject, row in rows.items():
        if subject not in seen.told:
            session.delete(row)
    for subject, state in seen.told.items():
        if subject in rows:
            rows[subject].state = state
        else:
            key = {"target": series.target, "profile": series.profile, "keyword": series.keyword}
            session.add(ToldRow(**key, subject=subject, state=state))
    now = datetime.now(UTC)
    session.add_all(AlertRow(run_id=series.newest.id, told_at=now, news=one.document()) for one in seen.news)
    return seen.news


def _keep(session: Session, hook: str, told: Sequence[Told]) -> None:
    """Keep a message until it is delivered."""
    name, now = f"msg_{uuid.uuid4().hex}", datetime.now(UTC)
    payload = {"id": name, "at": now.isoformat(timespec="seconds"), **alert_document(told)}
    session.add(DeliveryRow(id=name, hook=hook, payload=json.dumps(payload, ensure_ascii=False), created_at=now))


def exit_status(told: Iterable[Told]) -> int:
    """What ``history alert`` ends with."""
    news = [one for part in told for one in part.news]
    if any(one.worse for one in news):
        return WORSE
    return OTHER if news else NOTHING


def alert_document(told: Sequence[Told]) -> dict[str, Any]:
    """What is told, as data; ``text`` is what chat tools show."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "exit_status": exit_status(told),
        "text": alert_text(told, {}),
        "targets": [
            {
                "target": one.series.target,
                "profile": one.series.profile,
                "keyword": one.series.keyword,
                "started_at": one.night.started_at.isoformat(timespec="seconds"),
                "run_exit_status": one.night.exit_status,
                "headline": one.night.headline,
                "news": [news.document() for news in one.news],
            }
            for one in told
        ],
    }


def alert_text(told: Sequence[Told], statements: Mapping[str, str]) -> str:
    """What is told, for people, in 80 columns; empty when it is nothing.

    Args:
        told: By series.
        statements: Of clauses by id, told where they are known.
    """
    lines: list[str] = []
    for one in told:
        lines += wrapped(f"{one.series.name}, run of {one.night.started_at:%Y-%m-%d %H:%M} UTC: {one.night.headline}")
        for news in one.news[:MOST]:
            about = f" ({news.level}, {news.surface})" if news.level else ""
            lines += wrapped(f"{news.kind.value}: {news.subject} {news.words}{about}", "  ", hanging="    ")
            if statement := statements.get(news.subject):
                lines += wrapped(statement, "    ")
            for name in ("expected", "observed"):
                if text := getattr(news, name) if news.worse else "":
                    lines += wrapped(f"{name}  {text}", "    ", 300)
        if len(one.news) > MOST:
            rest = " ".join(news.subject for news in one.news[MOST:])
            lines += wrapped(f"and {len(one.news) - MOST} more: {rest}", "  ", 2_000)
    return "\n".join(lines)
