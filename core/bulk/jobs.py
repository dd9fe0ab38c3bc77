"""A bulk job's run: claim it and do its blocks. One transaction has a block, the job's step and a
history entry for each changed row; after a crash the next run goes on there."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models.functions import Now
from django.utils import translation

from core.bulk import customers, orders
from core.bulk.action import BulkAction, Outcome
from core.models import BulkBlock, BulkJob, BulkRefusal, LeaseLostError
from core.models.failpoints import failpoint
from core.permissions import may
from core.reasons import Code, Reason, ReasonOrText, reason_columns

logger = logging.getLogger(__name__)

ACTIONS: Mapping[int, type[BulkAction]] = {
    BulkJob.Action.CANCEL: orders.CancelOrders,
    BulkJob.Action.RETRY: orders.RetryOrders,
    BulkJob.Action.APPROVE: orders.ApproveOrders,
    BulkJob.Action.PAUSE: orders.PauseOrders,
    BulkJob.Action.RESUME: orders.ResumeOrders,
    BulkJob.Action.CATCH_UP: orders.CatchUpOrders,
    BulkJob.Action.TOP_UP: customers.TopUpCustomers,
    BulkJob.Action.ACTIVATE: customers.ActivateCustomers,
    BulkJob.Action.DEACTIVATE: customers.DeactivateCustomers,
}


def run(job_id: int, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Do what is left of a job; nothing if another process has it."""
    job = BulkJob.claim(job_id)
    if job is None:
        return
    try:
        # Histories are written in the language of the person who asked.
        with translation.override(job.language or None):
            work(job, should_stop)
    except LeaseLostError:
        logger.warning("bulk action %s was taken over", job_id)


def work(job: BulkJob, should_stop: Callable[[], bool]) -> None:
    action = ACTIONS[job.action](job)
    if reason := refusal(job, action):
        finish(job, BulkJob.Status.REFUSED, reason)
        return
    while block := job.blocks.filter(number=job.blocks_done).first():
        if job.is_asked_to_stop:
            finish(job, BulkJob.Status.CANCELED)
            return
        if should_stop():
            job.release()
            return
        do_block(action, block)
        failpoint("after-block")
    finish(job, BulkJob.Status.DONE)


def refusal(job: BulkJob, action: BulkAction) -> Reason | None:
    """Why nothing more may be done, or None. A right can be lost meanwhile."""
    if job.has_exhausted_attempts:
        return Reason.of(Code.FAILED_TOO_OFTEN)
    actor = job.creator
    if actor is None or not may(actor, action.right):
        return Reason.of(Code.RIGHT_LOST, who=str(actor or "–"))
    return None


def do_block(action: BulkAction, block: BulkBlock) -> None:
    """Change these rows and record the step in one transaction."""
    job = action.job
    with transaction.atomic():
        # The job's row is locked until commit: nobody takes the job over meanwhile.
        job.record()
        outcome = action.apply(block.ids)
        BulkRefusal.objects.bulk_create(
            BulkRefusal(job=job, object_id=pk, name=name, **reason_columns(reason))
            for pk, name, reason in outcome.refused
        )
        log(action, outcome)
        failpoint("before-block")
        job.record(
            done=job.done + len(block.ids),
            blocks_done=block.number + 1,
            changed=job.changed + len(outcome.changed),
            refused=job.refused + len(outcome.refused),
            amount=job.amount + outcome.amount,
            attempts=0,
        )


def log(action: BulkAction, outcome: Outcome) -> None:
    """Write into each changed row's history who changed it by which job."""
    content_type, text = ContentType.objects.get_for_model(action.model), action.history_text()
    creator: Any = action.job.creator_id  # never None here: a job without a creator was refused
    LogEntry.objects.bulk_create(
        LogEntry(
            user_id=creator,
            content_type=content_type,
            object_id=str(pk),
            object_repr=name[:200],
            action_flag=CHANGE,
            change_message=text,
        )
        for pk, name in outcome.changed
    )


def finish(job: BulkJob, status: BulkJob.Status, reason: ReasonOrText = "") -> None:
    job.release(status=status, end_date=Now(), **reason_columns(reason))
