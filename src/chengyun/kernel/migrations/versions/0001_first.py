"""The first tables."""

from alembic import op

from chengyun.kernel.db import Base

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    Base.metadata.create_all(op.get_bind())
