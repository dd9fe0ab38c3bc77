"""From the rows of a list to a job that awaits confirmation: their ids in blocks, and what they
sum up to, in one pass over the very same rows."""

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

# Small enough that a block holds SQLite's only write lock for a fraction of a second.
BLOCK = 500
ROWS = 10_000
# A selection that nobody confirmed is forgotten after this.
KEEP = timedelta(days=1)


def new_job(
    action: BulkJob.Action, rows: QuerySet[Any], *, creator: User, query: str = ""
) -> BulkJob:
    """Keep what was selected; nothing is done before BulkJob.start()."""
    bulk_action = ACTIONS[action]
    sums: dict[Any, list[Any]] = {}
    # All of them before anything is written: SQLite writes nothing for a reader of what others
    # have changed since. Eight bytes each.
    ids = array("q")
    # Without the list's order and joins: rising ids, so that blocks lock in one order.
    columns = rows.order_by("pk").values_list("pk", bulk_action.group, bulk_action.sum_of)
    for pk, group, amount in columns.iterator(chunk_size=ROWS):
        found = sums.setdefault(group, [0, Decimal(0)])
        found[0] += 1
        found[1] += amount
        ids.append(pk)
    # Not one transaction: a list of a million would hold SQLite's only write lock for seconds. What
    # a crash leaves says that there is nothing to do, and is forgotten.
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
    """Selections that nobody came back for; they have changed nothing."""
    BulkJob.objects.filter(status=BulkJob.Status.WAITING, create_date__lt=Now() - KEEP).delete()
