"""Huey's consumer with a sweep of its own, a graceful stop, and workers that start clean and do
without a queue. All that hangs on the inside of huey's consumer stands here.

The sweep reads the database, never the queue: an order whose wake-up was lost is found here.
Every consumer sweeps; an order woken twice is claimed once.
"""

import logging
import multiprocessing
import random
import time
from collections.abc import Callable
from contextlib import suppress

from django.db import DatabaseError, InterfaceError, close_old_connections, connections
from huey.consumer import Consumer as HueyConsumer
from huey.consumer import Scheduler
from huey.consumer import Worker as HueyWorker

from booster import tasks
from booster.worker import QueueWatch, is_orphan, work_without_queue
from core.models import Heartbeat
from core.models.heartbeats import this_consumer

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 15
JITTER_SECONDS = 3
# The queue has run low when so much of it is free.
LOW = 0.9


class SweepingScheduler(Scheduler):
    """The scheduler's loop runs once a second; every so often it sweeps as well. Where more orders
    were due than the queue should hold, it wakes the next ones as soon as the queue runs low."""

    def initialize(self) -> None:
        super().initialize()
        parent = multiprocessing.parent_process()
        self._consumer = this_consumer(parent.pid if parent else None)
        # At start all that is due is woken at once: the queue may have been lost meanwhile.
        self._next_sweep, self._grace_seconds = time.monotonic(), 0.0
        self._more_are_due = False

    def loop(self, now: float | None = None) -> None:
        if is_orphan():
            self.stop_flag.set()
            return
        super().loop(now)
        if time.monotonic() >= self._next_sweep:
            self._next_sweep = (
                time.monotonic() + SWEEP_SECONDS + random.uniform(0, JITTER_SECONDS)  # noqa: S311
            )
            self._with_database(self._sweep)
        elif self._more_are_due and tasks.room() > LOW * tasks.SWEEP_LIMIT:
            self._with_database(self._wake_overdue)

    def shutdown(self) -> None:
        super().shutdown()
        with suppress(DatabaseError, InterfaceError):
            Heartbeat.objects.filter(consumer=self._consumer).delete()

    def _sweep(self) -> None:
        queue_is_up = tasks.queue_depth() is not None
        Heartbeat.objects.beat(self._consumer, queue_is_up=queue_is_up)
        tasks.sweep_sites()
        self._wake_overdue()
        for sweep in tasks.other_sweeps:
            sweep()
        self._grace_seconds = tasks.GRACE_SECONDS

    def _wake_overdue(self) -> None:
        room = tasks.room()
        found = tasks.wake_overdue(self._grace_seconds)
        self._more_are_due = 0 < room <= found
        if found:
            logger.info("the sweep woke %d orders", found)

    @staticmethod
    def _with_database(work: Callable[[], None]) -> None:
        close_old_connections()
        try:
            work()
        except (DatabaseError, InterfaceError):
            logger.exception("the sweep failed; it is tried again")
        finally:
            close_old_connections()


class Worker(HueyWorker):
    def initialize(self) -> None:
        super().initialize()
        self._queue = QueueWatch()

    def loop(self, now: float | None = None) -> None:
        if is_orphan():
            # Killed without a chance to stop us. Somebody starts a new consumer, with new workers.
            logger.error("the consumer of this worker is gone: it stops")
            self.stop_flag.set()
        elif self._queue.is_up():
            super().loop(now)
        elif work_without_queue():
            self.delay = self.default_delay
        else:
            self.sleep()


class Consumer(HueyConsumer):
    """What `manage.py run_huey` runs."""

    worker_class = Worker
    scheduler_class = SweepingScheduler

    def start(self) -> None:
        tasks.stopping = lambda: self.stop_flag.is_set() or is_orphan()
        # Workers are forked: none may inherit an open database connection.
        connections.close_all()
        super().start()
