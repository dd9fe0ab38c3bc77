"""Huey tasks of the desk: thin, one call each, like booster/tasks.py. The database says what is
due; a task that is lost is found by the sweep."""

import logging

from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task

from booster import tasks as delivery_tasks
from core import playrate, rollups
from core.importing import jobs, store
from core.models import ImportJob

logger = logging.getLogger(__name__)


@db_task()
def run_import(job_id: int) -> None:
    """Check or import one file, as far as this consumer lives."""
    jobs.run(job_id, lambda: delivery_tasks.stopping())


def wake_import(job_id: int) -> None:
    """Tell the consumers about a job. A queue that is down costs nothing: the sweep remains."""
    try:
        run_import(job_id)
    except delivery_tasks.QUEUE_DOWN:
        logger.exception("import %s was not queued; the sweep will find it", job_id)


def sweep_imports() -> int:
    """Wake every job that is due and held by nobody, and forget old files."""
    due = list(ImportJob.objects.due().values_list("pk", flat=True)[: delivery_tasks.SWEEP_LIMIT])
    for job_id in due:
        wake_import(job_id)
    store.remove_old()
    return len(due)


@db_periodic_task(crontab())
def count_up() -> None:
    """Once a minute, and on every host: what the home page adds up. The second to come finds
    nothing to do; without any, whoever opens the page counts."""
    playrate.take_sample()
    rollups.catch_up()
    rollups.check_again()
