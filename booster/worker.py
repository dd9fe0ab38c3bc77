"""Huey's worker, made to do without what may be gone: its queue and its consumer.

Law 1: the queue is a wake-up. While it cannot be reached, work is taken from the database itself.
"""

import logging
import multiprocessing
import os
import time

from django.db import DatabaseError, InterfaceError, close_old_connections
from huey.consumer import Worker as HueyWorker
from huey.consumer import WorkerRecycle

from booster import tasks

logger = logging.getLogger(__name__)

# A queue that just failed is not asked again at once: with a server that hangs, asking takes time.
ASK_AGAIN_SECONDS = 2.0


class Worker(HueyWorker):
    _without_queue_until: float | None = None

    def loop(self, now: float | None = None) -> None:
        if is_orphan():
            # Killed without a chance to stop us. Somebody starts a new consumer, with new workers.
            logger.error("the consumer of this worker is gone: it stops")
            self.stop_flag.set()
            return
        if self._without_queue_until and time.monotonic() < self._without_queue_until:
            self._work_without_queue()
            return
        try:
            task = self.huey.dequeue()
        except tasks.QUEUE_DOWN as error:
            if self._without_queue_until is None:
                logger.error("the queue is down, work comes from the database: %s", error)
            self._without_queue_until = time.monotonic() + ASK_AGAIN_SECONDS
            self._work_without_queue()
            return
        if self._without_queue_until:
            logger.info("the queue is back")
            self._without_queue_until = None
        if task is not None:
            self._do(task, now)
        elif not self.huey.storage.blocking:
            self.sleep()

    def _do(self, task: object, now: float | None) -> None:
        self.delay = self.default_delay
        self.task_count += 1
        try:
            self.huey.execute(task, now)
        except Exception:
            logger.exception("task %s failed outside of its own code", task)
        if self.max_tasks and self.task_count >= self.max_tasks:
            raise WorkerRecycle

    def _work_without_queue(self) -> None:
        close_old_connections()
        try:
            worked = tasks.deliver_most_overdue()
        except (DatabaseError, InterfaceError):
            logger.exception("no queue, and the database failed")
            worked = False
        except Exception:
            # delivery.run() has logged it and put the order off, as for any task.
            worked = True
        finally:
            close_old_connections()
        if worked:
            self.delay = self.default_delay
        else:
            self.sleep()


def is_orphan() -> bool:
    """Whether the consumer that forked this process is gone (False where it did not fork it)."""
    parent = multiprocessing.parent_process()
    return parent is not None and parent.pid != os.getppid()
