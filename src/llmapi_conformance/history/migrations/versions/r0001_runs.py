"""Runs, and what they said."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("seal", sa.String(64)),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("profile", sa.String(40), nullable=False),
        sa.Column("keyword", sa.Text(), nullable=False),
        sa.Column("contract", sa.String(64), nullable=False),
        sa.Column("tool_version", sa.String(40), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("exit_status", sa.SmallInteger(), nullable=False),
        sa.Column("headline", sa.String(40), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger()),
        sa.Column("output_tokens", sa.BigInteger()),
        sa.Column("money", sa.Numeric(18, 6)),
        sa.Column("currency", sa.String(8)),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("identity", name="uq_runs_identity"),
    )
    op.create_index("ix_runs_series", "runs", ["target", "profile", "keyword", "started_at"])
    op.create_table(
        "verdicts",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("clause", sa.String(40), nullable=False),
        sa.Column("surface", sa.String(40), nullable=False),
        sa.Column("level", sa.String(10), nullable=False),
        sa.Column("basis", sa.String(20), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "clause", name="pk_verdicts"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_verdicts_run_id", ondelete="CASCADE"),
    )
    op.create_index("ix_verdicts_clause", "verdicts", ["clause"])
    op.create_table(
        "findings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("clause", sa.String(40), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("oracle", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("observed", sa.Text(), nullable=False),
        sa.Column("exchange", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_findings"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_findings_run_id", ondelete="CASCADE"),
    )
    op.create_index("ix_findings_run_id", "findings", ["run_id"])
    op.create_table(
        "latencies",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("operation", sa.String(80), nullable=False),
        sa.Column("mode", sa.String(20), nullable=False),
        sa.Column("what", sa.String(20), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("p50", sa.Double(), nullable=False),
        sa.Column("p95", sa.Double(), nullable=False),
        sa.Column("p99", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "operation", "mode", "what", name="pk_latencies"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_latencies_run_id", ondelete="CASCADE"),
    )


def downgrade() -> None:
    """Take them away."""
    for name in ("latencies", "findings", "verdicts", "runs"):
        op.drop_table(name)
