"""Huey tasks of the desk: thin, one call each, like booster/tasks.py. The database says what is
due; the sweep finds lost tasks."""

import logging
from collections.abc import Callable
from itertools import takewhile

from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task

from booster import tasks as delivery_tasks, worker
from core import ordering
from core.bulk import jobs as bulk_jobs, selection
from core.importing import jobs, store
from core.logins import attempts
from core.models import BulkJob, Customer, ImportJob
from core.ops import alerts, retention
from core.reports import playrate, rollups

logger = logging.getLogger(__name__)

# For one sweep; the next wakes more.
MOST_JOBS = 50


@db_task()
def run_import(job_id: int) -> None:
    jobs.run(job_id, worker.is_stopping)


@db_task()
def run_bulk(job_id: int) -> None:
    bulk_jobs.run(job_id, worker.is_stopping)


def wake_import(job_id: int) -> bool:
    return wake(run_import, job_id)


def wake_bulk(job_id: int) -> bool:
    return wake(run_bulk, job_id)


def wake(task: Callable[[int], object], job_id: int) -> bool:
    """Tell the consumers about a job. Returns False if the queue is down: the sweep remains."""
    try:
        task(job_id)
    except delivery_tasks.QUEUE_DOWN as error:
        cause = {"cause": "queue"}  # many jobs, one outage
        text = "job %s was not queued, the sweep will find it: %s"
        logger.warning(text, job_id, error, extra=cause)
        return False
    return True


def sweep_jobs() -> int:
    """Wake every due job that nobody holds; forget old files and selections."""
    woken = 0
    for jobs_of, wake_one in ((ImportJob, wake_import), (BulkJob, wake_bulk)):
        due = jobs_of.objects.due().values_list("pk", flat=True)
        # Wait only once for a queue that is down, not for each job.
        woken += len(list(takewhile(wake_one, due[:MOST_JOBS])))
    store.remove_old()
    selection.forget_old()
    if woken:
        logger.info("the sweep woke %d jobs", woken)
    return woken


worker.other_sweeps.append(sweep_jobs)
worker.other_sweeps.append(ordering.place_due)
worker.other_sweeps.append(attempts.sweep)
worker.other_sweeps.append(retention.tidy_sometimes)
worker.other_sweeps.append(alerts.watch_sometimes)
# Needed while the previous release still runs beside this one.
worker.other_sweeps.append(Customer.objects.give_keys)


@db_periodic_task(crontab())
def count_up() -> None:
    """The home page's sums, each minute on every host; the second host finds nothing to do. Without
    consumers, opening the page counts."""
    playrate.take_sample()
    rollups.catch_up()
    rollups.check_again()


@db_periodic_task(crontab(hour="3-7", minute="17"))
def check_ledger() -> None:
    """Each hour of the night on every host: the first reads the ledger, if anybody is to be told;
    again for a lost message or a killed consumer."""
    alerts.check_ledger_daily()
