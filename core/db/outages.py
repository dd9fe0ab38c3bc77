"""Is it the database that failed, or the host? One answer for pages, commands and consumers: what
is down is asked again later, over new connections; all else is an error of ours and has to be
seen."""

import errno
import sqlite3
import threading

from django.db import DatabaseError, InterfaceError, OperationalError, connections
from django.db.migrations.exceptions import MigrationSchemaMissing

# What to catch before asking is_down().
DATABASE_ERRORS = (DatabaseError, InterfaceError)

# PostgreSQL's "cannot execute … in a read-only transaction", which Django takes for an internal
# error: after a failover it is the wrong server.
READ_ONLY = "25006"
# The server ended a transaction that said nothing for too long, and the connection with it: the
# network was broken meanwhile. To Django another internal error.
IDLE_IN_TRANSACTION = "25P03"
# Tables and columns that are not there: nothing was migrated, or another release.
UNDEFINED = {"42P01", "42703"}
# The user may not do that, such as make tables in a database of somebody else's.
FORBIDDEN = "42501"
# A statement waited for a lock as long as it may.
LOCK_NOT_AVAILABLE = "55P03"
# SQLite's file is damaged, or is none. Both come as a plain DatabaseError.
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

# What a host says whose disk is full or takes no writes, or that has too many files open.
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
    """Whether PostgreSQL only reads. Its connections look healthy: they have to be dropped."""
    return _sqlstate(error) == READ_ONLY


def in_words(error: BaseException) -> str:
    """What is wrong with it and what to do, in one line for the operator; "" for nothing."""
    reason, state = str(error).strip().partition("\n")[0], _sqlstate(error)
    if state in UNDEFINED or reason.startswith(("no such table", "no such column")):
        return f"the database is not migrated: run manage.py init_office ({reason})"
    if state == FORBIDDEN:
        return f"the user in DATABASE_URL needs a database of its own: be its owner ({reason})"
    return f"the database cannot be used: {reason}" if is_down(error) else ""


def is_locked(error: BaseException | None) -> bool:
    """Whether a lock on rows or on a table was not to be had in the time that PostgreSQL was given
    for it. The database counts as down then; who works on much at once can leave that to others."""
    return _sqlstate(error) == LOCK_NOT_AVAILABLE


def is_gone(error: BaseException | None) -> bool:
    """Whether it is down for all that this process does, and not for some rows alone."""
    return is_down(error) and not is_locked(error)


def is_out_of_room(error: BaseException | None) -> bool:
    """Whether this host has no room for a file: another one may, and this one later."""
    return isinstance(error, OSError) and error.errno in NO_ROOM


def _sqlstate(error: BaseException | None) -> str | None:
    if isinstance(error, MigrationSchemaMissing):  # raised while another one is handled
        error = error.__context__
    return getattr(getattr(error, "__cause__", None), "sqlstate", None)


def drop_connections() -> None:
    """Have this thread connect anew, and the whole process where it pools its connections: after a
    failover all of them lead to the wrong server. Not inside a transaction."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        close_pool = getattr(connection, "close_pool", None)  # PostgreSQL's have one
        if close_pool:
            with _lock:
                close_pool()
