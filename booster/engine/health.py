"""How a site bears plays, and how the plays of one order fare. Pure.

All orders share what concerns the site (silence, "not now" to everything); failures in a row are an
order's own. booster/retry.py says how many are too many. `now`: seconds, monotonic.
"""

from collections.abc import Callable

from booster.retry import FAILURES, FEW_FAILURES, FEW_REFUSALS, STALL_SHARE


class SiteHealth:
    """`good`: all plays counted so far."""

    __slots__ = ("_busy_timeout", "_good_at_tick", "_patience", "_progress_at", "refusals")

    def __init__(self, first_byte_timeout: float, busy_timeout: float, now: float) -> None:
        self._patience = STALL_SHARE * first_byte_timeout
        self._busy_timeout = busy_timeout
        self._progress_at = now
        self._good_at_tick = 0
        self.refusals = 0  # "not now", since the last good play

    def wake(self, now: float) -> None:
        """Nothing was to be sent until now: that was no silence of the site's."""
        self._progress_at = now
        self.refusals = 0

    def tick(self, now: float, good: int) -> None:
        if good != self._good_at_tick:
            self.wake(now)
        self._good_at_tick = good

    def patience(self, now: float) -> float:
        """How long an order's plays may fail in a row before few of them suffice: about as long as
        an answer may take; not at all while no order gets a good one."""
        silent = now - self._progress_at > self._patience
        return 0.0 if silent else self._patience

    def refuses_all(self, now: float) -> bool:
        """It says "not now" to everything, and has for long."""
        return self.refusals >= FEW_REFUSALS and now - self._progress_at > self._busy_timeout


class Failures:
    """Failures in a row of one order's plays, with no good one of its own between them."""

    __slots__ = ("_bearable", "_good", "_since", "in_a_row")

    def __init__(self) -> None:
        self._good = 0  # plays that were good when the first failed
        self._since = 0.0
        self._bearable = FAILURES
        self.in_a_row = 0

    def add(
        self, now: float, good: int, in_flight: Callable[[], int], patience: float | None
    ) -> bool:
        """One failure more, after `good` good plays in all: whether that is one too many.
        `patience`: None for the last plays of an order, which may hang together."""
        if good != self._good:
            self._good, self.in_a_row = good, 0
        if not self.in_a_row:
            self._since, self._bearable = now, FAILURES + in_flight()
        self.in_a_row += 1
        stalled = patience is not None and now - self._since >= patience
        return self.in_a_row >= (FEW_FAILURES if stalled else self._bearable)
