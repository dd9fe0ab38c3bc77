"""One version of all rows, from one cheap statement: while it stays the same, what was read after
it still holds.

PostgreSQL's version is exact and the same for all processes of a server: it says which transactions
have ended. SQLite counts for each connection what others committed: each process asks one
connection that never writes, so versions are its own.
"""

import hashlib
import os
import secrets
import sqlite3
import threading
from pathlib import Path

from django.db import connection

# The start time tells a promoted or restored server apart that counts the same numbers.
POSTGRESQL = """
    SELECT concat_ws(' ', current_database(), pg_postmaster_start_time(), pg_current_snapshot())
"""


def rows_version() -> str | None:
    """None if nobody can tell: in a transaction, which may see its own rows, and for a database in
    memory."""
    if connection.in_atomic_block:
        return None
    if connection.vendor == "sqlite":
        return _watch.version(str(connection.settings_dict["NAME"]))
    with connection.cursor() as cursor:
        cursor.execute(POSTGRESQL)
        (text,) = cursor.fetchone()
    return hashlib.sha256(text.encode()).hexdigest()


class FileWatch:
    """The connection that is asked. Its count, and its name, start again with each file, process
    and failure."""

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
        # A missing file is not created, as for a database in memory.
        address = f"{Path(path).absolute().as_uri()}?mode=rw"
        self._connection = sqlite3.connect(address, uri=True, check_same_thread=False)


_watch = FileWatch()
