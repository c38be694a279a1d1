"""Tables of anything: which column is predicted, where their rows are no sales of houses."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; what was stored before are sales."""
    op.add_column("tables", sa.Column("target", sa.String(200)))


def downgrade() -> None:
    """Drop it, in place."""
    op.drop_column("tables", "target")
