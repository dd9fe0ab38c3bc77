"""What runs in each worker of a consumer beside huey's own loop: a round, and a sweep.

The round takes what is due from the database, whether a message came or not (law 1). The sweep does
what is due by the clock: checks of sites that orders wait for, jobs whose message was lost, and the
worker's sign of life. Every worker of every host does both; a second one finds nothing left to do.
"""

import logging
import multiprocessing
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from django.db import close_old_connections, connection

from booster.delivery import Round, breaker, paused_orders
from core.db.outages import (
    DATABASE_ERRORS,
    drop_connections,
    in_words,
    is_down,
    is_gone,
    is_locked,
)
from core.db.patience import wait_for_locks
from core.models import Heartbeat, SiteLook
from core.models.heartbeats import worker_name

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 15.0
JITTER_SECONDS = 3.0
# How long a round that shall stop may take: what is in flight ends, all is written and given back.
STOP_SECONDS = 15.0
# How long they wait for rows that somebody else has locked: all else waits as long.
LOCK_SECONDS = 1.0
# How often a thread that computes gives way to others. Python's own 5 ms are as long as 400 plays,
# which go out beside a busy round with this (docs/benchmarks.md).
SWITCH_SECONDS = 0.001
# For how long a failure counts: until the orders of the round are claimed again, and longer.
TROUBLE_SECONDS = 120.0

# Whether this process has been asked to stop; set by run_huey.
is_asked_to_stop: Callable[[], bool] = lambda: False  # noqa: E731
# What else a worker sweeps; registered by who has other work for workers.
other_sweeps: list[Callable[[], object]] = []

_lock = threading.Lock()
_running: "Worker | None" = None


def start(is_queue_up: Callable[[], bool]) -> None:
    """Called by huey in each worker, which may be one of many threads of a process."""
    global _running
    with _lock:
        if _running is None:
            _running = Worker(is_queue_up)
            _running.start()


def stop() -> None:
    """Called by huey as a worker ends."""
    global _running
    with _lock:
        worker, _running = _running, None
    if worker is not None:
        worker.stop()


def wake() -> None:
    """Tell this process's round, if it has one, that an order is due."""
    if worker := _running:
        worker.round.wake()


def is_stopping() -> bool:
    """Whether work that can be taken up elsewhere shall be given back."""
    return is_asked_to_stop() or is_orphan()


def is_orphan() -> bool:
    """Whether the consumer that forked this process is gone (False where it did not fork it)."""
    parent = multiprocessing.parent_process()
    return parent is not None and parent.pid != os.getppid()


class Worker:
    """The round and the sweep of this process, each in a thread of its own."""

    def __init__(self, is_queue_up: Callable[[], bool]) -> None:
        self.name = worker_name()
        self._is_queue_up = is_queue_up
        self.round = Round(self.name, self._is_stopping)
        self._stopped = threading.Event()
        self._trouble, self._trouble_until = "", 0.0  # what failed last counts until then
        self._threads = [
            threading.Thread(target=target, name=target.__name__.strip("_"), daemon=True)
            for target in (self._drive, self._sweep)
        ]

    def start(self) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self.round.wake()
        until = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _is_stopping(self) -> bool:
        return self._stopped.is_set() or is_stopping()

    def _note(self, trouble: str) -> None:
        """The next sign of life says so: doctor and alerts look there, and nobody into the log."""
        self._trouble, self._trouble_until = trouble, time.monotonic() + TROUBLE_SECONDS

    def _drive(self) -> None:
        wait_for_locks(LOCK_SECONDS)
        while not self._is_stopping():
            try:
                self.round.run()
            except Exception as error:
                log("the round failed; another one begins", error)
                self._note(told("the round", error))
                time.sleep(1.0)
                self.round = Round(self.name, self._is_stopping)
        connection.close()
        if is_orphan():
            logger.error("the consumer of this worker is gone: it stops")

    def _sweep(self) -> None:
        wait_for_locks(LOCK_SECONDS)
        while not self._is_stopping():
            close_old_connections()
            try:
                trouble = self._trouble if time.monotonic() < self._trouble_until else ""
                Heartbeat.objects.beat(self.name, queue_is_up=self._is_queue_up(), trouble=trouble)
                for trouble in sweep():
                    self._note(trouble)
            except Exception as error:
                log("the sweep failed; it is tried again", error)
                if is_down(error):
                    drop_connections()
                else:
                    self._note(told("the sweep", error))
            self._stopped.wait(SWEEP_SECONDS + random.uniform(0, JITTER_SECONDS))  # noqa: S311
        with suppress(*DATABASE_ERRORS):
            Heartbeat.objects.filter(consumer=self.name).delete()
        connection.close()


def sweep() -> list[str]:
    """What is due by the clock. What fails keeps nothing else waiting, and is returned in words."""
    failed = []
    ours = (breaker.replace_lost_probes, SiteLook.objects.forget_old, wake_paused_orders)
    for work in (*ours, *other_sweeps):
        try:
            work()
        except Exception as error:
            if is_gone(error):
                raise
            if is_locked(error):
                logger.warning("a part of the sweep waits for rows that somebody keeps locked")
            else:
                logger.exception("a part of the sweep failed; it is tried again")
                failed.append(told("a part of the sweep", error))
    return failed


def log(text: str, error: Exception) -> None:
    """With a traceback, unless it is the database that lacks something."""
    words = in_words(error)
    if words:
        logger.error("%s: %s", text, words)
    else:
        logger.exception(text)


def told(what: str, error: Exception) -> str:
    """In one line."""
    return f"{what}: {type(error).__name__}: {error}".partition("\n")[0]


def wake_paused_orders() -> None:
    """Those that wait for their site's token, where it is back or their deadline has come."""
    if paused_orders.resume_where_shown() + paused_orders.resume_late_orders():
        wake()
