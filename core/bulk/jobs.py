"""A bulk job's run: claim it and do its blocks, each in one transaction with the job's step and an
entry in the history of each changed row. Whoever claims it after a crash goes on there."""

import logging
from collections.abc import Callable
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models.functions import Now
from django.utils import translation

from core.bulk.action import BulkAction, Outcome
from core.bulk.customers import ActivateCustomers, DeactivateCustomers, TopUpCustomers
from core.bulk.orders import ApproveOrders, CancelOrders, RetryOrders
from core.models import BulkBlock, BulkJob, BulkRefusal, LeaseLostError
from core.models.failpoints import failpoint
from core.permissions import may
from core.reasons import Code, Reason, ReasonOrText, reason_columns

logger = logging.getLogger(__name__)

ACTIONS: dict[BulkJob.Action, type[BulkAction]] = {
    BulkJob.Action.CANCEL: CancelOrders,
    BulkJob.Action.RETRY: RetryOrders,
    BulkJob.Action.APPROVE: ApproveOrders,
    BulkJob.Action.TOP_UP: TopUpCustomers,
    BulkJob.Action.ACTIVATE: ActivateCustomers,
    BulkJob.Action.DEACTIVATE: DeactivateCustomers,
}


def run(job_id: int, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Do what is left of a job; nothing where another process has it."""
    job = BulkJob.claim(job_id)
    if job is None:
        return
    try:
        # What the history of each row says is kept in the language of who asked.
        with translation.override(job.language or None):
            work(job, should_stop)
    except LeaseLostError:
        logger.warning("bulk action %s was taken over", job_id)


def work(job: BulkJob, should_stop: Callable[[], bool]) -> None:
    kind = ACTIONS[BulkJob.Action(job.action)](job)
    if reason := refusal(job, kind):
        finish(job, BulkJob.Status.REFUSED, reason)
        return
    while block := job.blocks.filter(number=job.blocks_done).first():
        if job.is_asked_to_stop:
            finish(job, BulkJob.Status.CANCELED)
            return
        if should_stop():
            job.release()
            return
        do_block(kind, block)
        failpoint("after-block")
    finish(job, BulkJob.Status.DONE)


def refusal(job: BulkJob, kind: BulkAction) -> Reason | None:
    """Why nothing more may be done; None where it may. A right can be lost while a job waits."""
    if job.has_exhausted_attempts:
        return Reason.of(Code.FAILED_TOO_OFTEN)
    who = job.creator
    if who is None or not may(who, kind.right):
        return Reason.of(Code.RIGHT_LOST, who=str(who or "–"))
    return None


def do_block(kind: BulkAction, block: BulkBlock) -> None:
    """These rows and the step of the job, together or not at all."""
    job = kind.job
    with transaction.atomic():
        # The job's row is ours until commit: nobody takes the job over meanwhile.
        job.record()
        outcome = kind.do(block.ids)
        keep_refused(job, outcome)
        log(kind, outcome)
        failpoint("before-block")
        job.record(
            done=job.done + len(block.ids),
            blocks_done=block.number + 1,
            changed=job.changed + len(outcome.changed),
            refused=job.refused + len(outcome.refused),
            amount=job.amount + outcome.amount,
            attempts=0,
        )


def keep_refused(job: BulkJob, outcome: Outcome) -> None:
    BulkRefusal.objects.bulk_create(
        BulkRefusal(job=job, object_id=pk, name=name, **reason_columns(reason))
        for pk, name, reason in outcome.refused
    )


def log(kind: BulkAction, outcome: Outcome) -> None:
    """Each changed row's history says who and by which job."""
    content_type, text = ContentType.objects.get_for_model(kind.model), kind.told()
    creator: Any = kind.job.creator_id  # an action of nobody is refused before
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
