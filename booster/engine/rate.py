"""How fast plays may start: a ceiling that is kept, and a slow-down when the site suffers.

Pure: both take `now` (seconds, monotonic) or what was measured, and read no clock. They are the
wire's own pace, tick by tick; when an order's plays are due at all is `booster.pacing`'s.
"""

BURST_SECONDS = 0.5  # what a late timer may catch up with; also the largest surprise to a site

FIRST_WIDTH = 4  # plays at once before the site has answered any
DECREASE = 0.5
INCREASE_SHARE = 0.05  # of the most, a tick: back from nothing in two seconds
WORSE = 3.0  # times the expected latency, and ...
NOTICEABLE = 0.05  # ... by so many seconds: below that nobody suffers
FAILURE_SHARE = 0.05  # of the answers: one broken connection in a thousand is no reason to crawl
FORGET = 1.02  # a tick: what is usual doubles within four seconds if it must
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0


class TokenBucket:
    """At most `rate` plays a second: one token each, saved up for `BURST_SECONDS` at most.

    The first is there at once, the k-th at (k - 1) / rate seconds: exact over any length of time,
    as long as whoever takes them comes by at least every `BURST_SECONDS`.
    """

    __slots__ = ("_at", "_most", "_rate", "_tokens")

    def __init__(self, rate: float, now: float) -> None:
        if not rate > 0:
            raise ValueError(f"not a rate: {rate}")
        self._rate = rate
        self._most = 1.0 + rate * BURST_SECONDS
        self._tokens = 1.0
        self._at = now

    def take(self, now: float, wanted: int) -> int:
        """As many of the wanted tokens as are there now."""
        self._fill(now)
        taken = min(wanted, int(self._tokens))
        self._tokens -= taken
        return taken

    def change(self, rate: float, now: float) -> None:
        """Another rate from now on; what was saved up at the old one stays within the new."""
        if not rate > 0:
            raise ValueError(f"not a rate: {rate}")
        self._fill(now)
        self._rate = rate
        self._most = 1.0 + rate * BURST_SECONDS
        self._tokens = min(self._tokens, self._most)

    def give_back(self, unused: int) -> None:
        """Tokens taken for plays that did not start after all."""
        self._tokens += unused

    def wait(self, now: float) -> float:
        """Seconds until a whole token is there."""
        self._fill(now)
        return max(0.0, (1.0 - self._tokens) / self._rate)

    def _fill(self, now: float) -> None:
        if now > self._at:
            # Tokens given back may stand above the most: time adds none to them then.
            grown = self._tokens + (now - self._at) * self._rate
            self._tokens = max(self._tokens, min(self._most, grown))
            self._at = now


class SlowDown:
    """How many plays at once (`width`): additive increase, multiplicative decrease.

    It begins narrow and widens with each good answer, so that a site that refuses everything gets
    a handful of plays and not a thousand. Once wide, it halves at a tick in which the site pushed
    back (429, 503), failed too often or took far longer than lately; it widens at the others.

    What is expected of a site is either its own latency or, when it works plays off one after the
    other, the plays in flight times its best time a play: only being worse than both is suffering.
    """

    __slots__ = ("_base", "_pause", "_service", "most", "ramping", "width")

    def __init__(self, most: int) -> None:
        self.most = most
        self.width = float(min(FIRST_WIDTH, most))
        self.ramping = self.width < most  # still widening with each good answer
        self._base = 0.0  # latency, seconds; 0 until measured
        self._service = 0.0  # seconds a play
        self._pause = 0.0

    def widen(self, good: int) -> None:
        """While ramping: so many good answers came in all."""
        self.width = min(float(self.most), float(FIRST_WIDTH + good))
        self.ramping = self.width < self.most

    def tick(
        self,
        *,
        seconds: float,
        answers: int,
        failures: int,
        pushed_back: bool,
        in_flight: int,
        latency: float,
    ) -> float:
        """What the last `seconds` brought; `latency` is of the plays in flight now, 0 for unknown.

        Returns how many seconds to send nothing at all: only when even one play at a time is too
        much, and twice as long each time.
        """
        trouble = pushed_back or failures > answers * FAILURE_SHARE
        slower = self._is_slower(in_flight, latency, seconds / answers) if answers else False
        if trouble or slower:
            narrow = self.width <= 1.0
            self.ramping = False
            self.width = max(1.0, self.width * DECREASE)
            if trouble and narrow:
                self._pause = min(LONGEST_PAUSE, self._pause * 2) or FIRST_PAUSE
                return self._pause
        elif answers:
            self._pause = 0.0
            if not self.ramping:
                self.width = min(float(self.most), self.width + self._increase())
        return 0.0

    def _increase(self) -> float:
        return max(1.0, self.most * INCREASE_SHARE)

    def _is_slower(self, in_flight: int, latency: float, service: float) -> bool:
        expected = max(self._base, in_flight * self._service)
        self._service = min(service, (self._service or service) * FORGET)
        if latency:
            self._base = min(latency, (self._base or latency) * FORGET)
        return 0.0 < expected * WORSE < latency and latency - expected > NOTICEABLE
