"""What the page of a job that answers a table says of it: what was sent, and its answers."""

from dataclasses import dataclass
from shlex import quote

from app import lifecycle
from app.catalogue.changes import Setting
from app.store.models import Job
from app.store.states import JobStatus


@dataclass(frozen=True, slots=True)
class TableJob:
    """A table, who answers it, and how to send it again."""

    version: int
    file: str  # what it is called
    size: int | None  # bytes of its answers; None where there are none
    gone: bool  # there were some
    config: list[Setting]
    again: dict[str, str]


def table_of(job: Job, base_url: str) -> TableJob:
    """The table of a job."""
    asked = job.experiment
    version, done = asked["version"], job.status == JobStatus.succeeded
    size = lifecycle.place(job).answers_size() if done else None
    pairs = [f"{column}={field}" for column, field in asked["mapping"].items()]
    said = {
        "file": asked["about"] or "without a name",
        "SHA-256": asked["file"],
        "version": str(version),
        "map": ", ".join(pairs) or "none",
        "strict": "yes" if asked["strict"] else "no",
        "keep": f"the last {asked['keep']:,} answers" if asked["keep"] else "no answer",
    }
    return TableJob(
        version=version,
        file=asked["about"],
        size=size,
        gone=done and size is None,
        config=[Setting(name, value, None, changed=False) for name, value in said.items()],
        again=_again(asked["about"] or "FILE", version, pairs, base_url, strict=asked["strict"]),
    )


def _again(
    file: str, version: int, pairs: list[str], base_url: str, *, strict: bool
) -> dict[str, str]:
    """The same table by command line and curl."""
    words = [f"ridgeline predict {quote(file)}", f"--model {version}", "--job", "-o answers.csv"]
    words += [f"--map {quote(pair)}" for pair in pairs] + ["--strict"] * strict
    query = [f"-d model={version}", *(["-d strict=true"] * strict)]
    query += [f"--data-urlencode {quote(f'map={pair}')}" for pair in pairs]
    return {
        "Command line": " \\\n  ".join(words),
        "curl": " \\\n  ".join(
            [
                f"curl -G -X POST {base_url.rstrip('/')}/api/v1/predictions/jobs",
                *query,
                f"-H 'Content-Type: text/csv' -T {quote(file)}",
            ]
        ),
    }
