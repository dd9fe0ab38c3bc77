"""Huey tasks of the desk: thin, one call each, like booster/tasks.py. The database says what is
due; a task that is lost is found by the sweep."""

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

# Woken by one sweep; further ones by the next.
MOST_JOBS = 50


@db_task()
def run_import(job_id: int) -> None:
    """Check or import one file, as far as this consumer lives."""
    jobs.run(job_id, worker.is_stopping)


@db_task()
def run_bulk(job_id: int) -> None:
    """Do one action on its many rows, as far as this consumer lives."""
    bulk_jobs.run(job_id, worker.is_stopping)


def wake_import(job_id: int) -> bool:
    return wake(run_import, job_id)


def wake_bulk(job_id: int) -> bool:
    return wake(run_bulk, job_id)


def wake(task: Callable[[int], object], job_id: int) -> bool:
    """Tell the consumers about a job. Returns False where the queue is down: the sweep remains."""
    try:
        task(job_id)
    except delivery_tasks.QUEUE_DOWN as error:
        cause = {"cause": "queue"}  # many jobs, one outage
        text = "job %s was not queued, the sweep will find it: %s"
        logger.warning(text, job_id, error, extra=cause)
        return False
    return True


def sweep_jobs() -> int:
    """Wake every job that is due and held by nobody, and forget old files and selections."""
    woken = 0
    for jobs_of, wake_one in ((ImportJob, wake_import), (BulkJob, wake_bulk)):
        due = jobs_of.objects.due().values_list("pk", flat=True)
        # A queue that is down is waited for once, and not for each job.
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
# While the release before goes on beside this one.
worker.other_sweeps.append(Customer.objects.give_keys)


@db_periodic_task(crontab())
def count_up() -> None:
    """Once a minute, and on every host: what the home page adds up. The second to come finds
    nothing to do; without any, whoever opens the page counts."""
    playrate.take_sample()
    rollups.catch_up()
    rollups.check_again()


@db_periodic_task(crontab(hour="3-7", minute="17"))
def check_ledger() -> None:
    """At night, and on every host: the first to come reads the ledger, if anybody is to be told.
    Again each hour, for a message that was lost and for a consumer that was killed meanwhile."""
    alerts.check_ledger_daily()
