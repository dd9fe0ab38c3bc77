"""The database's clock, which all hosts share."""

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, time as clock_time, timedelta
from typing import Any

from django.db import connection
from django.db.models import Model
from django.db.models.expressions import DatabaseDefault
from django.db.models.functions import Now
from django.utils import timezone

SQLITE = "SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"
SQLITE_MOMENT = "REPLACE(STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW') || '000', '.000000', '')"
POSTGRESQL_MOMENT = "STATEMENT_TIMESTAMP()"
POSTGRESQL = f"SELECT {POSTGRESQL_MOMENT}"
LOOK_SECONDS = 10.0
# No row is outside; the midnights of these days and the next exist in every zone.
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9990, 12, 31)


def now() -> datetime:
    is_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute(SQLITE if is_sqlite else POSTGRESQL)
        (moment,) = cursor.fetchone()
    return datetime.fromisoformat(moment) if is_sqlite else moment


def possible(day: date) -> date:
    """The given day, or the nearest one that has moments."""
    return min(max(day, FIRST_DAY), LAST_DAY)


def midnight(day: date) -> datetime:
    """When a day of the office begins."""
    return timezone.make_aware(datetime.combine(day, clock_time.min))


class Moment(Now):
    """The database's clock in the form in which a row keeps it and Django compares it: SQLite holds
    times as text, where one with fewer digits equals no other."""

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return SQLITE_MOMENT, []


def stamp(rows: Sequence[Model]) -> None:
    """Set the clock's columns of unsaved rows, asking the clock once. An expression in each row
    takes PostgreSQL's driver two or three times as long (tests/benchmarks/importing.py); one row
    alone does not need this."""
    if len(rows) < 2:
        return
    fields = rows[0]._meta.get_fields()
    names = [one.name for one in fields if isinstance(getattr(one, "db_default", None), Now)]
    read = now()
    for row in rows:
        for name in names:
            if isinstance(getattr(row, name), DatabaseDefault):
                setattr(row, name, read)


def moment() -> str:
    """`Moment` as SQL."""
    return SQLITE_MOMENT if connection.vendor == "sqlite" else POSTGRESQL_MOMENT


class DatabaseClock:
    """The database's clock, carried on by this host's monotonic clock between two looks."""

    def __init__(self) -> None:
        self._began = datetime.now(UTC)  # the time when the monotonic clock said 0
        self._looked = float("-inf")

    def now(self) -> datetime:
        """Asks the database if the last look is long ago."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._began = now() - timedelta(seconds=time.monotonic())
            self._looked = time.monotonic()
        return self._began + timedelta(seconds=time.monotonic())


# For stamps of a process that nothing waits for.
steady = DatabaseClock()
