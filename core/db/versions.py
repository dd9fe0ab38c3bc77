"""The version of all rows together, in one cheap statement: what was read after it was asked is
still what the rows say while it is the same.

Exact, and the same to every process that reads the same server: PostgreSQL says which transactions
have ended. SQLite counts, for each connection, what others committed: one connection a process
writes nothing and is asked, so that its versions are this process's own.
"""

import hashlib
import os
import secrets
import sqlite3
import threading
from pathlib import Path

from django.db import connection

# The server's start tells it from one that was promoted or restored and counts the same numbers.
POSTGRESQL = """
    SELECT concat_ws(' ', current_database(), pg_postmaster_start_time(), pg_current_snapshot())
"""


def rows_version() -> str | None:
    """None where nobody can tell: in a transaction, which may see rows that it wrote itself, and of
    a database in memory."""
    if connection.in_atomic_block:
        return None
    if connection.vendor == "sqlite":
        return _watch.version(str(connection.settings_dict["NAME"]))
    with connection.cursor() as cursor:
        cursor.execute(POSTGRESQL)
        (text,) = cursor.fetchone()
    return hashlib.sha256(text.encode()).hexdigest()


class FileWatch:
    """The connection that is asked. Its count starts anew with each file, process and failure, and
    the name with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: tuple[int, str] | None = None
        self._name = ""
        self._connection: sqlite3.Connection | None = None

    def version(self, path: str) -> str | None:
        with self._lock:
            try:
                if self._of != (os.getpid(), path) or self._connection is None:
                    self._open(path)
                assert self._connection is not None
                ((count,),) = self._connection.execute("PRAGMA data_version").fetchall()
            except sqlite3.Error:
                self._connection = None
                return None
            return f"{self._name}-{count}"

    def _open(self, path: str) -> None:
        self._of, self._name, self._connection = (os.getpid(), path), secrets.token_hex(8), None
        # A file that is missing is not made: those in memory are none.
        address = f"{Path(path).absolute().as_uri()}?mode=rw"
        self._connection = sqlite3.connect(address, uri=True, check_same_thread=False)


_watch = FileWatch()
