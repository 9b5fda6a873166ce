"""Run by Alembic: applies the steps on the connection, and in the transaction, that we hand it."""

from __future__ import annotations

from alembic import context

from carbon_advisor.advisor.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column: Alembic copies the table instead
)
context.run_migrations()
