"""How long PostgreSQL waits for a slow statement or for somebody else's lock. SQLite needs no limit
at the size it is promised for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection, transaction

QUERY_CANCELED = "57014"


class TooSlowError(Exception):
    """The database gave up."""


def wait_for_locks(seconds: float) -> None:
    """Limit how long this thread's statements wait for locked rows, on any connection it makes
    (core.db.outages.is_locked)."""
    if connection.vendor != "postgresql":
        return
    connection.close()
    options = dict(connection.settings_dict["OPTIONS"])
    limit = {"lock_timeout": f"{round(1000 * seconds)}ms"}
    options["session"] = options.get("session", {}) | limit
    # A copy of its own: other threads share the dict.
    connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}


@contextmanager
def lock_timeout(connection: Any, milliseconds: int) -> Iterator[None]:
    """Limit PostgreSQL's wait for a lock; 0: wait for ever."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        (before,) = cursor.fetchone()
        cursor.execute(f"SET lock_timeout = {milliseconds}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Limit each statement inside; not within another transaction. Raises TooSlowError."""
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
