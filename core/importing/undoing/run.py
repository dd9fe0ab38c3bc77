"""The run that undoes a job: all in one transaction with the rows locked, or nothing."""

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
    """Something depends on the rows, or the person who asked lost the right."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def run(job: ImportJob) -> None:
    """Undo a job that this process holds. If it cannot be undone, it stays as before, with the
    reason. Raises LeaseLostError."""
    try:
        if job.has_exhausted_attempts:
            raise UndoRefusedError(Reason.of(Code.FAILED_TOO_OFTEN))
        # First without a lock: a refusal keeps nobody waiting.
        refuse_where_hindered(permitted(job, job.keep_lease))
        with transaction.atomic():
            # The job's row is locked until commit: nobody takes the job over meanwhile.
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
        # A retry would end the same: tell a person at once; the log has the rest.
        logger.exception("import %s was not undone", job.pk)
        give_up(job, Reason.of(Code.OWN_ERROR))


def permitted(job: ImportJob, on_block: Callable[[], None] = lambda: None) -> Undoer:
    """Raises UndoRefusedError if the person who asked lost the right."""
    actor = job.undoer
    if actor is None or not may_undo(actor, job):
        raise UndoRefusedError(Reason.of(Code.RIGHT_LOST, who=str(actor or "–")))
    return UNDOERS[job.kind](job, actor, on_block)


def refuse_where_hindered(undoer: Undoer) -> None:
    for reason in undoer.objections():
        raise UndoRefusedError(reason)


def give_up(job: ImportJob, reason: Reason) -> None:
    """The import's own notes stay."""
    notes = [note.as_json() for note in (*job.file_notes, reason)]
    job.release(status=job.status_before_undo, undoer=None, notes=notes)


def may_undo(user: User, job: ImportJob) -> bool:
    """Whether this user may undo the job, whoever made it. Imports of an unknown kind, from a later
    release, cannot be undone."""
    if job.kind not in UNDOERS:
        return False
    rights = UNDOERS[job.kind].rights_for(job)
    return all(may(user, right) for right in (Right.UNDO_IMPORT, *rights))


def undoer_of(job: ImportJob, actor: User) -> Undoer:
    return UNDOERS[job.kind](job, actor)
