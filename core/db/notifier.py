"""Tells web processes that rows were written, so that live pages look sooner. A notification
carries nothing, and nothing depends on it.

The writer does not wait: a thread publishes, at most every PAUSE_SECONDS. If Redis is down, the
writer loses nothing and a viewer half a second. Without Redis, SQLite's file shows it.
"""

import logging
import os
import threading
import time

from django.conf import settings
from django.db import connection, transaction
from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

CHANNEL = "booster-office:live"
PAUSE_SECONDS = 0.05
RETRY_SECONDS = 2.0
TIMEOUT_SECONDS = 0.8
# How often SQLite's file is looked at; it answers from shared memory.
FILE_SECONDS = 0.05


def notify() -> None:
    """Tell the web processes after commit that rows were written."""
    if settings.REDIS_URL:
        transaction.on_commit(_notifier.publish, robust=True)


class Notifier:
    """Publishes from a thread, which starts with a process's first notification."""

    def __init__(self) -> None:
        self._pid = 0
        self._wanted = threading.Event()

    def publish(self) -> None:
        if self._pid != os.getpid():
            # Consumers fork, and a fork has no threads.
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
                logger.info("viewers were not notified, they look by themselves: %s", error)
                time.sleep(RETRY_SECONDS)
            time.sleep(PAUSE_SECONDS)


class ChangeListener:
    """What the feed's thread waits on: a call from its own process, or written rows. Only one
    thread waits; open while rows matter to it."""

    def __init__(self) -> None:
        self._awake = threading.Event()
        self._notified = threading.Event()
        self._version: int | None = None
        self._open = threading.Event()
        self._subscribes = bool(settings.REDIS_URL)
        if self._subscribes:
            threading.Thread(target=self._run, name="live-notifications", daemon=True).start()

    def open(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    def wake(self) -> None:
        """From any thread."""
        self._awake.set()

    def wait(self, seconds: float | None) -> bool:
        """Wait for written rows, wake() or the time limit; returns whether rows were written. None:
        no limit, and SQLite's file is not looked at."""
        if seconds is None or self._subscribes or connection.vendor != "sqlite":
            self._awake.wait(seconds)
        else:
            self._watch_file(time.monotonic() + seconds)
        self._awake.clear()
        notified = self._notified.is_set()
        self._notified.clear()
        return notified

    def _run(self) -> None:
        while True:
            self._open.wait()
            try:
                self._listen()
            except RedisError as error:
                logger.info("no notifications, live pages look without: %s", error)
                time.sleep(RETRY_SECONDS)

    def _listen(self) -> None:
        with _redis() as redis, redis.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(CHANNEL)
            while self._open.is_set():
                if channel.get_message(timeout=1.0):
                    self._notified.set()
                    self._awake.set()

    def _watch_file(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            if self._awake.wait(min(left, FILE_SECONDS)):
                return
            if self._file_changed():
                self._notified.set()
                return

    def _file_changed(self) -> bool:
        """By SQLite's count of commits on other connections since this one was opened."""
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            version = cursor.fetchone()[0]
        before, self._version = self._version, version
        return version != before


def _redis() -> Redis:
    return Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=TIMEOUT_SECONDS, socket_timeout=TIMEOUT_SECONDS
    )


_notifier = Notifier()
