"""The tables of the history."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Double,
    ForeignKey,
    Index,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect


class Moment(TypeDecorator[datetime]):
    """A time in UTC that knows that it is one; SQLite forgets it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC."""
        _ = dialect
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From UTC."""
        _ = dialect
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Base(DeclarativeBase):
    """Of all tables; constraints have names, so that a migration can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Moment(),
        Decimal: Numeric(18, 6),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
    }


class RunRow(Base):
    """A run; ``identity`` is the seal of its recording, or the digest of its verdicts where it has none."""

    __tablename__ = "runs"
    __table_args__ = (Index("ix_runs_series", "target", "profile", "keyword", "started_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    identity: Mapped[str] = mapped_column(String(64), unique=True)
    seal: Mapped[str | None] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(Text)
    profile: Mapped[str] = mapped_column(String(40))
    keyword: Mapped[str] = mapped_column(Text)
    contract: Mapped[str] = mapped_column(String(64))
    tool_version: Mapped[str] = mapped_column(String(40))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    exit_status: Mapped[int] = mapped_column(SmallInteger)
    headline: Mapped[str] = mapped_column(String(40))
    requests: Mapped[int]
    input_tokens: Mapped[int | None] = mapped_column(BigInteger)
    output_tokens: Mapped[int | None] = mapped_column(BigInteger)
    money: Mapped[Decimal | None]
    currency: Mapped[str | None] = mapped_column(String(8))
    problems: Mapped[list[str]]
    added_at: Mapped[datetime]
    verdicts: Mapped[list[VerdictRow]] = relationship(cascade="all, delete-orphan", passive_deletes=True)
    findings: Mapped[list[FindingRow]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="FindingRow.id"
    )
    latencies: Mapped[list[LatencyRow]] = relationship(cascade="all, delete-orphan", passive_deletes=True)


class VerdictRow(Base):
    """What a run said of a clause that was selected; there is no row for any other."""

    __tablename__ = "verdicts"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    clause: Mapped[str] = mapped_column(String(40), primary_key=True, index=True)
    surface: Mapped[str] = mapped_column(String(40))
    level: Mapped[str] = mapped_column(String(10))
    basis: Mapped[str] = mapped_column(String(20))
    verdict: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text)


class FindingRow(Base):
    """A finding, redacted as in ``verdicts.json``."""

    __tablename__ = "findings"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    clause: Mapped[str] = mapped_column(String(40))
    verdict: Mapped[str] = mapped_column(String(20))
    oracle: Mapped[str] = mapped_column(Text)
    expected: Mapped[str] = mapped_column(Text)
    observed: Mapped[str] = mapped_column(Text)
    exchange: Mapped[str | None] = mapped_column(Text)


class LatencyRow(Base):
    """How long answers of an operation took, in seconds."""

    __tablename__ = "latencies"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    operation: Mapped[str] = mapped_column(String(80), primary_key=True)
    mode: Mapped[str] = mapped_column(String(20), primary_key=True)
    what: Mapped[str] = mapped_column(String(20), primary_key=True)
    count: Mapped[int]
    p50: Mapped[float] = mapped_column(Double)
    p95: Mapped[float] = mapped_column(Double)
    p99: Mapped[float] = mapped_column(Double)


class ToldRow(Base):
    """What was told last of a clause, a speed or the runs of a series, as long as it is not as it should be."""

    __tablename__ = "told"

    target: Mapped[str] = mapped_column(Text, primary_key=True)
    profile: Mapped[str] = mapped_column(String(40), primary_key=True)
    keyword: Mapped[str] = mapped_column(Text, primary_key=True)
    subject: Mapped[str] = mapped_column(String(200), primary_key=True)
    state: Mapped[dict[str, Any]]


class AlertRow(Base):
    """News that was told, of which run and when."""

    __tablename__ = "alerts"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    told_at: Mapped[datetime]
    news: Mapped[dict[str, Any]]


class DeliveryRow(Base):
    """A message for a webhook; ``hook`` is the name of the environment variable that holds its URL."""

    __tablename__ = "deliveries"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    hook: Mapped[str] = mapped_column(String(200))
    payload: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    trouble: Mapped[str] = mapped_column(Text, default="")
