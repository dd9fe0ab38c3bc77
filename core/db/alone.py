"""One process at a time, of all hosts that have the same database: what is done once must not be
begun by two, such as the tables of a new office."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PAUSE_SECONDS = 0.5
# Of the lock that PostgreSQL keeps; any number that nobody else takes.
NUMBER = 0x0FF1CE

_is_held = False


@contextmanager
def alone(connection: Any, tell: Callable[[], object]) -> Iterator[None]:
    """Wait until no other process is in here. `tell` is called once where there is one. Who is in
    here may come in again."""
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
    """In a transaction beside, with whose end it goes, also behind a pool of connections."""
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
    """Of the folder in which SQLite's file is; it leaves nothing behind."""
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
            return True  # a file system without locks: as well as it can be
        return True

    try:
        yield is_ours
    finally:
        os.close(descriptor)
