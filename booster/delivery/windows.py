"""The windows of an order: what the engine reserves and checkpoints, kept in the order's row."""

import time
from collections.abc import Callable
from typing import Any

from booster.engine import Tally, Window
from core.models import Lease

# A window is what a crash can leave unknown, so it is short in time; the first is a guess.
WINDOW_SECONDS = 0.5
FIRST_WINDOW = 100
LARGEST_WINDOW = 20_000


class OrderWindows:
    """One run's windows under one lease. `rate`: plays a second that the run may send at most now,
    asked before each window; `reservable_so_far`: how many of the order's plays may be reserved by
    now, None for all of them."""

    def __init__(
        self,
        lease: Lease,
        *,
        connections: int,
        rate: Callable[[], float],
        may_go_on: Callable[[], bool],
        reservable_so_far: Callable[[], int] | None = None,
    ) -> None:
        self._lease = lease
        self._rate = rate
        self._may_go_on = may_go_on
        self._reservable_so_far = reservable_so_far
        self._size = max(FIRST_WINDOW, 4 * connections)
        self._checkpointed = time.monotonic()
        self._opened: list[Window] = []

    def open(self, **changes: Any) -> None:
        """Reserve the first window and write `changes` of the order in the same statement.

        A run that follows a crashed one begins with the plays of unknown fate, under their old
        numbers: the site knows them again.
        """
        order = self._lease.order
        if unknown := order.in_flight:
            self._lease.record(**changes)
            first = order.sequence - unknown + 1
            self._opened = [Window(first, unknown, self._lease.expires)]
        else:
            window = self._window(self._lease.reserve(self._next_size(), **changes))
            self._opened = [window] if window else []

    def reserve(self) -> Window | None:
        """The next window: the opened one first."""
        if self._opened:
            return self._opened.pop()
        if not self._may_go_on() or not (size := self._next_size()):
            return None
        return self._window(self._lease.reserve(size))

    def checkpoint(self, window: Window, tally: Tally) -> Window | None:
        """Write down how the window ended and take the next, in one statement."""
        self._learn_size(window)
        number = self._lease.checkpoint(
            done=tally.counted,
            failed=tally.refused,
            not_sent=tally.not_sent,
            uncertain=tally.uncertain,
            reserve=0 if tally.halted or not self._may_go_on() else self._next_size(),
        )
        return self._window(number)

    def _window(self, count: int) -> Window | None:
        if not count:
            return None
        first = self._lease.order.sequence - count + 1
        return Window(first, count, self._lease.expires, self._rate())

    def _learn_size(self, window: Window) -> None:
        """Follow the speed of sending, at most doubling."""
        now = time.monotonic()
        speed = window.count / max(now - self._checkpointed, 0.001)
        self._checkpointed = now
        self._size = min(int(speed * WINDOW_SECONDS) + 1, 2 * self._size, LARGEST_WINDOW)

    def _next_size(self) -> int:
        size = max(1, min(self._size, int(self._rate() * WINDOW_SECONDS)))
        order = self._lease.order
        if self._reservable_so_far is not None:
            size = min(size, self._reservable_so_far() - order.reserved)
        return max(0, min(size, order.count - order.reserved))
