"""The run store: jobs, their runs, what they said, what they made, and the workers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled", "timed_out")


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("experiment", sa.JSON, nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("timeout", sa.Double),
        sa.Column("idempotency_key", sa.String(200)),
        sa.Column("retry_of", sa.Integer),
        sa.Column(
            "status",
            sa.Enum(*STATUSES, name="jobstatus", native_enum=False, length=12),
            nullable=False,
        ),
        sa.Column("reason", sa.String(20)),
        sa.Column("error", sa.String),
        sa.Column("cancel", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("started_at", sa.Double),
        sa.Column("finished_at", sa.Double),
        sa.Column("token", sa.String(32)),
        sa.Column("lease_until", sa.Double),
        sa.Column("worker", sa.String(200)),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("crashes", sa.Integer, nullable=False),
        sa.Column("lost", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("device", sa.String(40)),
        sa.Column("measure", sa.String(40)),
        sa.Column("num_runs", sa.Integer, nullable=False),
        sa.Column("epochs_done", sa.Integer, nullable=False),
        sa.Column("epochs_total", sa.Integer, nullable=False),
        sa.Column("train", sa.Double),
        sa.Column("valid", sa.Double),
        sa.Column("best_valid", sa.Double),
        sa.Column("best_epoch", sa.Integer),
        sa.Column("checks_held", sa.Integer, nullable=False),
        sa.Column("checks_total", sa.Integer, nullable=False),
        sa.Column("summary", sa.JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["retry_of"], ["jobs.id"], name="fk_jobs_retry_of_jobs", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("idempotency_key", name="uq_jobs_idempotency_key"),
        sa.UniqueConstraint("token", name="uq_jobs_token"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_name_valid", "jobs", ["name", "valid"])
    op.create_index("ix_jobs_status_id", "jobs", ["status", "id"])
    op.create_index("ix_jobs_valid_id", "jobs", ["valid", "id"])

    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("job_id", sa.Integer, nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("lane", sa.Integer, nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("num_epochs", sa.Integer, nullable=False),
        sa.Column("num_parameters", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("train", sa.Double),
        sa.Column("valid", sa.Double),
        sa.Column("best_valid", sa.Double),
        sa.Column("best_epoch", sa.Integer),
        sa.Column("diverged_at", sa.Integer),
        _of_a_job("runs"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("job_id", "key", "lane", name="uq_runs_job_id"),
    )
    op.create_table(
        "chunks",
        sa.Column("job_id", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        _of_a_job("chunks"),
        sa.PrimaryKeyConstraint("job_id", "seq", name="pk_chunks"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("job_id", sa.Integer, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
        _of_a_job("checkpoints"),
        sa.PrimaryKeyConstraint("job_id", name="pk_checkpoints"),
    )
    op.create_table(
        "predictors",
        sa.Column("job_id", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        _of_a_job("predictors"),
        sa.PrimaryKeyConstraint("job_id", name="pk_predictors"),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("busy", sa.Integer, nullable=False),
        sa.Column("device", sa.String(80), nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )


def downgrade() -> None:
    """Drop every table, those first that refer to others."""
    for table in ("workers", "predictors", "checkpoints", "chunks", "runs", "jobs"):
        op.drop_table(table)


def _of_a_job(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_job_id_jobs"
    return sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=name, ondelete="CASCADE")
