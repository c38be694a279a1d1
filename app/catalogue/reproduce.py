"""The same job again: by command line, curl and Python."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from app.catalogue import sweeps


def commands(experiment: Mapping[str, Any], base_url: str) -> dict[str, str]:
    """The same job by command line, curl and Python."""
    command, name = "train", str(experiment.get("name", ""))
    fields = {key: value for key, value in experiment.items() if key != "name"}
    if name == sweeps.NAME and "of" in experiment:  # it is queued: what it varies are its flags
        command, (name, of, typed) = "sweep", sweeps.start(experiment)
        varied = {key.removeprefix(sweeps.PREFIX): text for key, text in typed.items()}
        fields = {key: value for key, value in of.items() if key != "name"} | varied
    flags = [
        f"--{key.replace('_', '-')} {shlex.quote(_word(value))}" for key, value in fields.items()
    ]
    body = json.dumps({"experiment": dict(experiment)})
    return {
        "Command line": " \\\n  ".join([f"ridgeline {command} {name}", *flags]),
        "curl": f"curl -X POST {base_url.rstrip('/')}/api/v1/jobs \\\n"
        f"  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(body)}",
        "Python": "from ml.experiments import parse\n\n"
        f"experiment = parse({dict(experiment)!r})\n"
        "for event in experiment.run():\n    print(event)",
    }


def _word(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.15g}"
    return value if isinstance(value, str) else json.dumps(value)
