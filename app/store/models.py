"""The tables of the run store."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Dialect,
    Double,
    Enum,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.store.sessions import now
from app.store.states import Act, JobStatus, Reason

LARGEST = 2**31 - 1
"""What a column of whole numbers can hold."""


class Instant(TypeDecorator[datetime]):
    """A moment: seconds since 1970 in the database, an aware UTC datetime in Python."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: datetime | float | None, _: Dialect) -> float | None:
        """Aware datetime, or seconds, to seconds."""
        return value.timestamp() if isinstance(value, datetime) else value

    def process_result_value(self, value: float | None, _: Dialect) -> datetime | None:
        """Seconds to aware datetime."""
        return None if value is None else datetime.fromtimestamp(value, UTC)


class Base(DeclarativeBase):
    """All tables; constraints are named, so that migrations can name them on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Job(Base):
    """One asking for an experiment."""

    __tablename__ = "jobs"
    # autoincrement: SQLite would hand out the id of a deleted job again
    __table_args__ = (
        Index("ix_jobs_status_id", "status", "id"),
        Index("ix_jobs_valid_id", "valid", "id"),
        Index("ix_jobs_name_valid", "name", "valid"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment: Mapped[dict[str, Any]] = mapped_column(
        JSON
    )  # as it was asked for: only the runner parses it
    name: Mapped[str] = mapped_column(String(80))
    label: Mapped[str] = mapped_column(String(200), default="")
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    timeout: Mapped[float | None]  # seconds an attempt may take
    idempotency_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    retry_of: Mapped[int | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"))

    status: Mapped[JobStatus] = mapped_column(
        Enum(JobStatus, native_enum=False, length=12), default=JobStatus.queued
    )
    reason: Mapped[Reason | None] = mapped_column(Enum(Reason, native_enum=False, length=20))
    error: Mapped[str | None]
    cancel: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Instant, default=now())
    started_at: Mapped[datetime | None] = mapped_column(Instant)  # of the last attempt
    finished_at: Mapped[datetime | None] = mapped_column(Instant)

    token: Mapped[str | None] = mapped_column(
        String(32), unique=True
    )  # of the attempt that may write
    lease_until: Mapped[float | None]  # seconds since 1970 on the database's clock
    worker: Mapped[str | None] = mapped_column(String(200))
    attempt: Mapped[int] = mapped_column(default=0)
    crashes: Mapped[int] = mapped_column(
        default=0
    )  # attempts that crashed since the last checkpoint
    lost: Mapped[int] = mapped_column(default=0)  # attempts whose worker fell silent since then

    seq: Mapped[int] = mapped_column(default=0)  # of the last chunk
    device: Mapped[str | None] = mapped_column(String(40))
    measure: Mapped[str | None] = mapped_column(String(40))
    num_runs: Mapped[int] = mapped_column(default=0)
    epochs_done: Mapped[int] = mapped_column(default=0)  # summed over the groups of lanes
    epochs_total: Mapped[int] = mapped_column(default=0)
    # of the setting that the headline names, mean over its repetitions: folds, seeds, data sets
    headline: Mapped[str | None] = mapped_column(String(200))  # "" where there is one setting only
    train: Mapped[float | None]  # at the last epoch
    valid: Mapped[float | None]
    best_valid: Mapped[float | None]
    best_epoch: Mapped[int | None]
    checks_held: Mapped[int] = mapped_column(default=0)
    checks_total: Mapped[int] = mapped_column(default=0)
    book_held: Mapped[int] = mapped_column(
        default=0, server_default="0"
    )  # of those, the claims of the book
    book_total: Mapped[int] = mapped_column(default=0, server_default="0")
    requires: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True)
    )  # of its worker: {"device": "cuda", "memory_gib": 8.0}, either of them or both
    summary: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # as summaries.py has it

    @property
    def shown(self) -> dict[str, Any]:
        """What a row of a list draws, of the headline's setting or, in a job of the first version,
        of its first group: "folds" [valid, ...] and "spark" [[epoch, train, valid], ...]."""
        settings: dict[str | None, dict[str, Any]] = self.summary.get("settings", {})
        return settings.get(self.summary.get("headline"), {}) if settings else self.summary

    @property
    def says_whose(self) -> bool:
        """Whether its checks say whose claims they are, which those of the first version do not."""
        return bool(self.book_total) or "settings" in self.summary

    @property
    def judged_on(self) -> str | None:
        """What the rows are that valid is measured on, "valid" or "test"; None where unknown."""
        return self.shown.get("judged_on")

    @property
    def best_of(self) -> int:
        """How many settings the headline's is the best of; 1 where it was asked for."""
        return 1 if self.summary.get("asked") else int(self.summary.get("of", 1))


class Run(Base):
    """One trained model: one lane of one group, one curve."""

    __tablename__ = "runs"
    __table_args__ = (UniqueConstraint("job_id", "key", "lane"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(80))
    lane: Mapped[int]
    label: Mapped[str] = mapped_column(String(200))
    setting: Mapped[str | None] = mapped_column(String(200))  # that this run repeats
    num_epochs: Mapped[int]
    num_parameters: Mapped[int] = mapped_column(default=0)
    epoch: Mapped[int] = mapped_column(default=0)  # last one stored
    train: Mapped[float | None]
    valid: Mapped[float | None]
    best_valid: Mapped[float | None]
    best_epoch: Mapped[int | None]
    diverged_at: Mapped[int | None]  # first epoch whose loss was not finite


class Chunk(Base):
    """What was said between two ticks, as chunks.py packs it; `seq` counts per job: the SSE id."""

    __tablename__ = "chunks"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first: Mapped[int | None]  # number of the first chunk that was merged into this one
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class Saved(Base):
    """The latest checkpoint of a job."""

    __tablename__ = "checkpoints"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[bytes] = mapped_column(LargeBinary)


class Version(Base):
    """The predictor of a job: one safetensors file whose header carries its JSON."""

    __tablename__ = "versions"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), unique=True)
    created_at: Mapped[datetime] = mapped_column(Instant, default=now())
    size: Mapped[int]  # bytes
    digest: Mapped[str] = mapped_column(String(64))  # SHA-256 of the file
    payload: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


class Alias(Base):
    """A name that points at a version: who is asked where no version is named is "champion"."""

    __tablename__ = "aliases"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"))


class AliasMove(Base):
    """Who moved which name from where to where, and why; it stays when its versions have gone."""

    __tablename__ = "alias_moves"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant, default=now())
    act: Mapped[Act] = mapped_column(
        Enum(Act, native_enum=False, length=12, values_callable=lambda acts: [*acts])
    )
    alias: Mapped[str] = mapped_column(String(40))
    before: Mapped[int | None]  # number of a version
    after: Mapped[int | None]
    who: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(String(1000))
    forced: Mapped[bool]
    evidence: Mapped[str] = mapped_column(String(1000))  # what was known of both, in words


class Answer(Base):
    """A house that was asked about, what was answered, and what was paid where that came later."""

    __tablename__ = "answers"
    __table_args__ = (
        # whatever is counted is read from these alone: rows hold whole houses
        Index("ix_answers_version_id_id", "version_id", "id", "at", "paid", "paid_at"),
        Index("ix_answers_at_version_id", "at", "version_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(16), unique=True)  # as whoever asked was told
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(Instant)
    house: Mapped[dict[str, Any]] = mapped_column(JSON)  # what it says, as it was read
    price: Mapped[float]
    low: Mapped[float]
    high: Mapped[float]
    paid: Mapped[float | None]
    paid_at: Mapped[datetime | None] = mapped_column(Instant)


class Table(Base):
    """Rows of one's own that a job may learn from, by the digest of what they are."""

    __tablename__ = "tables"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    rows: Mapped[int]
    target: Mapped[str | None] = mapped_column(String(200))  # None: sales of houses
    about: Mapped[str] = mapped_column(String(300))  # where they come from, in words
    version_id: Mapped[int | None] = mapped_column(  # that had learnt from all but `added` of them
        ForeignKey("versions.id", ondelete="SET NULL")
    )
    added: Mapped[int]
    payload: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    test_name: Mapped[str | None] = mapped_column(String(16))  # rows to predict, by their digest
    test_rows: Mapped[int | None]
    test_payload: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)


class WorkerRow(Base):
    """A worker and its last sign of life."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(200), primary_key=True)  # host:pid:random
    slots: Mapped[int]
    busy: Mapped[int] = mapped_column(default=0)
    device: Mapped[str] = mapped_column(String(80), default="cpu")
    started_at: Mapped[datetime] = mapped_column(Instant, default=now())
    seen_at: Mapped[datetime] = mapped_column(Instant, default=now())
