"""Alembic's folder: `env.py` and the steps in `versions`, driven by `migrate.py` without an ini."""
