"""Huey only: thin tasks, one call each. A task carries an id and may run twice, late or never;
the sweep finds whatever a lost one should have done."""

import logging
import sqlite3
from collections.abc import Callable, Sequence

from django.db import transaction
from huey.contrib.djhuey import HUEY, db_task
from redis.exceptions import RedisError

from booster import delivery
from booster.delivery import paused_orders
from core.models import Order
from core.models.failpoints import failpoint

logger = logging.getLogger(__name__)

# What a queue that cannot be reached raises.
QUEUE_DOWN = (RedisError, sqlite3.Error, OSError)

# Set by the consumer: whether this process has been asked to stop.
stopping: Callable[[], bool] = lambda: False  # noqa: E731

# What else a consumer sweeps, besides orders; registered by who has other work for consumers.
other_sweeps: list[Callable[[], object]] = []

# A wake-up is late when its order has been due for longer than this.
GRACE_SECONDS = 10
SWEEP_LIMIT = 500


@db_task()
def deliver_order(order_id: int) -> None:
    """One slice of one order; it wakes itself again for the next."""
    delay_seconds = delivery.run(order_id, lambda: stopping())
    if delay_seconds is not None:
        wake(order_id, delay_seconds)


def wake(order_id: int, delay_seconds: float = 0) -> bool:
    """Queue a run of the order. Returns False where the queue is down; the sweep finds the order
    in the database."""
    failpoint("before-wake")
    try:
        if delay_seconds:
            deliver_order.schedule((order_id,), delay=delay_seconds)
        else:
            deliver_order(order_id)
    except QUEUE_DOWN as error:
        logger.warning("order %s was not queued, the sweep will find it: %s", order_id, error)
        return False
    failpoint("after-wake")
    return True


def wake_on_commit(order_ids: Sequence[int]) -> None:
    """Wake the orders after the commit: a single one always, of several as many as the queue has
    room for. The sweep finds the others."""

    def wake_some() -> None:
        most = room() if len(order_ids) > 1 else 1
        for order_id in order_ids[:most]:
            if not wake(order_id):
                break

    if order_ids:
        transaction.on_commit(wake_some, robust=True)


def sweep(grace_seconds: float = GRACE_SECONDS) -> int:
    """Wake every order that is due and leased to nobody, and check sites that orders wait for."""
    sweep_sites()
    return wake_overdue(grace_seconds)


def sweep_sites() -> None:
    """Let orders go on whose site has its token again, and end those that waited too long."""
    for order_id in paused_orders.resume_sites() + paused_orders.end_late_orders():
        wake(order_id)


def wake_overdue(grace_seconds: float) -> int:
    """Wake orders that have been due for longer than `grace_seconds`, the oldest first, as far as
    the queue has room. Returns how many."""
    woken = 0
    for order_id in Order.objects.overdue(grace_seconds)[: room()]:
        if not wake(order_id):
            break
        woken += 1
    return woken


def room() -> int:
    """How many tasks to add. While SWEEP_LIMIT wait, further ones change nothing and would fill the
    queue without end."""
    return max(0, SWEEP_LIMIT - (queue_depth() or 0))


def queue_depth() -> int | None:
    """Tasks that wait for a worker; None when the queue cannot be reached."""
    try:
        return int(HUEY.pending_count())
    except QUEUE_DOWN:
        return None


def deliver_most_overdue() -> bool:
    """Without a queue: run one slice of the order that has been due for longest. Returns False if
    none is due."""
    order_id = Order.objects.overdue(0).first()
    if order_id is None:
        return False
    delivery.run(order_id, lambda: stopping())
    return True
