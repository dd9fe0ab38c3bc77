"""How a site bears its plays: when to wait, how many at once, and when to leave it alone.

Pure: takes `now` (seconds, monotonic) and counts; `good` is always of all plays counted so far.
"""

from booster.engine.rate import SlowDown

FAILURES = 10  # in a row, beyond those that were in flight when the first came
FEW_FAILURES = 3  # when nothing good came for about as long as an answer may take


class SiteHealth:
    """What one run has seen of its site."""

    __slots__ = (
        "_bearable",
        "_failures",
        "_failures_in_tick",
        "_good_at_failure",
        "_good_at_tick",
        "_patience",
        "_paused_until",
        "_progress_at",
        "_pushed_back",
        "_slow_down",
    )

    def __init__(self, connections: int, first_byte_timeout: float, now: float) -> None:
        self._slow_down = SlowDown(connections)
        self._patience = 0.8 * first_byte_timeout
        self._paused_until = now
        self._progress_at = now
        self._good_at_tick = 0
        self._failures_in_tick = 0
        self._pushed_back = False  # since the last tick
        self._failures = 0  # in a row, ...
        self._good_at_failure = 0  # ... after so many good ones
        self._bearable = FAILURES

    @property
    def ramping(self) -> bool:
        """Each good answer widens: come back soon to look."""
        return self._slow_down.ramping

    def width(self, now: float, good: int) -> int:
        """How many plays may be in flight now."""
        if now < self._paused_until:
            return 0
        if self._slow_down.ramping:
            self._slow_down.widen(good)
        return int(self._slow_down.width)

    def tick(self, now: float, seconds: float, good: int, waits: list[float]) -> None:
        """What the last `seconds` brought; `waits` is how long each play in flight has waited,
        empty where we were held up ourselves and no site is to blame."""
        if good != self._good_at_tick:
            self._progress_at = now
        pause = self._slow_down.tick(
            seconds=seconds,
            answers=good - self._good_at_tick,
            failures=self._failures_in_tick,
            pushed_back=self._pushed_back,
            in_flight=len(waits),
            # Plays in flight have waited half their latency on average.
            latency=2 * sum(waits) / len(waits) if waits else 0.0,
        )
        self._good_at_tick, self._failures_in_tick, self._pushed_back = good, 0, False
        self._pause(now + pause)

    def pushed_back(self, now: float, retry_after: float | None) -> None:
        """The site asked for less (429, 503), and gets its way."""
        self._pushed_back = True
        self._pause(now + (retry_after or 0.0))

    def connection_failed(self) -> None:
        self._failures_in_tick += 1

    def play_failed(self, now: float, good: int, in_flight: int, more: bool) -> int:
        """One failure more; `more`: further plays wait to be sent.

        Returns how many there were in a row, with nothing good between them, if those are too
        many, else 0.
        """
        self._failures_in_tick += 1
        if good != self._good_at_failure:
            self._good_at_failure, self._failures = good, 0
        if not self._failures:
            self._bearable = FAILURES + in_flight
        self._failures += 1
        # The last few plays of an order may hang together: then there is nothing to protect.
        stalled = more and now - self._progress_at > self._patience
        too_many = self._failures >= (FEW_FAILURES if stalled else self._bearable)
        return self._failures if too_many else 0

    def _pause(self, until: float) -> None:
        self._paused_until = max(self._paused_until, until)
