"""A job's run that undoes it: all of it in one transaction, with its rows locked, or nothing."""

import logging
from collections.abc import Callable, Mapping

from django.db import DatabaseError, transaction
from django.db.models.functions import Now

from core.importing.undoing.customers import UndoCustomers
from core.importing.undoing.orders import UndoOrders
from core.importing.undoing.top_ups import UndoTopUps
from core.importing.undoing.undoer import Undoer
from core.models import ImportedRows, ImportJob, LeaseLostError, RefundRefusedError, User
from core.models.failpoints import failpoint
from core.permissions import Right, may
from core.reasons import Code, Reason

logger = logging.getLogger(__name__)

UNDOERS: Mapping[int, type[Undoer]] = {
    ImportJob.Kind.CUSTOMERS: UndoCustomers,
    ImportJob.Kind.CHARGES: UndoTopUps,
    ImportJob.Kind.ORDERS: UndoOrders,
}


class UndoRefusedError(Exception):
    """Something depends on the rows, or whoever asked may not."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def run(job: ImportJob) -> None:
    """Undo a job that this process holds; where it cannot be, the job is as before, with the
    reason. Raises LeaseLostError."""
    try:
        if job.has_exhausted_attempts:
            raise UndoRefusedError(Reason.of(Code.FAILED_TOO_OFTEN))
        # Without a lock first: what cannot be undone keeps nobody waiting.
        refuse_where_hindered(permitted(job, job.keep_lease))
        with transaction.atomic():
            # The job's row is ours until commit: nobody takes the job over meanwhile.
            job.record()
            undoer = permitted(job)
            undoer.lock()
            refuse_where_hindered(undoer)
            undoer.undo()
            ImportedRows.objects.filter(job=job).update(undone=True)
            failpoint("before-undone")
            job.release(status=ImportJob.Status.UNDONE, undone_at=Now())
    except (UndoRefusedError, RefundRefusedError) as refused:
        give_up(job, refused.reason)
    except (DatabaseError, LeaseLostError):
        raise
    except Exception:
        # Tried again it would end the same: a person is told at once, the log has the rest.
        logger.exception("import %s was not undone", job.pk)
        give_up(job, Reason.of(Code.OWN_ERROR))


def permitted(job: ImportJob, on_block: Callable[[], None] = lambda: None) -> Undoer:
    """In the name of who asked. Raises UndoRefusedError where they may not any more."""
    actor = job.undoer
    if actor is None or not may_undo(actor, job):
        raise UndoRefusedError(Reason.of(Code.RIGHT_LOST, who=str(actor or "–")))
    return UNDOERS[job.kind](job, actor, on_block)


def refuse_where_hindered(undoer: Undoer) -> None:
    for reason in undoer.objections():
        raise UndoRefusedError(reason)


def give_up(job: ImportJob, reason: Reason) -> None:
    """What the import itself ended with stays beside it."""
    notes = [note.as_json() for note in (*job.file_notes, reason)]
    job.release(status=job.status_before_undo, undoer=None, notes=notes)


def may_undo(user: User, job: ImportJob) -> bool:
    """Whether this user may undo what the job did, whosever it is. What a later release imports,
    it undoes."""
    if job.kind not in UNDOERS:
        return False
    rights = UNDOERS[job.kind].rights_for(job)
    return all(may(user, right) for right in (Right.UNDO_IMPORT, *rights))


def undoer_of(job: ImportJob, actor: User) -> Undoer:
    return UNDOERS[job.kind](job, actor)
