"""Experiments: which there are, their fields, and answers of those that need no training."""

from dataclasses import asdict

import orjson
from fastapi import APIRouter, Response

from app.bodies import Answer, ExperimentOut, InstantIn
from app.catalogue import experiments
from app.errors import responses
from app.results import figures
from app.results.reading import Reading
from ml.experiment import Experiment

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


@router.get("/experiments", responses=responses())
def list_experiments() -> list[ExperimentOut]:
    """All experiments, by section of the chapter."""
    return [described(cls) for cls in experiments.ordered()]


@router.get("/experiments/{name}", responses=responses(404, 422))
def get_experiment(name: str) -> ExperimentOut:
    """One experiment: its fields and presets."""
    return described(experiments.find(name))


@router.post("/answers", response_model=Answer, responses=responses(400, 413, 422))
def run_experiment(asked: InstantIn) -> Response:
    """Answer at once, for an experiment that needs no training: figures, tables, checks."""
    reading = Reading.of(asked.experiment.run())
    content = reading.results() | {"figures": figures.by_name(reading)}
    return Response(
        orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json"
    )
