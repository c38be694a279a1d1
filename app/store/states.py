"""The state machine of a job: where it may be, where it may go from there, and why it failed."""

from enum import StrEnum


class JobStatus(StrEnum):
    """Where a job is."""

    queued = "queued"
    running = "running"
    succeeded = "succeeded"
    failed = "failed"
    cancelled = "cancelled"
    timed_out = "timed_out"


class Reason(StrEnum):
    """Why a job did not succeed, where that is not somebody's wish."""

    diverged = "diverged"  # its loss left the finite numbers
    crashed = "crashed"  # its processes or workers died too often
    invalid = "invalid"  # its experiment is none of this version
    error = "error"  # it raised, or what it yielded cannot be stored
    timed_out = "timed_out"


MOVES: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.queued: frozenset({JobStatus.running, JobStatus.cancelled, JobStatus.failed}),
    JobStatus.running: frozenset(JobStatus),  # again, by the worker that takes it over
}
FINAL = frozenset(JobStatus) - MOVES.keys()


class IllegalMove(Exception):
    """A job was to go where it cannot go from where it is."""


def sources(status: JobStatus) -> frozenset[JobStatus]:
    """Where a job may be that goes to `status`."""
    return frozenset(before for before, after in MOVES.items() if status in after)


class Act(StrEnum):
    """How a name came to point where it points."""

    first = "first"  # nobody answered before
    promoted = "promoted"
    rolled_back = "rolled back"
    named = "named"
    removed = "removed"
