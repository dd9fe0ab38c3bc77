"""Deliveries within a test's own process: a round that ends when nothing is due any more."""

import time
from collections.abc import Callable

from django.db.models.functions import Now

from booster.delivery import Round
from core.models import WORKABLE, Order


def run_until_idle(driving: Round, seconds: float = 60.0) -> None:
    """Beat while any order is driven or due now."""
    try:
        driving.beat_while_busy(seconds)
    finally:
        driving.close()


class ShortRound(Round):
    """Orders that wait are given back at once."""

    hold_seconds = 0.0


def deliver(shall_stop: Callable[[], bool] = lambda: False, *, holder: str = "test:1") -> None:
    """What a worker does with all that is due now; orders that wait are given back."""
    run_until_idle(ShortRound(holder, shall_stop))


def deliver_to_the_end(seconds: float = 120.0) -> None:
    """The same, until no order is open, as if what waits for another try were due at once."""
    deadline = time.monotonic() + seconds
    while Order.objects.filter(status__in=WORKABLE).exists() and time.monotonic() < deadline:
        Order.objects.open().update(due=Now(), lease_until=None)
        run_until_idle(Round("test:1", lambda: False), deadline - time.monotonic())
    Order.objects.open().update(lease_until=None)
