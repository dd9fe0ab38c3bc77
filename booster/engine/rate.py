"""How fast plays may start: a ceiling that is kept, and a slow-down when the site suffers.

Pure. `now`: seconds, monotonic. `booster.pacing` says when an order's plays are due at all.
"""

from math import inf
from typing import TypeVar

BURST_SECONDS = 0.5  # what a late timer may catch up with; also the largest surprise to a site
LATE_SECONDS = 0.01  # a timer may be: what spaced starts catch up with
EARLY_SECONDS = 0.0005  # a timer may be as well, which counts whole milliseconds

FIRST_WIDTH = 4  # plays at once before the site has answered any
DECREASE = 0.5
INCREASE_SHARE = 0.05  # of the most, a tick: back from nothing in two seconds
WORSE = 3.0  # times the expected latency, and ...
NOTICEABLE = 0.05  # ... by so many seconds: below that nobody suffers
SURE = 16  # plays in flight, or answers: fewer say little of how long a play takes
FAILURE_SHARE = 0.05  # of the answers: one broken connection in a thousand is no reason to crawl
PATIENCE_SHARE = 0.2  # of how long an answer may take: a longer queue helps nobody
FORGET = 1.02  # a tick: what is usual doubles within four seconds if it must
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0


class TokenBucket:
    """At most `rate` plays a second: one token each, saved up for `burst` seconds at most.

    The first is there at once, the k-th at (k - 1) / rate seconds: exact over any length of time,
    as long as whoever takes them comes by at least every `burst` seconds.
    """

    __slots__ = ("_at", "_most", "_rate", "_tokens")
    burst = BURST_SECONDS

    def __init__(self, rate: float, now: float) -> None:
        self._tokens = 1.0
        self._at = now
        self._set(rate)

    def available(self, now: float) -> int:
        self._fill(now)
        return int(self._tokens)

    def take(self, now: float, wanted: int) -> int:
        taken = min(wanted, self.available(now))
        self._tokens -= taken
        return taken

    def change(self, rate: float, now: float) -> None:
        """What was saved up at the old rate stays within the new one's most."""
        self._fill(now)
        self._set(rate)
        self._tokens = min(self._tokens, self._most)

    def give_back(self, unused: int) -> None:
        self._tokens += unused

    def wait(self, now: float) -> float:
        self._fill(now)
        return max(0.0, (1.0 - self._tokens) / self._rate)

    def _set(self, rate: float) -> None:
        if not rate > 0:
            raise ValueError(f"not a rate: {rate}")
        self._rate = rate
        self._most = 1.0 + rate * self.burst

    def _fill(self, now: float) -> None:
        if now > self._at:
            # Tokens given back may stand above the most: time adds none to them then.
            grown = self._tokens + (now - self._at) * self._rate
            self._tokens = max(self._tokens, min(self._most, grown))
            self._at = now


class Spacing(TokenBucket):
    """Starts spaced evenly: what is not used in time is lost, but for what a late timer may catch
    up with. What was granted before there was a spacing is not owed after it."""

    __slots__ = ()
    burst = LATE_SECONDS

    def available(self, now: float) -> int:
        self._fill(now)
        return int(self._tokens + self._rate * EARLY_SECONDS)

    def give_back(self, unused: int) -> None:
        self._tokens = min(self._most, self._tokens + unused)

    def empty(self, now: float) -> None:
        """The next start is a whole space from now."""
        self._fill(now)
        self._tokens = min(self._tokens, 0.0)

    def _set(self, rate: float) -> None:
        super()._set(rate)
        self._most = max(1.0, rate * self.burst)


Bucket = TypeVar("Bucket", bound=TokenBucket)


def _at_rate(
    bucket: Bucket | None, kind: type[Bucket], rate: float | None, now: float
) -> Bucket | None:
    """What keeps to this rate from now on; None: nothing does."""
    if rate is None:
        return None
    if bucket is None:
        return kind(rate, now)
    bucket.change(rate, now)
    return bucket


class Starts:
    """When plays may start: at the operator's rate, and `spacing` at a rate that was found."""

    __slots__ = ("_allowed", "_buckets", "spacing")

    def __init__(self, rate: float | None, now: float) -> None:
        self._allowed = TokenBucket(rate, now) if rate else None
        self.spacing: Spacing | None = None
        self._buckets: list[TokenBucket] = []  # these two, where they are
        self._collect()

    def allow(self, rate: float | None, now: float) -> None:
        """The operator's rate from now on; None: any."""
        self._allowed = _at_rate(self._allowed, TokenBucket, rate, now)
        self._collect()

    def space(self, rate: float | None, now: float) -> None:
        self.spacing = _at_rate(self.spacing, Spacing, rate, now)
        self._collect()

    def take(self, now: float, wanted: int) -> int:
        for bucket in self._buckets:
            wanted = min(wanted, bucket.available(now))
        for bucket in self._buckets:
            bucket.take(now, wanted)
        return wanted

    def give_back(self, unused: int) -> None:
        for bucket in self._buckets:
            bucket.give_back(unused)

    def wait(self, now: float) -> float:
        """Seconds until the next play may start."""
        return max((bucket.wait(now) for bucket in self._buckets), default=0.0)

    def _collect(self) -> None:
        self._buckets = [one for one in (self._allowed, self.spacing) if one is not None]


class SlowDown:
    """How many plays at once (`width`): additive increase, multiplicative decrease.

    It begins narrow and widens with each good answer, so that a site that fails everything gets
    a handful of plays and not a thousand. Once wide, it halves at a tick in which the site failed
    too often or took far longer than lately; it widens at the others.

    What is expected of a site is either its own latency or, when it works plays off one after the
    other, the plays in flight times its best time a play: only being worse than both is suffering.
    But where a play of many waits far longer than one of a few, it does not widen to the point
    where answers come too late: a site that lets plays queue is no faster for a longer queue.
    """

    __slots__ = (
        *("_answers", "_base", "_latency", "_own", "_patience", "_pause", "_seconds", "_service"),
        *("most", "ramping", "width"),
    )

    def __init__(self, most: int, first_byte_timeout: float = inf) -> None:
        self.most = most
        self.width = float(min(FIRST_WIDTH, most))
        self.ramping = self.width < most  # still widening with each good answer
        self._base = 0.0  # latency, seconds; 0 until measured
        self._service = 0.0  # seconds a play
        self._latency = 0.0
        self._own = 0.0  # latency of a few plays at once
        self._patience = first_byte_timeout * PATIENCE_SHARE
        self._answers, self._seconds = 0, 0.0  # since it was last looked at
        self._pause = 0.0

    def widen(self, good: int) -> None:
        """While ramping: so many good answers came in all."""
        self.width = min(float(self.most), float(FIRST_WIDTH + good))
        self.ramping = self.width < self.most

    def change(self, most: int) -> None:
        """Another ceiling: what is beyond it goes at once, what is new is tried bit by bit."""
        self.most = most
        self.width = min(self.width, float(most))
        self.ramping = self.ramping and self.width < most

    def tick(
        self,
        *,
        seconds: float,
        answers: int,
        failures: int,
        in_flight: int,
        latency: float,
    ) -> float:
        """What the last `seconds` brought; `latency`: of the plays in flight now, 0 for unknown.
        Returns seconds to send nothing at all: where even one play at a time is too much, and twice
        as long each time."""
        self._note(in_flight, latency)
        trouble = failures > answers * FAILURE_SHARE
        slower = self._is_slower(seconds, answers, in_flight) and latency > 0
        queueing = latency > 0 and self._latency > max(self._patience, 2 * self._own)
        if queueing:
            self.ramping = False
        # A queue grows shorter only as its plays are answered: narrow once, and see.
        too_long = queueing and self._latency > 2 * self._patience and in_flight <= self.width
        if trouble or slower or too_long:
            narrow = self.width <= 1.0
            self.ramping = False
            self.width = max(1.0, self.width * DECREASE)
            if trouble and narrow:
                self._pause = min(LONGEST_PAUSE, self._pause * 2) or FIRST_PAUSE
                return self._pause
        elif answers and not queueing:
            self._pause = 0.0
            if not self.ramping:
                self.width = min(float(self.most), self.width + self._increase(answers))
        return 0.0

    def _increase(self, answers: int) -> float:
        return min(float(answers), max(1.0, self.most * INCREASE_SHARE))

    def _note(self, in_flight: int, latency: float) -> None:
        if not latency:
            return
        certainty = min(1.0, in_flight / SURE) if self._latency else 1.0
        self._latency += (latency - self._latency) * certainty
        if in_flight <= FIRST_WIDTH:
            self._own = min(self._latency, (self._own or self._latency) * FORGET)

    def _is_slower(self, seconds: float, answers: int, in_flight: int) -> bool:
        self._answers += answers
        self._seconds += seconds
        if self._answers < SURE:
            return False
        service = self._seconds / self._answers
        self._answers, self._seconds = 0, 0.0
        latency, expected = self._latency, max(self._base, in_flight * self._service)
        self._service = min(service, (self._service or service) * FORGET)
        if latency:
            self._base = min(latency, (self._base or latency) * FORGET)
        return 0.0 < expected * WORSE < latency and latency - expected > NOTICEABLE
