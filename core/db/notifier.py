"""A ring that says "something was written": the next beat comes sooner. It carries nothing.

Law 1: nothing depends on it. Whoever writes rows rings without waiting, from a thread of its own
and at most every PAUSE seconds; a Redis that is down costs the writer nothing and the viewer half a
second.
"""

import logging
import os
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.db import connection, transaction
from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

CHANNEL = "booster-office:live"
PAUSE = 0.05
AFTER_TROUBLE = 2.0
TIMEOUT = 0.8
# How often SQLite is asked whether its file changed; it answers from shared memory.
LOOK_SECONDS = 0.05


def notify() -> None:
    """Tell the viewers' processes that rows were written, once they are committed."""
    if settings.REDIS_URL:
        transaction.on_commit(_notifier.publish, robust=True)


class Notifier:
    """Publishes from a thread of its own, which starts with the first ring of a process."""

    def __init__(self) -> None:
        self._pid = 0
        self._wanted = threading.Event()

    def publish(self) -> None:
        if self._pid != os.getpid():
            # Consumers fork: a thread is not inherited.
            self._pid = os.getpid()
            self._wanted = threading.Event()
            threading.Thread(target=self._run, args=(self._wanted,), daemon=True).start()
        self._wanted.set()

    def _run(self, wanted: threading.Event) -> None:
        redis = _redis()
        while True:
            wanted.wait()
            wanted.clear()
            try:
                redis.publish(CHANNEL, b"")
            except RedisError as error:
                logger.info("viewers were not told, they look by themselves: %s", error)
                time.sleep(AFTER_TROUBLE)
            time.sleep(PAUSE)


class Listener:
    """Calls `rang` at each ring while it is open."""

    def __init__(self, rang: Callable[[], None]) -> None:
        self._rang = rang
        self._open = threading.Event()
        threading.Thread(target=self._run, name="live-bell", daemon=True).start()

    def open(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    def _run(self) -> None:
        while True:
            self._open.wait()
            try:
                self._listen()
            except RedisError as error:
                logger.info("rings are not heard, the beat goes on without: %s", error)
                time.sleep(AFTER_TROUBLE)

    def _listen(self) -> None:
        with _redis() as redis, redis.pubsub(ignore_subscribe_messages=True) as rings:
            rings.subscribe(CHANNEL)
            while self._open.is_set():
                if rings.get_message(timeout=1.0):
                    self._rang()


class ChangeListener:
    """What the feed's thread waits on: a call from its own process, a ring, or a changed file."""

    def __init__(self) -> None:
        self._called = threading.Event()
        self._rung = threading.Event()
        self._version: int | None = None
        self._listener = Listener(self._ring) if settings.REDIS_URL else None

    def call(self) -> None:
        """Somebody of this process wants something now."""
        self._called.set()

    def open(self) -> None:
        if self._listener:
            self._listener.open()

    def close(self) -> None:
        if self._listener:
            self._listener.close()

    def wait(self, seconds: float | None) -> None:
        """Until a call, a ring that was not heard yet, or for so many seconds."""
        if seconds is None or self._listener or connection.vendor != "sqlite":
            self._called.wait(seconds)
        else:
            self._watch_file(time.monotonic() + seconds)
        self._called.clear()

    def heard(self) -> bool:
        """Whether it rang since the last time somebody asked."""
        rang = self._rung.is_set()
        self._rung.clear()
        return rang

    def _ring(self) -> None:
        self._rung.set()
        self._called.set()

    def _watch_file(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            if self._called.wait(min(left, LOOK_SECONDS)):
                return
            if self._file_changed():
                self._rung.set()
                return

    def _file_changed(self) -> bool:
        """SQLite's count of what other connections committed since this one was opened."""
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            version = cursor.fetchone()[0]
        before, self._version = self._version, version
        return version != before


def _redis() -> Redis:
    return Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=TIMEOUT, socket_timeout=TIMEOUT
    )


_notifier = Notifier()
