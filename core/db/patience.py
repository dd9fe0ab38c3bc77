"""Statements that a person waits for: PostgreSQL gives up on one that takes too long. What SQLite
is promised for takes less."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction

QUERY_CANCELED = "57014"


class TooSlowError(Exception):
    """The database gave up."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """For each statement within, outside any other transaction. Raises TooSlowError."""
    if connection.vendor != "postgresql":
        yield
        return
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                limit = f"{round(1000 * seconds)}ms"
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [limit])
            yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != QUERY_CANCELED:
            raise
        raise TooSlowError from error
