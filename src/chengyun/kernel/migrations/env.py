"""Alembic's entry: one connection, one transaction for all revisions."""

from alembic import context

from chengyun.kernel.db import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
