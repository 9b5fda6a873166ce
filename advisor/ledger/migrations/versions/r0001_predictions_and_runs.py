"""Predictions and the runs that are held to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None

UTC_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "predictions",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("profile_name", sa.String, nullable=False),
        sa.Column("profile_sha256", sa.String(64), nullable=False),
        sa.Column("candidate", sa.String, nullable=False),
        sa.Column("zone", sa.String),
        sa.Column("start_at", UTC_TIME, nullable=False),
        sa.Column("duration_s", sa.Float, nullable=False),
        sa.Column("duration_low_s", sa.Float, nullable=False),
        sa.Column("duration_high_s", sa.Float, nullable=False),
        sa.Column("energy_kwh", sa.Float, nullable=False),
        sa.Column("energy_low_kwh", sa.Float, nullable=False),
        sa.Column("energy_high_kwh", sa.Float, nullable=False),
        sa.Column("emissions_g", sa.Float),
        sa.Column("emissions_low_g", sa.Float),
        sa.Column("emissions_high_g", sa.Float),
        sa.Column("intensity_g_per_kwh", sa.Float),
        sa.Column("pue", sa.Float, nullable=False),
        sa.Column("provenance", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("duration_low_s >= 0 AND energy_low_kwh >= 0", name="not_negative"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("prediction_id", sa.String(36)),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_at", UTC_TIME, nullable=False),
        sa.Column("ended_at", UTC_TIME),
        sa.Column("exit_code", sa.Integer),
        sa.Column("duration_s", sa.Float),
        sa.Column("energy_kwh", sa.Float),
        sa.Column("emissions_g", sa.Float),
        sa.Column("intensity_g_per_kwh", sa.Float),
        sa.Column("pue", sa.Float, nullable=False),
        sa.Column("zone", sa.String),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("git_commit", sa.String(64)),
        sa.Column("profile", sa.JSON),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["prediction_id"], ["predictions.id"]),
        sa.CheckConstraint(
            "state IN ('running', 'finished', 'failed', 'interrupted')", name="known_state"
        ),
        sa.CheckConstraint(
            "state <> 'finished' OR (duration_s >= 0 AND energy_kwh >= 0)",
            name="finished_is_measured",
        ),
    )
    op.create_index("ix_runs_prediction_id", "runs", ["prediction_id"])
    op.create_index("ix_runs_started_at", "runs", ["started_at"])


def downgrade() -> None:
    """Remove both tables with all that is in them."""
    op.drop_table("runs")
    op.drop_table("predictions")
