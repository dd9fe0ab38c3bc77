"""Sums over millions of rows, without reading them each time.

Past quarters of an hour are counted once and kept; younger rows are read by an index. Law: a sum
here equals the sum over the rows. A quarter is closed when nobody can write into it any more: it
has ended, and every transaction that writes began after its end. Rows that still come late (a wrong
clock, a restored backup) are found when the quarters are counted again in turn. Everything may run
twice and at once: only one writer passes the row of its `RollupCursor`.
"""

import datetime
import time
import uuid
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, models, transaction
from django.db.models import Count, Min, Sum
from django.utils import timezone

from core import money
from core.db import clock
from core.models import LedgerEntry, Order
from core.models.rollups import QuarterHourTotal, RollupCursor, Source

QUARTER_SECONDS = 15 * 60
QUARTER = datetime.timedelta(seconds=QUARTER_SECONDS)
# How long sums are kept; pages show 30 days.
WINDOW = datetime.timedelta(days=32)
# Hosts' clocks differ, and a moment passes between taking the time and writing it down.
GRACE = datetime.timedelta(minutes=2)
# Counted in one transaction, so that nobody waits for long.
STEP = 96  # quarters: a day
# Counted again at every turn: the newest quarters, and some of the older ones.
NEWEST, OLDER = 4, 24
# If the count is further behind, a reader catches up by itself, for so long.
BEHIND = datetime.timedelta(minutes=45)
READER_SECONDS = 1.0
# Further behind than this, rows are not read one by one.
FAR_BEHIND = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Total:
    rows: int = 0
    amount: Decimal = Decimal(0)

    def __add__(self, other: "Total") -> "Total":
        return Total(self.rows + other.rows, self.amount + other.amount)


Day = dict[int, Total]


class NotCountedYetError(Exception):
    """The first count of a large office takes a while; consumers do it."""


def rows_of(source: Source) -> tuple["models.QuerySet[Any]", str, str, str]:
    """The rows behind a source; their time, which is indexed; their key; the amount to add up."""
    if source == Source.LEDGER:
        return LedgerEntry.objects.order_by(), "create_date", "kind", "amount"
    return Order.objects.order_by(), "end_date", "status", "delivered"


class QuarterNumber(models.Func):
    """The number of quarters of an hour from 1970 to a moment."""

    output_field: Any = models.BigIntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # Escaped twice: for this template, and for the cursor.
        template = f"CAST(strftime('%%%%s', %(expressions)s) AS INTEGER) / {QUARTER_SECONDS}"
        return super().as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = f"FLOOR(EXTRACT(EPOCH FROM %(expressions)s) / {QUARTER_SECONDS})::bigint"
        return super().as_sql(compiler, connection, template=template, **context)


def recount(source: Source, start: datetime.datetime, end: datetime.datetime) -> Day:
    """Sums of the rows themselves, from `start` until before `end`; by an index."""
    found: Day = {}
    for day in recounted(source, start, end).values():
        for key, total in day.items():
            found[key] = found.get(key, Total()) + total
    return found


def recounted(
    source: Source, start: datetime.datetime, end: datetime.datetime
) -> dict[datetime.datetime, Day]:
    """The same for each quarter that has rows."""
    rows, moment, key, amount = rows_of(source)
    within = rows.filter(**{f"{moment}__gte": start, f"{moment}__lt": end})
    grouped = within.annotate(quarter=QuarterNumber(moment)).values_list("quarter", key)
    found: dict[datetime.datetime, Day] = {}
    for number, its_key, count, total in grouped.annotate(Count("pk"), Sum(amount)):
        quarter = datetime.datetime.fromtimestamp(number * QUARTER_SECONDS, datetime.UTC)
        of_key = Total(count, money.quantize(Decimal(total or 0)))
        found.setdefault(quarter, {})[its_key] = of_key
    return found


# --- writing


def catch_up(seconds: float = 20) -> bool:
    """Count the quarters that have ended; False if the time did not suffice."""
    deadline = time.monotonic() + seconds
    return all(_catch_up(source, deadline) for source in (Source.LEDGER, Source.ENDED))


def _catch_up(source: Source, deadline: float) -> bool:
    while _close_some(source):
        if time.monotonic() > deadline:
            return False
    return True


def _close_some(source: Source) -> bool:
    """One transaction's worth of quarters. Returns whether there are more."""
    with transaction.atomic():
        counted = locked(source)
        end = quarter_of(_nobody_writes_before())
        start = _first_used(source, counted.until, end)
        until = min(start + STEP * QUARTER, end)
        if until > counted.until:
            QuarterHourTotal.objects.filter(
                source=source, start__gte=counted.until, start__lt=until
            ).delete()
            found = recounted(source, start, until)
            QuarterHourTotal.objects.bulk_create(_quarters_of(source, found))
            _note(counted, until=until)
    return until < end


def check_again(older: int = OLDER) -> int:
    """Count the newest closed quarters again, and the next of the older ones. Returns how many were
    wrong. Forgets what is older than the window."""
    return sum(_check_again(source, older) for source in (Source.LEDGER, Source.ENDED))


def _check_again(source: Source, older: int) -> int:
    with transaction.atomic():
        counted = locked(source)
        oldest = _window_start()
        first = counted.checked if oldest <= counted.checked < counted.until else oldest
        last = min(first + older * QUARTER, counted.until)
        newest = max(counted.until - NEWEST * QUARTER, oldest)
        wrong = _mend(source, first, last) + _mend(source, newest, counted.until)
        old, _ = QuarterHourTotal.objects.filter(source=source, start__lt=oldest).delete()
        _note(counted, changed=bool(wrong or old), checked=last)
    return wrong


def _mend(source: Source, start: datetime.datetime, end: datetime.datetime) -> int:
    """Make the kept quarters equal their rows. Returns how many did not."""
    rows = QuarterHourTotal.objects.filter(source=source, start__gte=start, start__lt=end)
    kept: dict[datetime.datetime, Day] = {}
    for row in rows:
        kept.setdefault(row.start, {})[row.key] = Total(row.rows, row.amount)
    found = recounted(source, start, end)
    wrong = [moment for moment in {*kept, *found} if kept.get(moment) != found.get(moment)]
    rows.filter(start__in=wrong).delete()
    right = {moment: found[moment] for moment in wrong if moment in found}
    QuarterHourTotal.objects.bulk_create(_quarters_of(source, right))
    return len(wrong)


def _quarters_of(source: Source, found: dict[datetime.datetime, Day]) -> list[QuarterHourTotal]:
    return [
        QuarterHourTotal(source=source, start=start, key=key, rows=total.rows, amount=total.amount)
        for start, day in found.items()
        for key, total in day.items()
    ]


def _note(counted: RollupCursor, *, changed: bool = True, **how_far: datetime.datetime) -> None:
    version = uuid.uuid4() if changed else counted.version
    RollupCursor.objects.filter(pk=counted.pk).update(version=version, **how_far)


def _first_used(
    source: Source, start: datetime.datetime, end: datetime.datetime
) -> datetime.datetime:
    """The first quarter from `start` with anything in it: quiet weeks are passed in one step."""
    rows, moment, _key, _amount = rows_of(source)
    first = rows.filter(**{f"{moment}__gte": start}).aggregate(first=Min(moment))["first"]
    return max(start, end) if first is None else max(start, min(quarter_of(first), end))


def _nobody_writes_before() -> datetime.datetime:
    """No row is still to come for a time before this. SQLite has one writer, which is us;
    PostgreSQL tells the oldest transaction that has written something."""
    moment = clock.now()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT min(xact_start) FROM pg_stat_activity WHERE backend_xid IS NOT NULL"
                " AND datname = current_database() AND pid <> pg_backend_pid()"
            )
            moment = min(moment, cursor.fetchone()[0] or moment)
    return moment - GRACE


def locked(source: Source) -> RollupCursor:
    """How far the count is. Only one process may continue it until it commits."""
    oldest = _window_start()
    RollupCursor.objects.get_or_create(source=source, defaults={"until": oldest, "checked": oldest})
    return RollupCursor.objects.select_for_update().get(source=source)


# --- reading


def days(source: Source, count: int) -> dict[datetime.date, Day]:
    """The last `count` days of the office, the oldest first, today last, each with its sums by key.
    Includes the last committed row. Raises NotCountedYetError."""
    counted = _ready(source)
    today = timezone.localdate()
    dates = [today - datetime.timedelta(days=back) for back in range(count - 1, -1, -1)]
    zone = timezone.get_current_timezone_name()
    kept = _kept_days(source, dates[0], today, zone, counted.until, counted.version)
    found = {date: dict(kept.get(date, {})) for date in dates}
    for date in dates:
        start, end = clock.midnight(date), clock.midnight(date + datetime.timedelta(days=1))
        if end > counted.until:
            for key, more in recount(source, max(start, counted.until), end).items():
                found[date][key] = found[date].get(key, Total()) + more
    return found


@lru_cache(maxsize=32)
def _kept_days(
    source: Source,
    first: datetime.date,
    last: datetime.date,
    zone: str,
    until: datetime.datetime,
    version: uuid.UUID,
) -> dict[datetime.date, Day]:
    """The closed quarters by the office's day; cached until their version changes."""
    found: dict[datetime.date, Day] = {}
    rows = QuarterHourTotal.objects.filter(
        source=source, start__gte=clock.midnight(first), start__lt=until
    )
    local = ZoneInfo(zone)
    for start, key, count, amount in rows.values_list("start", "key", "rows", "amount"):
        day = found.setdefault(start.astimezone(local).date(), {})
        day[key] = day.get(key, Total()) + Total(count, amount)
    return found


def _ready(source: Source) -> RollupCursor:
    """How far the count is. If no consumer counted, the reader does."""
    now = clock.now()
    counted = RollupCursor.objects.filter(source=source).first()
    if counted is None or counted.until < now - BEHIND:
        _catch_up(source, time.monotonic() + READER_SECONDS)
        counted = RollupCursor.objects.get(source=source)
        if counted.until < now - FAR_BEHIND:
            raise NotCountedYetError(source.name)
    return counted


def quarter_of(moment: datetime.datetime) -> datetime.datetime:
    number = int(moment.timestamp() // QUARTER_SECONDS)
    return datetime.datetime.fromtimestamp(number * QUARTER_SECONDS, datetime.UTC)


def _window_start() -> datetime.datetime:
    return quarter_of(timezone.now() - WINDOW)
