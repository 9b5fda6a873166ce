"""The ledger's tables as this version knows them; `migrations` brings a stored ledger here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

REVISIONS = ("0001", "0002")  # every version there has been, oldest first; the last is this one's


class UtcDateTime(TypeDecorator[datetime]):
    """A time that is aware and UTC in Python; SQLite, which has no zones, keeps it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 SQLAlchemy calls it so
    ) -> datetime | None:
        """Convert to UTC; a time without a zone is a programming error."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone: {value}")
        return value.astimezone(UTC)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 SQLAlchemy calls it so
    ) -> datetime | None:
        """Return what was stored as an aware UTC time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

predictions = Table(
    "predictions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("profile_name", String, nullable=False),
    Column("profile_sha256", String(64), nullable=False),
    Column("candidate", String, nullable=False),
    Column("zone", String),
    Column("start_at", UtcDateTime, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("duration_low_s", Float, nullable=False),
    Column("duration_high_s", Float, nullable=False),
    Column("energy_kwh", Float, nullable=False),
    Column("energy_low_kwh", Float, nullable=False),
    Column("energy_high_kwh", Float, nullable=False),
    Column("emissions_g", Float),
    Column("emissions_low_g", Float),
    Column("emissions_high_g", Float),
    Column("intensity_g_per_kwh", Float),
    Column("pue", Float, nullable=False),
    Column("provenance", JSON, nullable=False),
    CheckConstraint("duration_low_s >= 0 AND energy_low_kwh >= 0", name="not_negative"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("prediction_id", String(36), ForeignKey("predictions.id"), index=True),
    Column("name", String, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("started_at", UtcDateTime, nullable=False, index=True),
    Column("ended_at", UtcDateTime),
    Column("exit_code", Integer),
    Column("duration_s", Float),
    Column("energy_kwh", Float),
    Column("emissions_g", Float),
    Column("intensity_g_per_kwh", Float),
    Column("pue", Float, nullable=False),
    Column("zone", String),
    Column("host", String, nullable=False),
    Column("git_commit", String(64)),
    Column("profile", JSON(none_as_null=True)),
    Column("project", String, nullable=False, server_default="default", index=True),
    Column("origin", String(24), nullable=False, server_default="advisor-run"),
    Column("command", JSON(none_as_null=True)),
    Column("cpu_time_s", Float),
    Column("memory_peak_gb", Float),
    Column("machine_energy_kwh", Float),
    Column("measured_kwh", Float),
    Column("method", String(16)),
    Column("attribution", String(16)),
    Column("parent_id", String(36)),  # no foreign key: the parent may be recorded later, or never
    Column("group_id", String),
    Column("rank", Integer),
    Column("document", JSON(none_as_null=True)),
    Column("steps", JSON(none_as_null=True)),
    CheckConstraint(
        "state IN ('running', 'finished', 'failed', 'interrupted')", name="known_state"
    ),
    CheckConstraint(
        "state <> 'finished' OR (duration_s >= 0 AND energy_kwh >= 0)", name="finished_is_measured"
    ),
)
