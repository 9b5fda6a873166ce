"""Runs of trackers, tracked commands and imports: whose they are, how measured, all details."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"

_INDEXED = ("state", "project")


def upgrade() -> None:
    """Add the columns, and fill them from the profiles of the runs that have one."""
    for column in _new_columns():
        op.add_column("runs", column)
    for name in _INDEXED:
        op.create_index(f"ix_runs_{name}", "runs", [name])
    _fill_from_profiles()


def downgrade() -> None:
    """Remove the columns with what is in them."""
    for name in _INDEXED:
        op.drop_index(f"ix_runs_{name}", "runs")
    for column in reversed(_new_columns()):
        op.drop_column("runs", column.name)


def _new_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("project", sa.String, nullable=False, server_default="default"),
        sa.Column("origin", sa.String(24), nullable=False, server_default="advisor-run"),
        sa.Column("command", sa.JSON(none_as_null=True)),
        sa.Column("cpu_time_s", sa.Float),
        sa.Column("memory_peak_gb", sa.Float),
        sa.Column("machine_energy_kwh", sa.Float),
        sa.Column("measured_kwh", sa.Float),
        sa.Column("method", sa.String(16)),
        sa.Column("attribution", sa.String(16)),
        sa.Column("parent_id", sa.String(36)),
        sa.Column("group_id", sa.String),
        sa.Column("rank", sa.Integer),
        sa.Column("document", sa.JSON(none_as_null=True)),
        sa.Column("steps", sa.JSON(none_as_null=True)),
    ]


def _fill_from_profiles() -> None:
    connection = op.get_bind()
    runs = sa.table("runs", sa.column("id"), sa.column("profile", sa.JSON), *_new_columns())
    ids = connection.execute(sa.select(runs.c.id).where(runs.c.profile.is_not(sa.null())))
    for run_id in ids.scalars().all():  # one at a time: a profile may have megabytes
        asked = sa.select(runs.c.profile).where(runs.c.id == run_id)
        found = _from_profile(connection.execute(asked).scalar())
        if found:
            connection.execute(sa.update(runs).where(runs.c.id == run_id).values(found))


def _from_profile(profile: Any) -> dict[str, Any]:
    """Return the new columns that a stored profile tells; none of them if it is not one."""
    try:
        parts = profile["energy"]
        methods = {part["method"] for part in parts}
        measured = (part["energy_kwh"] for part in parts if part["method"] == "measured")
        return {
            "command": profile["command"],
            "cpu_time_s": profile["cpu_time_s"],
            "memory_peak_gb": profile["memory_peak_gb"],
            "machine_energy_kwh": sum(part["machine_energy_kwh"] for part in parts),
            "measured_kwh": sum(measured),
            "method": methods.pop() if len(methods) == 1 else "mixed" if methods else None,
            "attribution": "proportional",
        }
    except (KeyError, TypeError):
        return {}
