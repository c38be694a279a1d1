"""Test tables: rows beside those of a table, which a model that learnt from it is to predict."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add what a test table is called, how many rows it has, and the rows."""
    op.add_column("tables", sa.Column("test_name", sa.String(16)))
    op.add_column("tables", sa.Column("test_rows", sa.Integer))
    op.add_column("tables", sa.Column("test_payload", sa.LargeBinary))


def downgrade() -> None:
    """Drop them, in place."""
    for name in ("test_payload", "test_rows", "test_name"):
        op.drop_column("tables", name)
