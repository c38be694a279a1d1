"""The web application: REST under /api/v1, the dashboard's pages, probes."""

import copy
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError

from app import __version__, alarm, error_handlers, logs, pages, security
from app.dashboard import assets
from app.errors import NotFound
from app.routes import (
    comparisons,
    experiments,
    explanations,
    health,
    jobs,
    metrics,
    models,
    monitor,
    predictions,
    results,
    tables,
)
from app.routes.depends import known_parameters
from app.serving.predictors import serving
from app.store.sessions import readers

DESCRIPTION = "House-price prediction and experiment dashboards: jobs, live curves, predictions."


def create_app() -> FastAPI:
    """A new application on the settings of this process."""
    logs.configure()
    app = Ridgeline(
        title="Ridgeline",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        generate_unique_id_function=_operation_id,
        lifespan=alarm.watched,
    )
    api = APIRouter(prefix="/api/v1", dependencies=[Depends(known_parameters)])
    # in this order they are looked through: first who is asked most
    modules = (
        *(predictions, jobs, results, experiments, explanations, models, monitor, tables),
        comparisons,
    )
    for module in modules:
        api.include_router(module.router)
    app.include_router(api)
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.include_router(pages.router)
    assets.install(app)
    error_handlers.install(app)
    app.add_middleware(security.Gate)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name  # the function's name: stable, and the same in every client


class Ridgeline(FastAPI):
    """OpenAPI that says of its bodies what pydantic's schema cannot."""

    def openapi(self) -> dict[str, Any]:
        """The schema; a house is described as the predictor that answers now reads it."""
        schema = copy.deepcopy(super().openapi())
        _summarise(schema)
        schemas = schema["components"]["schemas"]
        for body in ("JobIn", "InstantIn"):
            # `name` has a default in Python, but here it tells the experiments apart
            schemas[body]["properties"]["experiment"]["allOf"] = [{"required": ["name"]}]
        try:
            with readers()() as session:
                schemas["House"] = serving(session).row
        except (NotFound, SQLAlchemyError):  # nothing trained yet, or no database yet
            return schema
        houses = schemas["HousesIn"]["properties"]["houses"]
        houses["items"] = {"$ref": "#/components/schemas/House"}
        return schema


def _summarise(schema: dict[str, Any]) -> None:
    """Every operation by the first sentence of its docstring, in place of its function's name."""
    for path in schema["paths"].values():
        for operation in path.values():
            first, _, rest = operation["description"].partition("\n\n")
            words = " ".join(first.split()).rstrip(".")
            operation["summary"] = words.replace("`", "")  # a summary is no Markdown
            operation["description"] = rest or first
