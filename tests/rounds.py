"""Deliveries within a test's own process: a round that ends when nothing is due any more."""

import time
from collections.abc import Callable

from django.db.models.functions import Now

from booster.delivery import Round
from core.models import WORKABLE, Order

# On a machine that has little time for it.
PATIENCE = 300.0


def run_until_idle(driving: Round, seconds: float = PATIENCE) -> None:
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


def deliver_to_the_end(until: Callable[[], bool] = lambda: False) -> None:
    """The same, until no order is open or what is waited for has come, as if what waits for another
    try were due at once."""
    deadline = time.monotonic() + PATIENCE

    def is_over() -> bool:
        return time.monotonic() > deadline or until()

    while Order.objects.filter(status__in=WORKABLE).exists() and not is_over():
        Order.objects.open().update(due=Now(), lease_until=None)
        run_until_idle(Round("test:1", is_over))
    Order.objects.open().update(lease_until=None)
