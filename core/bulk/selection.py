"""From the rows of a list to a job that awaits confirmation: their ids in blocks and their sums, in
one pass over the same rows."""

from array import array
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.translation import get_language

from core.bulk.jobs import ACTIONS
from core.db.blocks import in_blocks
from core.models import BulkBlock, BulkJob, User

# A block holds SQLite's only write lock for a fraction of a second.
BLOCK = 500
ROWS = 10_000
KEEP = timedelta(days=1)


def new_job(
    action: BulkJob.Action, rows: QuerySet[Any], *, creator: User, query: str = ""
) -> BulkJob:
    """Keep the selected rows; nothing happens before BulkJob.start()."""
    bulk_action = ACTIONS[action]
    sums: dict[Any, list[Any]] = {}
    # All ids before anything is written: SQLite refuses to write after a read if others have
    # changed something since. Eight bytes each.
    ids = array("q")
    # Without the list's order and joins. Rising ids, so that all blocks lock in one order.
    columns = rows.order_by("pk").values_list("pk", bulk_action.group, bulk_action.sum_of)
    for pk, group, amount in columns.iterator(chunk_size=ROWS):
        found = sums.setdefault(group, [0, Decimal(0)])
        found[0] += 1
        found[1] += amount
        ids.append(pk)
    # Not one transaction: a million rows would hold SQLite's only write lock for seconds. After a
    # crash the job has nothing to do and is forgotten.
    job = BulkJob.objects.create(
        action=action, creator=creator, query=query[:2000], language=get_language() or ""
    )
    blocks = (
        BulkBlock(job=job, number=at, ids=some) for at, some in enumerate(in_blocks(ids, BLOCK))
    )
    for some in in_blocks(blocks, BLOCK):
        BulkBlock.objects.bulk_create(some)
    job.summary = [[group, number, str(total)] for group, (number, total) in sums.items()]
    job.total = len(ids)
    job.save(update_fields=["summary", "total"])
    return job


def forget_old() -> None:
    """Delete old selections that nobody confirmed; they have changed nothing."""
    BulkJob.objects.filter(status=BulkJob.Status.WAITING, create_date__lt=Now() - KEEP).delete()
