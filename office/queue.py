"""The Huey instance. A queue is a wake-up, never the truth: losing all of it loses nothing, and
nothing that stands in it can stop a worker.

SqliteHuey keeps its own file apart from the application's database, because every enqueue is a
write and SQLite has one writer a file.
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
# A save in the admin waits for Redis no longer than this, then leaves the order to the sweeper.
REDIS_TIMEOUT = 0.8
# A blocking pop must end before the socket's time-out does.
REDIS_POP = 0.4
# The same for a file that somebody else has locked.
FILE_TIMEOUT = 1.0
# Messages dropped in one go; then the worker looks whether it is to stop.
MOST_DROPPED = 1000
# Their number, and when the last one was.
DROPPED = "dropped"
# Seconds until a worker asks a queue again that is down.
PATIENCE = 1.0


def build(
    redis_url: str, data_dir: Path, secret_key: str, fallbacks: Sequence[str] = ()
) -> "WakeUps":
    """Reads and opens nothing yet. `fallbacks` are former secret keys: what they signed is read."""
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
        pool.connection_class(**pool.connection_kwargs)  # knows which options there are
    except (TypeError, ValueError, RedisError) as error:
        raise ImproperlyConfigured(f"REDIS_URL is not a Redis address: {error}") from error
    options = {"connection_pool": pool, "read_timeout": REDIS_POP}
    return WakeUps(NAME, storage_class=QueueServer, **options, **common)


class SignedMessages(Serializer):
    """Whoever can write to the queue but has no secret cannot run code. The first secret key signs,
    all of them read."""

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
        """Its tasks know what they may be called with."""
        signature = inspect.signature(func)
        return super().create_task(func, *args, signature=signature, **settings)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Messages that were dropped, all in all, and how long ago the last one was, in seconds."""

    count: int
    age: float


class WakeUps(Huey):
    """Messages that cannot be read are dropped, with one line each, and counted in the queue
    itself: workers are processes on many hosts, and all of them have it in common.

    Results, locks and revocations are not for use here: the database says what is to be done.
    """

    describe = staticmethod(describe)
    down = DOWN

    def get_task_wrapper_class(self) -> type[TaskWrapper]:
        return WakeUpTask

    _is_down = False

    def dequeue(self) -> Task | None:
        """A queue that is down has no messages; it costs one line, and a second each time."""
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
        """Take up to so many of the next messages off the queue: those of this task say no more
        than the one that runs now, others go to the end. Raises one of DOWN."""
        for data in self.storage.dequeue_more(most):
            other = self.read(data)
            if other is not None and not isinstance(other, task.task_class):
                self.storage.enqueue(data)

    def read_schedule(self, timestamp: datetime | None = None) -> list[Task]:
        """Empty as well where the queue is down, of which the workers speak."""
        try:
            due = self.storage.read_schedule(timestamp or utcnow())
        except DOWN as error:
            logger.debug("the schedule was not read: %s", error)
            return []
        return [task for data in due if (task := self.read(data)) is not None]

    def is_revoked(self, task: Any, timestamp: Any = None, peek: bool = True) -> bool:
        return False

    def delete(self, key: str) -> bool:
        """What Huey does with a task's revocation once it ran."""
        return False

    def read(self, data: bytes) -> Task | None:
        """The task of a message; None where it cannot be read and was dropped."""
        try:
            task = self.deserialize_task(data)
            self.ready_to_run(task)  # its time may be none
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
        """None where no message was dropped. Raises what a queue that is down does."""
        moment = self.storage.peek_data(DROPPED)
        if moment is EmptyData:
            return None
        # A counter is read by adding nothing to it.
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
