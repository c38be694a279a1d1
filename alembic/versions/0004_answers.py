"""What was answered, and what was paid later: what a monitor looks at."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """A table of answers; those of a version go when it does."""
    op.create_table(
        "answers",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("key", sa.String(16), nullable=False),
        sa.Column("version_id", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("house", sa.JSON, nullable=False),
        sa.Column("price", sa.Double, nullable=False),
        sa.Column("low", sa.Double, nullable=False),
        sa.Column("high", sa.Double, nullable=False),
        sa.Column("paid", sa.Double),
        sa.Column("paid_at", sa.Double),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["versions.id"],
            name="fk_answers_version_id_versions",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_answers"),
        sa.UniqueConstraint("key", name="uq_answers_key"),
        sqlite_autoincrement=True,
    )
    counted = ["version_id", "id", "at", "paid", "paid_at"]
    op.create_index("ix_answers_version_id_id", "answers", counted)
    op.create_index("ix_answers_at_version_id", "answers", ["at", "version_id"])


def downgrade() -> None:
    """Forget them."""
    op.drop_table("answers")
