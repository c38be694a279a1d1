"""Predictors under numbers of their own, names that point at them, and who moved which and why."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SERVED = ("house_ensemble", "kaggle_house")


def upgrade() -> None:
    """Number the predictors in the order they were made; the best so far becomes the champion."""
    versions = op.create_table(
        "versions",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("job_id", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_versions_job_id_jobs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_versions"),
        sa.UniqueConstraint("job_id", name="uq_versions_job_id"),
        sqlite_autoincrement=True,
    )
    aliases = op.create_table(
        "aliases",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("version_id", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["versions.id"], name="fk_aliases_version_id_versions"
        ),
        sa.PrimaryKeyConstraint("name", name="pk_aliases"),
    )
    moves = op.create_table(
        "alias_moves",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("act", sa.String(12), nullable=False),
        sa.Column("alias", sa.String(40), nullable=False),
        sa.Column("before", sa.Integer),
        sa.Column("after", sa.Integer),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("reason", sa.String(1000), nullable=False),
        sa.Column("forced", sa.Boolean, nullable=False),
        sa.Column("evidence", sa.String(1000), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alias_moves"),
        sqlite_autoincrement=True,
    )
    store = op.get_bind()
    kept = sa.table("predictors", *map(sa.column, ("job_id", "created_at", "size", "payload")))
    for (job_id,) in store.execute(
        sa.select(kept.c.job_id).order_by(kept.c.created_at, kept.c.job_id)
    ).all():  # one at a time: each is 2 MB
        row = store.execute(sa.select(kept).where(kept.c.job_id == job_id)).one()
        store.execute(
            versions.insert().values(
                job_id=job_id, created_at=row.created_at, size=row.size,
                digest=hashlib.sha256(row.payload).hexdigest(), payload=row.payload,
            )
        )  # fmt: skip
    op.drop_table("predictors")
    jobs = sa.table("jobs", *map(sa.column, ("id", "name", "status", "valid")))
    best = store.execute(
        sa.select(versions.c.id)
        .join(jobs, jobs.c.id == versions.c.job_id)
        .where(jobs.c.name.in_(SERVED), jobs.c.status == "succeeded", jobs.c.valid.is_not(None))
        .order_by(jobs.c.valid, jobs.c.id)
        .limit(1)
    ).scalar()
    if best is not None:
        now = "(julianday('now') - 2440587.5) * 86400.0"
        if store.dialect.name == "postgresql":
            now = "extract(epoch from clock_timestamp())"
        store.execute(aliases.insert().values(name="champion", version_id=best))
        store.execute(
            moves.insert().values(
                at=sa.text(now), act="first", alias="champion", after=best, who="Ridgeline",
                reason="It answered before versions had names: its mean valid was the lowest.",
                forced=False, evidence="",
            )
        )  # fmt: skip


def downgrade() -> None:
    """Predictors by their jobs again; numbers, names and history are lost."""
    predictors = op.create_table(
        "predictors",
        sa.Column("job_id", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_predictors_job_id_jobs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", name="pk_predictors"),
    )
    names = ("job_id", "created_at", "size", "payload")
    versions = sa.table("versions", *map(sa.column, names))
    op.execute(predictors.insert().from_select(names, sa.select(versions)))
    for table in ("alias_moves", "aliases", "versions"):
        op.drop_table(table)
