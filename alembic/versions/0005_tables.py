"""Tables of sales of one's own: what a job may learn from beside the files of the data hub."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Tables by their digest, each with the version whose rows it goes on from, if it does."""
    op.create_table(
        "tables",
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("about", sa.String(300), nullable=False),
        sa.Column("version_id", sa.Integer),
        sa.Column("added", sa.Integer, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["versions.id"],
            name="fk_tables_version_id_versions",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("name", name="pk_tables"),
    )


def downgrade() -> None:
    """Forget them."""
    op.drop_table("tables")
