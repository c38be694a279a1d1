"""Experiments: which there are, their fields, and answers of those that need no training."""

from dataclasses import asdict

import orjson
from fastapi import APIRouter, Response

from app.bodies import Answer, ExperimentOut, InstantIn
from app.errors import NotFound, responses, short
from app.results import figures
from app.results.reading import Reading
from ml.experiment import Experiment
from ml.experiments import EXPERIMENTS

router = APIRouter(tags=["experiments"])


def described(cls: type[Experiment]) -> ExperimentOut:
    """An experiment class as JSON."""
    return ExperimentOut(
        name=cls.model_fields["name"].default,
        section=cls.section,
        summary=cls.summary(),
        instant=cls.instant,
        presets=[asdict(preset) for preset in cls.presets],
        json_schema=cls.model_json_schema(),
    )


def find(name: str) -> type[Experiment]:
    """The experiment of that name."""
    if name not in EXPERIMENTS:
        raise NotFound(
            f"There is no experiment {short(name)!r}. There are: {', '.join(EXPERIMENTS)}."
        )
    return EXPERIMENTS[name]


@router.get("/experiments", responses=responses())
def list_experiments() -> list[ExperimentOut]:
    """All experiments, by section of the chapter."""
    ordered = sorted(EXPERIMENTS.values(), key=lambda cls: [*map(int, cls.section.split("."))])
    return [described(cls) for cls in ordered]


@router.get("/experiments/{name}", responses=responses(404, 422))
def get_experiment(name: str) -> ExperimentOut:
    """One experiment: its fields and presets."""
    return described(find(name))


@router.post("/answers", response_model=Answer, responses=responses(400, 413, 422))
def run_experiment(asked: InstantIn) -> Response:
    """Answer at once, for an experiment that needs no training: figures, tables, checks."""
    reading = Reading.of(asked.experiment.run())
    content = reading.results() | {"figures": figures.by_name(reading)}
    return Response(
        orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json"
    )
