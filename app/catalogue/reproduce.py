"""The same job again: by command line, curl and Python."""

import json
import shlex
from collections.abc import Mapping
from typing import Any


def commands(experiment: Mapping[str, Any], base_url: str) -> dict[str, str]:
    """The same job by command line, curl and Python."""
    name = str(experiment.get("name", ""))
    fields = {key: value for key, value in experiment.items() if key != "name"}
    flags = [
        f"--{key.replace('_', '-')} {shlex.quote(_word(value))}" for key, value in fields.items()
    ]
    body = json.dumps({"experiment": dict(experiment)})
    return {
        "Command line": " \\\n  ".join([f"ridgeline train {name}", *flags]),
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
