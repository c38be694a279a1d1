"""The pages for a browser: a file a page, each from the rows of the run store, without a script.

The folder is the registry: a page is served once its file is there.
"""

import pkgutil
from importlib import import_module
from types import ModuleType

from fastapi import APIRouter


def _takes_any(page: ModuleType) -> bool:
    """Whether an address of it fits others, too: /jobs/{job_id} would take /jobs/new."""
    return any("{" in route.path for route in page.router.routes)


router = APIRouter(include_in_schema=False)
pages = [import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
for page in sorted(pages, key=_takes_any):
    router.include_router(page.router)
