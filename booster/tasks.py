"""Huey only: thin. A message may arrive twice, late or never; the database says what is due."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from itertools import takewhile

from django.db import transaction
from huey.contrib.djhuey import HUEY, db_task

from booster import calibrating, worker
from booster.delivery import CLAIM_LIMIT
from core.models import Calibration
from core.models.failpoints import failpoint

logger = logging.getLogger(__name__)

# Woken by one sweep.
MOST_CALIBRATIONS = 5

# What a queue that cannot be reached raises.
QUEUE_DOWN = HUEY.down


@db_task()
def deliver_order(order_id: int) -> None:
    """Wake this worker's round, which finds what is due in the database. The id is for the log."""
    # Drop as many messages of other saves as one beat claims orders; the rest wakes other workers.
    with suppress(QUEUE_DOWN):  # its next reader says so
        HUEY.drop_duplicates(deliver_order, CLAIM_LIMIT - 1)
    worker.wake()


@db_task()
def calibrate(calibration_id: int) -> None:
    """The steps of a calibration that are due, as far as this consumer lives."""
    calibrating.run(calibration_id, worker.is_stopping, wake_calibration)


@HUEY.on_startup()
def start_worker() -> None:
    worker.start(lambda: queue_depth() is not None)


@HUEY.on_shutdown()
def stop_worker() -> None:
    worker.stop()


def wake(order_id: int) -> bool:
    """Wake a round for the order. False where the queue is down: rounds look for themselves."""
    failpoint("before-wake")
    try:
        deliver_order(order_id)
    except QUEUE_DOWN as error:
        cause = {"cause": "queue"}  # many orders, one outage
        text = "order %s was not queued, a round will find it: %s"
        logger.warning(text, order_id, error, extra=cause)
        return False
    failpoint("after-wake")
    return True


def wake_calibration(calibration_id: int, seconds: float = 0.0) -> bool:
    """It goes on in so many seconds. False where the queue is down: the sweep wakes it."""
    try:
        if seconds:
            calibrate.schedule((calibration_id,), delay=seconds)
        else:
            calibrate(calibration_id)
    except QUEUE_DOWN as error:
        logger.warning("calibration %s was not queued: %s", calibration_id, error)
        return False
    return True


def wake_calibrations() -> int:
    """Those that are due and that nobody holds: their message was lost, or their consumer."""
    due = list(Calibration.objects.due().values_list("pk", flat=True)[:MOST_CALIBRATIONS])
    return len(list(takewhile(wake_calibration, due)))


worker.other_sweeps.append(wake_calibrations)


def wake_on_commit(order_ids: Sequence[int]) -> None:
    """Wake a round after the commit. One message will do, however many orders there are."""
    if order_ids:
        transaction.on_commit(lambda: wake(order_ids[0]), robust=True)


def queue_depth() -> int | None:
    """Messages that wait for a worker; None when the queue cannot be reached."""
    try:
        return int(HUEY.pending_count())
    except QUEUE_DOWN:
        return None
