"""Did the database fail, or the host? One answer for pages, commands and consumers: what is down is
asked again later over new connections; any other error is ours and must be seen."""

import errno
import sqlite3
import threading

from django.db import DatabaseError, InterfaceError, OperationalError, connections
from django.db.migrations.exceptions import MigrationSchemaMissing

DATABASE_ERRORS = (DatabaseError, InterfaceError)

# PostgreSQL's "cannot execute … in a read-only transaction", which Django calls an internal error:
# the wrong server after a failover.
READ_ONLY = "25006"
# The server ended a silent transaction and its connection, because the network was broken. Django
# calls it an internal error as well.
IDLE_IN_TRANSACTION = "25P03"
# A missing table or column: not migrated, or another release.
UNDEFINED = {"42P01", "42703"}
# For example, the user may not create tables in somebody else's database.
FORBIDDEN = "42501"
LOCK_NOT_AVAILABLE = "55P03"
# SQLite's file is damaged or is no database. Both raise a plain DatabaseError.
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

# The host's disk is full or read-only, or too many files are open.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE}

_lock = threading.Lock()


def is_down(error: BaseException | None) -> bool:
    """Whether the database is to blame: stopped, cut off, locked, full, damaged, read-only."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    if not isinstance(error, DatabaseError):
        return False
    damage = getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF
    return _sqlstate(error) in (READ_ONLY, IDLE_IN_TRANSACTION) or damage in DAMAGED


def is_read_only(error: BaseException | None) -> bool:
    """Whether PostgreSQL is read-only. Its connections look healthy and must be dropped."""
    return _sqlstate(error) == READ_ONLY


def in_words(error: BaseException) -> str:
    """What is wrong and what to do, in one line for the operator; "" if unknown."""
    reason, state = str(error).strip().partition("\n")[0], _sqlstate(error)
    if state in UNDEFINED or reason.startswith(("no such table", "no such column")):
        return f"the database is not migrated: run manage.py init_office ({reason})"
    if state == FORBIDDEN:
        return f"the user in DATABASE_URL needs a database of its own: be its owner ({reason})"
    return f"the database cannot be used: {reason}" if is_down(error) else ""


def is_locked(error: BaseException | None) -> bool:
    """Whether PostgreSQL gave up waiting for a lock. The database counts as down; a process with
    other work can go on with that."""
    return _sqlstate(error) == LOCK_NOT_AVAILABLE


def is_gone(error: BaseException | None) -> bool:
    """Whether it is down for all work of this process, not only for some rows."""
    return is_down(error) and not is_locked(error)


def is_out_of_room(error: BaseException | None) -> bool:
    """Whether this host has no room for a file: another may have, or this one later."""
    return isinstance(error, OSError) and error.errno in NO_ROOM


def _sqlstate(error: BaseException | None) -> str | None:
    if isinstance(error, MigrationSchemaMissing):  # raised while another is handled
        error = error.__context__
    return getattr(getattr(error, "__cause__", None), "sqlstate", None)


def drop_connections() -> None:
    """Make this thread, or a pooling process, connect again: after a failover all connections lead
    to the wrong server. Not inside a transaction."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        close_pool = getattr(connection, "close_pool", None)  # only PostgreSQL's have one
        if close_pool:
            with _lock:
                close_pool()
