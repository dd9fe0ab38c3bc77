"""How many plays the sites received in each minute of the last hour.

Orders keep only their plays so far, so a consumer adds those up once a minute, and the difference
of two sums is what came between. Both sums go over the same orders: the open ones, and those that
ended since a moment well before the first sum. So an order that ends in between counts in both,
whichever of its rows was seen first.
"""

import datetime
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Q, Sum

from core.db import clock
from core.models import OPEN, Order
from core.models.rollups import PlaySample, Source
from core.reports.rollups import locked

MINUTE = datetime.timedelta(minutes=1)
# Every host's consumer asks once a minute; one sample a minute is taken.
SOONEST = datetime.timedelta(seconds=45)
# An order that ended is visible to everybody after so long.
OVERLAP = datetime.timedelta(minutes=10)
KEPT = datetime.timedelta(days=1)
MINUTES = 60
# After so long without a sample no consumer runs, so nobody sends.
SILENT = datetime.timedelta(minutes=3)


def take_sample() -> bool:
    """Record what came since the last sample; False if another process just did."""
    now = clock.now()
    with transaction.atomic():
        locked(Source.PLAYS)
        last = PlaySample.objects.order_by("-taken").first()
        if last is not None and now - last.taken < SOONEST:
            return False
        since = now - OVERLAP
        before, total = _totals(last.since if last else since, since)
        plays = max(0, before - last.running_total) if last else 0
        seconds = (now - last.taken).total_seconds() if last else 0.0
        PlaySample.objects.create(
            taken=now, plays=plays, seconds=seconds, since=since, running_total=total
        )
        PlaySample.objects.filter(taken__lt=now - KEPT).delete()
    return True


def _totals(earlier: datetime.datetime, later: datetime.datetime) -> tuple[int, int]:
    """Plays of orders that are open or ended after each moment, in one query."""
    is_open = Q(status__in=OPEN)
    sums = Order.objects.filter(is_open | Q(end_date__gt=earlier)).aggregate(
        all=Sum("done"), newer=Sum("done", filter=is_open | Q(end_date__gt=later))
    )
    return sums["all"] or 0, sums["newer"] or 0


def last_hour(now: datetime.datetime | None = None) -> list[int]:
    """Plays received in each of the last 60 minutes, the oldest first."""
    now = now or clock.now()
    lately = PlaySample.objects.filter(taken__gt=now - (MINUTES + 5) * MINUTE).order_by("taken")
    samples = list(lately.values_list("taken", "seconds", "plays"))
    # A minute without a sample yet is not an idle one.
    end = samples[-1][0] if samples and now - samples[-1][0] < SILENT else now
    return per_minute(samples, end)


def per_minute(samples: Iterable[tuple[datetime.datetime, float, int]], end: Any) -> list[int]:
    """Each sample's plays, spread evenly over its time and added up by minute before `end`."""
    minutes = [0.0] * MINUTES
    for taken, seconds, plays in samples:
        if not plays or seconds <= 0:
            continue
        last = (end - taken).total_seconds() / 60
        first = last + seconds / 60
        for ago in range(max(0, int(last)), min(MINUTES, int(first) + 1)):
            overlap = min(first, ago + 1) - max(last, ago)
            minutes[MINUTES - 1 - ago] += max(0.0, overlap) * plays / (seconds / 60)
    return [round(value) for value in minutes]
