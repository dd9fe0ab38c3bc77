"""One process at a time, of all hosts with the same database, for work that two must not begin,
such as creating a new office's tables."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PAUSE_SECONDS = 0.5
# Number of PostgreSQL's advisory lock; nobody else may use it.
NUMBER = 0x0FF1CE

_is_held = False


@contextmanager
def alone(connection: Any, tell: Callable[[], object]) -> Iterator[None]:
    """Wait until no other process is inside; `tell` is called once if one is. The process inside
    may enter again."""
    global _is_held
    if _is_held:
        yield
        return
    lock = _of_server if connection.vendor == "postgresql" else _of_folder
    with lock(connection) as is_ours:
        if not is_ours():
            tell()
            while not is_ours():
                time.sleep(PAUSE_SECONDS)
        _is_held = True
        try:
            yield
        finally:
            _is_held = False


@contextmanager
def _of_server(connection: Any) -> Iterator[Callable[[], bool]]:
    """A lock in a transaction on another connection; it ends with that, also behind a pooler."""
    beside = connection.copy()
    try:
        with beside.cursor() as cursor:
            beside.set_autocommit(False)
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")

            def is_ours() -> bool:
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [NUMBER])
                return bool(cursor.fetchone()[0])

            yield is_ours
    finally:
        beside.close()


@contextmanager
def _of_folder(connection: Any) -> Iterator[Callable[[], bool]]:
    """A lock on the folder of SQLite's file; it leaves nothing behind."""
    folder = Path(str(connection.settings_dict["NAME"])).parent
    if connection.is_in_memory_db() or not folder.is_dir():
        yield lambda: True
        return
    descriptor = os.open(folder, os.O_RDONLY)

    def is_ours() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # a file system without locks cannot do better
        return True

    try:
        yield is_ours
    finally:
        os.close(descriptor)
