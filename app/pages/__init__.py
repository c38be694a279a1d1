"""The pages for a browser: a file a page, each from the rows of the run store, without a script."""

from fastapi import APIRouter

from app.pages import api, home, job, jobs, learn, new_job, predict

router = APIRouter(include_in_schema=False)
for page in (api, home, jobs, new_job, job, learn, predict):  # /jobs/{job_id} would take /jobs/new
    router.include_router(page.router)
