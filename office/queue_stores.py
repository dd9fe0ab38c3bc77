"""The queue's messages in SQLite's file or in Redis. The office works without either. A useless
file is set aside and made again; any other failure raises one of DOWN, and consumers take their
work from the database."""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from huey.storage import RedisStorage, SqliteStorage
from redis import exceptions as redis

logger = logging.getLogger(__name__)

# What an unusable queue raises.
DOWN = (redis.RedisError, sqlite3.Error, OSError)

# SQLite's codes for a useless file.
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# The same for its first tables and rows: a foreign or read-only file.
UNFIT = DAMAGED | {
    *(sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH),
    *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_FORMAT),
}
# Suffixes of SQLite's further files.
BESIDE = ("-wal", "-shm", "-journal")
# The file itself is good.
HARMLESS = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CONSTRAINT}

# A client with TLS waits for a Redis without it; a client without TLS is cut off.
TLS = ": is it Redis, and is it right that it is reached with TLS (rediss://) or without?"
WORDS = (
    (redis.AuthenticationError, "", "Redis refuses the user or the password in REDIS_URL"),
    (redis.NoPermissionError, "", "Redis does not let the user in REDIS_URL write"),
    (redis.BusyLoadingError, "", "Redis is still loading its data"),
    (redis.ReadOnlyError, "", "REDIS_URL leads to a replica, which cannot be written"),
    (redis.OutOfMemoryError, "", "Redis is full: raise its maxmemory"),
    (redis.TimeoutError, "connecting", f"nobody answers at REDIS_URL in time{TLS}"),
    (redis.TimeoutError, "", "Redis does not answer in time"),
    (redis.ConnectionError, "closed by server", f"what answers at REDIS_URL hangs up{TLS}"),
    (redis.ResponseError, "DB index", "Redis has no database of the number in REDIS_URL"),
    (redis.ResponseError, "WRONGTYPE", "a key of the queue in Redis holds something else"),
)


def describe(error: Exception) -> str:
    """One line for the operator on any of DOWN."""
    text = str(error).partition("\n")[0].rpartition("of pipeline caused error: ")[2]
    for kind, part, words in WORDS:
        if isinstance(error, kind) and part in text:
            return words
    store = "Redis" if isinstance(error, redis.RedisError) else "the queue's file"
    return f"{store} cannot be used: {text}"


class QueueFile(SqliteStorage):
    """Opens its file when first needed, and again if another file is at its path: a removed,
    replaced or set-aside file is not written."""

    def __init__(self, name: str, filename: str, *, timeout: float = 1.0, **options: Any) -> None:
        settings = {"timeout": timeout, "create_tables": False, **options}
        super().__init__(name, filename=filename, **settings)
        self.path = Path(filename)
        self.patience = timeout
        # Reentrant: methods that hold it call each other.
        self.lock = threading.RLock()
        # The file that is open or was tried last, and whether it passed.
        self._opened: tuple[int, int] | None = None
        self._is_good = False
        self._told = ""

    @contextmanager
    def db(self, commit: bool = False, close: bool = False) -> Iterator[sqlite3.Cursor]:
        """Raises sqlite3.Error or OSError; sets a damaged file aside for a new one."""
        with self._alone():
            if not self._is_good or self._opened != identity(self.path):
                self._make_good()
            try:
                with super().db(commit=commit, close=close) as cursor:
                    yield cursor
            except sqlite3.Error as error:
                if code(error) in DAMAGED:
                    self._set_aside(error)
                elif code(error) not in HARMLESS:
                    self._forget()
                raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """If the file is locked, no thread waits for all the other threads."""
        if not self.lock.acquire(timeout=self.patience):
            raise OSError("others of this process wait for it")
        try:
            yield
        finally:
            self.lock.release()

    def dequeue_more(self, most: int) -> list[bytes]:
        """Up to `most` of the next messages, in order."""
        with self.db(commit=True) as cursor:
            cursor.execute(
                "delete from task where id in (select id from task where queue = ?"
                " order by priority desc, id limit ?) returning data",
                (self.name, most),
            )
            return [data for (data,) in cursor.fetchall()]

    def _make_good(self) -> None:
        self._forget()
        self._opened = identity(self.path)
        if self.path.exists() and not self.path.is_file():
            self._set_aside(IsADirectoryError("it is no file"))
        try:
            self._try()
        except sqlite3.Error as error:
            if code(error) not in UNFIT and not self._is_closed_to_us(error):
                raise
            self._set_aside(error)
            self._try()
        self._opened, self._is_good, self._told = identity(self.path), True, ""

    def _try(self) -> None:
        """Make the tables and write a row to each, which does not stay."""
        with super().db(commit=True) as cursor:
            for statement in self.ddl:
                cursor.execute(statement)
            cursor.execute("savepoint trial")
            for row in (
                "task (queue, data, priority) values (:queue, x'', 0)",
                "schedule (queue, data, timestamp) values (:queue, x'', 0)",
                "kv (queue, key, value) values (:queue, 'trial', x'')",
                "counter (queue, key, value) values (:queue, 'trial', 0)",
            ):
                cursor.execute(f"insert into {row}", {"queue": f"{self.name} trial"})
            cursor.execute("rollback to trial")

    def _set_aside(self, why: Exception) -> None:
        """Rename the file, unless another process did. Raises OSError if that is impossible."""
        tried = self._opened
        self._forget()
        if tried is None or identity(self.path) != tried:
            return
        aside = self.path.with_name(f"{self.path.name}.unusable-{time.time_ns() // 1_000_000}")
        try:
            for suffix in BESIDE:
                if (beside := Path(f"{self.path}{suffix}")).exists():
                    beside.rename(f"{aside}{suffix}")
            self.path.rename(aside)
        except OSError as error:
            text = f"{why}; nor can it be set aside: {error.strerror}"
            if self._told != text:
                self._told = text
                logger.warning("the queue's file %s: %s: done without", self.path, text)
            raise OSError(text) from error
        logger.warning("the queue's file could not be used (%s): it is now %s", why, aside)

    def _is_closed_to_us(self, error: sqlite3.Error) -> bool:
        """Whether this user may not read or write the file or those beside it, or it is a folder or
        a dead link."""
        if code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR):
            return False
        paths = [Path(f"{self.path}{suffix}") for suffix in ("", *BESIDE)]
        there = [path for path in paths if os.path.lexists(path)]
        return not all(path.is_file() and os.access(path, os.R_OK | os.W_OK) for path in there)

    def _forget(self) -> None:
        self.close()
        self._opened, self._is_good = None, False


class QueueServer(RedisStorage):
    def dequeue_more(self, most: int) -> list[bytes]:
        """Up to `most` of the next messages, in order."""
        with self.conn.pipeline(transaction=True) as pipe:
            pipe.lrange(self.queue_key, -most, -1)
            pipe.ltrim(self.queue_key, 0, -most - 1)
            return list(pipe.execute()[0])[::-1]  # the next one stands at the end

    def queue_size(self) -> int:
        """How many tasks wait. Tries a write that changes nothing and is not logged, so it raises
        if a replica or a full server would refuse messages."""
        with self.conn.pipeline(transaction=False) as pipe:
            pipe.llen(self.queue_key)
            pipe.zadd(self.schedule_key, {b"": 0}, xx=True)
            try:
                return int(pipe.execute()[0])
            except redis.ReadOnlyError:
                # After a failover old connections lead to the wrong server, new ones do not.
                self.pool.disconnect(inuse_connections=False)
                raise


def code(error: sqlite3.Error) -> int:
    """SQLite's primary code; 0 if the error is Python's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def identity(path: Path) -> tuple[int, int] | None:
    """Of the file now at this path, or of a dead link."""
    for look in (path.stat, path.lstat):
        with suppress(OSError):
            found = look()
            return found.st_dev, found.st_ino
    return None
