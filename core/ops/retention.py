"""Removes what is not kept for ever: ended sessions, login attempts, routine site checks, receipts
of messages long read, files of uploads, and readings between an order's first and last.

Nothing about money, no order, no event of an order and no message is ever removed, and each order
keeps its first and last reading, on which its receipt stands. Each small batch is a transaction, so
that nobody waits long; several workers may tidy at once, and one that dies leaves nothing half
done.
"""

import datetime
import logging
import time
from collections.abc import Callable
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, Max, Min, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from core.db import clock
from core.db.outages import is_gone
from core.models import CounterReading, FilePart, Order, ReadMarker, RetentionCursor, SiteCheck

logger = logging.getLogger(__name__)

BATCH = 500
# Parts are large.
FILE_PARTS = 50
# Orders whose readings one transaction thins.
ORDERS = 100
# Longest call: the sweep that calls it also gives its worker's sign of life.
BUDGET_SECONDS = 3.0
EVERY_SECONDS = 600.0
READINGS = "readings"
BEGINNING = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

_next_at = 0.0


def tidy_sometimes() -> None:
    """tidy() every ten minutes in each worker; again at the next sweep if more is left."""
    global _next_at
    if time.monotonic() >= _next_at and tidy():
        _next_at = time.monotonic() + EVERY_SECONDS


def tidy(budget: float = BUDGET_SECONDS) -> bool:
    """Returns whether all was done in time."""
    deadline = time.monotonic() + budget
    now = clock.now()
    done = True
    for name, tidy_batch in KINDS.items():
        removed, left = 0, True
        while left and time.monotonic() < deadline:
            count, left = _tried(name, tidy_batch, now)
            removed += count
        if removed:
            logger.info("removed %d rows: %s", removed, name)
        done = done and not left
    return done


def _tried(name: str, tidy_batch: "Batch", now: datetime.datetime) -> tuple[int, bool]:
    """If one kind fails, the others are still tidied; it is tried again with them."""
    try:
        return tidy_batch(now)
    except Exception as error:
        if is_gone(error):
            raise
        logger.exception("%s could not be tidied", name)
        return 0, False


Batch = Callable[[datetime.datetime], tuple[int, bool]]


def _days(name: str) -> datetime.timedelta:
    return datetime.timedelta(days=getattr(settings, name))


def _ended_sessions(now: datetime.datetime) -> tuple[int, bool]:
    return _remove(Session.objects.filter(expire_date__lt=now).order_by("expire_date"))


def _of_logins(model: Any) -> Batch:
    """Their time has no index, but their ids rise with it."""

    def remove(now: datetime.datetime) -> tuple[int, bool]:
        oldest = model.objects.order_by("pk").values("pk")[:BATCH]
        old = model.objects.filter(attempt_time__lt=now - _days("LOGIN_ATTEMPT_DAYS"))
        return _remove(old.filter(pk__in=oldest))

    return remove


def _site_checks(now: datetime.datetime) -> tuple[int, bool]:
    """Only routine checks; those that a person asked for stay."""
    # Nearly all have no creator: SQLite would search by that and sort millions for each batch.
    nobody = Coalesce("creator_id", 0)
    old = SiteCheck.objects.alias(nobody=nobody).filter(
        create_date__lt=now - _days("SITE_CHECK_DAYS"), nobody=0
    )
    return _remove(old.order_by("create_date", "id"))


def _read_receipts(now: datetime.datetime) -> tuple[int, bool]:
    """The conversation counts what was read; a receipt only says when."""
    return _remove(ReadMarker.objects.filter(read_date__lt=now - _days("READ_RECEIPT_DAYS")))


def _job_files(now: datetime.datetime) -> tuple[int, bool]:
    """Uploads nobody came back for, and refused rows that had their time."""
    since = now - _days("JOB_FILE_DAYS")
    newer = FilePart.objects.filter(
        folder=OuterRef("folder"), name=OuterRef("name"), create_date__gte=since
    )
    # A file goes as a whole.
    old = FilePart.objects.filter(~Exists(newer), create_date__lt=since)
    return _remove(old.order_by("create_date"), FILE_PARTS)


def _remove(rows: QuerySet[Any], most: int = BATCH) -> tuple[int, bool]:
    """Remove one batch. Returns how many rows, and whether there may be more."""
    keys = list(rows.values_list("pk", flat=True)[:most])
    if not keys:
        return 0, False
    count, _ = rows.model.objects.filter(pk__in=keys).delete()
    return count, len(keys) == most


def _readings(now: datetime.datetime) -> tuple[int, bool]:
    """Thin the readings of orders that ended long ago, in the order in which they ended."""
    before = now - _days("READING_DAYS")
    with transaction.atomic():
        RetentionCursor.objects.get_or_create(kind=READINGS, defaults={"until": BEGINNING})
        cursor = RetentionCursor.objects.select_for_update().get(kind=READINGS)
        ended = Order.objects.filter(end_date__gt=cursor.until, end_date__lte=before)
        moments: list[Any] = list(
            ended.order_by("end_date").values_list("end_date", flat=True)[:ORDERS]
        )
        if not moments:
            return 0, False
        # All that ended at the last of these moments, so that none is skipped.
        some = Order.objects.filter(end_date__gt=cursor.until, end_date__lte=moments[-1])
        orders = list(some.order_by().values_list("pk", flat=True))
        readings = CounterReading.objects.filter(order__in=orders).order_by()
        ends = readings.values("order").annotate(first=Min("pk"), last=Max("pk"))
        kept = [pk for row in ends for pk in (row["first"], row["last"])]
        count, _ = readings.exclude(pk__in=kept).delete()
        cursor.until = moments[-1]
        cursor.save(update_fields=["until"])
    return count, len(moments) == ORDERS


KINDS: dict[str, Batch] = {
    "ended sessions": _ended_sessions,
    "attempts to log in": _of_logins(AccessAttempt),
    "failures to log in": _of_logins(AccessFailureLog),
    "logins": _of_logins(AccessLog),
    "site checks": _site_checks,
    "read receipts": _read_receipts,
    "files of jobs": _job_files,
    READINGS: _readings,
}
