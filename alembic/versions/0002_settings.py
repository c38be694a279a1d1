"""What a headline speaks of, whose claims hold, what a job requires, chunks that were merged."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; what was stored before has none of it."""
    for table, column in columns():
        op.add_column(table, column)


def downgrade() -> None:
    """Drop them: in place, since a copied table would hand out the ids of deleted jobs again."""
    for table, column in columns():
        op.drop_column(table, column.name)


def columns() -> list[tuple[str, sa.Column]]:
    """Every new column beside its table."""
    return [
        ("jobs", sa.Column("headline", sa.String(200))),
        ("jobs", sa.Column("book_held", sa.Integer, nullable=False, server_default="0")),
        ("jobs", sa.Column("book_total", sa.Integer, nullable=False, server_default="0")),
        ("jobs", sa.Column("requires", sa.JSON)),
        ("runs", sa.Column("setting", sa.String(200))),
        ("chunks", sa.Column("first", sa.Integer)),
    ]
