"""The Huey instance. A queue is only a wake-up: losing all of it loses nothing, and no message in
it can stop a worker.

SqliteHuey has a file of its own: every message is a write, and SQLite has one writer for each file.
"""

import hashlib
import inspect
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from huey import Huey
from huey.api import Task, TaskWrapper
from huey.constants import EmptyData
from huey.serializer import Serializer, SignedSerializer
from huey.utils import utcnow
from redis import ConnectionPool, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from office.queue_stores import DOWN, QueueFile, QueueServer, describe

logger = logging.getLogger(__name__)

NAME = "booster-office"
# The longest wait of a save for Redis; then the order is left to the sweep.
REDIS_TIMEOUT = 0.8
# A blocking pop must end before the socket's time-out.
REDIS_POP = 0.4
# The same for a locked file.
FILE_TIMEOUT = 1.0
# Messages dropped at once; then the worker looks whether to stop.
MOST_DROPPED = 1000
# Keys of their number, and of the time of the last.
DROPPED = "dropped"
# Seconds until a worker asks again after the queue was down.
PATIENCE = 1.0


def build(
    redis_url: str, data_dir: Path, secret_key: str, fallbacks: Sequence[str] = ()
) -> "WakeUps":
    """Opens nothing yet. `fallbacks`: former secret keys, whose signatures are still read."""
    common = {"serializer": SignedMessages([secret_key, *fallbacks]), "results": False}
    if not redis_url:
        path = str(data_dir / "queue.sqlite3")
        options = {"filename": path, "fsync": False, "timeout": FILE_TIMEOUT}
        return WakeUps(NAME, storage_class=QueueFile, **options, **common)
    try:
        pool = ConnectionPool.from_url(
            redis_url,
            socket_connect_timeout=REDIS_TIMEOUT,
            socket_timeout=REDIS_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=30,
        )
        pool.connection_class(**pool.connection_kwargs)  # checks the options
    except (TypeError, ValueError, RedisError) as error:
        raise ImproperlyConfigured(f"REDIS_URL is not a Redis address: {error}") from error
    options = {"connection_pool": pool, "read_timeout": REDIS_POP}
    return WakeUps(NAME, storage_class=QueueServer, **options, **common)


class SignedMessages(Serializer):
    """Without a secret nobody can run code by the queue. The first key signs, all of them read."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        super().__init__()
        secrets = [hashlib.sha256(b"huey:" + key.encode()).hexdigest() for key in secret_keys]
        self.newest, *self.former = [SignedSerializer(secret=secret) for secret in secrets]

    def serialize(self, data: Any) -> bytes:
        return self.newest.serialize(data)

    def deserialize(self, data: bytes) -> Any:
        for signer in self.former:
            with suppress(ValueError):
                return signer.deserialize(data)
        return self.newest.deserialize(data)


class WakeUpTask(TaskWrapper):
    def create_task(self, func: Callable[..., Any], *args: Any, **settings: Any) -> type[Task]:
        """Keeps the signature that a task's arguments must fit."""
        signature = inspect.signature(func)
        return super().create_task(func, *args, signature=signature, **settings)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Number of dropped messages, and seconds since the last."""

    count: int
    age: float


class WakeUps(Huey):
    """Drops unreadable messages, logs a line for each and counts them in the queue, which workers
    on many hosts share.

    Results, locks and revocations are not used: the database says what to do.
    """

    describe = staticmethod(describe)
    down = DOWN

    def get_task_wrapper_class(self) -> type[TaskWrapper]:
        return WakeUpTask

    _is_down = False

    def dequeue(self) -> Task | None:
        """A queue that is down has no messages; each try costs a line and a second."""
        try:
            task = self._next()
        except DOWN as error:
            if not self._is_down:
                logger.error("the queue is down, rounds look without it: %s", describe(error))
            self._is_down = True
            time.sleep(PATIENCE)
            return None
        if self._is_down:
            logger.info("the queue is back")
            self._is_down = False
        return task

    def _next(self) -> Task | None:
        for _ in range(MOST_DROPPED):
            data = self.storage.dequeue()
            task = None if data is None else self.read(data)
            if data is None or task is not None:
                return task
        return None

    def drop_duplicates(self, task: TaskWrapper, most: int) -> None:
        """Take up to `most` next messages off the queue: those of this task add nothing to the
        running one, others go to the end. Raises one of DOWN."""
        for data in self.storage.dequeue_more(most):
            other = self.read(data)
            if other is not None and not isinstance(other, task.task_class):
                self.storage.enqueue(data)

    def read_schedule(self, timestamp: datetime | None = None) -> list[Task]:
        """Empty also if the queue is down; dequeue() logs that."""
        try:
            due = self.storage.read_schedule(timestamp or utcnow())
        except DOWN as error:
            logger.debug("the schedule was not read: %s", error)
            return []
        return [task for data in due if (task := self.read(data)) is not None]

    def is_revoked(self, task: Any, timestamp: Any = None, peek: bool = True) -> bool:
        return False

    def delete(self, key: str) -> bool:
        """Huey does this with a task's revocation after each run."""
        return False

    def read(self, data: bytes) -> Task | None:
        """A message's task; None if it was unreadable and dropped."""
        try:
            task = self.deserialize_task(data)
            self.ready_to_run(task)  # its time may be invalid
            called = task.signature.bind(*task.args, **task.kwargs)
            if not all(type(value) is int for value in called.arguments.values()):
                raise TypeError(f"{task.name} is called with an id")
        except Exception as error:
            # Other keys, versions and programs: a pickle raises whatever it likes.
            reason = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
            logger.warning("a message of the queue was dropped, it cannot be read: %s", reason)
            self._count()
            return None
        return task

    def unreadable(self) -> Unreadable | None:
        """None if nothing was dropped. Raises one of DOWN."""
        moment = self.storage.peek_data(DROPPED)
        if moment is EmptyData:
            return None
        # Adding 0 reads the counter.
        count = self.storage.incr(DROPPED, 0)
        try:
            age = max(0.0, time.time() - float(moment))
        except (TypeError, ValueError):
            age = inf  # somebody else wrote there
        return Unreadable(count, age)

    def _count(self) -> None:
        try:
            self.storage.incr(DROPPED)
            self.storage.put_data(DROPPED, f"{time.time():.0f}".encode())
        except DOWN as error:
            logger.warning("the dropped message was not counted: %s", describe(error))
