"""What a worker does while its queue cannot be reached, or its consumer is gone.

Law 1: the queue is a wake-up. Without one, work is taken from the database itself.
"""

import logging
import multiprocessing
import os
import time

from django.db import DatabaseError, InterfaceError, close_old_connections

from booster import tasks

logger = logging.getLogger(__name__)

# A queue that just failed is not asked again at once: with a server that hangs, asking takes time.
ASK_AGAIN_SECONDS = 2.0


class QueueWatch:
    """Whether one worker has a queue now."""

    def __init__(self) -> None:
        self._is_up = True
        self._ask_at = 0.0

    def is_up(self) -> bool:
        if time.monotonic() < self._ask_at:
            return False
        was_up, self._is_up = self._is_up, tasks.queue_depth() is not None
        if not self._is_up:
            self._ask_at = time.monotonic() + ASK_AGAIN_SECONDS
        if was_up and not self._is_up:
            logger.error("the queue is down, work comes from the database")
        elif self._is_up and not was_up:
            logger.info("the queue is back")
        return self._is_up


def work_without_queue() -> bool:
    """One slice of what has been due for longest; False where nothing is, or the database fails."""
    close_old_connections()
    try:
        return tasks.deliver_most_overdue()
    except (DatabaseError, InterfaceError):
        logger.exception("no queue, and the database failed")
        return False
    except Exception:
        # delivery.run() has logged it and put the order off, as for any task.
        return True
    finally:
        close_old_connections()


def is_orphan() -> bool:
    """Whether the consumer that forked this process is gone (False where it did not fork it)."""
    parent = multiprocessing.parent_process()
    return parent is not None and parent.pid != os.getppid()
